local nrpc = require "nrpc"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex

check("message", '"\\2\\0ab"', tostring(nrpc.DominoPacket:new("ab")))

-- A server that has one user.
local answers
peer.answer(function (data)
  if #answers == 0 then return nil end
  return table.remove(answers, 1)
end)
local function ask (name, ...)
  answers = { ... }
  peer.sent = {}
  local helper = nrpc.Helper:new(host, port)
  local status, err = helper:connect()
  if not status then return "connect", err end
  local found, id = helper:isValidUser(name)
  helper:disconnect()
  return found, id
end
local welcome = string.pack("<s2", "welcome")
local kept = string.pack("<s2", "\0\0\x7e" .. ("\0"):rep(29) .. "the file")
check("found", 'true "the file"', ask("anna", welcome, kept))
check("octets", '"2800" "3100' .. '0100320002004f000100000500000900' .. '0500"', hex(peer.sent[1]):sub(1, 4), hex(peer.sent[2]):sub(1, 40))
check("name", '"($Users)\\0\\0anna\\0"', peer.sent[2]:sub(37))
check("not found", 'false "there is no such user"', ask("bob", welcome, string.pack("<s2", ("\0"):rep(32))))
check("cut off", 'false "the server\'s answer is cut off"', ask("bob", welcome, string.pack("<s2", "short")))
check("empty", 'false "the server\'s answer is cut off"', ask("bob", welcome, "\0\0"))
check("too long", 'false "the name is too long"', ask(("x"):rep(70000), welcome))
check("silence", '"connect"', (ask("bob")))
check("not open", 'false "the session is not open"', nrpc.Helper:new(host, port):isValidUser("x"))
fuzz("answers", { kept, welcome }, function (bytes) ask("anna", welcome, bytes) ask("anna", bytes, kept) end)
