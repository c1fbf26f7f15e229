local rtsp = require "rtsp"

-- RFC 2326, 10.1.
local request = rtsp.Request:new("*")
request:setMethod("OPTIONS")
request:setCSeq(1)
request:addHeader("Require", "implicit-play")
equal(tostring(request), "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nRequire: implicit-play\r\n\r\n")
local response = rtsp.Response:new("RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE\r\n\r\n")
check("response", '200 "1" "DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE"', response.status, response.headers.CSeq, response.headers.Public)
check("not ours", "nil", rtsp.Response:new("HTTP/1.1 200 OK\r\n\r\n").status)

local function client (data)
  local one = rtsp.Client:new(host, port)
  one:setRetries(1)
  one.socket = {
    sent = {},
    send = function (self, bytes)
      self.sent[#self.sent + 1] = bytes
      return true
    end,
    receive_buf = function (_, delimiter)
      local _, to = delimiter(data)
      if not to then return nil, "EOF" end
      local piece = data:sub(1, to)
      data = data:sub(to + 1)
      return true, piece
    end,
  }
  return one
end
local one = client("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-length: 3\r\n\r\nabcRTSP/1.0 404 Not Found\r\nCSeq: 2\r\n\r\n")
local status, first = one:describe("rtsp://moon.example/a")
check("body", 'true 200 "abc"', status, first.status, first.body)
local _, second = one:options("*")
equal(second.status, 404)
equal(one.socket.sent[2], "OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n")
equal({ client("RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n"):options("*") }, { false, "the body is too long" })
equal({ client("SSH-2.0-x\r\n\r\n"):options("*") }, { false, "not an answer of RTSP" })
equal({ client(""):options("*") }, { false, "EOF" })
