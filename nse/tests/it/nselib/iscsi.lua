local iscsi = require "iscsi"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex

-- RFC 7143, 6.1.
local kvp = iscsi.KVP.parse("A=1\0B=x=y\0A=2\0")
check("keys", '{1="1",2="2"} {1="x=y"} nil', kvp:get("A"), kvp:get("B"), kvp:get("C"))
check("octets", '"A=1\\0B=x=y\\0A=2\\0"', tostring(kvp))
-- RFC 1994: MD5 of the identifier, the secret and the challenge.
check("response", '"' .. hex(openssl.md5("\1secretchal")) .. '"', hex(iscsi.CHAP.calcResponse(1, "chal", "secret")))

-- A portal with one target; `code` is the result of logons (11.13.5).
local code, method
local function pdu (operation, flags, rest, data)
  return string.pack(">BBI2BI3", operation, flags, 0, 0, #data) .. ("\0"):rep(16) .. string.pack(">I4", 7) .. rest
    .. ("\0"):rep(20 - #rest) .. data .. ("\0"):rep(-#data % 4)
end
local function portal (data)
  local operation = data:byte(1) & 0x3f
  if operation == 3 then
    local keys = iscsi.KVP.parse(data:sub(49))
    local answer = ""
    if keys:get("CHAP_A") then
      answer = "CHAP_A=5\0CHAP_I=1\0CHAP_C=0x6368616c\0"
    elseif keys:get("CHAP_R") then
      code = keys:get("CHAP_R")[1] == "0x" .. hex(openssl.md5("\1secretchal")) and 0 or 0x0201
    elseif keys:get("AuthMethod") then
      answer = "AuthMethod=" .. method .. "\0"
    end
    return pdu(0x23, 0x87, ("\0"):rep(8) .. string.pack(">I2", code), answer)
  elseif operation == 4 then
    return pdu(0x24, 0x80, "", "TargetName=iqn.x:disk\0TargetAddress=192.0.2.1:3260,1\0TargetName=iqn.x:tape\0")
  end
  return pdu(0x26, 0x80, "", "")
end
local function connect (answer)
  code, method = 0, "None"
  peer.answer(answer or portal)
  local helper = iscsi.Helper:new({ ip = "192.0.2.1" }, { number = 3260, protocol = "tcp" })
  helper:connect()
  return helper
end
local helper = connect()
check("targets", 'true {1={"addr"={1="192.0.2.1:3260,1"},"name"="iqn.x:disk"},2={"addr"={},"name"="iqn.x:tape"}}', helper:discoverTargets())
check("first octets of the logon, 11.12", '"43810000" "4004' .. '8000"', hex(peer.sent[1]):sub(1, 8), "4004" .. hex(peer.sent[1]):sub(17, 20))
check("logout", "true", helper:logout())
helper = connect()
method = "CHAP"
local status, response = helper:login("iqn.x:disk")
check("a password is wanted", "false true", status, response:getErrorCode() == iscsi.Packet.LoginResponse.Errors.AUTH_FAILED)
helper = connect()
method = "CHAP"
check("right password", "true", (helper:login("iqn.x:disk", "user", "secret")))
helper = connect()
method = "CHAP"
status, response = helper:login("iqn.x:disk", "user", "wrong")
check("wrong password", 'false "Authentication failed"', status, response:getErrorMessage())
helper = connect()
code = 0x0203
status, response = helper:login("iqn.x:none")
check("no target", 'false "Target not found" 515', status, tostring(response), response.status_code)
check("junk", "false", (connect(function () return "HTTP/1.1 400 Bad Request\r\n\r\n" end):login()))
check("too long", "false", (connect(function () return string.pack(">BBI2BI3", 0x23, 0, 0, 0, 0xffffff) .. ("\0"):rep(40) end):login()))
