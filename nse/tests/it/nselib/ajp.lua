local ajp = require "ajp"

-- The head of a request as the protocol's description has it: magic, length, code, method, strings with a zero byte behind.
local bytes = tostring(ajp.AJP.ForwardRequest:new("GET", "/a?b=1", { ip = "192.0.2.1" }, { number = 80 }, { ["X-A"] = "b" }, { secret = "s" }))
equal(bytes, "\x12\x34" .. string.pack(">s2", "\2\2\0\8HTTP/1.1\0\0\2/a\0\0\009192.0.2.1\0\xff\xff\0\009192.0.2.1\0\0\x50\0\0\3"
  .. "\xa0\6\0\10keep-alive\0\xa0\x0b\0\009192.0.2.1\0\0\3x-a\0\0\1b\0" .. "\5\0\3b=1\0\12\0\1s\0\xff"))

local headers = "\4\0\xc8\0\2OK\0\0\2\xa0\1\0\009text/html\0\0\5X-Foo\0\0\3bar\0"
local response = ajp.AJP.Response.headers(headers)
check("headers", '200 "AJP/1.3 200 OK" "text/html" "bar"', response.status, response.status_line, response.headers["content-type"],
  response.headers["x-foo"])
equal(response.rawheaders, { "Content-Type: text/html", "X-Foo: bar" })
for len = 1, #headers - 2 do raises("", ajp.AJP.Response.headers, headers:sub(1, len)) end

local function packet (data) return "AB" .. string.pack(">s2", data) end
local function receive (data)
  local comm = ajp.Comm:new(host, port)
  comm.socket = {
    receive_buf = function (_, delimiter)
      local _, to = delimiter(data)
      if not to then return nil, "EOF" end
      local piece = data:sub(1, to)
      data = data:sub(to + 1)
      return true, piece
    end,
    send = function () return true end,
  }
  return comm:receive()
end
local status, whole = receive(packet(headers) .. packet("\3\0\2he\0") .. packet("\3\0\3llo\0") .. packet("\5\1"))
check("answer", 'true "hello"', status, whole.body)
equal({ receive(packet("\5\1")) }, { false, "the answer has no headers" })
equal({ receive("HTTP/1.1 400") }, { false, "not a packet of AJP" })
equal({ receive(packet(headers) .. packet("\3\0\9he\0")) }, { false, "the body is malformed" })
equal({ receive(packet(headers)) }, { false, "EOF" })
