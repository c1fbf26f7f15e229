---
-- Open Shortest Path First, version 2 (OSPF, RFC 2328): messages that routers send each other, made and read.
--
-- @usage
-- local hello = ospf.OSPF.Hello.parse(data)
-- if hello then print(hello.header.router_id, hello.netmask) end
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ospf", stdnse.seeall)

local VERSION, HEADER_LEN, LSA_HEADER_LEN = 2, 24, 20
local LINKS_MAX, LSAS_MAX, NEIGHBORS_MAX = 2000, 2000, 2000

-- The sum of 16-bit words, as in IP's header (RFC 1071).
local function checksum (data)
  if #data % 2 == 1 then data = data .. "\0" end
  local sum = 0
  for pos = 1, #data, 2 do sum = sum + string.unpack(">I2", data, pos) end
  while sum > 0xffff do sum = (sum & 0xffff) + (sum >> 16) end
  return ~sum & 0xffff
end

local function ip (number) return ipOps.str_to_ip(string.pack(">I4", number)) end
local function number (address)
  if type(address) == "number" then return address end
  return (string.unpack(">I4", ipOps.ip_to_str(address)))
end

--- Messages and what they hold.
OSPF = {
  --- Kinds of messages (A.3.1).
  Message = { HELLO = 1, DB_DESCRIPTION = 2, LS_REQUEST = 3, LS_UPDATE = 4, LS_ACKNOWLEDGE = 5 },
  --- Kinds of what is told of links (A.4.1).
  LSType = { ROUTER = 1, NETWORK = 2, SUMMARY_IP = 3, SUMMARY_ASBR = 4, AS_EXTERNAL = 5 },
  Header = {}, Hello = {}, DBDescription = {}, LSRequest = {}, LSUpdate = {}, LSA = {},
}

local Header = OSPF.Header
Header.__index = Header

--- Makes a header.
-- @param type What the message is.
-- @param area_id The area. Default: 0.
-- @param auth_type How the message is authenticated: 0 not at all, 1 by a password. Default: 0.
-- @param auth_data The password.
-- @return The header.
function Header:new (type, area_id, auth_type, auth_data)
  return setmetatable({ ver = VERSION, type = type, length = 0, router_id = "0.0.0.0", area_id = area_id or "0.0.0.0",
    auth_type = auth_type or 0, auth_data = auth_data or {} }, self)
end

--- Sets the router's identifier.
-- @param router_id An address.
function Header:setRouterId (router_id) self.router_id = router_id end

--- Sets the area.
-- @param area_id An address.
function Header:setAreaID (area_id) self.area_id = type(area_id) == "number" and ip(area_id) or area_id end

--- Sets how the message is authenticated.
-- @param auth_type 0 for not at all, 1 for a password.
function Header:setAuthType (auth_type) self.auth_type = auth_type end

--- Sets the password.
-- @param password The password.
function Header:setAuthData (password) self.auth_data = { password = password } end

--- Reads a header.
-- @param data The message.
-- @return The header, nil if the message is none.
function Header.parse (data)
  if #data < HEADER_LEN then return nil end
  local header = Header:new()
  local router_id, area_id, password
  header.ver, header.type, header.length, router_id, area_id, header.chksum, header.auth_type, password =
    string.unpack(">BBI2I4I4I2I2c8", data)
  if header.ver ~= VERSION or header.length < HEADER_LEN or header.length > #data then return nil end
  header.router_id, header.area_id = ip(router_id), ip(area_id)
  header.auth_data = { raw = password }
  if header.auth_type == 1 then
    header.auth_data.password = string.match(password, "^%Z*")
  elseif header.auth_type == 2 then
    header.auth_data.keyid, header.auth_data.length, header.auth_data.seq = string.unpack(">xxBBI4", password)
  end
  return header
end

-- A message of a header and what follows it. The sum leaves out the password.
local function message (header, body)
  local function head (sum, password)
    return string.pack(">BBI2I4I4I2I2c8", header.ver, header.type, HEADER_LEN + #body, number(header.router_id),
      number(header.area_id), sum, header.auth_type, password)
  end
  local sum = header.auth_type == 2 and 0 or checksum(string.sub(head(0, ""), 1, 16) .. body)
  return head(sum, string.sub(header.auth_data.password or "", 1, 8)) .. body
end

-- The header and what follows it, of a message of that kind; nil if it is another.
local function open (data, kind)
  local header = Header.parse(data)
  if not header or header.type ~= kind then return nil end
  return header, string.sub(data, HEADER_LEN + 1, header.length)
end

local Hello = OSPF.Hello
Hello.__index = Hello

--- Makes a greeting (A.3.2).
-- @return The greeting; <code>tostring</code> makes its octets.
function Hello:new ()
  return setmetatable({ header = Header:new(OSPF.Message.HELLO), netmask = "255.255.255.0", interval = 10, options = 0x02,
    prio = 0, router_dead_interval = 40, DR = "0.0.0.0", BDR = "0.0.0.0", neighbors = {} }, self)
end

--- Adds a neighbour.
-- @param neighbor The neighbour's address.
function Hello:addNeighbor (neighbor) self.neighbors[#self.neighbors + 1] = neighbor end

--- Sets the mask of the network.
-- @param netmask An address.
function Hello:setNetmask (netmask) self.netmask = netmask end

--- Sets the designated router.
-- @param router An address.
function Hello:setDesignatedRouter (router) self.DR = router end

--- Reads a greeting.
-- @param data The message.
-- @return Table with <code>header</code>, <code>netmask</code>, <code>interval</code>, <code>options</code>,
--         <code>prio</code>, <code>router_dead_interval</code>, <code>DR</code>, <code>BDR</code> and
--         <code>neighbors</code>; nil if the message is none.
function Hello.parse (data)
  local header, body = open(data, OSPF.Message.HELLO)
  if not header or #body < 20 then return nil end
  local hello = Hello:new()
  local netmask, dr, bdr, pos
  netmask, hello.interval, hello.options, hello.prio, hello.router_dead_interval, dr, bdr, pos =
    string.unpack(">I4I2BBI4I4I4", body)
  hello.header, hello.netmask, hello.DR, hello.BDR = header, ip(netmask), ip(dr), ip(bdr)
  while pos + 3 <= #body and #hello.neighbors < NEIGHBORS_MAX do
    local neighbor
    neighbor, pos = string.unpack(">I4", body, pos)
    hello:addNeighbor(ip(neighbor))
  end
  return hello
end

function Hello:__tostring ()
  local parts = { string.pack(">I4I2BBI4I4I4", number(self.netmask), self.interval, self.options, self.prio,
    self.router_dead_interval, number(self.DR), number(self.BDR)) }
  for _, neighbor in ipairs(self.neighbors) do parts[#parts + 1] = string.pack(">I4", number(neighbor)) end
  return message(self.header, table.concat(parts))
end

local LSA = OSPF.LSA

--- Reads the header of what is told of a link (A.4.1).
-- @param data The octets.
-- @param pos Where it begins.
-- @return Table with <code>age</code>, <code>options</code>, <code>type</code>, <code>id</code>,
--         <code>adv_router</code>, <code>sequence</code>, <code>chksum</code> and <code>length</code>; nil if it is cut
--         off.
function LSA.parse_header (data, pos)
  if pos + LSA_HEADER_LEN - 1 > #data then return nil end
  local lsa = {}
  local id, router
  lsa.age, lsa.options, lsa.type, id, router, lsa.sequence, lsa.chksum, lsa.length =
    string.unpack(">I2BBI4I4I4I2I2", data, pos)
  lsa.id, lsa.adv_router = ip(id), ip(router)
  return lsa
end

-- A router's links (A.4.2): to a router, a network of several, one with nobody else, or through another area.
local function read_links (lsa, body)
  if #body < 4 then return end
  local count, pos = string.unpack(">I2", body, 3)
  lsa.flags, lsa.links, lsa.num_links = string.byte(body), {}, count
  for _ = 1, math.min(count, LINKS_MAX) do
    if pos + 11 > #body then return end
    local id, data, kind, metrics, metric = string.unpack(">I4I4BBI2", body, pos)
    lsa.links[#lsa.links + 1] = { id = ip(id), data = ip(data), type = kind, metric = metric }
    pos = pos + 12 + 4 * metrics
  end
end

-- What is told of a link after its header: by kind, A.4.2 to A.4.5.
local function read_body (lsa, body)
  if lsa.type == OSPF.LSType.ROUTER then
    read_links(lsa, body)
  elseif lsa.type == OSPF.LSType.NETWORK and #body >= 4 then
    lsa.netmask, lsa.routers = ip((string.unpack(">I4", body))), {}
    for pos = 5, math.min(#body - 3, 4 * NEIGHBORS_MAX), 4 do
      lsa.routers[#lsa.routers + 1] = ip((string.unpack(">I4", body, pos)))
    end
  elseif lsa.type <= OSPF.LSType.AS_EXTERNAL and #body >= 8 then
    local mask, metric = string.unpack(">I4xI3", body)
    lsa.netmask, lsa.metric = ip(mask), metric
    if lsa.type == OSPF.LSType.AS_EXTERNAL and #body >= 12 then
      lsa.fw_address = ip((string.unpack(">I4", body, 9)))
      lsa.ext_tag = #body >= 16 and string.unpack(">I4", body, 13) or nil
    end
  end
end

local DBDescription = OSPF.DBDescription
DBDescription.__index = DBDescription

--- Makes a description of what one knows (A.3.3).
-- @return The description; <code>tostring</code> makes its octets.
function DBDescription:new ()
  return setmetatable({ header = Header:new(OSPF.Message.DB_DESCRIPTION), mtu = 1500, options = 0x02, init = true,
    more = true, master = true, sequence = math.random(0, 0x7fffffff), LSAs = {} }, self)
end

--- Reads a description.
-- @param data The message.
-- @return Table with <code>header</code>, <code>mtu</code>, <code>options</code>, <code>init</code>, <code>more</code>,
--         <code>master</code>, <code>sequence</code> and <code>LSAs</code>, a list; nil if the message is none.
function DBDescription.parse (data)
  local header, body = open(data, OSPF.Message.DB_DESCRIPTION)
  if not header or #body < 8 then return nil end
  local description = DBDescription:new()
  local flags, pos
  description.mtu, description.options, flags, description.sequence, pos = string.unpack(">I2BBI4", body)
  description.header = header
  description.init, description.more, description.master = flags & 4 ~= 0, flags & 2 ~= 0, flags & 1 ~= 0
  while #description.LSAs < LSAS_MAX do
    local lsa = LSA.parse_header(body, pos)
    if not lsa then break end
    description.LSAs[#description.LSAs + 1] = lsa
    pos = pos + LSA_HEADER_LEN
  end
  return description
end

function DBDescription:__tostring ()
  local flags = (self.init and 4 or 0) | (self.more and 2 or 0) | (self.master and 1 or 0)
  return message(self.header, string.pack(">I2BBI4", self.mtu, self.options, flags, self.sequence))
end

local LSRequest = OSPF.LSRequest
LSRequest.__index = LSRequest

--- Makes a question for what is told of links (A.3.4).
-- @return The question; <code>tostring</code> makes its octets.
function LSRequest:new () return setmetatable({ header = Header:new(OSPF.Message.LS_REQUEST), ls_requests = {} }, self) end

--- Adds what is asked for.
-- @param type What it is.
-- @param id Its identifier.
-- @param router The router that tells it.
function LSRequest:addRequest (type, id, router)
  self.ls_requests[#self.ls_requests + 1] = { type = type, id = id, router = router }
end

function LSRequest:__tostring ()
  local parts = {}
  for i, one in ipairs(self.ls_requests) do
    parts[i] = string.pack(">I4I4I4", one.type, number(one.id), number(one.router))
  end
  return message(self.header, table.concat(parts))
end

local LSUpdate = OSPF.LSUpdate
LSUpdate.__index = LSUpdate

--- Reads what is told of links (A.3.5).
-- @param data The message.
-- @return Table with <code>header</code>, <code>num_lsas</code> and <code>lsas</code>, a list of tables with
--         <code>header</code> and what its kind holds; nil if the message is none.
function LSUpdate.parse (data)
  local header, body = open(data, OSPF.Message.LS_UPDATE)
  if not header or #body < 4 then return nil end
  local count, pos = string.unpack(">I4", body)
  local update = setmetatable({ header = header, num_lsas = count, lsas = {} }, LSUpdate)
  for _ = 1, math.min(count, LSAS_MAX) do
    local lsa = LSA.parse_header(body, pos)
    if not lsa or lsa.length < LSA_HEADER_LEN then break end
    local own = { header = lsa, type = lsa.type }
    read_body(own, string.sub(body, pos + LSA_HEADER_LEN, pos + lsa.length - 1))
    update.lsas[#update.lsas + 1] = own
    pos = pos + lsa.length
  end
  return update
end

return _ENV
