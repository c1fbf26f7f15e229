local pppoe = require "pppoe"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local US, SERVER = "\2\0\94\16\0\1", "\2\0\94\16\0\2"

-- A link with one server; `wants` are the methods it asks for, one after the other.
local sent, queue, wants
local function tag (kind, data) return string.pack(">I2s2", kind, data) end
local function put (kind, code, session, data)
  queue[#queue + 1] = US .. SERVER .. string.pack(">I2BBI2s2", kind, 0x11, code, session, data)
end
local function ask ()
  local method = table.remove(wants, 1)
  if method then put(0x8864, 0, 5, string.pack(">I2BBI2BB", 0xc021, 1, 9 - #wants, 6 + #method, 3, 2 + #method) .. method) end
end
local function serve (frame)
  sent[#sent + 1] = frame
  local packet = pppoe.PPPoE.parse(frame)
  local unique = pppoe.PPPoE.getTag(packet, 0x0103)
  if packet.code == 0x09 then
    put(0x8863, 7, 0, tag(0x0103, "another") )
    put(0x8863, 7, 0, tag(0x0102, "ac-1") .. tag(0x0104, "cookie") .. tag(0x0103, unique))
  elseif packet.code == 0x19 and pppoe.PPPoE.getTag(packet, 0x0104) == "cookie" then
    put(0x8863, 0x65, 5, tag(0x0103, unique))
  elseif packet.ether_type == 0x8864 then
    local message = pppoe.LCP.parse(packet.data)
    if message.code ~= 2 then ask() end
  end
  return true
end
nmap.get_interface_info = function () return { device = "eth9", mac = US } end
nmap.new_dnet = function ()
  return { ethernet_open = function () end, ethernet_send = function (_, frame) return serve(frame) end, ethernet_close = function () end }
end
nmap.new_socket = function ()
  return {
    set_timeout = function () end, pcap_open = function () end, pcap_close = function () end,
    pcap_receive = function ()
      local frame = table.remove(queue, 1)
      if frame then return true, #frame, frame:sub(1, 14), frame:sub(15) end
      return false, "TIMEOUT"
    end,
  }
end
local function connect (...)
  sent, queue, wants = {}, {}, { ... }
  local helper = pppoe.Helper:new("eth9")
  helper:connect()
  return helper
end

local Auth = pppoe.LCP.AuthMethod
local helper = connect(Auth.PAP, Auth.CHAP_MD5)
local status, offer = helper:discoverInit()
check("server", '"02005e100002" "AC-Name" "ac-1"', hex(offer.mac_srv), offer.tags[1].name, offer.tags[1].data)
-- RFC 2516, 5.1: to everybody, a service's name of no length.
check("question", '"ffffffffffff02005e100001' .. '8863110900000010' .. '01010000"', hex(sent[1]:sub(1, 24)))
check("session", "true", (helper:discoverRequest()))
check("method, at the second try", "true", helper:setAuthMethod(Auth.CHAP_MD5))
check("close", "true 167", helper:close(), sent[#sent]:byte(16))
helper = connect(Auth.PAP)
helper:discoverInit()
helper:discoverRequest()
check("another method", "false", (helper:setAuthMethod(Auth.MSCHAPV2)))
check("no session", 'false "there is no session"', connect():setAuthMethod(Auth.PAP))
check("none", "nil nil", pppoe.PPPoE.parse("abc"), pppoe.LCP.parse("\0\x21"))
local frame = US .. SERVER .. string.pack(">I2BBI2s2", 0x8863, 0x11, 7, 0, tag(0x0102, "ac-1") .. tag(0x0103, "u"))
fuzz("frames", { frame, string.pack(">I2BBI2BB", 0xc021, 1, 1, 9, 3, 5) .. "\xc2\x23\5" }, function (bytes)
  pppoe.PPPoE.parse(bytes)
  pppoe.LCP.parse(bytes)
end)
