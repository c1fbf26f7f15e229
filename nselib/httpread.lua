---
-- Reads HTTP responses from a socket, for the <code>http</code> library (RFC 9112).
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("httpread", stdnse.seeall)

-- Looked up in loaded modules only: an engine without zlib has none, and bodies then stay coded.
local have_zlib, zlib = pcall(require, "zlib")

-- Far more than servers send or clients usually accept (8 to 64 KiB), little enough for thousands of scripts at once.
local MAX_HEADER_LEN = 256 * 1024
local MAX_LINE_LEN = 64 * 1024
local MAX_BODY_LEN = tonumber((stdnse.get_script_args("http.max-body-size"))) or 2 * 1024 * 1024
local TRUNCATED_OK = stdnse.get_script_args("http.truncated-ok")
-- 1xx responses before the real one: a peer may send any number, we stop after these.
local MAX_INTERIM = 10

local TRUE_WORDS = { ["1"] = true, ["true"] = true, yes = true }
if type(TRUNCATED_OK) == "string" then TRUNCATED_OK = TRUE_WORDS[string.lower(TRUNCATED_OK)] end

-- Reading ---------------------------------------------------------------------------------------------------------

-- A reader takes bytes from a socket as they are asked for. Failures are thrown as { reason }, caught by
-- read_response, so that the parsers read straight on.

local function fail (fmt, ...)
  error({ http_error = string.format(fmt, ...) })
end

-- Bytes of buffer before pos are used up; they are dropped when more arrive, so that many short lines cost no copying.
--- Makes a reader.
-- @param socket A connected socket.
-- @param buffer What was received already.
-- @return A reader, a table with <code>socket</code>.
function new_reader (socket, buffer)
  return { socket = socket, buffer = buffer or "", pos = 1, eof = nil }
end

-- Adds to the buffer; false at the end of the stream.
local function fill (reader)
  if reader.eof then return false end
  local status, data = reader.socket:receive()
  if not status then
    reader.eof = data or "ERROR"
    return false
  end
  reader.buffer = string.sub(reader.buffer, reader.pos) .. data
  reader.pos = 1
  return true
end

-- A line without its end, and the end. Nil at the end of the stream.
local function read_line (reader)
  local searched = 0
  while true do
    local at = string.find(reader.buffer, "\n", reader.pos + searched, true)
    if at then
      local line = string.sub(reader.buffer, reader.pos, at - 1)
      reader.pos = at + 1
      if string.sub(line, -1) == "\r" then return string.sub(line, 1, -2), "\r\n" end
      return line, "\n"
    end
    searched = #reader.buffer - reader.pos + 1
    if searched > MAX_LINE_LEN then fail("Line longer than %d bytes.", MAX_LINE_LEN) end
    if not fill(reader) then return nil, reader.eof end
  end
end

-- Up to count bytes, fewer only at the end of the stream.
local function read_bytes (reader, count)
  if #reader.buffer - reader.pos + 1 >= count then
    local data = string.sub(reader.buffer, reader.pos, reader.pos + count - 1)
    reader.pos = reader.pos + count
    return data
  end
  -- A large body comes in many pieces: they are joined once.
  local parts = { string.sub(reader.buffer, reader.pos) }
  local have = #parts[1]
  reader.buffer, reader.pos = "", 1
  while have < count and fill(reader) do
    parts[#parts + 1] = reader.buffer
    have = have + #reader.buffer
    reader.buffer = ""
  end
  local data = table.concat(parts)
  reader.buffer = string.sub(data, count + 1)
  return string.sub(data, 1, count)
end

-- Parsing ---------------------------------------------------------------------------------------------------------

--- Without white space at both ends.
-- @param s A string.
-- @return The rest of it.
function trim (s)
  -- A lazy pattern would take quadratic time on a long run of spaces.
  local from = string.match(s, "^%s*()")
  return from > #s and "" or string.match(s, ".*%S", from)
end

--- Parses a <code>Set-Cookie</code> field (RFC 6265, 5.2).
-- @param s The field's value.
-- @return A table with <code>name</code>, <code>value</code> and the attributes under their names in small letters, an
--         attribute without value being an empty string; or nil and a message.
function parse_set_cookie (s)
  local pair, rest = string.match(s, "^([^;]*);?(.*)$")
  local name, value = string.match(pair, "^([^=]*)=(.*)$")
  name = name and trim(name)
  if not name or name == "" then return nil, "cookie without a name" end
  value = trim(value)
  value = string.match(value, '^"(.*)"$') or value
  local cookie = {}
  for attribute in string.gmatch(rest, "[^;]+") do
    local key, text = string.match(attribute, "^([^=]*)=(.*)$")
    key = trim(key or attribute)
    if key ~= "" then cookie[string.lower(key)] = text and trim(text) or "" end
  end
  cookie.name, cookie.value = name, value
  return cookie
end

-- Header lines up to the empty one. A line that starts with white space belongs to the one before (RFC 9112, 5.2).
local function read_header (reader, response)
  local total, last = 0, nil
  local fields = {}
  while true do
    local line, err = read_line(reader)
    if not line then fail("Error in header: %s", err) end
    total = total + #line + 2
    if total > MAX_HEADER_LEN then fail("Header longer than %d bytes.", MAX_HEADER_LEN) end
    response.rawheader[#response.rawheader + 1] = line
    if line == "" then break end
    if last and string.find(line, "^[ \t]") then
      last[#last + 1] = trim(line)
    else
      local name, value = string.match(line, "^([^:]*):(.*)$")
      -- What is no field at all stays in rawheader and is skipped here.
      last = name and { name = string.lower(trim(name)), trim(value) }
      fields[#fields + 1] = last or nil
    end
  end
  local values = {}
  for _, field in ipairs(fields) do
    local list = values[field.name] or {}
    values[field.name] = list
    local value = table.concat(field, " ")
    list[#list + 1] = value
    if field.name == "set-cookie" then
      local cookie = parse_set_cookie(value)
      if cookie then response.cookies[#response.cookies + 1] = cookie end
    end
  end
  for name, list in pairs(values) do response.header[name] = table.concat(list, ", ") end
end

-- The limit was passed: cut or fail.
local function too_large (response, limits)
  if not limits.truncated_ok then
    fail("Body larger than %d bytes.", limits.max)
  end
  response.truncated = true
end

local function ended_early (response, limits, reader)
  if not limits.truncated_ok then fail("Body ended early: %s", reader.eof) end
  response.truncated = true
end

-- RFC 9112, 7.1. Where it fails, response.rawbody has what came before.
local function read_chunked (reader, response, limits)
  local parts, total = {}, 0
  local function keep () response.rawbody = table.concat(parts) end
  while true do
    local line = read_line(reader)
    if not line then
      keep()
      return ended_early(response, limits, reader)
    end
    local digits = string.match(string.sub(line, 1, 64), "^%s*(%x+)%f[%s;\0]")
    digits = digits and string.match(digits, "^0*(.*)$")
    if not digits or #digits > 8 then
      keep()
      fail("Chunk size expected, got %q.", string.sub(line, 1, 64))
    end
    local size = tonumber(digits, 16) or 0
    if size == 0 then break end
    local wanted = size
    if limits.max >= 0 then wanted = math.min(size, limits.max - total) end
    local data = read_bytes(reader, wanted)
    parts[#parts + 1] = data
    total = total + #data
    if #data < wanted or wanted < size then
      keep()
      if #data < wanted then return ended_early(response, limits, reader) end
      return too_large(response, limits)
    end
    line = read_line(reader)
    if line ~= "" then
      keep()
      if not line then return ended_early(response, limits, reader) end
      fail("Line end expected after a chunk, got %q.", string.sub(line, 1, 64))
    end
  end
  keep()
  -- The trailer is read to leave the connection at the next response, and not used (RFC 9110, 6.5.1).
  local total_trailer = 0
  while true do
    local line = read_line(reader)
    if not line or line == "" then break end
    total_trailer = total_trailer + #line
    if total_trailer > MAX_HEADER_LEN then fail("Trailer longer than %d bytes.", MAX_HEADER_LEN) end
  end
end

-- RFC 9112, 6.3: how long the body is.
local function read_body (reader, response, method, limits)
  local status, header = response.status, response.header
  if method == "HEAD" or status == 204 or status == 304 or status < 200
    or (method == "CONNECT" and status < 300) then
    return
  end
  local coding = header["transfer-encoding"]
  if coding and string.find(string.lower(coding), "chunked", 1, true) then
    return read_chunked(reader, response, limits)
  end
  local length = not coding and header["content-length"]
  length = length and math.tointeger(tonumber(string.match(length, "^%s*(%d+)")))
  local unlimited = limits.max < 0
  if length then
    local wanted = unlimited and length or math.min(length, limits.max)
    response.rawbody = read_bytes(reader, wanted)
    if #response.rawbody < wanted then return ended_early(response, limits, reader) end
    if wanted < length then return too_large(response, limits) end
    return
  end
  -- Until the connection is closed.
  local wanted = unlimited and math.maxinteger - 1 or limits.max + 1
  response.rawbody = read_bytes(reader, wanted)
  if not unlimited and #response.rawbody > limits.max then
    response.rawbody = string.sub(response.rawbody, 1, limits.max)
    return too_large(response, limits)
  end
end

-- Undoes content codings, the last one first (RFC 9110, 8.4).
local function decode_body (response, limits)
  response.body = response.rawbody
  local field = response.header["content-encoding"]
  if not field or response.rawbody == "" then return end
  local codings = {}
  for coding in string.gmatch(string.lower(field), "[^,]+") do
    codings[#codings + 1] = trim(coding)
  end
  response.decoded, response.undecoded = {}, {}
  while #codings > 0 do
    local coding = codings[#codings]
    local body
    if coding == "identity" then
      body = response.body
    elseif have_zlib and (coding == "gzip" or coding == "x-gzip" or coding == "deflate") then
      -- A small body may inflate to a huge one: read it in pieces, and no more than the limit.
      local ok, result = pcall(function ()
        local stream = zlib.inflate(response.body)
        local parts, total = {}, 0
        repeat
          local piece = stream:read(8192)
          parts[#parts + 1] = piece
          total = total + (piece and #piece or 0)
          local over = limits.max >= 0 and total > limits.max
        until not piece or over
        return table.concat(parts)
      end)
      if ok then
        if limits.max >= 0 and #result > limits.max then
          result = string.sub(result, 1, limits.max)
          too_large(response, limits)
        end
        body = result
      end
    end
    if not body then break end
    response.body = body
    codings[#codings] = nil
    response.decoded[#response.decoded + 1] = coding
  end
  for _, coding in ipairs(codings) do response.undecoded[#response.undecoded + 1] = coding end
  if #response.decoded > 0 then
    response.header["content-encoding"] = #codings > 0 and table.concat(codings, ", ") or nil
    if response.header["content-length"] then response.header["content-length"] = tostring(#response.body) end
  end
end

local function new_response ()
  return { ["status-line"] = nil, header = {}, rawheader = {}, cookies = {}, body = "", rawbody = "" }
end

--- Makes the response table of a request that failed.
-- @param message What went wrong.
-- @param incomplete The response as far as it came, or nil.
-- @return A response table without status.
function error_response (message, incomplete)
  return { ["status-line"] = message, header = {}, rawheader = {}, incomplete = incomplete }
end

local function parse_one (reader, response, method, limits)
  for _ = 1, MAX_INTERIM do
    local line, ending = read_line(reader)
    if not line then fail("No response: %s", ending) end
    response["status-line"] = line .. ending
    local version, status = string.match(line, "^[Hh][Tt][Tt][Pp]/(%d+%.?%d*)[ \t]+(%d%d%d)")
    if not version or not string.find(line, "^[^ \t]+[ \t]+%d%d%d%f[%D]") then
      fail("Error parsing status-line %q.", string.sub(line .. ending, 1, 256))
    end
    response.version, response.status = version, math.tointeger(tonumber(status))
    response.header, response.rawheader, response.cookies = {}, {}, {}
    read_header(reader, response)
    -- 101 ends HTTP on this connection, so nothing follows that could be read here.
    if response.status >= 200 or response.status == 101 then
      read_body(reader, response, method, limits)
      decode_body(response, limits)
      return
    end
  end
  fail("Too many interim responses.")
end

--- Reads one response.
-- @param reader The reader.
-- @param method The method of the request.
-- @param options The options of the request.
-- @return The response table.
-- @return Whether the connection can carry another request.
function read_response (reader, method, options)
  local limits = {
    max = options.max_body_size or MAX_BODY_LEN,
    truncated_ok = options.truncated_ok == nil and TRUNCATED_OK or options.truncated_ok,
  }
  local response = new_response()
  local ok, err = pcall(parse_one, reader, response, method, limits)
  if not ok then
    -- Anything but our own failures is a bug here, or an error of the engine that is not ours to swallow.
    if type(err) ~= "table" or not err.http_error then error(err, 0) end
    response.body = response.rawbody
    return error_response("Error in HTTP response: " .. err.http_error, response), false
  end
  local connection = string.lower(response.header.connection or "")
  local delimited = response.header["content-length"] or response.header["transfer-encoding"] or method == "HEAD"
    or response.status == 204 or response.status == 304
  local reusable = not response.truncated and not reader.eof and delimited
    and not string.find(connection, "close", 1, true)
    and (response.version ~= "1.0" or string.find(connection, "keep-alive", 1, true))
  return response, reusable and true or false
end

return _ENV
