---
-- The Domain Name System: queries, updates and packets (RFC 1035, RFC 2136, RFC 6891).
--
-- <code>query</code> is all that most scripts need. Its table of options:
-- * <code>host</code>, <code>port</code> - the server. Default: the system's servers and port 53.
-- * <code>dtype</code> - the type, as <code>"MX"</code> or as a number. Default: A.
-- * <code>class</code> - the class. Default: <code>dns.CLASS.IN</code>.
-- * <code>retAll</code> - true to get a list of all answers.
-- * <code>retPkt</code> - true to get the decoded packet.
-- * <code>norecurse</code> - true to ask the server for what it knows itself.
-- * <code>proto</code> - <code>"udp"</code> or <code>"tcp"</code>. Default: UDP, and TCP if the answer does not fit.
-- * <code>multiple</code> - true to collect the answers of several hosts until the time is over.
-- * <code>timeout</code> - milliseconds. Default: <code>get_default_timeout</code>.
-- * <code>tries</code>, <code>sendCount</code> - how often a query over UDP is sent. Default: 2.
-- * <code>flags</code> - bits of the header to set, as <code>{ RD = true }</code>.
-- * <code>dnssec</code> - true to ask for signatures.
-- * <code>nsid</code> - true to ask for the server's identifier (RFC 5001).
-- * <code>subnet</code> - a client subnet to send (RFC 7871): table with <code>family</code> (<code>"inet"</code> or
--   <code>"inet6"</code>), <code>address</code> and <code>mask</code>.
--
-- @usage
-- local status, address = dns.query("www.example.com", { dtype = "AAAA" })
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("dns", stdnse.seeall)

-- Names, RFC 1035, 2.3.4: a label has 63 octets at most and a name 255.
local LABEL_LEN_MAX, NAME_LEN_MAX = 63, 255
-- Answers of this many hosts are kept when several are asked for.
local ANSWERS_MAX = 1000
-- What we say we can take over UDP (RFC 6891, 6.2.5).
local UDP_SIZE = 4096

--- Types of records.
-- @class table
-- @name types
types = {
  A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, HINFO = 13, MX = 15, TXT = 16, AAAA = 28, SRV = 33, OPT = 41,
  SSHFP = 44, NSEC = 47, NSEC3 = 50, AXFR = 252, ANY = 255,
}

--- Classes of records.
-- @class table
-- @name CLASS
CLASS = { IN = 1, CH = 3, ANY = 255 }

-- Bits of the header's second pair of octets. OC1 and RC1 are the highest bits of operation and result.
local FLAG_BITS = {
  QR = 0x8000, OC1 = 0x4000, OC2 = 0x2000, OC3 = 0x1000, OC4 = 0x0800, AA = 0x0400, TC = 0x0200, RD = 0x0100,
  RA = 0x0080, AD = 0x0020, CD = 0x0010, RC1 = 0x0008, RC2 = 0x0004, RC3 = 0x0002, RC4 = 0x0001,
}

local function type_number (dtype)
  if type(dtype) == "number" then return dtype end
  return types[string.upper(dtype)]
end

-- Encoding ------------------------------------------------------------------------------------------------------

--- Encodes a name, without compression.
-- @param fqdn The name; nil is the root. A final dot makes no difference.
-- @return Its labels, each with its length in front, and an empty one at the end.
function encodeFQDN (fqdn)
  local parts = {}
  fqdn = fqdn or ""
  for label in string.gmatch(fqdn, "[^.]+") do
    parts[#parts + 1] = string.pack("s1", string.sub(label, 1, LABEL_LEN_MAX))
  end
  return table.concat(parts) .. "\0"
end

local function encode_questions (questions)
  local parts = {}
  for i, question in ipairs(questions) do
    parts[i] = encodeFQDN(question.dname) .. string.pack(">I2I2", question.dtype, question.class)
  end
  return table.concat(parts)
end

local function encode_records (records)
  local parts = {}
  for i, record in ipairs(records) do
    parts[i] = encodeFQDN(record.dname or "")
      .. string.pack(">I2I2I4s2", record.type or record.dtype, record.class or CLASS.IN, record.ttl or 0,
        record.rdata or record.data or "")
  end
  return table.concat(parts)
end

local function encode_flags (flags)
  local bits = 0
  for name, set in pairs(flags) do
    if set then bits = bits | (FLAG_BITS[name] or 0) end
  end
  return bits
end

--- Makes a packet's table: a random identifier, recursion desired, nothing asked.
-- @return The table.
function newPacket ()
  return {
    id = math.random(1, 65535),
    flags = { RD = true },
    questions = {}, zones = {}, updates = {}, answers = {}, auth = {}, additional = {},
  }
end

--- Encodes a packet.
-- @param pkt What <code>newPacket</code> made, with what was added to it.
-- @return The bytes.
function encode (pkt)
  -- An update has its zone in place of the question and its changes in place of the authority (RFC 2136, 2).
  local first, third = pkt.questions or {}, pkt.auth or {}
  if pkt.zones and #pkt.zones > 0 then first = pkt.zones end
  if pkt.updates and #pkt.updates > 0 then third = pkt.updates end
  local answers, additional = pkt.answers or {}, pkt.additional or {}
  return string.pack(">I2I2I2I2I2I2", pkt.id, encode_flags(pkt.flags), #first, #answers, #third, #additional)
    .. encode_questions(first) .. encode_records(answers) .. encode_records(third) .. encode_records(additional)
end

--- Adds a question to a packet.
-- @param pkt The packet's table.
-- @param dname The name.
-- @param dtype The type, as a number or a name.
-- @param class The class. Default: IN.
-- @return The packet's table.
function addQuestion (pkt, dname, dtype, class)
  if type(pkt) ~= "table" or not pkt.questions then return nil end
  pkt.questions[#pkt.questions + 1] = { dname = dname, dtype = type_number(dtype), class = class or CLASS.IN }
  return pkt
end

--- Names the zone that an update is for.
-- @param pkt The packet's table.
-- @param dname The zone.
-- @return The packet's table.
function addZone (pkt, dname)
  if type(pkt) ~= "table" or not pkt.zones then return nil end
  pkt.zones[#pkt.zones + 1] = { dname = dname, dtype = types.SOA, class = CLASS.IN }
  return pkt
end

--- Adds a change to an update.
-- @param pkt The packet's table.
-- @param dname The name.
-- @param dtype The type, as a number or a name.
-- @param ttl How long the record may be kept, in seconds.
-- @param data The record's bytes.
-- @param class The class: IN adds the record, ANY deletes all of its type.
-- @return The packet's table.
function addUpdate (pkt, dname, dtype, ttl, data, class)
  if type(pkt) ~= "table" or not pkt.updates then return nil end
  pkt.updates[#pkt.updates + 1] =
    { dname = dname, dtype = type_number(dtype), ttl = ttl, data = data, class = class or CLASS.IN }
  return pkt
end

--- Adds options to a packet (RFC 6891).
-- @param pkt The packet's table.
-- @param Z Flags: with <code>DO</code> true, signatures are wanted.
-- @param opt A list of options, each with <code>type</code> and <code>data</code>.
-- @return The packet's table.
function addOPT (pkt, Z, opt)
  if type(pkt) ~= "table" or not pkt.additional then return nil end
  if opt and opt.type then opt = { opt } end
  local parts = {}
  for i, one in ipairs(opt or {}) do parts[i] = string.pack(">I2s2", one.type, one.data) end
  local bits = type(Z) == "table" and Z.DO and 0x8000 or 0
  pkt.additional[#pkt.additional + 1] =
    { type = types.OPT, class = UDP_SIZE, ttl = bits, rdata = table.concat(parts) }
  return pkt
end

--- Asks for the server's identifier (RFC 5001).
-- @param pkt The packet's table.
-- @param Z Flags, see <code>addOPT</code>.
-- @return The packet's table.
function addNSID (pkt, Z)
  return addOPT(pkt, Z, { type = 3, data = "" })
end

--- Says for which network the answer is wanted (RFC 7871).
-- @param pkt The packet's table.
-- @param Z Flags, see <code>addOPT</code>.
-- @param subnet Table with <code>family</code>, <code>address</code> and <code>mask</code>.
-- @return The packet's table.
function addClientSubnet (pkt, Z, subnet)
  local family = subnet.family == "inet6" and 2 or 1
  local address = subnet.address
  if type(address) == "number" then address = ipOps.fromdword(address) end
  local bytes = ipOps.ip_to_str(address)
  if not bytes then return nil end
  local mask = subnet.mask or #bytes * 8
  bytes = string.sub(bytes, 1, (mask + 7) // 8)
  return addOPT(pkt, Z, { type = 8, data = string.pack(">I2I1I1", family, mask, 0) .. bytes })
end

-- Decoding ------------------------------------------------------------------------------------------------------

--- Decodes a name.
--
-- A pointer must lead to what was before it, so that no name goes round in circles.
-- @param data The packet.
-- @param pos Where the name begins.
-- @return The position after it.
-- @return The name without a final dot, or nil if the packet ends within it or it is too long.
function decStr (data, pos)
  local labels, size = {}, 0
  local next_pos, limit = nil, pos
  while true do
    local len = string.byte(data, pos)
    if not len then return next_pos or #data + 1, nil end
    if len == 0 then return next_pos or pos + 1, table.concat(labels, ".") end
    if len >= 0xc0 then
      local low = string.byte(data, pos + 1)
      if not low then return next_pos or #data + 1, nil end
      next_pos = next_pos or pos + 2
      pos = ((len & 0x3f) << 8 | low) + 1
      if pos >= limit then return next_pos, nil end
      limit = pos
    else
      size = size + len + 1
      if len > LABEL_LEN_MAX or size > NAME_LEN_MAX or pos + len > #data then return next_pos or #data + 1, nil end
      labels[#labels + 1] = string.sub(data, pos + 1, pos + len)
      pos = pos + len + 1
    end
  end
end

local function decode_texts (rdata)
  local texts, pos = {}, 1
  while pos <= #rdata do
    local len = string.byte(rdata, pos)
    texts[#texts + 1] = string.sub(rdata, pos + 1, pos + len)
    pos = pos + len + 1
  end
  return texts
end

-- RFC 4034, 4.1.2: blocks of a window number, a length and bits, the highest bit first.
local function decode_type_bits (bits)
  local set, pos = {}, 1
  while pos + 1 <= #bits do
    local window, len = string.byte(bits, pos, pos + 1)
    for i = 1, len do
      local octet = string.byte(bits, pos + 1 + i) or 0
      for bit = 0, 7 do
        if octet & (0x80 >> bit) ~= 0 then set[window * 256 + (i - 1) * 8 + bit] = true end
      end
    end
    pos = pos + 2 + len
  end
  return set
end

local BASE32_HEX = "0123456789ABCDEFGHIJKLMNOPQRSTUV"

-- RFC 4648, section 7, without padding: how hashed names are written (RFC 5155, 3.3).
local function base32_hex (bytes)
  local out, value, bits = {}, 0, 0
  for i = 1, #bytes do
    value, bits = value << 8 | string.byte(bytes, i), bits + 8
    while bits >= 5 do
      bits = bits - 5
      local at = (value >> bits & 0x1f) + 1
      out[#out + 1] = string.sub(BASE32_HEX, at, at)
    end
    value = value & 0xff
  end
  if bits > 0 then
    local at = (value << 5 - bits & 0x1f) + 1
    out[#out + 1] = string.sub(BASE32_HEX, at, at)
  end
  return table.concat(out)
end

local function decode_domain (record, packet, pos)
  local _, name = decStr(packet, pos)
  record.domain = name
end

-- What is in the data of a record, by its type. Each gets the record, the packet and where the data begin in it; the
-- data are whole. A record that is not what it should be is left as it is.
local decoders = {
  [types.A] = function (record)
    if #record.data == 4 then record.ip = ipOps.str_to_ip(record.data) end
  end,
  [types.AAAA] = function (record)
    if #record.data == 16 then record.ipv6 = ipOps.str_to_ip(record.data) end
  end,
  [types.NS] = decode_domain,
  [types.CNAME] = decode_domain,
  [types.PTR] = decode_domain,
  [types.TXT] = function (record)
    record.TXT = { text = decode_texts(record.data) }
  end,
  [types.HINFO] = function (record)
    local texts = decode_texts(record.data)
    record.HINFO = { cpu = texts[1], os = texts[2] }
  end,
  [types.MX] = function (record, packet, pos)
    if #record.data < 3 then return end
    local _, server = decStr(packet, pos + 2)
    record.MX = { pref = (string.unpack(">I2", record.data)), server = server }
  end,
  [types.SRV] = function (record, packet, pos)
    if #record.data < 7 then return end
    local srv = {}
    srv.prio, srv.weight, srv.port = string.unpack(">I2I2I2", record.data)
    local _, target = decStr(packet, pos + 6)
    srv.target = target
    record.SRV = srv
  end,
  [types.SOA] = function (record, packet, pos)
    local soa = {}
    pos, soa.mname = decStr(packet, pos)
    pos, soa.rname = decStr(packet, pos)
    if not soa.rname or pos + 19 > #packet then return end
    soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum = string.unpack(">I4I4I4I4I4", packet, pos)
    record.SOA = soa
  end,
  [types.SSHFP] = function (record)
    if #record.data < 2 then return end
    local algorithm, kind = string.byte(record.data, 1, 2)
    record.SSHFP = { algorithm = algorithm, fptype = kind, fingerprint = stdnse.tohex(string.sub(record.data, 3)) }
  end,
  [types.NSEC] = function (record, packet, pos)
    local after, name = decStr(packet, pos)
    if not name then return end
    record.NSEC = {
      dname = record.dname,
      next_dname = name,
      types = decode_type_bits(string.sub(packet, after, pos + #record.data - 1)),
    }
  end,
  [types.NSEC3] = function (record)
    local data = record.data
    if #data < 6 then return end
    local algorithm, flags, iterations, salt_len = string.unpack(">BBI2B", data)
    local hash_len = string.byte(data, 6 + salt_len)
    if not hash_len or 6 + salt_len + hash_len > #data then return end
    local salt = string.sub(data, 6, 5 + salt_len)
    local hash = string.sub(data, 7 + salt_len, 6 + salt_len + hash_len)
    local bits = string.sub(data, 7 + salt_len + hash_len)
    record.NSEC3 = {
      dname = record.dname,
      flags = flags,
      iterations = iterations,
      salt = { bin = salt, hex = stdnse.tohex(salt) },
      hash = { alg = algorithm, bin = hash, hex = stdnse.tohex(hash), base32 = base32_hex(hash) },
      bin = bits,
      WinBlockNo = string.byte(bits, 1) or 0,
      types = decode_type_bits(bits),
    }
  end,
  [types.OPT] = function (record)
    record.OPT = {
      bufsize = record.class,
      rcode = record.ttl >> 24,
      version = record.ttl >> 16 & 0xff,
      zflags = record.ttl & 0xffff,
      data = record.data,
    }
  end,
}

local function decode_questions (data, count, pos)
  local questions = {}
  for i = 1, count do
    local name
    pos, name = decStr(data, pos)
    if not name or pos + 3 > #data then return questions, nil end
    local question = { dname = name }
    question.dtype, question.class, pos = string.unpack(">I2I2", data, pos)
    questions[i] = question
  end
  return questions, pos
end

-- Records up to the first that is cut off. Without a position there are none.
local function decode_records (data, count, pos)
  local records = {}
  if not pos then return records, nil end
  for i = 1, count do
    local name
    pos, name = decStr(data, pos)
    if not name or pos + 9 > #data then return records, nil end
    local record, len = { dname = name }, nil
    record.dtype, record.class, record.ttl, len, pos = string.unpack(">I2I2I4I2", data, pos)
    if pos + len - 1 > #data then return records, nil end
    record.data = string.sub(data, pos, pos + len - 1)
    local decoder = decoders[record.dtype]
    if decoder then decoder(record, data, pos) end
    records[i] = record
    pos = pos + len
  end
  return records, pos
end

--- Decodes a packet.
-- @param data The bytes.
-- @return Table with <code>id</code>, <code>flags</code> (those that are set), <code>questions</code>,
--         <code>answers</code>, <code>auth</code> and <code>add</code>; nil if the data are shorter than a header. A
--         record has <code>dname</code>, <code>dtype</code>, <code>class</code>, <code>ttl</code>, <code>data</code>
--         and
--         what its type adds: <code>ip</code>, <code>ipv6</code>, <code>domain</code>, or a table under the type's
--         name.
-- @return A message, if there is no table.
function decode (data)
  if #data < 12 then return nil, "shorter than a header" end
  local id, bits, question_count, answer_count, auth_count, add_count, pos = string.unpack(">I2I2I2I2I2I2", data)
  local packet = { id = id, flags = {} }
  for name, bit in pairs(FLAG_BITS) do
    if bits & bit ~= 0 then packet.flags[name] = true end
  end
  packet.questions, pos = decode_questions(data, question_count, pos)
  packet.answers, pos = decode_records(data, answer_count, pos)
  packet.auth, pos = decode_records(data, auth_count, pos)
  packet.add = decode_records(data, add_count, pos)
  return packet
end

-- Answers as text -----------------------------------------------------------------------------------------------

local function addresses_of (name, packet)
  local parts = {}
  for _, record in ipairs(packet.add or {}) do
    if record.dname == name and record.ip then parts[#parts + 1] = record.ip end
  end
  return table.concat(parts, ":")
end

-- How the data of a record are shown, by its type.
local texts_of = {
  [types.A] = function (record) return record.ip end,
  [types.AAAA] = function (record) return record.ipv6 end,
  [types.NS] = function (record) return record.domain end,
  [types.CNAME] = function (record) return record.domain end,
  [types.PTR] = function (record) return record.domain end,
  [types.TXT] = function (record) return record.TXT and table.concat(record.TXT.text) end,
  [types.MX] = function (record, packet)
    if not record.MX or not record.MX.server then return nil end
    return ("%d:%s:%s"):format(record.MX.pref, record.MX.server, addresses_of(record.MX.server, packet))
  end,
  [types.SRV] = function (record)
    local srv = record.SRV
    if not srv or not srv.target then return nil end
    return ("%d:%d:%d:%s"):format(srv.prio, srv.weight, srv.port, srv.target)
  end,
  [types.NSEC] = function (record) return record.NSEC and record.NSEC.next_dname end,
  [types.NSEC3] = function (record) return record.NSEC3 and record.NSEC3.hash.base32 end,
  [types.SSHFP] = function (record)
    local key = record.SSHFP
    return key and ("%d:%d:%s"):format(key.algorithm, key.fptype, key.fingerprint)
  end,
}

local function find_texts (dtype, packet, records, all)
  dtype = type_number(dtype)
  local text_of = texts_of[dtype]
  if not text_of then return false, "Unable to handle response" end
  local found = {}
  for _, record in ipairs(records or {}) do
    if record.dtype == dtype then
      local text = text_of(record, packet)
      if text and not all then return true, text end
      found[#found + 1] = text
    end
  end
  if #found == 0 then return false, "No Answers" end
  return true, found
end

--- Takes an answer out of a packet, as text.
-- @param dtype The type, as a number or a name.
-- @param dec The decoded packet.
-- @param retAll True for a list of all answers of that type.
-- @return True and the text or the list, or false and an error.
function findNiceAnswer (dtype, dec, retAll)
  if #dec.answers == 0 then
    -- Result 3: the name does not exist (RFC 1035, 4.1.1).
    local flags = dec.flags
    if flags.RC3 and flags.RC4 and not flags.RC1 and not flags.RC2 then return false, "No Such Name" end
    return false, "No Answers"
  end
  return find_texts(dtype, dec, dec.answers, retAll)
end

--- Takes an additional record out of a packet, as text.
-- @param dtype The type, as a number or a name.
-- @param dec The decoded packet.
-- @param retAll True for a list of all of that type.
-- @return True and the text or the list, or false and an error.
function findNiceAdditional (dtype, dec, retAll)
  return find_texts(dtype, dec, dec.add, retAll)
end

-- Sending -------------------------------------------------------------------------------------------------------

local TIMEOUTS_MS = { [0] = 10000, [1] = 7000, [2] = 5000, [3] = 4000, [4] = 4000, [5] = 3000 }

--- How long to wait for an answer, by the timing template.
-- @return Milliseconds.
function get_default_timeout ()
  return TIMEOUTS_MS[nmap.timing_level()] or 4000
end

-- Collects answers until the time is over; with <code>expected</code> only the first with that identifier.
local function receive_udp (socket, timeout, expected)
  local answers = {}
  local deadline = nmap.clock_ms() + timeout
  while #answers < ANSWERS_MAX do
    local left = deadline - nmap.clock_ms()
    if left <= 0 then break end
    socket:set_timeout(math.ceil(left))
    local status, data = socket:receive()
    if not status then break end
    local _, _, _, peer = socket:get_info()
    if not expected then
      answers[#answers + 1] = { data = data, peer = peer }
    elseif #data >= 2 and string.unpack(">I2", data) == expected then
      return { { data = data, peer = peer } }
    end
  end
  return answers
end

local function send_udp (data, host, port, timeout, count, multiple)
  local socket = nmap.new_socket("udp")
  local expected
  if multiple then
    -- Answers come from other addresses than the one asked: the socket must not be tied to one.
    socket:set_timeout(timeout)
  else
    expected = string.unpack(">I2", data)
    local status, err = socket:connect(host, port, "udp")
    if not status then
      socket:close()
      return false, err
    end
  end
  local answers = {}
  for _ = 1, count do
    local status, err
    if multiple then
      status, err = socket:sendto(host, port, data)
    else
      status, err = socket:send(data)
    end
    if not status then
      socket:close()
      return false, err
    end
    answers = receive_udp(socket, timeout, expected)
    if #answers > 0 then break end
  end
  socket:close()
  if #answers == 0 then return false, "No Answers" end
  return true, answers
end

local function send_tcp (data, host, port, timeout)
  local socket = nmap.new_socket()
  socket:set_timeout(timeout)
  local status, err = socket:connect(host, port, "tcp")
  if status then status, err = socket:send(string.pack(">s2", data)) end
  local answer = ""
  while status do
    local more
    status, more = socket:receive()
    if not status then
      err = more
      break
    end
    answer = answer .. more
    if #answer >= 2 and #answer >= 2 + string.unpack(">I2", answer) then break end
  end
  socket:close()
  if not status then return false, err end
  return true, { { data = (string.unpack(">s2", answer)), peer = host } }
end

--- Sends a packet and receives what is answered.
-- @param data The encoded packet.
-- @param host The server's address.
-- @param port The server's port.
-- @param timeout Milliseconds to wait after each sending.
-- @param cnt How often to send.
-- @param multiple True to collect the answers of several hosts.
-- @param proto <code>"udp"</code> (the default) or <code>"tcp"</code>.
-- @return True and a list of tables with <code>data</code> and <code>peer</code>, or false and an error.
function sendPackets (data, host, port, timeout, cnt, multiple, proto)
  if proto == "tcp" then return send_tcp(data, host, port, timeout) end
  return send_udp(data, host, port, timeout, cnt or 1, multiple)
end

local function build_query (dname, options)
  local packet = newPacket()
  local dtype = type_number(options.dtype or "A")
  if not dtype then return nil, "unknown type of record: " .. tostring(options.dtype) end
  addQuestion(packet, dname, dtype, options.class)
  if options.norecurse then packet.flags.RD = nil end
  for name, set in pairs(options.flags or {}) do packet.flags[name] = set or nil end
  local flags = { DO = options.dnssec and true or false }
  if options.nsid then
    addNSID(packet, flags)
  elseif options.subnet then
    if not addClientSubnet(packet, flags, options.subnet) then return nil, "bad subnet" end
  elseif options.dnssec then
    addOPT(packet, flags, {})
  end
  return packet
end

local function servers_of (options)
  local host = options.host
  if type(host) == "table" then host = host.ip or host.targetname end
  if host then return { host } end
  return nmap.get_dns_servers()
end

local function output_of (dtype, answer, options)
  local packet, err = decode(answer.data)
  if not packet then return false, err end
  if options.retPkt then return true, packet end
  return findNiceAnswer(dtype, packet, options.retAll)
end

local function outputs_of (dtype, answers, options)
  local list = {}
  for _, answer in ipairs(answers) do
    local status, output = output_of(dtype, answer, options)
    if status then list[#list + 1] = { output = output, peer = answer.peer } end
  end
  if #list == 0 then return false, "No Answers" end
  return true, list
end

--- Asks a question.
-- @param dname The name.
-- @param options Options, as listed above, or nil.
-- @return True if there is an answer.
-- @return The answer as text, a list, the packet, or with <code>multiple</code> a list of tables with
--         <code>output</code> and <code>peer</code>; or an error: <code>"No Such Name"</code>,
--         <code>"No Answers"</code> and others.
function query (dname, options)
  options = options or {}
  local packet, err = build_query(dname, options)
  if not packet then return false, err end
  local dtype = packet.questions[1].dtype
  local data = encode(packet)
  local port = options.port or 53
  if type(port) == "table" then port = port.number end
  local timeout = options.timeout or get_default_timeout()
  local tries = options.tries or options.sendCount or 2

  local why = "No Servers"
  for _, server in ipairs(servers_of(options)) do
    local status, answers = sendPackets(data, server, port, timeout, tries, options.multiple, options.proto)
    if status and options.multiple then return outputs_of(dtype, answers, options) end
    if status and not options.proto and #answers[1].data > 2 and string.byte(answers[1].data, 3) & 0x02 ~= 0 then
      -- Cut off: the whole answer is to be had over TCP (RFC 7766, section 5).
      local whole_status, whole = send_tcp(data, server, port, timeout)
      if whole_status then answers = whole end
    end
    if status then return output_of(dtype, answers[1], options) end
    why = answers
  end
  if why == "TIMEOUT" then why = "No Answers" end
  return false, why
end

-- Updates -------------------------------------------------------------------------------------------------------

-- The bytes of a record, by its type.
local function encode_data (dtype, data)
  if data == nil or data == "" then return "" end
  if dtype == types.A or dtype == types.AAAA then return ipOps.ip_to_str(data) end
  if dtype == types.CNAME or dtype == types.NS or dtype == types.PTR then return encodeFQDN(data) end
  if dtype == types.TXT then return string.pack("s1", string.sub(data, 1, 255)) end
  if dtype == types.MX and type(data) == "table" then
    return string.pack(">I2", data.pref or 10) .. encodeFQDN(data.mx or data.server)
  end
  if dtype == types.SRV and type(data) == "table" then
    return string.pack(">I2I2I2", data.prio or 0, data.weight or 0, data.port) .. encodeFQDN(data.target)
  end
  return nil
end

--- Changes a record on a server that takes updates from anybody (RFC 2136).
-- @param dname The name.
-- @param options Table with <code>host</code>, <code>port</code>, <code>dtype</code> (default A), <code>data</code> (an
--                empty string deletes; a table with <code>pref</code> and <code>mx</code> for MX, with
--                <code>prio</code>, <code>weight</code>, <code>port</code> and <code>target</code> for SRV),
--                <code>ttl</code> (default 86400), <code>zone</code> (default: the name without its first label) and
--                <code>timeout</code>.
-- @return True if the server took it.
-- @return A message, if not.
function update (dname, options)
  options = options or {}
  local dtype = type_number(options.dtype or "A")
  local data = dtype and encode_data(dtype, options.data)
  if not data then return false, "no way to write such a record" end
  local packet = newPacket()
  -- Operation 5 is an update.
  packet.flags = { OC2 = true, OC4 = true }
  addZone(packet, options.zone or string.match(dname, "^[^.]*%.(.+)$") or dname)
  if data == "" then
    addUpdate(packet, dname, dtype, 0, "", CLASS.ANY)
  else
    addUpdate(packet, dname, dtype, options.ttl or 86400, data, CLASS.IN)
  end
  local server = servers_of(options)[1]
  if not server then return false, "No Servers" end
  local port = options.port or 53
  if type(port) == "table" then port = port.number end
  local status, answers = sendPackets(encode(packet), server, port, options.timeout or get_default_timeout(), 2, false)
  if not status then return false, answers end
  local answer, err = decode(answers[1].data)
  if not answer then return false, err end
  local flags = answer.flags
  if flags.RC1 or flags.RC2 or flags.RC3 or flags.RC4 then return false, "refused by the server" end
  return true
end

-- Names of addresses --------------------------------------------------------------------------------------------

--- Makes the name under which an address has its PTR record (RFC 1035, 3.5; RFC 3596, 2.5).
-- @usage dns.reverse("192.0.2.6") --> "6.2.0.192.in-addr.arpa"
-- @param ip The address.
-- @return The name, nil if it is no address.
function reverse (ip)
  local bytes = ipOps.ip_to_str(ip)
  if not bytes then return nil end
  local labels = {}
  if #bytes == 4 then
    for i = 4, 1, -1 do labels[#labels + 1] = string.byte(bytes, i) end
    return table.concat(labels, ".") .. ".in-addr.arpa"
  end
  for i = #bytes, 1, -1 do
    local octet = string.byte(bytes, i)
    labels[#labels + 1] = ("%x.%x"):format(octet & 0xf, octet >> 4)
  end
  return table.concat(labels, ".") .. ".ip6.arpa"
end

return _ENV
