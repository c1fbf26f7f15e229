local msrpctypes = require "msrpctypes"
local stdnse = require "stdnse"

local hex = stdnse.tohex

-- C706, 14.3.4: counts and alignment of strings.
check("string", '"02000000000000000200000061000000"', hex(msrpctypes.marshall_unicode("a", true)))
check("string to be filled up", '"0100000000000000010000006100' .. '0000"', hex(msrpctypes.marshall_unicode("a", false)))
check("pointers", '"00000000" "4e4d415005000000"', hex(msrpctypes.marshall_unicode_ptr(nil)), hex(msrpctypes.marshall_int32_ptr(5)))
check("back", '17 "a"', msrpctypes.unmarshall_unicode(msrpctypes.marshall_unicode("a", true), 1, true))
check("text", '5 "ab"', msrpctypes.unicode_to_string("a\0b\0", 1, 2))
check("cut off", "5 nil", msrpctypes.unicode_to_string("a\0b\0", 1, 3))
check("numbers", '"ff000000" "ff" "0100000000000000"', hex(msrpctypes.marshall_int8(255)), hex(msrpctypes.marshall_int8(255, false)),
  hex(msrpctypes.marshall_int64(1)))
check("no number", "4 nil", msrpctypes.unmarshall_int32("abc", 1))
-- MS-DTYP 2.4.2.3.
check("identifier", '"02000000010200000000000520000000' .. '20020000"', hex(msrpctypes.marshall_dom_sid2("S-1-5-32-544")))
local reader = msrpctypes.Reader.new(msrpctypes.marshall_dom_sid2("S-1-5-32-544") .. msrpctypes.marshall_unicode("xy", true))
check("read", '"S-1-5-32-544" "xy"', reader:sid(), reader:wide())
raises("ends too early", reader.u32, reader)
raises("too many items", function () return msrpctypes.Reader.new("\xff\xff\xff\xff"):count() end)
check("time", "9 0", msrpctypes.unmarshall_NTTIME(("\0"):rep(8), 1))
-- MS-SRVS 2.2.2.4, MS-LSAT 2.2.13, MS-SAMR 2.2.1.12.
check("names", '"STYPE_IPC_HIDDEN" "STYPE_DISKTREE" "Alias" {1="Account disabled",2="Normal user account"}',
  msrpctypes.srvsvc_ShareType_tostr(0x80000003), msrpctypes.srvsvc_ShareType_tostr(0), msrpctypes.lsa_SidType_tostr(4),
  msrpctypes.samr_AcctFlags_tostr(0x11))
