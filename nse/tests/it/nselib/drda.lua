local drda = require "drda"

-- Code page 500.
equal(drda.StringUtil.toEBCDIC("ABC abc 019 -_/."), "\xc1\xc2\xc3\x40\x81\x82\x83\x40\xf0\xf1\xf9\x40\x60\x6d\x61\x4b")
for byte = 32, 126 do
  local c = string.char(byte)
  equal(drda.StringUtil.toASCII(drda.StringUtil.toEBCDIC(c)), c)
end
equal(drda.StringUtil.toASCII("\xc1\0\xff"), "A  ")
equal(drda.StringUtil.padWithChar("ab", "x", 4), "abxx")

-- DDM, "DSS - data stream structures": length, D0, format, number; length and code of the command; its parameters.
equal(tostring(drda.Command.ACCSEC(3, "moon")),
  "\0\x26\xd0\1\0\1\0\x20\x10\x6d\0\6\x11\xa2\0\3\0\x16\x21\x10\x94\x96\x96\x95" .. ("\x40"):rep(14))
local chain = tostring(drda.DRDAPacket:new({ drda.Command.ACCSEC(3), drda.Command.ACCSEC(3) }))
check("chain", "65 1 1 2", chain:byte(4), chain:byte(20), string.unpack(">I2", chain, 5), (string.unpack(">I2", chain, 21)))

local function socket (data)
  return {
    send = function () return true end,
    receive_buf = function (_, delimiter)
      local _, to = delimiter(data)
      if not to then return nil, "EOF" end
      local piece = data:sub(1, to)
      data = data:sub(to + 1)
      return true, piece
    end,
  }
end
local function helper (...)
  local one = drda.Helper:new()
  one.comm = drda.Comm:new(host, port)
  one.comm.socket = socket(table.concat({ ... }))
  return one
end
local function answer (codepoint, params, chained)
  local one = drda.DRDA:new()
  one:setDDM(drda.DDM:new(codepoint))
  for _, param in ipairs(params) do one:addParameter(drda.DRDAParameter:new(param[1], param[2])) end
  one.DDM:setChained(chained)
  return tostring(one)
end
local CP = drda.CodePoint
local text = drda.StringUtil.toEBCDIC
local told = answer(CP.EXCSATRD, { { CP.EXTNAM, text("ext") }, { CP.SRVCLSNM, text("class ") }, { CP.SRVRLSLV, text("CSS10140/10.14") } })
equal({ helper(told):getServerInfo() }, { true, { extname = "ext", srvclass = "class", prodrel = "CSS10140/10.14" } })
equal({ helper("HTTP/1.1 400"):getServerInfo() }, { false, "not a structure of DRDA" })
equal({ helper(told:sub(1, -2)):getServerInfo() }, { false, "EOF" })
equal({ helper(answer(CP.SYNTAXRM, {}, true):rep(70)):getServerInfo() }, { false, "the chain has no end" })

local start = answer(CP.EXCSATRD, {}, true) .. answer(CP.ACCSECRD, { { CP.SECMEC, "\0\7\0\3" } })
local function checked (code) return answer(CP.SECCHKRM, { { CP.SECCHKCD, code } }, true) end
equal({ helper(start, checked("\0"), answer(CP.ACCRDBRM, {})):login("moon", "a", "b") }, { true, true })
equal({ helper(start, checked("\x0f"), answer(CP.SYNTAXRM, {})):login("moon", "a", "b") }, { false, "Login failed" })
equal({ helper(start, checked("\0"), answer(CP.RDBNFNRM, {})):login("moon", "a", "b") }, { false, "The database moon was not found" })
equal({ helper(answer(CP.ACCSECRD, { { CP.SECMEC, "\0\7" } })):login("moon", "a", "b") }, { false, "the server wants another way to log in" })
equal({ helper(answer(CP.ACCSECRD, { { CP.SECMEC, "\0" } })):login("moon", "a", "b") }, { false, "the server wants another way to log in" })
