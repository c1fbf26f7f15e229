local afp = require "afp"
local afpproto = require "afpproto"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex

local function answer (code, data, flags) return string.pack(">BBI2i4I4I4", flags or 1, 2, 1, code, #data, 0) .. data end
local function connect (serve)
  peer.answer(type(serve) == "function" and serve or function () return serve end)
  return afpproto.Proto:new({ socket = nmap.new_socket() })
end

local proto = connect(answer(0, string.pack(">iB", 5, 1) .. "\0\5share"))
check("shares", '{"server_time"=5,"vol_count"=1,"volumes"={1={"bitmap"=0,"name"="share"}}}', proto:fp_get_srvr_parms():getResult())
check("request", '"00020002" "00000000" "00000002" "1000"', hex(peer.sent[1]:sub(1, 4)), hex(peer.sent[1]:sub(5, 8)), hex(peer.sent[1]:sub(9, 12)),
  hex(peer.sent[1]:sub(17)))
local response = connect(answer(-5023, "")):fp_login("AFP3.1", "Cleartxt Passwrd", "ann", "wrong")
check("refused", '-5023 "User not authenticated"', response:getErrorCode(), response:getErrorMessage())
-- The user's name is filled up to an even place, the password to eight octets.
check("as it is", '"\\18\\6AFP3.1\\16Cleartxt Passwrd\\3ann\\0wrong\\0\\0\\0"', peer.sent[1]:sub(17))
response = connect(answer(0, "")):fp_login("AFP3.1", "DHX2", "a", "b")
check("unknown way", '-1 "Unsupported user authentication method: DHX2"', response:getErrorCode(), response:getErrorMessage())
check("tickles", '"ab"', connect(answer(0, "", 0) .. answer(0, "ab")):fp_read_ext(1, 0, 2):getResult())
check("malformed", '"the answer is malformed"', connect(answer(0, "\0")):fp_get_srvr_parms():getErrorMessage())
check("too long", '"the answer is too long"', connect(string.pack(">BBI2i4I4I4", 1, 2, 1, 0, 0x7fffffff, 0)):fp_logout():getErrorMessage())
check("silence", "-1", connect(""):fp_logout():getErrorCode())

-- DHCAST128 with a server that knows the password: it makes its half of the exchange and opens what comes.
local prime = openssl.bignum_hex2bn("BA2873DFB06057D43F2024744CEEE75B")
local function fill (number) local octets = openssl.bignum_bn2bin(number) return ("\0"):rep(16 - #octets) .. octets end
local key
local function dhx (data)
  local body = data:sub(17)
  if body:byte(1) == 18 then
    local secret = openssl.bignum_dec2bn("1234567890123456789")
    key = fill(openssl.bignum_mod_exp(openssl.bignum_bin2bn(body:sub(-16)), secret, prime))
    local ours = fill(openssl.bignum_mod_exp(openssl.bignum_dec2bn("7"), secret, prime))
    return answer(-5001, "\0\9" .. ours .. openssl.encrypt("cast5-cbc", key, "CJalbert", ("N"):rep(16) .. ("\0"):rep(16)))
  end
  local text = openssl.decrypt("cast5-cbc", key, "LWallace", body:sub(5))
  local right = text:sub(1, 16) == ("N"):rep(15) .. "O" and text:sub(17):match("^%Z*") == "secret"
  return answer(right and 0 or -5023, "")
end
check("exchange", "0", connect(dhx):fp_login("AFP3.1", afp.UAM.DHCAST128, "ann", "secret"):getErrorCode())
check("wrong password", "-5023", connect(dhx):fp_login("AFP3.1", afp.UAM.DHCAST128, "ann", "wrong"):getErrorCode())
fuzz("login", { answer(-5001, "\0\9" .. ("k"):rep(48)) }, function (bytes) connect(bytes):fp_login("AFP3.1", afp.UAM.DHCAST128, "ann", "secret") end)
fuzz("parms", { answer(0, "\x40\0\x40\0\x80\0\0\2\3sub") }, function (bytes)
  connect(bytes):fp_get_file_dir_parms(1, 2, 0x40, 0x40, { type = 2, name = "" })
end)
