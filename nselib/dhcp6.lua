---
-- Dynamic Host Configuration Protocol for IP version 6 (DHCPv6, RFC 8415): asking a link for servers and what they
-- offer.
--
-- @usage
-- local helper = dhcp6.Helper:new("eth0")
-- local status, offer = helper:solicit()
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local math = require "math"
local nmap = require "nmap"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("dhcp6", stdnse.seeall)

local SERVERS, SERVER_PORT, CLIENT_PORT = "ff02::1:2", 547, 546
local TIMEOUT_MS = 5000
local OPTIONS_MAX, NAMES_MAX = 200, 100
-- Times in identifiers are in seconds since 2000.
local EPOCH_2000 = 946684800
local MESSAGE_NAMES = { "Solicit", "Advertise", "Request", "Confirm", "Renew", "Rebind", "Reply", "Release", "Decline",
  "Reconfigure", "Information-request", "Relay-forward", "Relay-reply" }

local function mac_text (octets)
  return string.upper(stdnse.tohex(octets, { separator = ":" }))
end

-- An identifier of a client or server (RFC 8415, 11).
local function duid_text (data)
  if #data < 2 then return nil end
  local kind = string.unpack(">I2", data)
  if kind == 1 and #data >= 8 then
    local time = string.unpack(">I4", data, 5) + EPOCH_2000
    return ("MAC: %s; Time: %s"):format(mac_text(string.sub(data, 9)), os.date("!%Y-%m-%d %H:%M:%S", time))
  elseif kind == 3 and #data >= 4 then
    return "MAC: " .. mac_text(string.sub(data, 5))
  end
  return stdnse.tohex(data)
end

local function addresses (data)
  local list = {}
  for pos = 1, #data - 15, 16 do list[#list + 1] = ipOps.str_to_ip(string.sub(data, pos, pos + 15)) end
  return #list > 0 and table.concat(list, ", ") or nil
end

-- Names of domains, each a list of labels (RFC 1035, 3.1); there are no pointers.
local function names (data)
  local list, labels, pos = {}, {}, 1
  while pos <= #data and #list < NAMES_MAX do
    local len = string.byte(data, pos)
    if len == 0 then
      list[#list + 1] = table.concat(labels, ".")
      labels = {}
    else
      labels[#labels + 1] = string.sub(data, pos + 1, pos + len)
    end
    pos = pos + len + 1
  end
  return #list > 0 and table.concat(list, ", ") or nil
end

-- Options one after the other: a list of tables.
local function read_options (data)
  local list, pos = {}, 1
  while pos + 3 <= #data and #list < OPTIONS_MAX do
    local kind, len = string.unpack(">I2I2", data, pos)
    if pos + 3 + len > #data then break end
    list[#list + 1] = { type = kind, data = string.sub(data, pos + 4, pos + 3 + len) }
    pos = pos + 4 + len
  end
  return list
end

-- The address in an association (RFC 8415, 21.4 and 21.6).
local function associated (data)
  for _, option in ipairs(read_options(string.sub(data, 13))) do
    if option.type == 5 and #option.data >= 24 then return ipOps.str_to_ip(string.sub(option.data, 1, 16)) end
  end
  return nil
end

-- Servers of time are told in suboptions: an address, a group or a name (RFC 5908).
local function time_servers (data)
  local list = {}
  for _, option in ipairs(read_options(data)) do
    if option.type == 3 then
      list[#list + 1] = names(option.data)
    elseif #option.data == 16 then
      list[#list + 1] = ipOps.str_to_ip(option.data)
    end
  end
  return #list > 0 and table.concat(list, ", ") or nil
end

--- Shows options: a table by number of pairs, what the option is called and a function that makes text of its data, or
-- nil.
OptionToString = {
  [1] = { "Client identifier", duid_text },
  [2] = { "Server identifier", duid_text },
  [3] = { "Non-temporary Address", associated },
  [7] = { "Preference", function (data) return #data == 1 and tostring(string.byte(data)) or nil end },
  [13] = { "Status", function (data) return #data > 2 and string.sub(data, 3) or nil end },
  [21] = { "SIP Servers", names },
  [22] = { "SIP Servers", addresses },
  [23] = { "DNS Servers", addresses },
  [24] = { "Domain Search", names },
  [31] = { "SNTP Servers", addresses },
  [56] = { "NTP Servers", time_servers },
}

--- Messages.
DHCP6 = { Type = { SOLICIT = 1, ADVERTISE = 2, REQUEST = 3, REPLY = 7 }, Option = {}, Request = {}, Response = {} }
DHCP6.Option.__index, DHCP6.Request.__index, DHCP6.Response.__index = DHCP6.Option, DHCP6.Request, DHCP6.Response

--- Makes an option.
-- @param kind Its number.
-- @param data Its octets.
-- @return The option; <code>tostring</code> makes its octets.
function DHCP6.Option:new (kind, data) return setmetatable({ type = kind, data = data or "" }, self) end

function DHCP6.Option:__tostring () return string.pack(">I2s2", self.type, self.data) end

--- Makes a message.
-- @param msgtype What it is.
-- @param xid A number that answers repeat. Default: a random one.
-- @param opts A list of options.
-- @return The message; <code>tostring</code> makes its octets.
function DHCP6.Request:new (msgtype, xid, opts)
  return setmetatable({ type = msgtype, xid = xid or math.random(0, 0xffffff), opts = opts or {} }, self)
end

--- Adds an option.
-- @param opt The option.
function DHCP6.Request:addOption (opt) self.opts[#self.opts + 1] = opt end

function DHCP6.Request:__tostring ()
  local parts = { string.pack(">BI3", self.type, self.xid) }
  for _, option in ipairs(self.opts) do parts[#parts + 1] = tostring(option) end
  return table.concat(parts)
end

--- Reads a message.
-- @param data Its octets.
-- @return Table with <code>type</code>, <code>xid</code> and <code>opts</code>, a list of tables with <code>type</code>
--         and <code>data</code>; nil if it is none.
function DHCP6.Response.parse (data)
  if #data < 4 then return nil end
  local message = setmetatable({}, DHCP6.Response)
  message.type, message.xid = string.unpack(">BI3", data)
  message.opts = read_options(string.sub(data, 5))
  return message
end

Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param iface The interface's name.
-- @param options Table with <code>timeout</code> in milliseconds.
-- @return The helper.
function Helper:new (iface, options) return setmetatable({ iface = iface, options = options or {} }, self) end

-- What a client asks for: an address, servers of names and time; who it is, by its interface's address.
local function solicitation (mac)
  local message, Option = DHCP6.Request:new(DHCP6.Type.SOLICIT), DHCP6.Option
  local time = math.max(os.time() - EPOCH_2000, 0) & 0xffffffff
  message:addOption(Option:new(1, string.pack(">I2I2I4", 1, 1, time) .. mac))
  message:addOption(Option:new(6, string.pack(">I2I2I2I2I2", 23, 24, 31, 56, 22)))
  message:addOption(Option:new(8, "\0\0"))
  message:addOption(Option:new(3, string.pack(">I4I4I4", math.random(0, 0x7fffffff), 0, 0)))
  return message
end

-- An offer as scripts print it.
local function shown (message)
  local options = { name = "Options" }
  for _, option in ipairs(message.opts) do
    local known = OptionToString[option.type]
    local text = known and known[2](option.data)
    if text then options[#options + 1] = ("%s: %s"):format(known[1], text) end
  end
  return { "Message type: " .. (MESSAGE_NAMES[message.type] or tostring(message.type)),
    "Transaction id: " .. message.xid, options }
end

--- Asks the link for servers.
-- @return True and what the first one offers, as <code>stdnse.format_output</code> prints it; or false and an error.
function Helper:solicit ()
  local info = nmap.get_interface_info(self.iface)
  if not info or not info.mac then return false, "the interface has no address" end
  local socket = nmap.new_socket("udp")
  socket:set_timeout(self.options.timeout or TIMEOUT_MS)
  socket:bind("::", CLIENT_PORT)
  local question = solicitation(info.mac)
  local target = SERVERS .. "%" .. self.iface
  local status, err = socket:sendto({ ip = target }, { number = SERVER_PORT, protocol = "udp" }, tostring(question))
  if not status then
    socket:close()
    return false, err
  end
  for _ = 1, 10 do
    local received, data = socket:receive()
    if not received then
      err = data
      break
    end
    local message = DHCP6.Response.parse(data)
    if message and message.xid == question.xid and message.type == DHCP6.Type.ADVERTISE then
      socket:close()
      return true, shown(message)
    end
  end
  socket:close()
  return false, err or "no offer"
end

return _ENV
