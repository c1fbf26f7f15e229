local mssql = require "mssql"
local pieces = require "pieces"
local stdnse = require "stdnse"

-- Versions.
local version = mssql.SqlServerVersionInfo:new()
version:SetVersionNumber("11.0.3128.0", "SSNetLib")
check("version", '"Microsoft SQL Server 2012" "SP1" true "11.00.3128.00" "Microsoft SQL Server 2012 SP1+"',
  version.productName, version.servicePackLevel, version.patched, version.versionNumber, version:ToString())
version:SetVersionNumber("10.50.1600.1", "SSRP")
check("2008 R2", '"2008 R2" "RTM"', version.brandedVersion, version.servicePackLevel)

-- MC-SQLR 4.1, the answer for two instances.
local text = "ServerName;ILSUNG1;InstanceName;YUKONSTD;IsClustered;No;Version;9.00.1399.06;tcp;57137;;"
  .. "ServerName;ILSUNG1;InstanceName;YUKONDEV;IsClustered;Yes;Version;9.00.1399.06;np;\\\\ILSUNG1\\pipe\\MSSQL$YUKONDEV\\sql\\query;;"
local found = mssql.SSRP._ProcessResponse(host, "\5" .. string.pack("<s2", text))
check("instances", '2 "YUKONSTD" 57137 false "YUKONDEV" true nil', #found, found[1].instanceName, found[1].port.number,
  found[1].isClustered, found[2].instanceName, found[2].isClustered, found[2].port)
equal(found[1]:GetName(), host.ip .. "\\YUKONSTD")
check("malformed", "0 0 0", #mssql.SSRP._ProcessResponse(host, ""), #mssql.SSRP._ProcessResponse(host, "\4\0\0"),
  #mssql.SSRP._ProcessResponse(host, "\5\xff\xffServerName"))

-- MS-TDS 4.1: version 9.0, encryption off, no instance.
local kind, bytes = mssql.PreLoginPacket:new():ToBytes()
check("prelogin", '18 "000015000601001b000102001c000103001d0004ff090005770000000000000000"', kind, stdnse.tohex(bytes))
local status, answer = mssql.PreLoginPacket.FromBytes(stdnse.fromhex("00001a000601002000010200210001030022000004002200"
  .. "01ff0900c10700000100" .. "00"))
check("answer", 'true "9.00.49415.00" 1', status, answer.versionInfo.versionNumber, answer.encryption)
check("cut off", "false false", (mssql.PreLoginPacket.FromBytes("")), (mssql.PreLoginPacket.FromBytes("\0\0")))

-- MS-TDS 2.2.6.4: 0x61 becomes 0x16, then 0xB3.
equal(stdnse.tohex(mssql.Auth.TDS7CryptPass("abc")), "b3a583a593a5")
-- MS-NLMP 4.2.2.2: the values of NTLMv1 with the password "Password".
equal(stdnse.tohex(mssql.Auth.NtlmResponse("Password", stdnse.fromhex("0123456789abcdef"))), "67c43011f30298a2ad35ece64f16331c44bdbed927841f94")
equal(stdnse.tohex(mssql.Auth.LmResponse("Password", stdnse.fromhex("0123456789abcdef"))), "98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13")

local packet = mssql.LoginPacket:new()
packet:SetUsername("sa")
packet:SetPassword("abc")
kind, bytes = packet:ToString()
check("login", "16 true", kind, string.unpack("<I4", bytes) == #bytes)
local offset, len = string.unpack("<I2I2", bytes, 45)
equal(stdnse.tohex(bytes:sub(offset + 1, offset + 2 * len)), "b3a583a593a5")

local function utf16 (s) return (s:gsub(".", "%0\0")) end
local function col (name, type) return string.pack("<I2I2", 0, 9) .. type .. string.char(#name) .. utf16(name) end
local function session (payload)
  local helper = mssql.Helper:new()
  local data = string.pack(">BBI2I2BB", 4, 1, #payload + 8, 0, 1, 0) .. payload
  helper.stream = mssql.TDSStream:new()
  helper.stream._socket = pieces(data)
  return helper
end
local done = "\xfd\0\0\0\0\0\0\0\0"
local columns = "\x81\5\0" .. col("name", "\xe7\0\1\0\0\0\0\0") .. col("id", "\x26\4") .. col("price", "\x6c\5\9\2") .. col("day", "\x3d")
  .. col("key", "\x24\16")
local row = "\xd1" .. string.pack("<s2", utf16("moon")) .. "\4\xf9\xff\xff\xff" .. "\5\1\x39\x30\0\0" .. string.pack("<i4I4", 0, 300)
  .. "\16" .. stdnse.fromhex("33221100554477668899aabbccddeeff")
local result
status, result = session(columns .. row .. "\xd1\xff\xff\0\0" .. string.pack("<i4I4", 36524, 0) .. "\0" .. done):Query("select")
equal(result.rows, { { "moon", -7, "123.45", "1900-01-01 00:00:01", "00112233-4455-6677-8899-AABBCCDDEEFF" },
  { "Null", "Null", "Null", "2000-01-01 00:00:00", "Null" } })
equal(mssql.Util.FormatOutputTable({ colinfo = { { text = "a" } }, rows = { { 1 }, { "x" } } }, true), { "a", "=", "1", "x" })

local function failure (number, text_of)
  local body = string.pack("<I4BBI2", number, 1, 14, #text_of) .. utf16(text_of) .. "\0\0\1\0"
  return "\xaa" .. string.pack("<s2", body) .. done
end
equal({ session(failure(18456, "Login failed")):Login("sa", "x") }, { false, "Bad username or password", 18456 })
equal({ session(failure(18487, "expired")):Login("sa", "x") }, { false, "PasswordExpired", 18487 })
equal({ session("\xad\2\0\0\0" .. done):Login("sa", "x") }, { true, "Login Success" })
equal({ session(failure(208, "Invalid object name")):Query("select") }, { false, "Invalid object name" })
for cut = 1, #columns + #row - 1 do session((columns .. row):sub(1, cut)):Query("select") end
check("cut off", "false", (session((columns .. row):sub(1, -3)):Query("select")))
