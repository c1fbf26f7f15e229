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

-- caching_sha2_password in full: the server has the key whose other half is here (made with openssl genrsa 1024).
local PEM = [[
-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDWkw8uZFkh7XBSsLUZYzc2wmBu
ZoSDPLvXLwB36kyZ/i783gQ/pxGtLSFXFFQ59+UhWA9nFDuJWCWifSARrdUhE34H
f65nLVz117Yom+BHSI70gPURTzh/rwFe4XLg59oTaFnTgLJ16RmIZ+MDb3zgtcFp
2Qn0+nH8Qr76bedY7wIDAQAB
-----END PUBLIC KEY-----
]]
local N = openssl.bignum_hex2bn("00d6930f2e645921ed7052b0b519633736c2606e6684833cbbd72f0077ea4c99fe2efcde043fa711ad2d2157145439f7e521580f67143b895825a27d2011add521"
  .. "137e077fae672d5cf5d7b6289be047488ef480f5114f387faf015ee172e0e7da136859d380b275e9198867e3036f7ce0b5c169d909f4fa71fc42befa6de758ef")
local D = openssl.bignum_hex2bn("00a5070d91fc93a0c860aef84110798229976d5afb75c7099ade70c3c77667dbb7e6a38c8d6ff72a5d2a6c8df090a6d4c560d3bd64e5e6b4471b0ad1792c9fa95e"
  .. "11a8f53693839bb39c17d71ab508a0d7bf0bffb582ca180880e471344325f4d44109d24eedb6b4a0751dc87709f16a4f57d72d72f1dba8402e2b607f05d55761")
local function xor (a, b) return (a:gsub("()(.)", function (at, c) return string.char(c:byte() ~ b:byte(at)) end)) end
local function mask (seed, len)
  local out = ""
  for counter = 0, len // 20 do out = out .. openssl.sha1(seed .. string.pack(">I4", counter)) end
  return out:sub(1, len)
end
-- RFC 8017, 7.1.2.
local function decrypted (text)
  local block = openssl.bignum_bn2bin(openssl.bignum_mod_exp(openssl.bignum_bin2bn(text), D, N))
  block = ("\0"):rep(128 - #block) .. block
  local seed = xor(block:sub(2, 21), mask(block:sub(22), 20))
  local data = xor(block:sub(22), mask(seed, 107))
  assert(block:byte() == 0 and data:sub(1, 20) == openssl.sha1(""), "padding")
  return data:sub(21):match("^%z*\1(.*)$")
end
local salt = "abcdefghijklmnopqrst"
local sha2 = { authversion = "post41", authplugin = "caching_sha2_password" }
local function full (key, last)
  socket = session(packet(2, "\1\4"), packet(4, "\1" .. key), packet(6, last))
  return mysql.loginRequest(socket, sha2, "root", "secret", salt)
end
check("full login", "true", (full(PEM, "\0\0\0\2\0\0\0")))
check("asks for the key", "true true", socket.sent[2] == packet(3, "\2"), socket.sent[3]:sub(1, 4) == packet(5, ("x"):rep(128)):sub(1, 4))
check("the password", "true", "secret\0" == xor(decrypted(socket.sent[3]:sub(5)), salt))
check("refused", 'false "Access denied"', (function (...) return (...), (select(2, ...)):match("Access denied") end)(full(PEM, "\xff\x15\x04#28000Access denied")))
check("no key", 'false "the server wants the password over a secure connection: no key"', full(PEM:gsub("MIGf", "AAAA"), "\0\0\0"))
fuzz("keys", { PEM }, function (key) full(key, "\0\0\0\2\0\0\0") end)
