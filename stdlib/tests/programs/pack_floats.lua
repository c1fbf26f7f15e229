-- Floats in 4 and 8 bytes.
local function hex(s) return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end

local values = { 0, 0.0, -0.0, 1, -1, 0.1, 1.5, -123.456, 1e300, -1e300, 1e-300, 1e-45, 3.4028234e38, 3.4028236e38, 1 / 0, -1 / 0, math.pi,
  2^53 + 1, math.maxinteger, "10", "0x.8p1" }
for _, value in ipairs(values) do
  for _, format in ipairs { "<f", ">f", "<d", ">d", "<n", "=n" } do
    local packed = string.pack(format, value)
    print(format, value, hex(packed), string.unpack(format, packed))
  end
end
local nan = string.unpack("<d", string.pack("<d", 0 / 0))
print(nan ~= nan, #string.pack("f", 0 / 0))
local nan = string.unpack(">f", string.pack(">f", 0 / 0))
print(nan ~= nan)
print(string.unpack("<f", "\0\0\128\63"), string.unpack(">d", "\63\240\0\0\0\0\0\0"), string.unpack("<f", "\1\0\0\0"))
print(math.type((string.unpack("d", string.pack("d", 3)))))
print(pcall(string.pack, "d", "x"))
print(pcall(string.pack, "f", {}))
print(pcall(string.pack, "n"))
print(pcall(string.unpack, "f", "abc"))
