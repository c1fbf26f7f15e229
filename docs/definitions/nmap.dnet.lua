---@meta nmap.dnet

---@type nmap.dnetlib
local dnetlib
return dnetlib
