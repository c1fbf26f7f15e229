local mqtt = require "mqtt"
local MQTT = mqtt.MQTT

-- MQTT 3.1.1, table 2.4.
for len, bytes in pairs({ [0] = "\0", [127] = "\x7f", [128] = "\x80\1", [16383] = "\xff\x7f", [16384] = "\x80\x80\1",
  [2097151] = "\xff\xff\x7f", [2097152] = "\x80\x80\x80\1", [268435455] = "\xff\xff\xff\x7f" }) do
  equal(MQTT.length_build(len), bytes)
  equal({ MQTT.length_parse(bytes) }, { #bytes + 1, len })
end
check("out of bounds", "nil false false", (MQTT.length_build(268435456)), (MQTT.length_parse("\x80\x80\x80\x80\1")), (MQTT.length_parse("\x80")))
-- 1.5.3.
equal(MQTT.utf8_build("A"), "\0\1A")
equal({ MQTT.utf8_parse("\0\1AB") }, { 4, "A" })
check("cut off", "false", (MQTT.utf8_parse("\0\5A")))

local comm = mqtt.Comm:new(host, port)
-- The example of 3.1.2, figure 3.6: name, level, flags, ten seconds.
equal(comm:build("CONNECT", { client_id = "a", username = "u", password = "p", will_topic = "w", will_message = "m", will_qos = 1,
  keep_alive_secs = 10 }), "\x10\x19\0\4MQTT\4\xce\0\x0a\0\1a\0\1w\0\1m\0\1u\0\1p")
-- 3.8.3, figure 3.20 and following: two filters.
equal(comm:build("SUBSCRIBE", { packet_id = 10, filters = { { filter = "a/b", qos = 1 }, { filter = "c/d", qos = 2 } } }),
  "\x82\x0e\0\x0a\0\3a/b\1\0\3c/d\2")
equal(comm:build("DISCONNECT"), "\xe0\0")
check("no such packet", "nil", (comm:build("CONNACK")))

equal({ comm:parse("\x20\2\1\0") }, { 5, { type = "CONNACK", accepted = true, reason = "Connection Accepted", session_present = true } })
equal(select(2, comm:parse("\x20\2\0\5")).reason, "Connection Refused, not authorized")
equal({ comm:parse("\x3d\7\0\1t\0\10hi") }, { 10, { type = "PUBLISH", dup = true, qos = 2, retain = true, topic = "t", packet_id = 10, payload = "hi" } })
equal({ comm:parse("\x90\4\0\2\0\x80") }, { 7, { type = "SUBACK", packet_id = 2, filters = { { success = true, max_qos = 0 }, { success = false } } } })
check("malformed", "false false false false", (comm:parse("\x30\1\0")), (comm:parse("\x20\5\0")), (comm:parse("")), (comm:parse("\xf0\0")))

local function peer (data)
  local socket = {}
  function socket:receive ()
    local piece = data:sub(1, 3)
    data = data:sub(4)
    if piece == "" then return nil, "EOF" end
    return true, piece
  end
  function socket:set_timeout () return true end
  return socket
end
local helper = mqtt.Helper:new(host, port)
helper.comm.socket = peer("\xd0\0\x30\4\0\1tx")
equal({ helper:receive({ "PUBLISH" }, 10) }, { true, { type = "PUBLISH", dup = false, qos = 0, retain = false, topic = "t", payload = "x" } })
equal({ helper:receive("PUBLISH") }, { false, "Failed to receive control packet from server." })
helper.comm.socket = peer("\x30\xff\xff\xff\x7f")
check("too long", "false", (helper:receive("PUBLISH")))
