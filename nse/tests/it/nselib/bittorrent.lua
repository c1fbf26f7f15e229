local bittorrent = require "bittorrent"
local http = require "http"
local peer = require "peer"
local stdnse = require "stdnse"

-- BEP 3, "bencoding".
local status, value = bittorrent.bdecode("d3:cow3:moo4:listli-3e0:ee")
check("values", 'true {"cow"="moo","list"={1=-3,2=""}}', status, value)
check("errors", "false false false false", (bittorrent.bdecode("")), (bittorrent.bdecode("9:abc")), (bittorrent.bdecode("di1ei2ee")),
  (bittorrent.bdecode(("l"):rep(1000))))
fuzz("bdecode", { "d3:cow3:moo4:listli-3e0:ee" }, function (bytes) bittorrent.bdecode(bytes) end)

local info = "d5:filesld6:lengthi5eed6:lengthi7eee4:name1:xe"
local function load ()
  local torrent = bittorrent.Torrent:new()
  torrent.buffer = "d8:announce21:http://192.0.2.1/anno13:announce-listll21:http://192.0.2.1/anno23:udp://192.0.2.2:6969/anee4:info" .. info .. "e"
  return torrent, torrent:parse_buffer()
end
local torrent
torrent, status = load()
check("file", 'true {1="http://192.0.2.1/anno",2="udp://192.0.2.2:6969/an"} 12', status, torrent.trackers, torrent.size)
equal(torrent.info_hash, openssl.sha1(info), "sum")
check("our name", "20", #torrent.peer_id)
local linked = bittorrent.Torrent:new()
check("link", 'true "c12fe1c06bba254a9dc9f519b335aa7c1367a88a" {1="http://t/x"}',
  linked:load_from_magnet("magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a&tr=http%3A%2F%2Ft%2Fx"), stdnse.tohex(linked.info_hash), linked.trackers)
check("no link", "false", (bittorrent.Torrent:new():load_from_magnet("magnet:?xt=urn:btih:zz")))
check("no file", "false", (bittorrent.Torrent:new():load_from_file("/nowhere/at/all")))

-- A tracker over HTTP, BEP 3 and 23.
local body
http.get_url = function (address) return { status = 200, body = body, address = address } end
body = "d8:intervali1800e5:peers6:\192\0\2\7\26\225e"
check("peers", 'true {"192.0.2.7"={"port"=6881}}', torrent:http_tracker_peers("http://192.0.2.1/a"), torrent.peers)
body = "d5:peersld2:ip9:192.0.2.84:porti80eeee"
check("peers, written out", "true 80", torrent:http_tracker_peers("http://192.0.2.1/a"), torrent.peers["192.0.2.8"].port)
body = "d14:failure reason4:nopee"
check("refused", 'false "nope"', torrent:http_tracker_peers("http://192.0.2.1/a"))
fuzz("tracker", { "d8:intervali1800e5:peers6:\192\0\2\7\26\225e", "d5:peersld2:ip9:192.0.2.84:porti80eeee" }, function (bytes)
  body = bytes
  torrent:http_tracker_peers("http://192.0.2.1/a")
end)

-- One over UDP, BEP 15.
local function tracker (data)
  if #data == 16 then return string.pack(">I4", 0) .. data:sub(13, 16) .. "CONNECTI" end
  if data:sub(1, 8) ~= "CONNECTI" then return nil end
  return string.pack(">I4", 1) .. data:sub(13, 16) .. string.pack(">I4I4I4", 1800, 1, 1) .. "\192\0\2\9\0\80"
end
peer.answer(tracker)
torrent = load()
check("peers by UDP", 'true {"192.0.2.9"={"port"=80}} 98', torrent:udp_tracker_peers("udp://192.0.2.2:6969/an"), torrent.peers, #peer.sent[2])
peer.answer(function (data) return string.pack(">I4", 3) .. data:sub(13, 16) .. "nope" end)
check("refused", 'false "nope"', torrent:udp_tracker_peers("udp://192.0.2.2:6969/an"))

-- The hash table, BEP 5: the first node names another, which knows somebody.
local clock = 0
nmap.clock_ms = function () clock = clock + 100 return clock end
local answers = { "d1:rd2:id20:" .. ("a"):rep(20) .. "5:nodes26:" .. ("b"):rep(20) .. "\192\0\2\5\26\225e1:t2:pl1:y1:re",
  "d1:rd2:id20:" .. ("b"):rep(20) .. "6:valuesl6:\192\0\2\6\0\80ee1:t2:pl1:y1:re" }
peer.answer(function () return table.remove(answers, 1) end)
torrent = load()
check("hash table", "true 80 6881", torrent:dht_peers(10), torrent.peers["192.0.2.6"].port, torrent.nodes["192.0.2.5"].port)
