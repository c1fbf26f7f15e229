-- Scanning text byte by byte: tokens, checksums, positions of separators.
local parts = {}
for i = 1, 400 do parts[i] = ("field_%d = %d; -- note %d\n"):format(i, i * 37, i) end
local text = table.concat(parts)
local byte, sub, char = string.byte, string.sub, string.char
local total = 0
for _ = 1, 500 do
  local i, n, a, b = 1, #text, 1, 0
  while i <= n do
    local c = byte(text, i)
    if c >= 48 and c <= 57 then
      local value = 0
      while c and c >= 48 and c <= 57 do
        value = value * 10 + c - 48
        i = i + 1
        c = byte(text, i)
      end
      total = total + value
    elseif (c >= 97 and c <= 122) or c == 95 then
      local start = i
      repeat
        i = i + 1
        c = byte(text, i)
      until not c or not ((c >= 97 and c <= 122) or c == 95)
      total = total + #sub(text, start, i - 1)
    else
      i = i + 1
    end
  end
  for j = 1, n do
    a = (a + text:byte(j)) % 65521
    b = (b + a) % 65521
  end
  for j = 1, n, 16 do
    local p, q, r, s = text:byte(j, j + 3)
    total = total + p + (q or 0) + (r or 0) + (s or 0) + #char(p, q or 32)
  end
  total = total + b * 65536 + a
end
print(total)
