-- Patterns over a response with headers.
local response = "HTTP/1.1 200 OK\r\nServer: nginx/1.27\r\nContent-Type: text/html; charset=utf-8\r\n" ..
  "Content-Length: 1234\r\nConnection: keep-alive\r\nX-Frame-Options: DENY\r\n\r\n<title>Hello</title>"
local n = 0
for _ = 1, 70000 do
  for name, value in response:gmatch("([%w-]+):%s*([^\r\n]+)") do
    n = n + #name:lower() + #value
  end
  local title = response:match("<title>(.-)</title>")
  n = n + #title + response:find("nginx/%d+%.%d+")
  local r = response:gsub("%d+", "N")
  n = n + #r
end
print(n)
