local stub = require "stub"
local http = require "http"

local HOST, PORT = { ip = "10.0.0.1" }, { number = 80, protocol = "tcp", state = "open", version = {} }

-- Answers a request with pieces; one GET, no cache, no redirects.
local function respond (pieces, options, ending)
  if type(pieces) == "string" then pieces = { pieces } end
  stub.peer = function () return table.move(pieces, 1, #pieces, 1, {}), ending end
  options = options or {}
  options.bypass_cache, options.no_cache = true, true
  if options.redirect_ok == nil then options.redirect_ok = false end
  return http.get(HOST, PORT, "/", options)
end

local function bytewise (text)
  local list = {}
  for c in text:gmatch(".") do list[#list + 1] = c end
  return list
end

-- Bodies.
local plain = "HTTP/1.1 200 OK\r\nServer: A\r\nContent-Length: 3\r\nX-Y:  b \r\n\r\nabcEXTRA"
local r = respond(plain)
check("content-length", '200 "abc" "A" "b" "1.1" "HTTP/1.1 200 OK\\13\\\n"', r.status, r.body, r.header.server,
  r.header["x-y"], r.version, r["status-line"])
check("raw header", '{1="Server: A",2="Content-Length: 3",3="X-Y:  b ",4=""}', r.rawheader)
r = respond(bytewise(plain))
check("byte by byte", '200 "abc"', r.status, r.body)
local chunked = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3;x=y\r\nabc\r\n0A\r\n0123456789\r\n00\r\nT: t\r\n\r\n"
check("chunked", '"abc0123456789"', respond(chunked).body)
check("chunked byte by byte", '"abc0123456789"', respond(bytewise(chunked)).body)
check("until close", '"abc"', respond("HTTP/1.0 200\r\n\r\nabc").body)
check("no content", '204 ""', (function () local x = respond("HTTP/1.1 204 No\r\n\r\nzzz") return x.status, x.body end)())
check("interim", '"x"', respond("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx").body)
check("folded and repeated fields", '"a b" "1, 2"',
  respond("HTTP/1.1 200 OK\r\nF: a\r\n  b\r\nG: 1\r\ng: 2\r\nno field\r\n\r\n").header.f,
  respond("HTTP/1.1 200 OK\r\nG: 1\r\ng: 2\r\n\r\n").header.g)

-- What goes wrong.
local function failure (...)
  local x = respond(...)
  return x.status, x["status-line"], x.header, x.rawheader, x.body
end
check("no response", 'nil "Error in HTTP response: No response: EOF" {} {} nil', failure(""))
check("timeout", 'nil "Error in HTTP response: No response: TIMEOUT" {} {} nil', failure("", nil, "TIMEOUT"))
check("not HTTP", 'nil "Error in HTTP response: Error parsing status-line \\"220 hi\\\\13\\\\\\\n\\"." {} {} nil', failure("220 hi\r\n"))
check("body ended early", 'nil "Error in HTTP response: Body ended early: EOF" {} {} nil',
  failure("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
check("what came before", '200 "abc"', (function ()
  local x = respond("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").incomplete
  return x.status, x.body
end)())
check("bad chunk", 'nil "Error in HTTP response: Chunk size expected, got \\"zz\\"." {} {} nil',
  failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))
check("huge chunk", "nil", respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n").status)
check("endless interim", "nil", respond(("HTTP/1.1 100 C\r\n\r\n"):rep(50)).status)
check("endless line", "nil", respond(("x"):rep(200000)).status)
check("endless header", "nil", respond("HTTP/1.1 200 OK\r\n" .. ("A: " .. ("x"):rep(1000) .. "\r\n"):rep(1000)).status)
stub.peer = nil
check("no connection", '"Error creating socket."', http.get(HOST, PORT, "/no", { bypass_cache = true })["status-line"])

-- Limits.
local long = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi"
check("too large", "nil", respond(long, { max_body_size = 4 }).status)
r = respond(long, { max_body_size = 4, truncated_ok = true })
check("cut", '"abcd" true', r.body, r.truncated)
check("exactly the limit", '"abcdefghi" nil', respond(long, { max_body_size = 9 }).body,
  respond(long, { max_body_size = 9 }).truncated)
r = respond(chunked, { max_body_size = 5, truncated_ok = true })
check("cut chunks", '"abc01" true', r.body, r.truncated)
r = respond("HTTP/1.0 200 OK\r\n\r\nabcdef", { max_body_size = 5, truncated_ok = true })
check("cut at close", '"abcde" true', r.body, r.truncated)
check("no limit", '"abcdef"', respond("HTTP/1.0 200 OK\r\n\r\nabcdef", { max_body_size = -1 }).body)

-- Input made to be slow: each takes well under a second, or the parser is not linear and they take minutes. The clock
-- counts what other tests compute meanwhile, too.
local started = os.clock()
respond("HTTP/1.1 200 OK\r\nA" .. (" "):rep(60000) .. "B: " .. (" "):rep(60000) .. "x\r\n\r\n")
respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" .. ("1\r\nx\r\n"):rep(100000) .. "0\r\n\r\n")
respond("HTTP/1.1 200 OK\r\n" .. ("a\n"):rep(100000) .. "\n")
respond("HTTP/1.1 200 OK\r\nSet-Cookie: a=" .. (" "):rep(60000) .. "x;" .. (" ; "):rep(1000) .. "\r\n\r\n")
http.grab_forms(("<form "):rep(100000))
http.parse_form("<form>" .. ("<a"):rep(100000))
http.clean_404(("/"):rep(200000))
http.parse_www_authenticate(("a, "):rep(20000))
check("slow input", "true", os.clock() - started < 40)

-- Requests.
local function sent (method, path, options)
  stub.sent, stub.peer = {}, function () return { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" } end
  http.generic_request(HOST, PORT, method, path, options)
  return (stub.sent[1]:gsub("\r", ""))
end
local agent = "User-Agent: " .. http.USER_AGENT .. "\n"
check("request", string.format("%q", "GET /x HTTP/1.1\nHost: 10.0.0.1\n" .. agent .. "Connection: close\n\n"), sent("GET", "/x"))
check("no line ends get in", string.format("%q", "GET /a%0D%0Ab%20c HTTP/1.1\nX: 1 Y: 2\nConnection: close\n\n"),
  sent("GET", "/a\r\nb c", { header = { X = "1\r\nY: 2", ["user-agent"] = false, host = false } }))
check("body and cookies", string.format("%q", "POST / HTTP/1.1\nHost: 10.0.0.1\n" .. agent
  .. "Cookie: a=1\nAuthorization: Basic dXNlcjpwYXNz\nContent-Type: application/x-www-form-urlencoded\n"
  .. "Content-Length: 7\nConnection: close\n\nk=a%20b"),
  sent("POST", "/", { content = { k = "a b" }, auth = { username = "user", password = "pass" },
    cookies = { { name = "a", value = "1", path = "/" }, { name = "b", value = "2", path = "/other" } } }))
check("bad option", "false", (pcall(http.generic_request, HOST, PORT, "GET", "/", { header = "x" })))

-- Redirects and cache.
local served = {}
local function serve (pages)
  served = {}
  stub.peer = function (request)
    local path = request:match("^%u+ (%S+)")
    served[#served + 1] = path
    return { pages[path] or "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" }
  end
end
local function moved (to) return "HTTP/1.1 302 Found\r\nLocation: " .. to .. "\r\nContent-Length: 0\r\n\r\n" end
serve({ ["/r"] = moved("s/t?u#v"), ["/s/t?u"] = moved("http://10.0.0.1/end"), ["/end"] = long, ["/loop"] = moved("/loop"),
  ["/out"] = moved("http://example.com/"), ["/ftp"] = moved("ftp://10.0.0.1/"), ["/port"] = moved("http://10.0.0.1:81/") })
r = http.get(HOST, PORT, "/r")
check("followed", '200 {1="s/t?u#v",2="http://10.0.0.1/end"} {1="/r",2="/s/t?u",3="/end"}', r.status, r.location, served)
r = http.get(HOST, PORT, "/r")
check("cached", "200 3", r.status, #served)
r.header.server = "changed"
check("cache gives copies", "nil", http.get(HOST, PORT, "/end").header.server)
check("HEAD from a cached GET", '200 "" 3', http.head(HOST, PORT, "/end").status, http.head(HOST, PORT, "/end").body, #served)
r = http.get(HOST, PORT, "/loop", { bypass_cache = true })
check("loop ends", "302 6", r.status, #r.location)
check("other host, scheme, port", "1 1 1", #http.get(HOST, PORT, "/out").location, #http.get(HOST, PORT, "/ftp").location,
  #http.get(HOST, PORT, "/port").location)
check("redirect_ok number", "302 2", http.get(HOST, PORT, "/r", { redirect_ok = 1 }).status,
  #http.get(HOST, PORT, "/r", { redirect_ok = 1 }).location)
local ok = http.redirect_ok({ ip = "10.0.0.1", targetname = "www.a.example" }, PORT)
check("sibling names", "true true false false", ok({ host = "WWW.a.example", port = 80 }), ok({ host = "b.a.example", port = 80 }),
  ok({ host = "a.example", port = 80 }), ok({ host = "x.b.example", port = 80 }))
ok = http.redirect_ok(HOST, { number = 443, version = { service_tunnel = "ssl" } })
check("TLS is not left", "false true", ok({ host = "10.0.0.1", port = 443, scheme = "http" }),
  ok({ host = "10.0.0.1", port = 443, scheme = "https" }))
ok = http.redirect_ok(HOST, PORT)
check("addresses are no siblings", "false", ok({ host = "11.0.0.1", port = 80 }))

-- Pipelines.
local connections = 0
stub.peer = function (request)
  connections = connections + 1
  local out = {}
  for method, path in request:gmatch("(%u+) (%S+) HTTP/1.1\r\n") do
    out[#out + 1] = "HTTP/1.1 200 OK\r\nContent-Length: " .. #path .. "\r\n\r\n" .. (method == "HEAD" and "" or path)
  end
  return { table.concat(out) }
end
local all
for i = 1, 60 do all = http.pipeline_add("/p" .. i, nil, all, i % 2 == 0 and "HEAD" or "GET") end
local responses = http.pipeline_go(HOST, PORT, all)
check("pipeline", '60 "/p1" "" "/p59" 3', #responses, responses[1].body, responses[2].body, responses[59].body, connections)
connections = 0
stub.peer = function (request)
  connections = connections + 1
  return { "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx" }
end
check("pipeline one by one", "60 true", #http.pipeline_go(HOST, PORT, all), connections <= 62)
stub.peer = function () return {} end
check("pipeline without answers", "0", #http.pipeline_go(HOST, PORT, all))

-- Fields and pages.
check("cookie", '{"expires"="Wed, 09 Jun 2021 10:18:14 GMT","httponly"="","name"="a","path"="/x","value"="b c"}',
  http.parse_set_cookie('a="b c"; Path=/x; HttpOnly; Expires=Wed, 09 Jun 2021 10:18:14 GMT'))
check("cookie without name", 'nil "cookie without a name"', http.parse_set_cookie("a"))
check("challenges", '{1={"params"={"realm"="x"},"scheme"="Basic"},2={"params"={"nonce"="n,\\"z","qop"="auth"},"scheme"="Digest"}}',
  http.parse_www_authenticate('Basic realm="x", Digest nonce="n,\\"z", qop=auth'))
check("token68", '{1={"data"="abcd==","scheme"="NTLM"}}', http.parse_www_authenticate("NTLM abcd=="))
for _, text in ipairs({ "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994" }) do
  check("date", '{"day"=6,"hour"=8,"isdst"=false,"min"=49,"month"=11,"sec"=37,"year"=1994}', http.parse_date(text))
end
check("no date", "nil", http.parse_date("junk"))
check("forms", '{1="<form a><input>",2="<FORM b>"}', http.grab_forms("<form a><input></form>x<FORM b></FORM>"))
check("form", '{"action"="/x","fields"={1={"name"="a","type"="text","value"="1"},2={"name"="t","type"="textarea"}},"method"="post"}',
  http.parse_form("<form action='/x' method=POST><input type=text name=a value=\"1\"><textarea name=t></textarea></form>"))
check("status string", '"200 OK" "404"', http.get_status_string({ ["status-line"] = "HTTP/1.1 200 OK\r\n" }),
  http.get_status_string({ status = 404 }))
check("contains", 'true {1="or"}', http.response_contains({ body = "hello World" }, "W(or)ld"))
check("contains case", "false", http.response_contains({ body = "hello World" }, "world", true))

-- Authentication that takes more than one request. Each connection gets what its requests call for.
local function answer_to (sent)
  local field = sent:match("Authorization: ([^\r]*)\r\n.-$") or ""
  for value in sent:gmatch("Authorization: ([^\r]*)") do field = value end
  if field:find("^Digest ") and field:find('response="%x+"') then return "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndigest" end
  if field:find("^Basic ") then return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbasic" end
  return 'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
    .. 'WWW-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n\r\n'
end
local function with_auth (auth)
  stub.sent = {}
  stub.peer = function (sent) return { answer_to(sent) } end
  local response = http.generic_request(HOST, PORT, "GET", "/a", { auth = auth })
  return response.status, response.body, #stub.sent
end
check("basic at once", '200 "basic" 1', with_auth({ username = "u", password = "p" }))
check("digest after a challenge", '200 "digest" 2', with_auth({ username = "u", password = "p", digest = true }))
check("what is authenticated is the path", "true", stub.sent[2]:find('uri="/a"', 1, true) ~= nil)

local CHALLENGE = require("base64").enc("NTLMSSP\0\2\0\0\0" .. string.pack("<I2I2I4I4c8", 0, 0, 48, 0x00808205, "12345678")
  .. ("\0"):rep(8) .. string.pack("<I2I2I4", 4, 4, 48) .. ("\0"):rep(4))
stub.sent = {}
stub.peer = function (sent)
  local _, requests = sent:gsub("GET /n HTTP", "")
  if requests == 1 and not sent:find("Authorization") then
    return { "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n" }
  end
  return { "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM " .. CHALLENGE .. "\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nntlm" }
end
local ntlm = http.generic_request(HOST, PORT, "GET", "/n", { auth = { username = "u", password = "p", ntlm = true } })
check("NTLM over one connection", '200 "ntlm" 3', ntlm.status, ntlm.body, #stub.sent)
local last = require("base64").dec(stub.sent[3]:match("Authorization: NTLM ([^\r]*)"))
check("third message", '"NTLMSSP\\0\\3\\0\\0\\0"', last:sub(1, 12))

check("page_exists", "true true false false true false", http.page_exists({ status = 200, body = "x" }, 404, nil, "/"),
  http.page_exists({ status = 401 }, 404, nil, "/"), http.page_exists({ status = 403 }, 404, nil, "/"),
  http.page_exists({ status = 404 }, 404, nil, "/"), http.page_exists({ status = 403 }, 404, nil, "/", true),
  http.page_exists({ status = 200, body = "" }, 200, "y", "/"))
