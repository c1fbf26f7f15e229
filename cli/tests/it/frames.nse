-- Sends frames and packets of its own over a link, and tells what comes back: run by `raw.rs` with two programs.
local nmap = require "nmap"
categories = { "safe" }
prerule = function() return true end

local MARK = "perilune-frame"
local NEAR, MIDDLE = "\x02\0\0\0\x77\x01", "\x02\0\0\0\x77\x02"

local function hex(bytes) return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)) end

local function sum(bytes)
    local total = 0
    for at = 1, #bytes, 2 do total = total + (">I2"):unpack(bytes, at) end
    while total > 0xffff do total = (total & 0xffff) + (total >> 16) end
    return (">I2"):pack(~total & 0xffff)
end

local function echo4(target)
    local body = "\8\0\0\0\x12\x34\0\1" .. MARK
    body = "\8\0" .. sum(body) .. body:sub(5)
    local head = "\x45\0\0\x2a\x43\x21\0\0\x40\1\0\0" .. "\10\x4d\0\1" .. target
    return head:sub(1, 10) .. sum(head) .. head:sub(13) .. body
end

local function echo6(target)
    local source = "\xfd\x77" .. ("\0"):rep(13) .. "\1"
    local body = "\x80\0\0\0\x12\x34\0\1" .. MARK
    body = "\x80\0" .. sum(source .. target .. "\0\0\0\x16\0\0\0\x3a" .. body) .. body:sub(5)
    return "\x60\0\0\0\0\x16\x3a\x40" .. source .. target .. body
end

-- Sends, and tells the first packet that comes for the filter: all but the number and sum of an IPv4 header.
local function exchange(filter, send)
    local capture = nmap.new_socket()
    capture:set_timeout(3000)
    capture:pcap_open("va", 200, false, filter)
    local sent = table.pack(pcall(send))
    local ok, length, l2, l3 = capture:pcap_receive()
    capture:pcap_close()
    sent = tostring(sent[1]) .. " " .. tostring(sent[2])
    if not ok then return sent .. " " .. tostring(length) end
    if l3:byte() == 0x45 then l3 = l3:sub(1, 4) .. l3:sub(7, 10) .. l3:sub(13) end
    return ("%s %d %s %s"):format(sent, length, hex(l2), hex(l3))
end

action = function()
    local dnet, out = nmap.new_dnet(), {}
    dnet:ethernet_open("va")
    local arp = ("\xff"):rep(6) .. NEAR .. "\8\6\0\1\8\0\6\4\0\1" .. NEAR .. "\10\x4d\0\1\0\0\0\0\0\0\10\x4d\0\2" .. MARK
    out.arp = exchange("arp and ether src 02:00:00:00:77:02 and arp[6:2] == 2", function() return dnet:ethernet_send(arp) end)
    local frame = MIDDLE .. NEAR .. "\8\0" .. echo4("\10\x4d\0\2")
    out.frame = exchange("icmp[0] = 0 and src host 10.77.0.2", function() return dnet:ethernet_send(frame) end)
    dnet:ethernet_close()
    dnet:ip_open()
    out.near = exchange("icmp[icmptype] == icmp-echoreply and !host 10.78.0.3", function() return dnet:ip_send(echo4("\10\x4d\0\2")) end)
    out.far = exchange("icmp and src net 10.78.0.0/24", function() return dnet:ip_send(echo4("\10\x4e\0\3"), "10.78.0.3") end)
    out.six = exchange("ip6[40:1] == 129", function() return dnet:ip_send(echo6("\xfd\x77" .. ("\0"):rep(13) .. "\2"), { ip = "fd77::2" }) end)
    dnet:ip_close()
    local lines = {}
    for name, text in pairs(out) do lines[#lines + 1] = name .. ": " .. text end
    table.sort(lines)
    return table.concat(lines, "\n")
end
