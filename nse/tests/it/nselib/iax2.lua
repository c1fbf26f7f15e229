local iax2 = require "iax2"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local Frame = iax2.IAX2.Frame

-- RFC 5456, 8.1.1: a full frame.
check("frame", '"800500070000000001020611" "0603616e6e"', hex(tostring(Frame:new(5, 7, 17, {}, 1, 2))), hex(tostring(Frame:new(5, 7, 17, { { 6, "ann" } })):sub(13)))
local frame = Frame.parse(tostring(Frame:new(5, 7, 14, { { 15, "1234" } })))
check("read", '5 7 14 6 "1234"', frame.src_call, frame.dst_call, frame.subclass, frame.type, frame.elements[15])
check("no full frame", "nil nil", Frame.parse("\0\5"), Frame.parse(("\0"):rep(12)))

-- A registrar: `token` makes it want one, `methods` are its ways.
local token, methods
local function registrar (data)
  local got = Frame.parse(data)
  local function reply (subclass, elements) return tostring(Frame:new(9, got.src_call, subclass, elements)) end
  if token and got.elements[54] == "" then return reply(40, { { 54, "token" } }) end
  local proof = got.elements[16]
  if not proof then return reply(14, { { 6, "ann" }, { 14, methods }, { 15, "1234567" } }) end
  local right = proof == hex(openssl.md5("1234567secret")) and got.dst_call == 9
  return reply(right and 15 or 16, right and {} or { { 22, "Registration Refused" } })
end
local function try (password, answer)
  methods = methods or "\0\3"
  peer.answer(answer or registrar)
  local helper = iax2.Helper:new({ ip = "192.0.2.1" }, { number = 4569, protocol = "udp" })
  helper:connect()
  return helper:regRelease("ann", password)
end
check("right", "true", try("secret"))
check("wrong", 'false "Registration Refused"', try("wrong"))
token = true
check("with a token", "true 3", try("secret"), #peer.sent)
methods = "\0\4"
check("another way", 'false "Unsupported authentication method"', try("secret"))
check("silence", 'false', (try("x", function () return nil end)))
check("another call", 'false', (try("x", function () return tostring(Frame:new(9, 0, 15)) end)))
fuzz("regRelease", { tostring(Frame:new(9, 5, 14, { { 14, "\0\2" }, { 15, "1234567" } })) }, function (bytes)
  try("secret", function (data) return bytes:sub(1, 2) .. string.pack(">I2", Frame.parse(data).src_call) .. bytes:sub(5) end)
end)
