local sslv2 = require "sslv2"

-- Layouts of Netscape's specification, sections 1.1 and 2.5 to 2.7.
equal(sslv2.ssl_record("abc", 0), "\x80\3abc", "two bytes")
equal(sslv2.ssl_record("abc", 1), "\0\3\1abc", "three bytes")
local hello = sslv2.client_hello({ "SSL2_RC4_128_WITH_MD5" })
equal(hello:sub(1, 14), "\x80\x1C\1\0\2\0\3\0\0\0\x10\1\0\x80", "client hello")
check("its length", "30", #hello)
equal(sslv2.client_master_secret("SSL2_RC4_128_WITH_MD5", "cl", "enc", "ka"), "\x80\x11\2\1\0\x80\0\2\0\3\0\2clencka", "key")

local answer = "\4\0\1\0\2\0\2\0\6\0\2" .. "ce" .. "\7\0\xC0" .. "\9\9\9" .. "id"
local at, record = sslv2.record_read(sslv2.ssl_record(answer, 0))
check("server hello", [[24 4 "ce" {1="SSL2_DES_192_EDE3_CBC_WITH_MD5",2="0x090909"} "id" 2]], at, record.message_type,
  record.body.cert, record.body.ciphers, record.body.connection_id, record.body.version)
check("error", '"SSL_PE_NO_CIPHER"', select(2, sslv2.record_read("\x80\3\0\0\1")).body.error)
for cut = 0, #answer + 1 do
  equal({ sslv2.record_read(sslv2.ssl_record(answer, 0):sub(1, cut)) }, { 1 }, "cut off")
end
check("lengths that lie", "nil", select(2, sslv2.record_read("\x80\12\4\0\1\0\2\xFF\xFF\0\6\0\2a")).body)

fuzz("records", { sslv2.ssl_record(answer, 0), sslv2.ssl_record(answer .. "pad", 3), "\x80\3\0\0\1" }, sslv2.record_read)
