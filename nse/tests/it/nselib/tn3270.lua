local tn3270 = require "tn3270"
local drda = require "drda"

local function terminal (...)
  local pieces = { ... }
  local t = tn3270.Telnet:new({
    sent = {},
    send = function (self, data)
      self.sent[#self.sent + 1] = data
      return true
    end,
    receive = function ()
      local piece = table.remove(pieces, 1)
      if piece then return true, piece end
      return nil, "TIMEOUT"
    end,
    set_timeout = function () return true end,
    connect = function () return true end,
    close = function () return true end,
  })
  return t
end

-- GA23-0059, appendix C: row 1 column 1 is 4040, the last place of 24 by 80 is 5D7F.
local t = terminal()
check("addresses", '"@@" "]\\127" 0 1919', t:ENCODE_BADDR(0), t:ENCODE_BADDR(1919), t:DECODE_BADDR(0x40, 0x40), t:DECODE_BADDR(0x5d, 0x7f))
for addr = 0, 1919 do equal(t:DECODE_BADDR(t:ENCODE_BADDR(addr):byte(1, 2)), addr) end
check("fourteen bits", "1919 79 24 0 1919", t:DECODE_BADDR(0x07, 0x7f), t:BA_TO_COL(1919), t:BA_TO_ROW(1919), t:INC_BUF_ADDR(1919), t:DEC_BUF_ADDR(0))

-- The dialogue of RFC 1576, then a screen: a protected field, one to write in, a hidden one.
local function text (s) return drda.StringUtil.toEBCDIC(s) end
local screen = "\xf5\xc3" .. "\x11\x40\x40\x1d\xf0" .. text("USER") .. "\x1d\x40\x13\x3c\x40\xd1\0" .. "\x1d\x4c" .. text("secret") .. "\x1d\xf0"
t = terminal("\xff\xfd\x18", "\xff\xfa\x18\1\xff\xf0\xff\xfd\x19\xff\xfb\x19", "\xff\xfd\0\xff\xfb\0", screen .. "\xff", "\xef")
check("initiate", "true true", (t:initiate(host, port)), t:in3270())
equal(table.concat(t.socket.sent), "\xff\xfb\x18\xff\xfa\x18\0IBM-3278-2\xff\xf0\xff\xfb\x19\xff\xfd\x19\xff\xfb\0\xff\xfd\0")
check("screen", '2 "\\\n USER" false false', (t:find("USER")), t:get_screen():sub(1, 6), t:find("nothing"), t:isClear())
equal(#t:get_screen(), 24 * 81)
equal(t:hidden_fields(), { "secret" })
equal(t:hidden_fields_location(), { 17, 24 })
check("hidden", "true 6 17", t:any_hidden(), t.cursor, t:writeable()[1][1] + t:writeable()[1][2] + 0)
equal(t:writeable()[1][1], 6)

t.socket.sent = {}
t:send_cursor("moon")
t:send_pf(3)
t:send_clear()
equal(t.socket.sent, { "\x7d\x40\x4a\x11\x40\xc6" .. text("moon") .. "\xff\xef", "\xf3\x40\xc6\xff\xef", "\x6d\xff\xef" })
check("no such key", "false", (t:send_pf(25)))
check("cleared", "true", t:isClear())

-- TN3270E (RFC 2355): device and functions, then a record with a head.
t = terminal("\xff\xfd\x28", "\xff\xfa\x28\8\2\xff\xf0", "\xff\xfa\x28\2\4IBM-3278-2-E\1LU01\xff\xf0", "\xff\xfa\x28\3\4\xff\xf0",
  "\0\0\2\0\1\xf1\xc3" .. text("HI") .. "\xff\xef")
check("e", 'true "LU01" 1', (t:initiate(host, port)), t:get_lu(), (t:find("HI")))
equal(t.socket.sent[#t.socket.sent], "\2\0\0\0\1\0\xff\xef")
t:send_enter()
equal(t.socket.sent[#t.socket.sent], "\0\0\0\0\0\x7d\x40\x40\xff\xef")

-- Text written over is kept.
t = terminal()
t:process_3270("\xf5\xc3" .. text("first") .. "\x11\x40\x40" .. text("other"))
check("over", "true true", t:any_overwritten(), t:overwrite_data():find("first", 1, true) ~= nil)
check("not ours", "false", (terminal("SSH-2.0-x\r\n"):initiate(host, port)))
for cut = 1, #screen - 1 do terminal():process_3270(screen:sub(1, cut)) end
for byte = 0, 255 do terminal():process_3270("\xf5\xc3" .. string.char(byte)) end
terminal():process_3270("\xf3\0\3\1\0\2\1\xff")
