-- base64 both ways, by bit operators, tables and string.byte.
local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local code, value = {}, {}
for i = 1, 64 do
  code[i - 1] = alphabet:sub(i, i)
  value[alphabet:byte(i)] = i - 1
end
local function encode(s)
  local out = {}
  for i = 1, #s, 3 do
    local a, b, c = s:byte(i, i + 2)
    local word = a << 16 | (b or 0) << 8 | (c or 0)
    out[#out + 1] = code[word >> 18] .. code[word >> 12 & 63] ..
      (b and code[word >> 6 & 63] or "=") .. (c and code[word & 63] or "=")
  end
  return table.concat(out)
end
local function decode(s)
  local out = {}
  for i = 1, #s, 4 do
    local a, b, c, d = s:byte(i, i + 3)
    local word = value[a] << 18 | value[b] << 12 | (value[c] or 0) << 6 | (value[d] or 0)
    if c == 61 then
      out[#out + 1] = string.char(word >> 16)
    elseif d == 61 then
      out[#out + 1] = string.char(word >> 16, word >> 8 & 255)
    else
      out[#out + 1] = string.char(word >> 16, word >> 8 & 255, word & 255)
    end
  end
  return table.concat(out)
end
local data, total = ("some \0 bytes \xff\xfe to carry "):rep(200), 0
for _ = 1, 1000 do
  local packed = encode(data)
  local back = decode(packed)
  total = total + #packed + (back == data and 1 or 0)
  data = data:sub(2)
end
print(total)
