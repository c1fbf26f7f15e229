-- Responses split into a status, headers with lower-case names, and bodies in chunks.
local function chunked(body)
  return ("%x\r\n%s\r\n5;ext=1\r\n12345\r\n0\r\n\r\n"):format(#body, body)
end
local responses = {}
for i = 1, 20 do
  responses[i] = "HTTP/1.1 " .. (200 + i) .. " Fine\r\nServer: nginx/1.22." .. i ..
    "\r\nDate: Mon, 01 Jan 2024 10:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n" ..
    "Set-Cookie: id=" .. i * 999 .. "; Path=/; HttpOnly\r\nSet-Cookie: lang=en; Secure\r\n" ..
    "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" ..
    chunked("<html><head><TITLE>Page " .. i .. "</TITLE></head><body>" .. ("<p>text</p>"):rep(30) .. "</body></html>")
end
local function parse(text)
  local stop = text:find("\r\n\r\n", 1, true)
  local head, rest = text:sub(1, stop + 1), stop + 4
  local status = tonumber(head:match("^HTTP/%d%.%d (%d%d%d)"))
  local header, cookies = {}, {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):%s*([^\r\n]*)") do
    name = name:lower()
    if name == "set-cookie" then
      local cookie = {}
      for key, v in value:gmatch("([^=;%s]+)=?([^;]*)") do cookie[key:lower()] = v end
      cookies[#cookies + 1] = cookie
    end
    header[name] = header[name] and header[name] .. ", " .. value or value
  end
  local body = {}
  while true do
    local _, after, size = text:find("^(%x+)[^\r]*\r\n", rest)
    size = tonumber(size, 16)
    if size == 0 then break end
    body[#body + 1] = text:sub(after + 1, after + size)
    rest = after + size + 3
  end
  return { status = status, header = header, cookies = cookies, body = table.concat(body) }
end
local total = 0
for round = 1, 3500 do
  for i = 1, #responses do
    local r = parse(responses[i])
    local title = r.body:match("<[Tt][Ii][Tt][Ll][Ee][^>]*>([^<]*)")
    total = total + r.status + #r.body + #title + #r.cookies + #(r.header["content-type"] or "")
  end
end
print(total)
