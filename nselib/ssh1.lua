---
-- SSH, version 1: host keys. Also fingerprints of keys of any version, and known hosts.
--
-- Version 1 is described in the Internet draft <code>draft-ylonen-ssh-protocol-00</code>.
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local io = require "io"
local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"
local table = require "table"
_ENV = stdnse.module("ssh1", stdnse.seeall)

local PACKET_LEN_MAX = 262144
-- The type of the message with the server's keys.
local SMSG_PUBLIC_KEY = 2

-- Packets -------------------------------------------------------------------------------------------------------

-- A packet has its length, padding to a boundary of 8, a type, data and a checksum; the padding is not counted.
local function whole_length (len)
  return 4 + (8 - len % 8) + len
end

--- Looks whether a packet is whole, for a socket's <code>receive_buf</code>.
-- @param buffer What has been received.
-- @return Where it ends, twice; nil if more is needed.
function check_packet_length (buffer)
  if #buffer < 4 then return nil end
  local len = string.unpack(">I4", buffer)
  -- No packet: what is there is taken, and the reader says so.
  if len < 5 or len > PACKET_LEN_MAX then return #buffer, #buffer end
  local whole = whole_length(len)
  if #buffer < whole then return nil end
  return whole, whole
end

--- Receives a packet.
-- @param socket The socket.
-- @return True and the packet, or false and an error.
function receive_ssh_packet (socket)
  return socket:receive_buf(check_packet_length, true)
end

-- A number: its bits in two octets, then as many octets as they need. Results: the number's octets and the position
-- after
-- it, nil if they are cut off.
local function read_number (data, pos)
  if pos + 1 > #data then return nil end
  local bits = string.unpack(">I2", data, pos)
  local size = (bits + 7) // 8
  if pos + 1 + size > #data then return nil end
  return string.sub(data, pos + 2, pos + 1 + size), pos + 2 + size, bits
end

--- Asks a server of version 1 for its host key.
-- @param host The host table.
-- @param port The port table or a number.
-- @return Table with <code>exp</code>, <code>mod</code> (numbers), <code>bits</code>, <code>key_type</code>
--         (<code>rsa1</code>), <code>fp_input</code>, <code>full_key</code>, <code>key</code>, <code>algorithm</code>
--         and
--         <code>fingerprint</code> (MD5); nil if there is none.
function fetch_host_key (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(math.max(stdnse.get_timeout(host), 5000))
  if not socket:connect(host, port) then return nil end
  local status, line = socket:receive_buf("\n", true)
  if not status or not string.find(line, "^SSH%-1%.") then
    socket:close()
    return nil
  end
  local packet
  status = socket:send("SSH-1.5-Perilune\n")
  if status then status, packet = receive_ssh_packet(socket) end
  socket:close()
  if not status or #packet < 12 then return nil end
  local len = string.unpack(">I4", packet)
  if len < 5 or whole_length(len) ~= #packet then return nil end
  local at = 5 + 8 - len % 8
  if string.byte(packet, at) ~= SMSG_PUBLIC_KEY then return nil end
  -- Past the cookie and the server key: bits, exponent, modulus.
  local pos = at + 1 + 8 + 4
  local _, exponent, modulus
  _, pos = read_number(packet, pos)
  if pos then _, pos = read_number(packet, pos) end
  if not pos or pos + 3 > #packet then return nil end
  local bits = string.unpack(">I4", packet, pos)
  exponent, pos = read_number(packet, pos + 4)
  if not pos then return nil end
  modulus, pos = read_number(packet, pos)
  if not pos then return nil end
  local exp, mod = openssl.bignum_bin2bn(exponent), openssl.bignum_bin2bn(modulus)
  local fp_input = modulus .. exponent
  return {
    exp = exp,
    mod = mod,
    bits = bits,
    key_type = "rsa1",
    fp_input = fp_input,
    full_key = ("%d %s %s"):format(bits, openssl.bignum_bn2dec(exp), openssl.bignum_bn2dec(mod)),
    key = ("%s %s"):format(openssl.bignum_bn2dec(exp), openssl.bignum_bn2dec(mod)),
    algorithm = "RSA1",
    fingerprint = openssl.md5(fp_input),
  }
end

-- Fingerprints --------------------------------------------------------------------------------------------------

--- Shows a fingerprint in hexadecimal.
-- @param fingerprint The fingerprint's octets.
-- @param algorithm The key's algorithm.
-- @param bits The key's bits.
-- @return Text.
function fingerprint_hex (fingerprint, algorithm, bits)
  return ("%d %s (%s)"):format(bits, stdnse.tohex(fingerprint, { separator = ":" }), algorithm)
end

--- Shows a fingerprint in Base64.
-- @param fingerprint The fingerprint's octets.
-- @param hash What made it, as <code>"SHA256"</code>.
-- @param algorithm The key's algorithm.
-- @param bits The key's bits.
-- @return Text.
function fingerprint_base64 (fingerprint, hash, algorithm, bits)
  local digits = string.gsub(base64.enc(fingerprint), "=+$", "")
  return ("%d %s:%s (%s)"):format(bits, hash, digits, algorithm)
end

local VOWELS, CONSONANTS = "aeiouy", "bcdfghklmnprstvzx"

--- Shows a fingerprint in words that can be spoken (the Bubble Babble encoding of A. Huima, with its checksum).
-- @param fingerprint The fingerprint's octets, usually of SHA-1.
-- @param algorithm The key's algorithm.
-- @param bits The key's bits.
-- @return Text.
function fingerprint_bubblebabble (fingerprint, algorithm, bits)
  local function vowel (i) return string.sub(VOWELS, i % 6 + 1, i % 6 + 1) end
  local function consonant (i) return string.sub(CONSONANTS, i + 1, i + 1) end
  local out, checksum = { "x" }, 1
  local len = #fingerprint
  -- Three letters for the first octet of a pair and the checksum, then a consonant, a hyphen and another for the
  -- second.
  for at = 1, len + 1, 2 do
    local first, second = string.byte(fingerprint, at, at + 1)
    if not first then
      out[#out + 1] = vowel(checksum) .. consonant(16) .. vowel(checksum // 6)
    else
      out[#out + 1] = vowel((first >> 6) + checksum) .. consonant(first >> 2 & 15) .. vowel((first & 3) + checksum // 6)
      if second then
        out[#out + 1] = consonant(second >> 4) .. "-" .. consonant(second & 15)
        checksum = (checksum * 5 + first * 7 + second) % 36
      end
    end
  end
  out[#out + 1] = "x"
  return ("%d %s (%s)"):format(bits, table.concat(out), algorithm)
end

--- Shows a fingerprint as a picture: the way of a bishop across a board, two bits a move (D. Loss, T. Limmer, A. von
-- Gernler, "The drunken bishop", 2009).
-- @param fingerprint The fingerprint's octets.
-- @param algorithm The key's algorithm.
-- @param bits The key's bits.
-- @return Lines, with a line break in front and at the end.
function fingerprint_visual (fingerprint, algorithm, bits)
  local width, height, signs = 17, 9, " .o+=*BOX@%&#/^SE"
  local visits = {}
  local x, y = 8, 4
  for i = 1, #fingerprint do
    local octet = string.byte(fingerprint, i)
    for _ = 1, 4 do
      x = math.min(math.max(x + (octet & 1 ~= 0 and 1 or -1), 0), width - 1)
      y = math.min(math.max(y + (octet & 2 ~= 0 and 1 or -1), 0), height - 1)
      local square = y * width + x
      visits[square] = math.min((visits[square] or 0) + 1, #signs - 3)
      octet = octet >> 2
    end
  end
  visits[4 * width + 8] = #signs - 2
  visits[y * width + x] = #signs - 1
  local head = ("+--[%4s %4d]"):format(algorithm, bits)
  local lines = { "", head .. string.rep("-", width + 1 - #head) .. "+" }
  for row = 0, height - 1 do
    local squares = {}
    for column = 0, width - 1 do
      local sign = (visits[row * width + column] or 0) + 1
      squares[column + 1] = string.sub(signs, sign, sign)
    end
    lines[#lines + 1] = "|" .. table.concat(squares) .. "|"
  end
  lines[#lines + 1] = "+" .. string.rep("-", width) .. "+"
  return table.concat(lines, "\n") .. "\n"
end

-- Known hosts ---------------------------------------------------------------------------------------------------

--- Reads a file of known hosts, as OpenSSH keeps it.
-- @param path The file. Default: the user's own.
-- @return A list of tables with <code>entry</code>, the words of a line, and <code>linenumber</code>; nil if there is
--         no
--         such file.
function parse_known_hosts_file (path)
  if not path then
    local home = os.getenv("HOME")
    if not home then return nil end
    path = home .. "/.ssh/known_hosts"
  end
  local file = io.open(path, "r")
  if not file then
    stdnse.debug1("no file of known hosts: %s", path)
    return nil
  end
  local known, number = {}, 0
  for line in file:lines() do
    number = number + 1
    if line ~= "" and string.sub(line, 1, 1) ~= "#" then
      known[#known + 1] = { entry = stringaux.strsplit(" ", line), linenumber = number }
    end
  end
  file:close()
  return known
end

return _ENV
