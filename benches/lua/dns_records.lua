-- Packets of resource records taken apart and put together: lengths, labels, pointers.
local pack, unpack = string.pack, string.unpack
local function name_out(name)
  local parts = {}
  for label in name:gmatch("[^.]+") do parts[#parts + 1] = pack("s1", label) end
  return table.concat(parts) .. "\0"
end
local function name_in(packet, at)
  local labels, back = {}, nil
  while true do
    local length = packet:byte(at)
    if length == 0 then return table.concat(labels, "."), back or at + 1 end
    if length >= 0xC0 then
      back = back or at + 2
      at = (unpack(">I2", packet, at) & 0x3FFF) + 1
    else
      labels[#labels + 1] = packet:sub(at + 1, at + length)
      at = at + 1 + length
    end
  end
end
local function answer(id, name)
  local records = { pack(">I2I2I2I2I2I2", id, 0x8180, 1, 4, 0, 0), name_out(name), pack(">I2I2", 1, 1) }
  for i = 1, 3 do
    records[#records + 1] = pack(">I2I2I2I4s2", 0xC00C, 1, 1, 300 + i, pack("BBBB", 10, 0, i, id % 256))
  end
  records[#records + 1] = pack(">I2I2I2I4s2", 0xC00C, 16, 1, 60, pack("s1", "v=spf1 -all"))
  return table.concat(records)
end
local function parse(packet)
  local id, flags, questions, answers, at = unpack(">I2I2I2I2", packet)
  at = 13
  local out = { id = id, flags = flags, records = {} }
  for _ = 1, questions do
    local _, after = name_in(packet, at)
    at = after + 4
  end
  for i = 1, answers do
    local name, kind, class, ttl, data
    name, at = name_in(packet, at)
    kind, class, ttl, data, at = unpack(">I2I2I4s2", packet, at)
    if kind == 1 then data = ("%d.%d.%d.%d"):format(data:byte(1, 4)) end
    out.records[i] = { name = name, kind = kind, class = class, ttl = ttl, data = data }
  end
  return out
end
local total = 0
for i = 1, 40000 do
  local parsed = parse(answer(i % 65536, "www" .. i % 100 .. ".sub.example.org"))
  for _, record in ipairs(parsed.records) do
    total = total + #record.name + record.ttl + #record.data
  end
end
print(total)
