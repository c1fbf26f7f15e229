-- Reads generated streams as the C library did, and packs their texts in turn.
local zlib = require "zlib"
local function unhex(text) return text == "-" and "" or (text:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)) end
local function hex(text) return text == "" and "-" or (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

local lines, case = {}, 0
for line in (...):gmatch("[^\n]+") do
  case = case + 1
  local bits, status, data, out, text = line:match("^(%S+) (%S+) (%S+) (%S+) (%S+)$")
  bits, data, out, text = math.tointeger(bits), unhex(data), unhex(out), unhex(text)
  local function wrong(what) error(("case %d (%s): %s"):format(case, line:sub(1, 200), what), 0) end
  -- All at once, and in pieces of some size from a source that gives pieces.
  local stream = zlib.inflate(data, bits)
  local ok, got = pcall(stream.read, stream, "*a")
  if ok ~= (status ~= "bad") then wrong(ok and "no error" or got) end
  if ok and got ~= out then wrong("other text") end
  if not ok and got ~= "failed to decompress [-3]" then wrong(got) end
  local size, at = case % 50 + 1, 1
  stream = zlib.inflate(function()
    local piece = data:sub(at, at + size - 1)
    at = at + size
    return piece
  end, bits)
  local parts = {}
  ok, got = pcall(function()
    while true do
      local part = stream:read(case % 70 + 1)
      if not part then break end
      parts[#parts + 1] = part
    end
  end)
  if ok ~= (status ~= "bad") then wrong(ok and "no error in pieces" or got) end
  got = table.concat(parts)
  if ok and got ~= out or got ~= out:sub(1, #got) then wrong("other text in pieces") end
  -- The whole string at once knows no partial result.
  ok, got = pcall(zlib.decompress, data, bits > 0 and bits < 16 and bits + 32 or bits)
  if ok ~= (status == "end") or ok and got ~= out then wrong("decompress: " .. tostring(got)) end
  -- The other way round.
  local packed
  if case % 2 == 0 then
    packed = zlib.compress(text, case % 10, 8, bits, case % 9 + 1, case % 5)
  else
    local pieces = {}
    local deflating = zlib.deflate(function(piece) pieces[#pieces + 1] = piece end, case % 10, 8, bits, case % 9 + 1, case % 5)
    for from = 1, #text, 700 do
      deflating:write(text:sub(from, from + 699))
      if case % 3 == 0 then deflating:flush("sync") end
    end
    deflating:close()
    packed = table.concat(pieces)
  end
  lines[case] = bits .. " " .. hex(packed) .. " " .. hex(text)
end
return table.concat(lines, "\n")
