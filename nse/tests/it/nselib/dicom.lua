local dicom = require "dicom"
require "stub"

equal({ dicom.pdu_header_encode(1, 200) }, { true, "\1\0\0\0\0\xc8" })
check("bad", "false false", (dicom.pdu_header_encode("x", 1)), (dicom.pdu_header_encode(1, -1)))

-- PS3.8, 9.3.2: both names at their places, items whose lengths fit.
local sent
local function associate (answer)
  local nmap = require "nmap"
  nmap.new_socket = function ()
    return {
      set_timeout = function () return true end,
      connect = function () return true end,
      close = function () return true end,
      send = function (_, data) sent = data return true end,
      receive_buf = function (_, delimiter)
        local _, to = delimiter(answer)
        if not to then return nil, "EOF" end
        local piece = answer:sub(1, to)
        answer = answer:sub(to + 1)
        return true, piece
      end,
    }
  end
  return dicom.associate(host, port, "CALLER", "CALLED")
end
local user = "\x51\0\0\4\0\0\x40\0" .. "\x52\0\0\x0f1.2.276.0.7230\0" .. "\x55\0\0\6MOON_1"
local body = "\0\1\0\0" .. ("x"):rep(64) .. "\x10\0\0\x151.2.840.10008.3.1.1.1" .. string.pack(">BxI2", 0x50, #user) .. user
local status, err, version, class = associate("\2\0" .. string.pack(">s4", body))
check("accepted", 'true nil "MOON_1" "1.2.276.0.7230"', status, err, version, class)
equal((string.unpack(">I4", sent, 3)), #sent - 6)
equal(sent:sub(11, 42), "CALLED          CALLER          ")
equal({ associate("\3\0\0\0\0\4\0\1\1\7") }, { false, "ASSOCIATE REJECT received" })
equal({ associate("\x48\x54\0\0\0\0") }, { false, "Received unknown response" })
check("cut off", "false false", (associate("\2\0\0\0\1\0abc")), (associate("\2\0\xff\xff\xff\xff")))
