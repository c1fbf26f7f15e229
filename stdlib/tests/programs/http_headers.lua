local raw = "HTTP/1.1 301 Moved Permanently\r\nLocation: https://example.com/path?x=1\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Length:  17 \r\n\r\nbody text\r\nhere.."
local function parse(resp) local status, rest = resp:match("^HTTP/%d%.%d (%d+)[^\r\n]*\r\n(.*)$") local head, body = rest:match("^(.-)\r\n\r\n(.*)$") local headers = {} for line in (head .. "\r\n"):gmatch("(.-)\r\n") do local k, v = line:match("^([^:]+):%s*(.-)%s*$") k = k:lower() headers[k] = headers[k] and headers[k] .. ", " .. v or v end return { status = tonumber(status), headers = headers, body = body } end
local r = parse(raw)
print(r.status, r.headers.location, r.headers["set-cookie"], r.headers["content-length"], #r.body) local names = {} for k in pairs(r.headers) do names[#names + 1] = k end table.sort(names)
print(table.concat(names, "|"))
local function urlparse(u) local s, h, p, q = u:match("^(%a+)://([^/:?]+):?%d*(/?[^?]*)%??(.*)$") return s, h, p, q end
print(urlparse("https://example.com/path?x=1"))
print(urlparse("http://host:8080/"))
local function unescape(s) return (s:gsub("+", " "):gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)) end local function escape(s) return (s:gsub("[^%w]", function(c) return string.format("%%%02X", c:byte()) end)) end
print(unescape("a%20b+c%21"), escape("a b&c=d/é"), unescape(escape("round trip: 100%")) == "round trip: 100%")
local req = { "GET / HTTP/1.1", "Host: h", "User-Agent: t", "", "" } print(#table.concat(req, "\r\n")) local chunked = "4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n" local out, pos = {}, 1 while true do local len, e = chunked:match("^(%x+)\r\n()", pos) len = tonumber(len, 16) if len == 0 then break end out[#out + 1] = chunked:sub(e, e + len - 1) pos = e + len + 2 end
print(table.concat(out))
for ip in ("10.0.0.1 999.1.1.1 192.168.1.300 8.8.8.8"):gmatch("%S+") do local ok = true for o in ip:gmatch("%d+") do if tonumber(o) > 255 then ok = false end end
print(ip, ok) end
