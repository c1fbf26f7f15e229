---
-- BitTorrent: files that describe what is shared (BEP 3), links that do (BEP 9), and asking trackers (BEP 3, 15) and
-- the distributed hash table (BEP 5) who shares it.
--
-- @usage
-- local torrent = bittorrent.Torrent:new()
-- local status, err = torrent:load_from_file("file.torrent")
-- torrent:trackers_peers()
-- torrent:dht_peers(30)
-- for address, peer in pairs(torrent.peers) do print(address, peer.port) end
--
-- @copyright MIT OR Apache-2.0

local http = require "http"
local io = require "io"
local ipOps = require "ipOps"
local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local url = require "url"
_ENV = stdnse.module("bittorrent", stdnse.seeall)

local FILE_LEN_MAX = 16 * 1024 * 1024
local DEPTH_MAX, ITEMS_MAX, PEERS_MAX, NODES_MAX = 50, 200000, 20000, 5000
local TIMEOUT_MS = 4000
local DHT_TIMEOUT_S = 30
-- Where to begin in the hash table; each is run by a well-known program's makers.
local DHT_STARTS = { { "router.bittorrent.com", 6881 }, { "router.utorrent.com", 6881 },
  { "dht.transmissionbt.com", 6881 } }
local UDP_PROTOCOL = 0x41727101980
local ACTION_CONNECT, ACTION_ANNOUNCE = 0, 1

-- Coding ----------------------------------------------------------------------------------------------------------

-- One value at a position: the value and the position after it. The keys of dictionaries have, in `spans`, where their
-- values are, as the sum of a part is taken of its octets.
local function decode (buf, pos, depth, budget, spans)
  if depth > DEPTH_MAX or budget[1] <= 0 then error("too much") end
  budget[1] = budget[1] - 1
  local kind = string.sub(buf, pos, pos)
  if kind == "i" then
    local digits, after = string.match(buf, "^(%-?%d+)e()", pos + 1)
    if not digits then error("no number") end
    return math.tointeger(tonumber(digits)) or 0, after
  elseif kind == "l" then
    local list = {}
    pos = pos + 1
    while string.sub(buf, pos, pos) ~= "e" do list[#list + 1], pos = decode(buf, pos, depth + 1, budget) end
    return list, pos + 1
  elseif kind == "d" then
    local dictionary = {}
    pos = pos + 1
    while string.sub(buf, pos, pos) ~= "e" do
      local key, value, start
      key, start = decode(buf, pos, depth + 1, budget)
      if type(key) ~= "string" then error("no key") end
      value, pos = decode(buf, start, depth + 1, budget)
      dictionary[key] = value
      if spans then spans[key] = { start, pos - 1 } end
    end
    return dictionary, pos + 1
  end
  local len, after = string.match(buf, "^(%d+):()", pos)
  len = tonumber(len)
  if not len or len > #buf - after + 1 then error("no text") end
  return string.sub(buf, after, after + len - 1), after + len
end

--- Reads a value (BEP 3, "bencoding").
-- @param buf The octets.
-- @return True, the value (numbers, texts, lists and tables by key), and where the values of its keys are; or false and
--         an error.
function bdecode (buf)
  local spans = {}
  local ok, value = pcall(decode, buf, 1, 1, { ITEMS_MAX }, spans)
  if not ok then return false, "Error in bencoded data" end
  return true, value, spans
end

local function text (value) return #value .. ":" .. value end

-- Torrents --------------------------------------------------------------------------------------------------------

--- What is shared, who tells of it and who shares it: <code>info_hash</code>, <code>trackers</code> (a list),
-- <code>size</code>, <code>peers</code> (a table of tables with <code>port</code>, by address) and <code>nodes</code>
-- (of the hash table, likewise).
Torrent = {}
Torrent.__index = Torrent

--- Makes an empty one.
-- @return The torrent.
function Torrent:new ()
  local o = setmetatable({ buffer = nil, trackers = {}, port = 6881, size = 0, peers = {}, nodes = {}, peer_count = 0 }, self)
  o.peer_id = o:generate_peer_id()
  return o
end

--- Makes a name for us, as clients of the network have them.
-- @return 20 characters.
function Torrent:generate_peer_id ()
  local digits = {}
  for i = 1, 12 do digits[i] = tostring(math.random(0, 9)) end
  return "-PL0100-" .. table.concat(digits)
end

--- Reads a file.
-- @param filename The file's name.
-- @return True, or false and an error.
function Torrent:load_from_file (filename)
  if not filename then return false, "No filename specified." end
  local file = io.open(filename, "rb")
  if not file then return false, "Cannot open file: " .. filename end
  local data = file:read(FILE_LEN_MAX)
  file:close()
  self.buffer = data or ""
  return self:parse_buffer()
end

--- Reads a link.
-- @param magnet The link.
-- @return True, or false and an error.
function Torrent:load_from_magnet (magnet)
  local digits = string.match(magnet or "", "xt=urn:btih:(%x+)")
  if not digits or #digits ~= 40 then return false, "Erroneous info hash in the magnet link" end
  self.info_hash = stdnse.fromhex(digits)
  for tracker in string.gmatch(magnet, "[?&]tr=([^&]+)") do self.trackers[#self.trackers + 1] = url.unescape(tracker) end
  return true
end

--- Reads what is in the buffer.
-- @return True, or false and an error.
function Torrent:parse_buffer ()
  local status, value, spans = bdecode(self.buffer)
  if not status then return false, value end
  if type(value) ~= "table" or type(value.info) ~= "table" then return false, "The file describes nothing" end
  self.tor_struct, self.spans = value, spans
  self:load_trackers()
  self:calc_torrent_size()
  return self:calc_info_hash()
end

--- Takes the trackers out of what was read.
-- @return True.
function Torrent:load_trackers ()
  local known = {}
  local function add (tracker)
    if type(tracker) == "string" and not known[tracker] then
      known[tracker] = true
      self.trackers[#self.trackers + 1] = tracker
    end
  end
  add(self.tor_struct.announce)
  local tiers = self.tor_struct["announce-list"]
  for _, tier in ipairs(type(tiers) == "table" and tiers or {}) do
    for _, tracker in ipairs(type(tier) == "table" and tier or {}) do add(tracker) end
  end
  return true
end

--- Adds up how long the files are.
-- @return True.
function Torrent:calc_torrent_size ()
  local info = self.tor_struct.info
  self.size = math.tointeger(info.length) or 0
  for _, file in ipairs(type(info.files) == "table" and info.files or {}) do
    self.size = self.size + (type(file) == "table" and math.tointeger(file.length) or 0)
  end
  return true
end

--- Works out the sum that names the torrent.
-- @return True, or false and an error.
function Torrent:calc_info_hash ()
  local span = self.spans.info
  if not span then return false, "The file describes nothing" end
  self.info_hash = openssl.sha1(string.sub(self.buffer, span[1], span[2]))
  return true
end

-- Adds those of a list of addresses with ports, six octets each, or 18 of version 6.
local function add_compact (self, data, size)
  for pos = 1, #data - size + 1, size do
    if self.peer_count >= PEERS_MAX then return end
    local address = ipOps.str_to_ip(string.sub(data, pos, pos + size - 3))
    if not self.peers[address] then
      self.peers[address] = { port = (string.unpack(">I2", data, pos + size - 2)) }
      self.peer_count = self.peer_count + 1
    end
  end
end

-- Trackers --------------------------------------------------------------------------------------------------------

--- Asks a tracker over HTTP (BEP 3, 23).
-- @param tracker Its address.
-- @return True, or false and an error.
function Torrent:http_tracker_peers (tracker)
  local function escaped (octets) return (string.gsub(stdnse.tohex(octets), "%x%x", "%%%0")) end
  local query = ("info_hash=%s&peer_id=%s&port=%d&uploaded=0&downloaded=0&left=%d&event=started&compact=1"):format(
    escaped(self.info_hash), self.peer_id, self.port, self.size)
  local response = http.get_url(tracker .. (string.find(tracker, "?", 1, true) and "&" or "?") .. query,
    { timeout = TIMEOUT_MS, no_cache = true })
  if response.status ~= 200 then return false, ("The tracker failed (%s)"):format(tostring(response.status)) end
  local status, answer = bdecode(response.body or "")
  if not status or type(answer) ~= "table" then return false, "The tracker's answer is malformed" end
  if answer["failure reason"] then return false, tostring(answer["failure reason"]) end
  if type(answer.peers) == "string" then
    add_compact(self, answer.peers, 6)
  elseif type(answer.peers) == "table" then
    for _, peer in ipairs(answer.peers) do
      local address, port = type(peer) == "table" and peer.ip, type(peer) == "table" and math.tointeger(peer.port)
      if type(address) == "string" and ipOps.ip_to_str(address) and port and self.peer_count < PEERS_MAX then
        if not self.peers[address] then self.peer_count = self.peer_count + 1 end
        self.peers[address] = { port = port }
      end
    end
  end
  if type(answer.peers6) == "string" then add_compact(self, answer.peers6, 18) end
  return true
end

-- Sends a question to a tracker and receives the answer with its number.
local function udp_exchange (socket, question, action, transaction)
  local status, data = socket:send(question)
  if status then status, data = socket:receive() end
  if not status then return nil, data end
  if #data < 8 then return nil, "The tracker's answer is cut off" end
  local told, number = string.unpack(">I4I4", data)
  if number ~= transaction then return nil, "The tracker's answer is to something else" end
  if told ~= action then return nil, string.sub(data, 9) end
  return data
end

--- Asks a tracker over UDP (BEP 15).
-- @param tracker Its address.
-- @return True, or false and an error.
function Torrent:udp_tracker_peers (tracker)
  local host, port = string.match(tracker, "^udp://([^:/]+):(%d+)")
  if not host then return false, "The tracker's address is malformed: " .. tracker end
  local socket = nmap.new_socket("udp")
  socket:set_timeout(TIMEOUT_MS)
  local status, err = socket:connect(host, { number = tonumber(port), protocol = "udp" })
  if not status then return false, err end
  local transaction = math.random(0, 0x7fffffff)
  local answer
  answer, err = udp_exchange(socket, string.pack(">I8I4I4", UDP_PROTOCOL, ACTION_CONNECT, transaction), ACTION_CONNECT,
    transaction)
  if answer and #answer >= 16 then
    local connection = string.sub(answer, 9, 16)
    local question = connection .. string.pack(">I4I4c20c20I8I8I8I4I4I4i4I2", ACTION_ANNOUNCE, transaction, self.info_hash,
      self.peer_id, 0, self.size, 0, 2, 0, math.random(0, 0x7fffffff), -1, self.port)
    answer, err = udp_exchange(socket, question, ACTION_ANNOUNCE, transaction)
    if answer then add_compact(self, string.sub(answer, 21), 6) end
  end
  socket:close()
  if not answer then return false, err end
  return true
end

--- Asks all trackers.
-- @return True.
function Torrent:trackers_peers ()
  for _, tracker in ipairs(self.trackers) do
    local status, err = false, "not supported"
    if string.match(tracker, "^https?://") then
      status, err = self:http_tracker_peers(tracker)
    elseif string.match(tracker, "^udp://") then
      status, err = self:udp_tracker_peers(tracker)
    end
    if not status then stdnse.debug1("%s: %s", tracker, tostring(err)) end
  end
  return true
end

-- Hash table ------------------------------------------------------------------------------------------------------

-- Adds the nodes of an answer, 26 octets each, to those to ask.
local function add_nodes (self, data, waiting)
  for pos = 1, #data - 25, 26 do
    local address = ipOps.str_to_ip(string.sub(data, pos + 20, pos + 23))
    if not self.nodes[address] and #waiting < NODES_MAX then
      self.nodes[address] = { port = (string.unpack(">I2", data, pos + 24)) }
      waiting[#waiting + 1] = { address, self.nodes[address].port }
    end
  end
end

--- Asks the hash table, node after node.
-- @param timeout How many seconds to go on. Default: 30.
-- @return True.
function Torrent:dht_peers (timeout)
  local stop = nmap.clock_ms() + 1000 * (tonumber(timeout) or DHT_TIMEOUT_S)
  local waiting, own = {}, openssl.rand_bytes(20)
  for _, start in ipairs(DHT_STARTS) do waiting[#waiting + 1] = start end
  for address, peer in pairs(self.peers) do waiting[#waiting + 1] = { address, peer.port } end
  local question = "d1:ad2:id" .. text(own) .. "9:info_hash" .. text(self.info_hash) .. "e1:q9:get_peers1:t2:pl1:y1:qe"
  local socket = nmap.new_socket("udp")
  socket:set_timeout(500)
  local at = 1
  while nmap.clock_ms() < stop and self.peer_count < PEERS_MAX do
    local node = waiting[at]
    if node then
      socket:sendto(node[1], { number = node[2], protocol = "udp" }, question)
      at = at + 1
    end
    local status, data = socket:receive()
    -- Nobody left to ask, and nobody answers.
    if not status and not node then break end
    local decoded, answer = false, nil
    if status then decoded, answer = bdecode(data) end
    local found = decoded and type(answer) == "table" and type(answer.r) == "table" and answer.r
    if found then
      for _, value in ipairs(type(found.values) == "table" and found.values or {}) do
        if type(value) == "string" and #value == 6 then add_compact(self, value, 6) end
      end
      if type(found.nodes) == "string" then add_nodes(self, found.nodes, waiting) end
    end
  end
  socket:close()
  return true
end

return _ENV
