local nbd = require "nbd"
local session = require "pieces"

equal(nbd.find_key({ a = 1, b = 2 }, 2), "b")
local one = nbd.Comm:new(host, port)
-- doc/proto.md, "Option negotiation".
equal(one:build_opt_req("LIST"), "IHAVEOPT\0\0\0\3\0\0\0\0")
equal(one:build_opt_req("EXPORT_NAME", "disk"), "IHAVEOPT\0\0\0\1\0\0\0\4disk")
check("no such request", "nil", one:build_opt_req("X"))
equal(one:parse_transmission_flags(0x147), { HAS_FLAGS = true, READ_ONLY = true, SEND_FLUSH = true, SEND_WRITE_ZEROES = true, CAN_MULTI_CONN = true })
check("no flags", "nil", one:parse_transmission_flags(0x2))
local function reply (option, kind, body) return "\0\3\xe8\x89\4\x55\x65\xa9" .. string.pack(">I4I4s4", option, kind, body) end
local parsed = one:parse_opt_rep(reply(3, 2, "\0\0\0\4disk"))
check("server", '"SERVER" "LIST" "disk"', parsed.rtype_name, parsed.otype_name, parsed.export_name)
parsed = one:parse_opt_rep(reply(6, 3, "\0\0" .. string.pack(">I8I2", 1048576, 5)))
check("info", '"INFO" 1048576 true', parsed.rtype_name, parsed.size, parsed.tflags.SEND_FLUSH)
equal(one:parse_opt_rep(reply(3, 0x80000002, "no")).rtype_name, "ERR_POLICY")
check("malformed", "nil nil nil", one:parse_opt_rep(""), one:parse_opt_rep(("x"):rep(20)), one:parse_opt_rep(reply(3, 2, "\0\0\0\9disk")))

local function begin (...)
  local s = nbd.Comm:new(host, port)
  s.sock, s.early = session(...), ""
  return s
end
local s = begin("\0\3", reply(3, 2, "\0\0\0\1a") .. reply(3, 1, ""), reply(6, 3, "\0\0" .. string.pack(">I8I2", 512, 1)) .. reply(6, 1, ""))
check("fixed newstyle", 'true true "fixed newstyle" "optional" 512', (s:connect_new()), (s:list()), s.protocol.negotiation, s.protocol.zero_pad, s.exports.a.size)
s = begin(string.pack(">I8I4", 4096, 3) .. ("\0"):rep(124))
check("oldstyle", 'true "oldstyle" 4096', (s:connect_old()), s.protocol.negotiation, s.exports.default.size)
s = begin("\0\3", "\0\3\xe8\x89\4\x55\x65\xa9\0\0\0\3\0\0\0\2\xff\xff\xff\xff")
check("too long", "true false nil", (s:connect_new()), (s:list()), next(s.exports))
