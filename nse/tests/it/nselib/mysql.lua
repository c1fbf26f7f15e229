local mysql = require "mysql"
local session = require "pieces"

local function packet (number, payload) return string.pack("<I3B", #payload, number) .. payload end

-- A greeting as in the internals manual, "Connection Phase Packets": 5.6.4 with mysql_native_password.
local greeting = packet(0, "\10" .. "5.6.4-m7-log\0" .. string.pack("<I4", 2646) .. "RB3vz&Gr" .. "\0" .. string.pack("<I2BI2I2B", 0xffff, 8, 2, 0xc00f, 21)
  .. ("\0"):rep(10) .. "+yP7=r1PxD>d\0" .. "mysql_native_password\0")
local status, one = mysql.receiveGreeting(session(greeting:sub(1, 3), greeting:sub(4, 40), greeting:sub(41)))
check("greeting", 'true 10 "5.6.4-m7-log" 2646 "RB3vz&Gr+yP7=r1PxD>d" 65535 8 2 "mysql_native_password"', status, one.proto,
  one.version, one.threadid, one.salt, one.capabilities, one.charset, one.status, one.auth_plugin_name)
local refused = session(packet(0, "\xff\x6a\x04Host 'moon' is not allowed to connect"))
local failed, message, more = mysql.receiveGreeting(refused)
check("refused", 'false "Host \'moon\' is not allowed to connect" 1130', failed, message, more.errorcode)
equal({ mysql.receiveGreeting(session("SSH-2.0-x\r\n")) }, { false, "EOF" })
equal({ mysql.receiveGreeting(session(packet(0, "\10abc"))) }, { false, "not a greeting of MySQL" })
equal({ mysql.receiveGreeting(session("\xff\xff\xff\0")) }, { false, "EOF" })

local ok = packet(2, "\0\0\0\2\0\0\0")
local socket = session(ok)
status, one = mysql.loginRequest(socket, { authversion = "post41", charset = 8 }, "root", "", "salt")
check("login", "true 2", status, one.serverstatus)
equal(socket.sent[1]:sub(37), "root\0\0mysql_native_password\0")
-- SHA1("secret") and the salt of twenty "a": worked out with openssl(1).
socket = session(ok)
mysql.loginRequest(socket, { authversion = "post41", charset = 8 }, "root", "secret", ("a"):rep(20))
local openssl = require "openssl"
local first = openssl.sha1("secret")
local mixed = openssl.sha1(("a"):rep(20) .. openssl.sha1(first))
local token = socket.sent[1]:match("^root%z\20(" .. ("."):rep(20) .. ")", 37)
for i = 1, 20 do assert(token:byte(i) == first:byte(i) ~ mixed:byte(i)) end
equal({ mysql.loginRequest(session(packet(2, "\xff\x15\x04#28000Access denied")), { authversion = "post41" }, "a", "b", "s") },
  { false, "Access denied", 1045 })
check("version", "false", (mysql.loginRequest(session(), { authversion = "pre41" }, "a", "b", "s")))
-- Another method is asked for.
socket = session(packet(2, "\xfemysql_native_password\0" .. ("b"):rep(20) .. "\0"), packet(4, "\0\0\0\2\0\0\0"))
check("switch", "true 2", (mysql.loginRequest(socket, { authversion = "post41" }, "a", "b", "s")), #socket.sent)
equal(#socket.sent[2], 24)

local function text (s) return string.char(#s) .. s end
local function column (number, name)
  return packet(number, text("def") .. text("db") .. text("t") .. text("t") .. text(name) .. text(name) .. "\12"
    .. string.pack("<I2I4BI2BI2", 8, 64, 253, 0, 0, 0))
end
local eof = "\xfe\0\0\2\0"
local answer = packet(1, "\2") .. column(2, "a") .. column(3, "b") .. packet(4, eof) .. packet(5, text("1") .. "\xfb")
  .. packet(6, "\xfc\3\0xyz" .. text("")) .. packet(7, eof)
local result
status, result = mysql.sqlQuery(session(answer), "SELECT")
check("query", "true 2 \"a\" \"b\"", status, #result.cols, result.cols[1].name, result.cols[2].name)
equal(result.rows, { { "1", "<null>" }, { "xyz", "" } })
equal(mysql.formatResultset(result, { noheaders = true }), "1    <null>\nxyz  \n")
equal({ mysql.sqlQuery(session(packet(1, "\xff\x28\x04#42000syntax")), "X") }, { false, "syntax" })
equal({ mysql.sqlQuery(session(packet(1, "\0\1\0\2\0\0\0")), "SET") }, { true, { cols = {}, rows = {} } })
check("cut off", "false", (mysql.sqlQuery(session(packet(1, "\1") .. packet(2, "\3de")), "X")))
check("a lying length", "false", (mysql.sqlQuery(session(packet(1, "\1") .. column(2, "a") .. packet(3, eof) .. packet(4, "\xfe" .. ("\xff"):rep(9))), "X")))
