---
-- NetBIOS names over UDP (RFC 1001, RFC 1002).
--
-- @copyright MIT OR Apache-2.0

local dns = require "dns"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("netbios", stdnse.seeall)

-- The port of the name service.
local NAME_SERVICE_PORT = 137
local TRIES = 2
-- What the suffixes of names stand for.
local SUFFIX_WORKSTATION, SUFFIX_MESSENGER, SUFFIX_SERVER = 0x00, 0x03, 0x20

--- Types of records (RFC 1002, 4.2.1.3).
-- @class table
-- @name types
types = { NB = 32, NBSTAT = 33 }

--- Encodes a name: each half of an octet becomes a letter (RFC 1001, 14.1).
-- @usage netbios.name_encode("FRED") --> "\x20EGFCEFEECACACACACACACACACACACACA\0"
-- @param name The name. It is filled up with spaces, or with zeros if it is <code>"*"</code> or ends with a zero.
-- @param scope The scope: labels with dots between them. Default: none.
-- @return The encoded name with lengths in front of its labels, without the final zero.
function name_encode (name, scope)
  local padding = string.find(name, "^%*$") and "\0" or " "
  local padded = string.sub(string.upper(name) .. string.rep(padding, 16), 1, 16)
  local letters = string.gsub(padded, ".", function (c)
    local octet = string.byte(c)
    return string.char(0x41 + (octet >> 4), 0x41 + (octet & 0xf))
  end)
  local parts = { string.pack("s1", letters) }
  for label in string.gmatch(scope or "", "[^.]+") do parts[#parts + 1] = string.pack("s1", label) end
  return table.concat(parts)
end

--- Decodes a name.
-- @param encoded_name What <code>name_encode</code> makes.
-- @return The name without spaces and zeros at its end.
-- @return The scope, empty if there is none.
function name_decode (encoded_name)
  local len = string.byte(encoded_name, 1) or 0
  local letters = string.sub(encoded_name, 2, len + 1)
  local name = string.gsub(letters, "(.)(.)", function (high, low)
    return string.char((string.byte(high) - 0x41 & 0xf) << 4 | string.byte(low) - 0x41 & 0xf)
  end)
  local labels, pos = {}, len + 2
  while pos <= #encoded_name do
    local size = string.byte(encoded_name, pos)
    if size == 0 then break end
    labels[#labels + 1] = string.sub(encoded_name, pos + 1, pos + size)
    pos = pos + size + 1
  end
  return (string.gsub(name, "[%s%z]+$", "")), table.concat(labels, ".")
end

-- A question of the name service. Its packets are those of DNS, with types of their own.
local function encode_question (name, qtype, flags, scope)
  return string.pack(">I2I2I2I2I2I2", math.random(1, 0xffff), flags, 1, 0, 0, 0)
    .. name_encode(name, scope) .. "\0" .. string.pack(">I2I2", qtype, 1)
end

-- The data of the first answer, nil if there is none.
local function answer_data (packet)
  local decoded = dns.decode(packet)
  local answer = decoded and decoded.answers[1]
  return answer and answer.data, decoded
end

-- NODE STATUS RESPONSE, RFC 1002, 4.2.18: a count, names of 15 octets and a suffix with their flags, statistics.
local function parse_status (data)
  local count = string.byte(data, 1)
  if not count then return nil, "empty answer" end
  local names, pos = {}, 2
  for _ = 1, count do
    if pos + 17 > #data then return nil, "the list of names is cut off" end
    local name, suffix, flags
    name, suffix, flags, pos = string.unpack(">c15BI2", data, pos)
    names[#names + 1] = {
      name = (string.gsub(name, "[%s%z]+$", "")),
      suffix = suffix,
      flags = flags,
    }
  end
  return names, string.sub(data, pos)
end

--- Asks a host for its names.
-- @param host The host table or an address.
-- @return True, a list of tables with <code>name</code>, <code>suffix</code> and <code>flags</code>, and the
--         statistics,
--         which begin with the hardware address; or false and an error.
function do_nbstat (host)
  local address = type(host) == "table" and host.ip or host
  local registry = type(host) == "table" and host.registry or nil
  if registry and registry.netbios_stat then
    return true, registry.netbios_stat.names, registry.netbios_stat.statistics
  end
  local socket = nmap.new_socket("udp")
  socket:set_timeout(math.max(stdnse.get_timeout(host), 1000))
  local status, err = socket:connect(address, NAME_SERVICE_PORT, "udp")
  for _ = 1, TRIES do
    if not status then break end
    status, err = socket:send(encode_question("*", types.NBSTAT, 0))
    if not status then break end
    local received, packet = socket:receive()
    if received then
      socket:close()
      local data = answer_data(packet)
      if not data then return false, "no names in the answer" end
      local names, statistics = parse_status(data)
      if not names then return false, statistics end
      if registry then registry.netbios_stat = { names = names, statistics = statistics } end
      return true, names, statistics
    end
    err = packet
  end
  socket:close()
  return false, "Name query failed: " .. tostring(err)
end

--- Asks a host for its names and shows them.
-- @param host The host table or an address.
-- @param prefix What to put before each line.
-- @return True and a list of lines, or false and an error.
function get_names (host, prefix)
  local status, names = do_nbstat(host)
  if not status then return false, names end
  local lines = {}
  for i, entry in ipairs(names) do
    lines[i] = ("%s%s<%02x>"):format(prefix or "", entry.name, entry.suffix)
  end
  return true, lines
end

-- The group bit (RFC 1002, 4.2.18) tells names of one host from those that many have.
local function find_name (host, names, suffix)
  if not names then
    local status
    status, names = do_nbstat(host)
    if not status then return false, names end
  end
  for _, entry in ipairs(names) do
    if entry.suffix == suffix and entry.flags & 0x8000 == 0 then return true, entry.name end
  end
  return false, "no such name"
end

--- The name under which a host shares its files.
-- @param host The host table or an address.
-- @param names The names, if they are known.
-- @return True and the name, or false and an error.
function get_server_name (host, names)
  local status, name = find_name(host, names, SUFFIX_SERVER)
  if status then return true, name end
  return find_name(host, names, SUFFIX_WORKSTATION)
end

--- The name of a host.
-- @param host The host table or an address.
-- @param names The names, if they are known.
-- @return True and the name, or false and an error.
function get_workstation_name (host, names)
  return find_name(host, names, SUFFIX_WORKSTATION)
end

--- The user logged on to a host, as far as the messenger service gives it away.
-- @param host The host table or an address.
-- @param names The names, if they are known.
-- @return True and the name, or nil if there is none; false and an error.
function get_user_name (host, names)
  if not names then
    local status
    status, names = do_nbstat(host)
    if not status then return false, names end
  end
  local _, server = get_server_name(host, names)
  for _, entry in ipairs(names) do
    if entry.suffix == SUFFIX_MESSENGER and entry.flags & 0x8000 == 0 and entry.name ~= server then
      return true, entry.name
    end
  end
  return true, nil
end

--- Shows the flags of a name.
-- @param flags The flags (RFC 1002, 4.2.18).
-- @return Words in angle brackets.
function flags_to_string (flags)
  local words = { flags & 0x8000 ~= 0 and "<group>" or "<unique>" }
  if flags & 0x1000 ~= 0 then words[#words + 1] = "<deregister>" end
  if flags & 0x0800 ~= 0 then words[#words + 1] = "<conflict>" end
  if flags & 0x0400 ~= 0 then words[#words + 1] = "<active>" end
  if flags & 0x0200 ~= 0 then words[#words + 1] = "<permanent>" end
  return table.concat(words)
end

--- Asks who has a name.
-- @param host The host table or an address, nil for a broadcast.
-- @param nbname The name.
-- @param options Table with <code>multiple</code> (true to wait for answers of several hosts) and <code>timeout</code>.
-- @return True and a list of tables with <code>peer</code>, <code>name</code> and <code>data</code> (flags of two
--         octets
--         and an address of four); or false and an error.
function nbquery (host, nbname, options)
  options = options or {}
  local address = type(host) == "table" and host.ip or host or "255.255.255.255"
  -- Recursion desired, and the broadcast bit unless one host is asked.
  local flags = 0x0100 | (host and 0 or 0x0010)
  local status, answers = dns.sendPackets(encode_question(nbname, types.NB, flags), address,
    NAME_SERVICE_PORT, options.timeout or 5000, 1, options.multiple)
  if not status then return false, answers end
  local results = {}
  for _, answer in ipairs(answers) do
    local data, decoded = answer_data(answer.data)
    if data then
      local encoded = decoded.answers[1].dname
      results[#results + 1] = {
        peer = answer.peer,
        name = name_decode(string.char(math.min(#encoded, 32)) .. encoded),
        data = data,
      }
    end
  end
  if #results == 0 then return false, "No Answers" end
  return true, results
end

return _ENV
