---
-- URLs and URIs: taking them apart, building and resolving them (RFC 3986).
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local utf8 = require "utf8"
_ENV = stdnse.module("url", stdnse.seeall)

local DEFAULT_PORTS = { http = 80, https = 443 }

local function percent (c) return string.format("%%%02X", string.byte(c)) end

--- Encodes a string for use as one piece of a URL.
--
-- Everything but the unreserved characters of RFC 3986 (letters, digits, <code>-._~</code>) becomes <code>%XX</code>.
-- @param s The string.
-- @return The encoded string.
function escape (s)
  return (string.gsub(s, "[^%w._~-]", percent))
end

--- Decodes <code>%XX</code>.
-- @param s The string. A percent sign without two digits after it stays.
-- @return The decoded string.
function unescape (s)
  return (string.gsub(s, "%%(%x%x)", function (digits) return string.char(tonumber(digits, 16)) end))
end

-- Punycode, RFC 3492: the numbers are those of its section 5.
local PUNY_BASE, PUNY_TMIN, PUNY_TMAX, PUNY_SKEW, PUNY_DAMP = 36, 1, 26, 38, 700

local function puny_digit (d) return string.char(d < 26 and d + 97 or d + 22) end

local function puny_adapt (delta, count, first)
  delta = first and delta // PUNY_DAMP or delta // 2
  delta = delta + delta // count
  local k = 0
  while delta > (PUNY_BASE - PUNY_TMIN) * PUNY_TMAX // 2 do
    delta = delta // (PUNY_BASE - PUNY_TMIN)
    k = k + PUNY_BASE
  end
  return k + (PUNY_BASE - PUNY_TMIN + 1) * delta // (delta + PUNY_SKEW)
end

local function punycode (label)
  local points, out = {}, {}
  for _, point in utf8.codes(label) do
    points[#points + 1] = point
    if point < 128 then out[#out + 1] = string.char(point) end
  end
  local basic = #out
  local handled, n, delta, bias = basic, 128, 0, 72
  if basic > 0 then out[#out + 1] = "-" end
  while handled < #points do
    local least = math.maxinteger
    for _, point in ipairs(points) do
      if point >= n and point < least then least = point end
    end
    delta = delta + (least - n) * (handled + 1)
    n = least
    for _, point in ipairs(points) do
      if point < n then delta = delta + 1 end
      if point == n then
        local q, k = delta, PUNY_BASE
        while true do
          local t = math.max(PUNY_TMIN, math.min(PUNY_TMAX, k - bias))
          if q < t then break end
          out[#out + 1] = puny_digit(t + (q - t) % (PUNY_BASE - t))
          q = (q - t) // (PUNY_BASE - t)
          k = k + PUNY_BASE
        end
        out[#out + 1] = puny_digit(q)
        bias = puny_adapt(delta, handled + 1, handled == basic)
        delta = 0
        handled = handled + 1
      end
    end
    delta, n = delta + 1, n + 1
  end
  return "xn--" .. table.concat(out)
end

-- A label longer than this cannot be in the DNS (RFC 1035, 2.3.4), and encoding takes quadratic time.
local LABEL_LEN_MAX = 255

--- The form of a host name that the DNS knows.
--
-- Letters become small, labels with characters outside ASCII are written in punycode. No other mapping of IDNA is done.
-- @param host A host name in UTF-8, or a table as from <code>url.parse</code> or a host table.
-- @return The name, or nil if it is not valid UTF-8.
function ascii_hostname (host)
  if type(host) == "table" then
    if host.ascii_host then return host.ascii_host end
    host = host.host or stdnse.get_hostname(host)
    if not host then return nil end
  end
  host = string.lower(host)
  if not string.find(host, "[\128-\255]") then return host end
  if not utf8.len(host) then return nil end
  local too_long = false
  local ascii = string.gsub(host, "[^.]+", function (label)
    if not string.find(label, "[\128-\255]") then return label end
    if #label > LABEL_LEN_MAX then
      too_long = true
      return label
    end
    return punycode(label)
  end)
  return not too_long and ascii or nil
end

--- Takes a URL apart.
--
-- <code>&lt;scheme&gt;://&lt;userinfo&gt;@&lt;host&gt;:&lt;port&gt;/&lt;path&gt;;&lt;params&gt;?&lt;query&gt;#&lt;fragment&gt;</code>
--
-- Parts that are absent are nil, except <code>path</code>, which is then empty. Nothing is decoded.
-- @param url The URL, absolute or relative.
-- @param default A table of values for absent parts.
-- @return A table with <code>scheme</code> (in small letters), <code>authority</code>, <code>userinfo</code>,
--         <code>user</code>, <code>password</code>, <code>host</code>, <code>ascii_host</code>, <code>port</code> (a
--         number), <code>path</code>, <code>params</code>, <code>query</code>, <code>fragment</code>,
--         <code>is_folder</code> (whether the path ends in a slash) and <code>extension</code> (of the last part of
--         the path).
function parse (url, default)
  local parsed = {}
  for key, value in pairs(default or {}) do parsed[key] = value end

  local rest = string.gsub(url, "#(.*)$", function (fragment)
    parsed.fragment = fragment
    return ""
  end)
  rest = string.gsub(rest, "^(%a[%w+.-]*):", function (scheme)
    parsed.scheme = string.lower(scheme)
    return ""
  end)
  rest = string.gsub(rest, "%?(.*)$", function (query)
    parsed.query = query
    return ""
  end)
  rest = string.gsub(rest, "^//([^/]*)", function (authority)
    parsed.authority = authority
    return ""
  end)
  rest = string.gsub(rest, ";(.*)$", function (params)
    parsed.params = params
    return ""
  end)
  parsed.path = rest
  parsed.is_folder = string.sub(rest, -1) == "/"
  parsed.extension = string.match(rest, "%.([^./]*)$")

  if parsed.authority then
    local host = parsed.authority
    local userinfo, after = string.match(host, "^(.*)@(.*)$")
    if userinfo then
      host = after
      parsed.userinfo = userinfo
      local user, password = string.match(userinfo, "^([^:]*):(.*)$")
      parsed.user = user or userinfo
      parsed.password = password
    end
    local name, port = string.match(host, "^(.-):(%d*)$")
    -- The colons of an IPv6 address are inside brackets, so what stands before the last one must be balanced.
    if name and (string.sub(name, 1, 1) ~= "[" or string.sub(name, -1) == "]") then
      host = name
      parsed.port = math.tointeger(tonumber(port)) or parsed.port
    end
    if host ~= "" then
      parsed.host = host
      parsed.ascii_host = ascii_hostname(host)
    end
  end
  return parsed
end

-- RFC 3986, 5.2.4.
local function remove_dot_segments (path)
  local absolute = string.sub(path, 1, 1) == "/"
  local out, folder = {}, false
  for segment in string.gmatch(path, "[^/]*") do
    folder = segment == "." or segment == ".."
    if segment == ".." then
      out[#out] = nil
    elseif segment ~= "." then
      out[#out + 1] = segment
    end
    -- The empty piece before a leading slash is not a segment that ".." may take away.
    if absolute and #out == 0 then out[1] = "" end
  end
  if folder then out[#out + 1] = "" end
  local result = table.concat(out, "/")
  if absolute and string.sub(result, 1, 1) ~= "/" then result = "/" .. result end
  return result
end

--- Builds a URL from its parts.
-- @param parsed A table as from <code>url.parse</code>. If it has <code>host</code>, the authority is made from host,
--               port and user; otherwise <code>authority</code> is used.
-- @return The URL.
function build (parsed)
  local out = {}
  local authority = parsed.authority
  if parsed.host then
    authority = parsed.host
    -- An IPv6 address has to be in brackets.
    if string.find(authority, ":", 1, true) and string.sub(authority, 1, 1) ~= "[" then
      authority = "[" .. authority .. "]"
    end
    if parsed.port then authority = authority .. ":" .. string.format("%d", parsed.port) end
    local userinfo = parsed.userinfo
    if parsed.user then
      userinfo = parsed.user .. (parsed.password and ":" .. parsed.password or "")
    end
    if userinfo then authority = userinfo .. "@" .. authority end
  end
  -- What can stand in no URL is encoded; encoded text stays as it is.
  local path = string.gsub(parsed.path or "", "[^%w!$%%&'()*+,./:;=@%[%]_~-]", percent)
  if authority and path ~= "" and string.sub(path, 1, 1) ~= "/" then path = "/" .. path end
  if parsed.scheme then out[#out + 1] = parsed.scheme .. ":" end
  if authority then out[#out + 1] = "//" .. authority end
  out[#out + 1] = path
  if parsed.params then out[#out + 1] = ";" .. parsed.params end
  if parsed.query then out[#out + 1] = "?" .. parsed.query end
  if parsed.fragment then out[#out + 1] = "#" .. parsed.fragment end
  return table.concat(out)
end

--- Resolves a relative URL (RFC 3986, 5.2).
-- @param base_url The URL it is relative to, a string or a table as from <code>url.parse</code>.
-- @param relative_url The URL, a string or a table. An absolute one is returned as it is.
-- @return The absolute URL, a string.
function absolute (base_url, relative_url)
  local base = type(base_url) == "table" and base_url or parse(base_url)
  local relative = type(relative_url) == "table" and relative_url or parse(relative_url)
  if relative.scheme then
    return type(relative_url) == "table" and build(relative) or relative_url
  end

  local result = { scheme = base.scheme, fragment = relative.fragment }
  local authority = base
  if relative.authority or relative.host then
    authority = relative
    result.path, result.params, result.query = relative.path, relative.params, relative.query
  elseif (relative.path or "") == "" and not relative.params then
    result.path, result.params = base.path, base.params
    result.query = relative.query or base.query
  else
    local path = relative.path or ""
    if string.sub(path, 1, 1) ~= "/" then
      path = (string.match(base.path or "", "^.*/") or "") .. path
      if string.sub(path, 1, 1) ~= "/" and (base.authority or base.host) then path = "/" .. path end
    end
    result.path, result.params, result.query = remove_dot_segments(path), relative.params, relative.query
  end
  result.authority, result.host, result.port = authority.authority, authority.host, authority.port
  result.userinfo, result.user, result.password = authority.userinfo, authority.user, authority.password
  return build(result)
end

--- Splits a path into its segments.
-- @param path The path.
-- @return An array of decoded segments, with <code>is_absolute</code> and <code>is_directory</code> set to 1 if the path
--         begins or ends with a slash.
function parse_path (path)
  local parsed = {}
  path = path or ""
  for segment in string.gmatch(path, "[^/]+") do
    parsed[#parsed + 1] = unescape(segment)
  end
  if string.sub(path, 1, 1) == "/" then parsed.is_absolute = 1 end
  if string.sub(path, -1) == "/" then parsed.is_directory = 1 end
  return parsed
end

-- What RFC 3986 lets stand in a segment as it is: unreserved characters, sub-delims, ":" and "@".
local function escape_segment (segment)
  return (string.gsub(segment, "[^%w._~!$&'()*+,;=:@-]", percent))
end

--- Builds a path from segments.
-- @param parsed A table as from <code>url.parse_path</code>.
-- @param unsafe True to leave the segments as they are instead of encoding them.
-- @return The path.
function build_path (parsed, unsafe)
  local segments = {}
  for i, segment in ipairs(parsed) do
    segments[i] = unsafe and segment or escape_segment(segment)
  end
  local path = table.concat(segments, "/")
  if parsed.is_directory and #segments > 0 then path = path .. "/" end
  if parsed.is_absolute then path = "/" .. path end
  return path
end

local ENTITIES = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'" }

--- Splits a query.
--
-- Queries copied out of HTML may have <code>&amp;amp;</code> between fields and the other predefined entities inside.
-- @param query The query, without its question mark.
-- @return A table of decoded names and values; of fields with the same name the last counts, a field without
--         <code>=</code> has the value <code>""</code>.
function parse_query (query)
  local parsed = {}
  query = string.gsub(query, "&(%a+);", function (name) return ENTITIES[name] end)
  for field in string.gmatch(query, "[^&]+") do
    local name, value = string.match(field, "^([^=]*)=(.*)$")
    parsed[unescape(name or field)] = unescape(value or "")
  end
  return parsed
end

--- Builds a query.
-- @param query A table of names and values.
-- @return The query, without question mark, its fields in the order of their names.
function build_query (query)
  local fields = {}
  for name, value in pairs(query) do
    fields[#fields + 1] = escape(tostring(name)) .. "=" .. escape(tostring(value))
  end
  table.sort(fields)
  return table.concat(fields, "&")
end

--- The port of a scheme.
-- @param scheme The scheme.
-- @return 80, 443 or nil.
function get_default_port (scheme)
  return DEFAULT_PORTS[string.lower(scheme or "")]
end

--- The scheme of a port.
-- @param port A number or a port table.
-- @return <code>http</code>, <code>https</code> or nil.
function get_default_scheme (port)
  local number = type(port) == "table" and port.number or port
  for scheme, default in pairs(DEFAULT_PORTS) do
    if default == number then return scheme end
  end
  return nil
end

return _ENV
