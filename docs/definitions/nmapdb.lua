---@meta nmapdb

---Names of makers, services and protocols.
---@class nmapdblib
nmapdb = {}

---The maker of a network card.
---@param mac string Six bytes, or twelve hexadecimal digits.
---@return string?
function nmapdb.mac2corp(mac) end

---@param port integer
---@param protocol "tcp"|"udp"|"sctp"
---@return string?
function nmapdb.getservbyport(port, protocol) end

---@param number integer
---@return string?
function nmapdb.getprotbynum(number) end

---@param name string
---@return integer?
function nmapdb.getprotbyname(name) end

return nmapdb
