local cvs = require "cvs"

-- The example of the protocol's description: "AyuhedEIc?^]'%=0:q Z,b<3!a>" is the alphabet.
equal(cvs.Util.pwscramble("abcdefghijklmnopqrstuvwxyz"), "Ayuhed" .. "EIc?^]'%=0:q Z,b<3!a>")
equal(cvs.Util.pwscramble(""), "A")

local function login (answer)
  local helper, sent = cvs.Helper:new(host, port), nil
  helper.socket = {
    send = function (_, data) sent = data return true end,
    receive_buf = function (_, delimiter, keep)
      local from = delimiter(answer)
      if not from then return nil, "EOF" end
      return true, answer:sub(1, from - 1)
    end,
  }
  local status, err = helper:login("/cvs", "moon", "abc")
  return { status, err }, sent
end
local result, sent = login("I LOVE YOU\n")
equal(result, { true })
equal(sent, "BEGIN AUTH REQUEST\n/cvs\nmoon\nAyuh\nEND AUTH REQUEST\n")
equal(login("I HATE YOU\n"), { false, "I HATE YOU" })
equal(login("error 0 /cvs: no such repository\n"), { false, "error 0 /cvs: no such repository" })
equal(login("I LOVE"), { false, "EOF" })
