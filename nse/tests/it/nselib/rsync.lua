local peer = require "peer"
local rsync = require "rsync"

local function serve (answers, module)
  peer.greeting = "@RSYNCD: 31.0 md5\n"
  peer.answer(function (data)
    for _, pair in ipairs(answers) do
      if data:find(pair[1], 1, true) then return pair[2] end
    end
  end)
  local helper = rsync.Helper:new({ ip = "192.0.2.1" }, 873, { module = module })
  assert(helper:connect())
  return helper
end

local helper = serve({ { "@RSYNCD", nil }, { "\n", "pub            \tfiles\n@RSYNCD: EXIT\n" } })
check("version, greeting", '"31.0" "@RSYNCD: 29.0\\\n"', helper.version, peer.sent[1])
check("modules", 'true {1="pub            \\9files"}', helper:listModules())
check("no module", 'false "Unknown module \'x\'"', serve({ { "@R", nil }, { "x", "@ERROR: Unknown module 'x'\n" } }, "x"):login())
check("open", 'true "No authentication was required"', serve({ { "@R", nil }, { "pub", "Hello!\n@RSYNCD: OK\n" } }, "pub"):login())
-- MD4 of four zeros, the password and the challenge, in Base64 without padding.
helper = serve({ { "@R", nil }, { "bob ", "@RSYNCD: OK\n" }, { "priv", "@RSYNCD: AUTHREQD chal\n" } }, "priv")
check("with a password", 'true "Authentication successful"', helper:login("bob", "pw"))
check("its hash", '22', #peer.sent[3]:match("^bob (%S+)\n$"))
helper = serve({ { "@R", nil }, { "bob ", "@ERROR: auth failed\n" }, { "priv", "@RSYNCD: AUTHREQD chal\n" } }, "priv")
check("bad password", 'false "Authentication failed"', helper:login("bob", "pw"))
peer.greeting = "SSH-2.0-x\n"
check("something else", 'false "the server does not speak rsync"', rsync.Helper:new({ ip = "192.0.2.1" }, 873):connect())

-- A list of files: flags, name, size, time, mode; the second shares mode and the beginning of its name.
local list = "\1\5a.txt" .. string.pack("<I4I4I4", 2, 1795820559, 0x81a4) .. "\x22\1\5b.txt" .. string.pack("<I4I4", 3, 1795820559)
  .. "\0" .. string.pack("<I4", 0)
local function channel (number, data) return string.pack("<I4", (7 + number << 24) | #data) .. data end
local function listing (data)
  return serve({ { "@R", nil }, { "--server", "seed" }, { "\0\0\0\0", data } }, "pub"):listFiles()
end
check("files", 'true {1="-rw-r--r--           2 2026/11/27 23:02:39 a.txt",2="-rw-r--r--           3 2026/11/27 23:02:39 ab.txt"}',
  listing(channel(2, "note") .. channel(0, list:sub(1, 9)) .. channel(0, list:sub(10))))
check("error", 'false "no way"', listing(channel(1, "no way\n")))
for size = 1, #list - 1, 3 do listing(channel(0, list:sub(1, size))) end
