---
-- A client for HTTP/1.1 (RFC 9110, RFC 9112).
--
-- Requests return a response table, also when they fail:
-- * <code>status</code> - the status code as a number, nil if there was no valid response.
-- * <code>status-line</code> - the first line with its line end, or what went wrong.
-- * <code>version</code> - such as <code>"1.1"</code>.
-- * <code>header</code> - table of header fields, names in small letters; values of repeated fields joined by a comma.
-- * <code>rawheader</code> - array of the header lines as they were received; the last one is empty.
-- * <code>cookies</code> - array of cookies as from <code>http.parse_set_cookie</code>.
-- * <code>body</code> - the body, decoded; nil if there was no valid response.
-- * <code>rawbody</code> - the body before content codings such as gzip were undone.
-- * <code>decoded</code>, <code>undecoded</code> - arrays of the codings that were undone, and of those that were not.
-- * <code>location</code> - array of the places redirects led to, if there were any.
-- * <code>ssl</code> - whether the connection used TLS.
-- * <code>truncated</code> - true if the body is cut (see <code>truncated_ok</code>).
-- * <code>incomplete</code> - after an error in the middle, a table of the same kind with what came before it.
--
-- The <code>options</code> of a request are a table:
-- * <code>timeout</code> - milliseconds.
-- * <code>header</code> - table of header fields to send. A value of false leaves out a field that is sent by default.
-- * <code>content</code> - body; <code>Content-Length</code> is added.
-- * <code>cookies</code> - a <code>Cookie</code> field's value, or an array of tables with <code>name</code>,
--   <code>value</code> and maybe <code>path</code>.
-- * <code>auth</code> - table with <code>username</code> and <code>password</code> for Basic authentication. With
--   <code>digest</code> the scheme is what the server asks for, Digest or Basic; with <code>ntlm</code>, NTLM too, and
--   the table may have a <code>domain</code>.
-- * <code>bypass_cache</code> - don't look in the cache. <code>no_cache</code> - don't store in it.
--   <code>no_cache_body</code> - store it without the body.
-- * <code>any_af</code> - let a name resolve to addresses of any family.
-- * <code>redirect_ok</code> - for <code>get</code> and <code>head</code>: false to follow no redirects, the number of
--   them that may be followed, or a function as <code>http.redirect_ok</code> makes.
-- * <code>max_body_size</code> - bytes of body to accept, negative for no limit.
-- * <code>truncated_ok</code> - cut a body that is too large or ends early instead of failing.
-- * <code>scheme</code> - <code>"http"</code> or <code>"https"</code> to use one of them only.
--
-- @args http.useragent The value of the <code>User-Agent</code> field; an empty one sends none.
-- @args http.host The value of the <code>Host</code> field.
-- @args http.pipeline How many requests <code>pipeline_go</code> sends at once. Default: 40.
-- @args http.max-pipeline The most of them, when servers offer more.
-- @args http.max-body-size Bytes of body to accept, negative for no limit. Default: 2097152.
-- @args http.max-cache-size Bytes of bodies to keep in the cache. Default: 1000000.
-- @args http.truncated-ok Accept bodies cut at the limit.
--
-- @copyright MIT OR Apache-2.0

local comm = require "comm"
local httpauth = require "httpauth"
local httpread = require "httpread"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"
local table = require "table"
local tableaux = require "tableaux"
local url = require "url"
_ENV = stdnse.module("http", stdnse.seeall)

--- What the <code>User-Agent</code> field says unless argument <code>http.useragent</code> is given.
-- @class string
-- @name USER_AGENT
USER_AGENT = stdnse.get_script_args("http.useragent")
  or "Mozilla/5.0 (compatible; Perilune)"

local HOST_HEADER = stdnse.get_script_args("http.host")

local MAX_REDIRECTS = 5
local MAX_CACHE_LEN = tonumber((stdnse.get_script_args({ "http.max-cache-size", "http-max-cache-size" }))) or 1000000
local PIPELINE_COUNT = tonumber((stdnse.get_script_args("http.pipeline")))
local MAX_PIPELINE = tonumber((stdnse.get_script_args("http.max-pipeline")))
local DEFAULT_PIPELINE = 40

local error_response, new_reader, read_response = httpread.error_response, httpread.new_reader, httpread.read_response

--- Parses a <code>Set-Cookie</code> field (RFC 6265, 5.2).
-- @class function
-- @name parse_set_cookie
-- @param s The field's value.
-- @return A table with <code>name</code>, <code>value</code> and the attributes under their names in small letters, an
--         attribute without value being an empty string; or nil and a message.
parse_set_cookie = httpread.parse_set_cookie

--- Parses a <code>WWW-Authenticate</code> field (RFC 9110, 11.6.1).
-- @class function
-- @name parse_www_authenticate
-- @param s The field's value.
-- @return An array of tables with <code>scheme</code> and <code>params</code>, a table of parameters by their names in
--         small letters; a challenge with a single piece of data has <code>data</code> instead. Nil if it can't be
--         parsed.
parse_www_authenticate = httpauth.parse_www_authenticate

-- Requests --------------------------------------------------------------------------------------------------------

local function port_number (port) return type(port) == "table" and port.number or tonumber(port) end

-- The Host field: the name the user gave, and the port unless it is the scheme's own.
local function host_header (host, port, options, scheme)
  if HOST_HEADER then return HOST_HEADER end
  local name = url.ascii_hostname(host) or stdnse.get_hostname(host)
  if string.find(name, ":", 1, true) and string.sub(name, 1, 1) ~= "[" then name = "[" .. name .. "]" end
  local number = port_number(port)
  scheme = scheme or options.scheme
  if number == url.get_default_port(scheme or "") then return name end
  -- Without a scheme the request may go out either way, and both default ports go without saying.
  if not scheme and url.get_default_scheme(number) then return name end
  return name .. ":" .. number
end

local function cookie_field (cookies, path)
  if type(cookies) == "string" then return cookies end
  local pairs_out = {}
  for _, cookie in ipairs(cookies) do
    -- RFC 6265, 5.1.4: the cookie's path is the request's, or a folder above it.
    local folder = cookie.path or "/"
    local matches = folder == path or (string.sub(path, 1, #folder) == folder
      and (string.sub(folder, -1) == "/" or string.find(path, "^[/?]", #folder + 1) ~= nil))
    if matches then pairs_out[#pairs_out + 1] = cookie.name .. "=" .. cookie.value end
  end
  if #pairs_out == 0 then return nil end
  return table.concat(pairs_out, "; ")
end

-- A line end in a name or value would start another field.
local function clean (text) return (string.gsub(tostring(text), "[\r\n]+", " ")) end

-- A space or line end in the path would end the request line early.
local function request_target (path)
  path = string.gsub(path, "[%c ]", function (c) return string.format("%%%02X", string.byte(c)) end)
  return path ~= "" and path or "/"
end

-- The request as text. keep_alive asks for the connection to stay open.
local function build_request (host, port, method, path, options, keep_alive)
  local content = options.content
  local fields, seen = {}, {}
  local function add (name, value)
    fields[#fields + 1] = clean(name) .. ": " .. clean(value)
  end
  for name, value in pairs(options.header or {}) do
    seen[string.lower(name)] = true
    if value then add(name, value) end
  end
  local function default (name, value)
    if value ~= nil and not seen[string.lower(name)] then add(name, value) end
  end
  default("Host", host_header(host, port, options))
  if USER_AGENT ~= "" then default("User-Agent", USER_AGENT) end
  if options.cookies then default("Cookie", cookie_field(options.cookies, path)) end
  local auth = options.auth
  if auth and auth.username and not auth.digest and not auth.ntlm then
    default("Authorization", httpauth.basic(auth))
  end
  if type(content) == "table" then
    content = url.build_query(content)
    default("Content-Type", "application/x-www-form-urlencoded")
  end
  if content then default("Content-Length", #content) end
  default("Connection", keep_alive and "keep-alive" or "close")
  return method .. " " .. request_target(path) .. " HTTP/1.1\r\n" .. table.concat(fields, "\r\n") .. "\r\n\r\n" .. (content or "")
end

local function comm_options (options)
  local proto
  if options.scheme == "https" then proto = "ssl" elseif options.scheme == "http" then proto = "tcp" end
  return { timeout = options.timeout, any_af = options.any_af, proto = proto }
end

-- Connects, sends, and leaves the reading to the caller. Result: reader and "tcp"/"ssl", or nil and an error.
local function open (host, port, data, options)
  local comm_opts = comm_options(options)
  local socket, partial, proto
  if options.scheme == "http" then
    -- The scheme is known: one try, without TLS.
    socket, partial = comm.opencon(host, port, data, comm_opts)
    proto = "tcp"
  else
    socket, partial, proto = comm.tryssl(host, port, data, comm_opts)
  end
  if not socket then return nil, partial end
  return new_reader(socket, partial), proto
end

local function check_options (options)
  local kinds = { timeout = "number", header = "table", auth = "table", max_body_size = "number" }
  for name, kind in pairs(kinds) do
    if options[name] ~= nil and type(options[name]) ~= kind then
      error("http: option '" .. name .. "' must be a " .. kind, 4)
    end
  end
end

local function request_once (host, port, method, path, options)
  local data = build_request(host, port, method, path, options, false)
  local reader, proto = open(host, port, data, options)
  if not reader then
    stdnse.debug1("http: request failed: %s", tostring(proto))
    return error_response("Error creating socket.")
  end
  local response = read_response(reader, method, options)
  reader.socket:close()
  response.ssl = proto == "ssl"
  return response
end

local function with_header (options, name, value)
  local copy = tableaux.shallow_tcopy(options)
  copy.header = tableaux.shallow_tcopy(options.header or {})
  copy.header[name] = value
  return copy
end

-- NTLM authenticates a connection: both messages have to go over the same one.
local function ntlm_request (host, port, method, path, options)
  local first = with_header(options, "Authorization", httpauth.ntlm_negotiate())
  first.content = first.content and ""
  local reader, proto = open(host, port, build_request(host, port, method, path, first, true), options)
  if not reader then return error_response("Error creating socket.") end
  local response, reusable = read_response(reader, method, options)
  local challenge = response.status == 401 and httpauth.challenge_of(response, "ntlm")
  local answer = challenge and reusable and httpauth.ntlm_authenticate(options.auth, challenge)
  if answer then
    local last = with_header(options, "Authorization", answer)
    local sent, err = reader.socket:send(build_request(host, port, method, path, last, false))
    if sent then
      response = read_response(reader, method, options)
    else
      response = error_response("Error sending request: " .. tostring(err))
    end
  end
  reader.socket:close()
  response.ssl = proto == "ssl"
  return response
end

-- Sends a request; with credentials for more than Basic, answers what the server asks for, once.
local function request (host, port, method, path, options)
  local response = request_once(host, port, method, path, options)
  local auth = options.auth
  if response.status ~= 401 or not auth or not auth.username or not (auth.digest or auth.ntlm) then return response end
  if auth.ntlm and httpauth.challenge_of(response, "ntlm") and httpauth.ntlm_negotiate() then
    return ntlm_request(host, port, method, path, options)
  end
  local answer
  local challenge = httpauth.challenge_of(response, "digest")
  if challenge then
    answer = httpauth.digest(auth, challenge, method, request_target(path))
  elseif httpauth.challenge_of(response, "basic") then
    answer = httpauth.basic(auth)
  end
  if not answer then return response end
  return request_once(host, port, method, path, with_header(options, "Authorization", answer))
end

--- Sends a request of any method.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param method Such as <code>"OPTIONS"</code>.
-- @param path The path, with its query.
-- @param options Options, see above.
-- @return A response table.
function generic_request (host, port, method, path, options)
  options = options or {}
  check_options(options)
  return request(host, port, method, path, options)
end

-- Cache -----------------------------------------------------------------------------------------------------------

-- Responses of GET and HEAD by request, oldest first in cache_order, up to MAX_CACHE_LEN bytes of bodies.
local cache, cache_order, cache_len = {}, {}, 0
-- Who is fetching what right now; others wait for the result instead of asking the server again.
local fetching = setmetatable({}, { __mode = "v" })

local function cache_key (host, port, method, path, options)
  local body_rules = string.format("%s %s", tostring(options.max_body_size), tostring(options.truncated_ok))
  local name = type(host) == "table" and (host.ip or "") .. " " .. (host.targetname or "") or host
  return table.concat({ name, tostring(port_number(port)), method, path, options.scheme or "", body_rules }, "\n")
end

-- Only a request that any other caller would send the same way can share its response.
local function cacheable (options)
  return not options.auth and not options.cookies and not options.content and not options.header
end

local function store (key, response, options)
  if cache[key] then
    cache_len = cache_len - #(cache[key].body or "") - #(cache[key].rawbody or "")
  else
    cache_order[#cache_order + 1] = key
  end
  local kept = tableaux.tcopy(response)
  if options.no_cache_body then kept.body, kept.rawbody = "", "" end
  cache[key] = kept
  cache_len = cache_len + #(kept.body or "") + #(kept.rawbody or "")
  while cache_len > MAX_CACHE_LEN and #cache_order > 0 do
    local oldest = table.remove(cache_order, 1)
    cache_len = cache_len - #(cache[oldest].body or "") - #(cache[oldest].rawbody or "")
    cache[oldest] = nil
  end
end

-- A GET answers a HEAD too.
local function cached (host, port, method, path, options)
  local hit = cache[cache_key(host, port, method, path, options)]
  if hit then return tableaux.tcopy(hit) end
  if method ~= "HEAD" then return nil end
  hit = cache[cache_key(host, port, "GET", path, options)]
  if not hit then return nil end
  hit = tableaux.tcopy(hit)
  hit.body, hit.rawbody, hit.truncated = "", "", nil
  return hit
end

local function cached_request (host, port, method, path, options)
  if not cacheable(options) then return request(host, port, method, path, options) end
  local key = cache_key(host, port, method, path, options)
  if not options.bypass_cache then
    local hit = cached(host, port, method, path, options)
    if hit then return hit end
    -- Whoever fetches holds the mutex of its token; the engine gives it back if that thread ends on the way.
    while fetching[key] do
      local token = fetching[key]
      local mutex = nmap.mutex(token)
      mutex "lock"
      mutex "done"
      hit = cached(host, port, method, path, options)
      if hit then return hit end
      -- A port that did not answer would let all who wait find that out one after the other.
      if token.failed then return tableaux.tcopy(token.failed) end
      if fetching[key] == token then fetching[key] = nil end
    end
  end
  if options.no_cache or options.bypass_cache then
    local response = request(host, port, method, path, options)
    if not options.no_cache and response.status then store(key, response, options) end
    return response
  end
  local token = {}
  local mutex = nmap.mutex(token)
  mutex "lock"
  fetching[key] = token
  local ok, response = pcall(request, host, port, method, path, options)
  if ok and response.status then store(key, response, options) elseif ok then token.failed = response end
  if fetching[key] == token then fetching[key] = nil end
  mutex "done"
  if not ok then error(response, 0) end
  return response
end

-- Redirects -------------------------------------------------------------------------------------------------------

local REDIRECT_STATUS = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

--- Reads where a response redirects to.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param path The path that was asked for.
-- @param response The response table.
-- @return A table as from <code>url.parse</code>, always with <code>host</code>, <code>port</code> and a
--         <code>path</code> that includes the query; or nil if the response is no redirect.
function parse_redirect (host, port, path, response)
  local location = response.header and response.header.location
  if not REDIRECT_STATUS[response.status] or not location or location == "" then return nil end
  local target = url.parse(location)
  local number = port_number(port)
  if not target.host then
    -- A reference within the server; only its path has to be resolved.
    local resolved = url.parse(url.absolute(path, { path = target.path, params = target.params, query = target.query }))
    target.path, target.params, target.query = resolved.path, resolved.params, resolved.query
    target.host = url.ascii_hostname(host) or stdnse.get_hostname(host)
    target.port = number
  elseif not target.port then
    target.port = url.get_default_port(target.scheme or url.get_default_scheme(number) or "") or number
  end
  if target.path == "" then target.path = "/" end
  if string.sub(target.path, 1, 1) ~= "/" then target.path = "/" .. target.path end
  if target.params then target.path = target.path .. ";" .. target.params end
  if target.query then target.path = target.path .. "?" .. target.query end
  return target
end

-- The name without its first label, if at least two labels are left.
local function parent_domain (name)
  local parent = string.match(name, "^[^.]+%.(.+)$")
  if parent and string.find(parent, ".", 1, true) and not string.find(name, "^[%d.]+$") then return parent end
  return nil
end

--- Makes the function that decides whether a redirect is followed.
--
-- The rules: the port stays the same; the host stays the same or is another name under the same parent domain; the
-- scheme is HTTP or HTTPS, and TLS is not left; not more redirects than allowed.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param counter How many redirects may be followed. Default: 5.
-- @return A function that gets a table as from <code>http.parse_redirect</code> and returns true or false.
function redirect_ok (host, port, counter)
  local left = counter or MAX_REDIRECTS
  local names = {}
  if type(host) == "table" then
    for _, name in ipairs({ host.targetname or false, host.ip or false, host.name or false }) do
      if name and name ~= "" then names[string.lower(name)] = true end
    end
  else
    names[string.lower(host)] = true
  end
  local number = port_number(port)
  local tls = type(port) == "table" and type(port.version) == "table" and port.version.service_tunnel == "ssl"
  return function (target)
    if left <= 0 then return false end
    if target.scheme and target.scheme ~= "http" and target.scheme ~= "https" then return false end
    if tls and target.scheme == "http" then return false end
    if (target.port or url.get_default_port(target.scheme or "") or number) ~= number then return false end
    local wanted = string.lower(string.gsub(target.host or "", "^%[(.*)%]$", "%1"))
    local same = names[wanted]
    if not same then
      local parent = parent_domain(wanted)
      for name in pairs(names) do
        if parent and parent == parent_domain(name) then same = true end
      end
    end
    if not same then return false end
    left = left - 1
    return true
  end
end

-- Does a GET or HEAD and follows redirects.
local function following_request (host, port, method, path, options)
  options = options or {}
  check_options(options)
  local may_follow = options.redirect_ok
  if type(may_follow) ~= "function" then
    if may_follow == false then
      may_follow = function () return false end
    else
      may_follow = redirect_ok(host, port, type(may_follow) == "number" and may_follow or nil)
    end
  end
  local locations
  while true do
    local response = cached_request(host, port, method, path, options)
    local target = parse_redirect(host, port, path, response)
    if target then
      locations = locations or {}
      locations[#locations + 1] = response.header.location
    end
    response.location = locations
    if not target or not may_follow(target) then return response end
    -- The host table stays when the name does, so that the address found at the start of the scan is used.
    if target.host ~= (url.ascii_hostname(host) or host)
      and not (type(host) == "table" and string.lower(target.host) == host.ip) then
      host = target.host
    end
    if target.port ~= port_number(port) then port = target.port end
    if target.scheme and target.scheme ~= options.scheme and not (type(port) == "table") then
      options = tableaux.shallow_tcopy(options)
      options.scheme = target.scheme
    end
    path = target.path
    -- A redirect function of the caller's own may count or not: this many are enough for anybody.
    if #locations >= 50 then return response end
  end
end

--- Fetches a resource with GET, following redirects.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param path The path, with its query.
-- @param options Options, see above.
-- @return A response table.
function get (host, port, path, options)
  return following_request(host, port, "GET", path, options)
end

--- Asks for the header of a resource with HEAD, following redirects.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param path The path, with its query.
-- @param options Options, see above.
-- @return A response table.
function head (host, port, path, options)
  return following_request(host, port, "HEAD", path, options)
end

--- Fetches a URL with GET, following redirects.
-- @param u The URL, absolute.
-- @param options Options, see above.
-- @return A response table.
function get_url (u, options)
  local parsed = url.parse(u)
  options = options and tableaux.shallow_tcopy(options) or {}
  local port = parsed.port or url.get_default_port(parsed.scheme or "http")
  if not parsed.host or not port then return error_response("Unsupported URL.") end
  if parsed.scheme == "https" then
    port = { number = port, protocol = "tcp", state = "open", service = "https", version = { service_tunnel = "ssl" } }
  else
    port = { number = port, protocol = "tcp", state = "open", service = "http", version = { service_tunnel = "none" } }
  end
  local path = parsed.path ~= "" and parsed.path or "/"
  if parsed.params then path = path .. ";" .. parsed.params end
  if parsed.query then path = path .. "?" .. parsed.query end
  return get(parsed.ascii_host or parsed.host, port, path, options)
end

--- Sends data with POST.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param path The path, with its query.
-- @param options Options, see above.
-- @param ignored Not used any more.
-- @param postdata The body: a string, or a table of fields that is sent as a form.
-- @return A response table. Redirects are not followed.
function post (host, port, path, options, ignored, postdata)
  options = options and tableaux.shallow_tcopy(options) or {}
  check_options(options)
  options.content = postdata or options.content or ""
  return request(host, port, "POST", path, options)
end

--- Sends data with PUT.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param path The path, with its query.
-- @param options Options, see above.
-- @param putdata The body.
-- @return A response table. Redirects are not followed.
function put (host, port, path, options, putdata)
  options = options and tableaux.shallow_tcopy(options) or {}
  check_options(options)
  options.content = putdata or options.content or ""
  return request(host, port, "PUT", path, options)
end

-- Pipelines -------------------------------------------------------------------------------------------------------

--- Adds a request to a list for <code>http.pipeline_go</code>.
-- @param path The path, with its query.
-- @param options Options, see above.
-- @param all_requests The list; nil for a new one.
-- @param method The method. Default: <code>"GET"</code>.
-- @return The list.
function pipeline_add (path, options, all_requests, method)
  all_requests = all_requests or {}
  all_requests[#all_requests + 1] = { method = method or "GET", path = path, options = options or {} }
  return all_requests
end

-- How many requests the server takes on one connection, as far as it says.
local function pipeline_limit (response)
  if response.version == "1.0" then return 1 end
  local max = string.match(response.header["keep-alive"] or "", "max=(%d+)")
  local limit = PIPELINE_COUNT or math.min(tonumber(max) or DEFAULT_PIPELINE, DEFAULT_PIPELINE)
  if MAX_PIPELINE then limit = math.min(limit, MAX_PIPELINE) end
  return math.max(limit, 1)
end

--- Sends many requests, several at a time on one connection where the server allows it.
-- @usage
-- local all = nil
-- for _, path in ipairs(paths) do all = http.pipeline_add(path, nil, all, "HEAD") end
-- local responses = http.pipeline_go(host, port, all)
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param all_requests A list made with <code>http.pipeline_add</code>.
-- @return An array of response tables, in the order of the requests. It is shorter than the list if the server stopped
--         answering. Nil if the list is nil. Redirects are not followed.
function pipeline_go (host, port, all_requests)
  if not all_requests then return nil end
  stdnse.debug1("http: pipeline of %d requests", #all_requests)
  local responses = {}
  -- One at first: its response tells how many may follow on the same connection.
  local batch, failures = 1, 0
  while #responses < #all_requests do
    local first = #responses + 1
    local last = math.min(#responses + batch, #all_requests)
    local texts = {}
    for i = first, last do
      local one = all_requests[i]
      texts[#texts + 1] = build_request(host, port, one.method, one.path, one.options, i < last)
    end
    local reader, proto = open(host, port, table.concat(texts), all_requests[first].options)
    if not reader then
      stdnse.debug1("http: pipeline stopped: %s", tostring(proto))
      break
    end
    local got = 0
    for i = first, last do
      local one = all_requests[i]
      local response, reusable = read_response(reader, one.method, one.options)
      if not response.status then break end
      response.ssl = proto == "ssl"
      responses[i] = response
      got = got + 1
      if i == first and batch == 1 then batch = pipeline_limit(response) end
      if not reusable then break end
    end
    reader.socket:close()
    if got == 0 then
      -- A server that can't take them together may take them one by one; one that gives nothing twice is left.
      failures = failures + 1
      if batch == 1 or failures > 1 then break end
      batch = 1
    elseif got < last - first + 1 then
      batch = math.max(got, 1)
    end
  end
  stdnse.debug1("http: pipeline got %d responses", #responses)
  return responses
end

--- Sends many requests. Deprecated: use <code>http.pipeline_go</code>.
function pipeline (host, port, allReqs) return pipeline_go(host, port, allReqs) end
--- Adds a request to a list. Deprecated: use <code>http.pipeline_add</code>.
function addPipeline (host, port, path, options, ignored, allReqs, method)
  return pipeline_add(path, options, allReqs, method)
end
--- Adds a GET to a list. Deprecated: use <code>http.pipeline_add</code>.
function pGet (host, port, path, options, ignored, allReqs) return pipeline_add(path, options, allReqs, "GET") end
--- Adds a HEAD to a list. Deprecated: use <code>http.pipeline_add</code>.
function pHead (host, port, path, options, ignored, allReqs) return pipeline_add(path, options, allReqs, "HEAD") end

-- Header fields ---------------------------------------------------------------------------------------------------

local MONTHS = { jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9, oct = 10, nov = 11,
  dec = 12 }

--- Parses a date in one of the three forms of RFC 9110, 5.6.7.
-- @param s The text.
-- @return A date table in UTC as <code>os.date</code> makes them, or nil.
function parse_date (s)
  local day, month, year, hour, min, sec = string.match(s, "^%a+, (%d+)[ -](%a+)[ -](%d+) (%d+):(%d+):(%d+) GMT$")
  if not day then
    month, day, hour, min, sec, year = string.match(s, "^%a+ (%a+) +(%d+) (%d+):(%d+):(%d+) (%d+)$")
  end
  month = month and MONTHS[string.lower(month)]
  if not month then
    stdnse.debug1("http.parse_date: can't parse date %q", s)
    return nil
  end
  year = math.tointeger(tonumber(year))
  -- Two digits: the century that is nearer to the time such dates were in use.
  if year < 70 then year = year + 2000 elseif year < 100 then year = year + 1900 end
  local function number (text) return math.tointeger(tonumber(text)) end
  return { year = year, month = month, day = number(day), hour = number(hour), min = number(min), sec = number(sec),
    isdst = false }
end

--- The status code and reason of a response, for messages.
-- @param data The response table.
-- @return A string.
function get_status_string (data)
  local line = data["status-line"]
  if line then
    return httpread.trim(string.match(line, "^HTTP/[%d.]+%s+(.*)$") or line)
  end
  return data.status and tostring(data.status) or "<unknown status>"
end

-- Pages -----------------------------------------------------------------------------------------------------------

--- Makes a pattern for an HTML tag, whatever its case and attributes.
-- @param tag The tag's name.
-- @param endtag True for the end tag.
-- @return A Lua pattern.
function tag_pattern (tag, endtag)
  if endtag then return "</%s*" .. stringaux.ipattern(tag) .. "%f[%s>].->" end
  return "<%s*" .. stringaux.ipattern(tag) .. "%f[%s/>].->"
end

--- Finds the forms of a page.
-- @param body The page.
-- @return An array of strings, each from a form's start tag up to its end tag.
function grab_forms (body)
  local forms, pos = {}, 1
  if not body then return forms end
  -- Only the beginnings of tags are looked for: with ".->" in the pattern, a page full of "<form" without any ">" would
  -- be read to its end from each of them.
  while true do
    local from, name_end = string.find(body, "<%s*[fF][oO][rR][mM]%f[%s/>]", pos)
    if not from then break end
    local stop, after = string.find(body, "</%s*[fF][oO][rR][mM]%f[%s>]", name_end + 1)
    if not stop or not string.find(body, ">", name_end + 1, true) then break end
    forms[#forms + 1] = string.sub(body, from, stop - 1)
    pos = after + 1
  end
  return forms
end

local function attribute (tag, name)
  local pattern = "[%s\"']" .. stringaux.ipattern(name) .. "%s*=%s*"
  local _, at = string.find(tag, pattern)
  if not at then return nil end
  return string.match(tag, '^"([^"]*)"', at + 1) or string.match(tag, "^'([^']*)'", at + 1)
    or string.match(tag, "^([^%s>\"']+)", at + 1)
end

--- Takes a form apart.
-- @param form A form as from <code>http.grab_forms</code>.
-- @return A table with <code>action</code>, <code>method</code> (in small letters), <code>id</code> and
--         <code>fields</code>: an array of tables with <code>name</code>, <code>type</code> and <code>value</code>.
--         Nil if there is no form.
function parse_form (form)
  local start = string.match(form, tag_pattern("form"))
  if not start then return nil end
  local method = attribute(start, "method")
  local parsed = { action = attribute(start, "action"), method = method and string.lower(method),
    id = attribute(start, "id"), fields = {} }
  for closing, kind, rest in string.gmatch(form, "<%s*(/?)(%a+)%f[%A]([^<>]*)>") do
    kind = string.lower(kind)
    local name = attribute(rest, "name")
    if closing == "" and name then
      if kind == "input" then
        local input_type = attribute(rest, "type")
        parsed.fields[#parsed.fields + 1] = { name = name, type = input_type and string.lower(input_type),
          value = attribute(rest, "value") }
      elseif kind == "textarea" or kind == "select" then
        parsed.fields[#parsed.fields + 1] = { name = name, type = kind }
      end
    end
  end
  return parsed
end

--- Takes out of a page what differs from one request to the next, so that two error pages can be compared.
-- @param body The page.
-- @return The rest of it.
function clean_404 (body)
  body = string.gsub(body or "", "%d?%d:%d%d:?%d*", "")
  body = string.gsub(body, "%d%d%d%d%-%d%d?%-%d%d?", "")
  body = string.gsub(body, "%d%d?[/.-]%d%d?[/.-]%d%d%d?%d?", "")
  -- The path that was asked for, which such pages like to repeat.
  body = string.gsub(body, "/[%w_./?=&%%-]*", "")
  return body
end

-- A path that no server has. The digits come from the run's own random numbers, so that nobody can prepare for it.
local function absent_path (suffix)
  return string.format("/perilune-%08x%08x%s", math.random(0, 0x7fffffff), math.random(0, 0x7fffffff), suffix or "")
end

--- Finds out how a server answers to paths it does not have.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @return True, or false and a message if the server's answers can't be told from real pages.
-- @return The status code of such answers.
-- @return If that is 200, the page, cleaned by <code>http.clean_404</code>.
function identify_404 (host, port)
  local options = { redirect_ok = false, bypass_cache = true, no_cache = true }
  local status, body
  for _, suffix in ipairs({ "", ".html", "/folder" }) do
    local response = get(host, port, absent_path(suffix), options)
    if not response.status then
      return false, "no answer for a path that should not exist"
    end
    if status and response.status ~= status then
      return false, string.format("absent paths give status %d as well as %d", status, response.status)
    end
    status = response.status
    if status ~= 200 then
      -- Redirects, 401 and errors all serve as "not there": a page that is there has another code.
      if status == 404 then return true, status end
    else
      local cleaned = clean_404(response.body)
      if body and cleaned ~= body then
        return false, "absent paths give different pages with status 200"
      end
      body = cleaned
    end
  end
  return true, status, body
end

--- Decides whether a response means that the page exists.
-- @param data The response table.
-- @param result_404 The status code of absent pages, as from <code>http.identify_404</code>.
-- @param known_404 The page that comes with it if that code is 200.
-- @param page The path, for messages.
-- @param displayall True to count other codes than 200 and 401 too, such as redirects.
-- @return True or false.
function page_exists (data, result_404, known_404, page, displayall)
  if not data or not data.status then
    stdnse.debug1("http: request failed for %s", page)
    return false
  end
  if data.status == 404 then return false end
  if result_404 == 200 and data.status == 200 then
    return (data.body or "") ~= "" and clean_404(data.body) ~= known_404
  end
  if data.status == result_404 then return false end
  return displayall ~= nil and displayall ~= false or data.status == 200 or data.status == 401
end

--- Finds out whether a server answers HEAD properly.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param result_404 The status code of absent pages; if it is 200, HEAD tells nothing.
-- @param path The path to try. Default: <code>/</code>.
-- @return True or false.
-- @return The response to HEAD, if the first result is true.
function can_use_head (host, port, result_404, path)
  if result_404 == 200 then
    stdnse.debug1("http: absent pages have status 200, HEAD can't be used")
    return false
  end
  local response = head(host, port, path or "/")
  if not response.status then
    stdnse.debug1("http: no answer to HEAD")
    return false
  end
  if response.status ~= 200 then
    stdnse.debug1("http: status %d for HEAD", response.status)
    return false
  end
  if response.body and #response.body > 0 then
    stdnse.debug1("http: HEAD returned a body")
    return false
  end
  return true, response
end

--- Looks for a pattern in the status line, the header and the body of a response.
-- @param response The response table.
-- @param pattern A Lua pattern.
-- @param case_sensitive False or nil to ignore case.
-- @return True or false.
-- @return If true, an array of the pattern's captures; without captures, the whole match.
function response_contains (response, pattern, case_sensitive)
  -- Ignoring case means comparing in small letters, so captures come in small letters too.
  if not case_sensitive then pattern = stringaux.ipattern(pattern) end
  local places = { response["status-line"] or "" }
  for _, line in ipairs(response.rawheader or {}) do places[#places + 1] = line end
  places[#places + 1] = response.body or ""
  for _, text in ipairs(places) do
    local captures = { string.match(case_sensitive and text or string.lower(text), pattern) }
    if #captures > 0 then return true, captures end
  end
  return false
end

--- Notes in the registry that a server has a path, for scripts that make a map of it.
-- @param host The host table, an address or a name.
-- @param port The port table or a number.
-- @param path The path.
-- @param status The status code it was found with.
-- @param links_to An array of paths it links to.
-- @param linked_from An array of paths that link to it.
-- @param contenttype Its media type.
function save_path (host, port, path, status, links_to, linked_from, contenttype)
  local name = type(host) == "table" and (host.targetname or host.ip) or host
  local keys = { name, "www", port_number(port) }
  local function under (...)
    local all = {}
    for i, key in ipairs(keys) do all[i] = key end
    for _, key in ipairs({ ... }) do all[#all + 1] = key end
    return all
  end
  local parsed = url.parse(path)
  stdnse.registry_add_array(under("all_pages"), parsed.path)
  if parsed.query then
    stdnse.registry_add_array(under("cgi"), parsed.path)
    stdnse.registry_add_array(under("cgi_querystring", parsed.path), parsed.query)
  end
  if status then
    stdnse.registry_add_array(under("status_codes", tostring(status)), parsed.path)
    stdnse.registry_add_table(under("pages", parsed.path), "status", status, true)
  end
  for _, link in ipairs(links_to or {}) do
    stdnse.registry_add_array(under("pages", parsed.path, "links_to"), link)
  end
  for _, link in ipairs(linked_from or {}) do
    stdnse.registry_add_array(under("pages", parsed.path, "linked_from"), link)
  end
  if contenttype then
    stdnse.registry_add_table(under("pages", parsed.path), "content-type", contenttype, true)
    stdnse.registry_add_array(under("content-types", contenttype), parsed.path)
  end
end

return _ENV
