-- Deep and wide recursion: Ackermann, Takeuchi, hanoi.
local function ack(m, n)
  if m == 0 then return n + 1 end
  if n == 0 then return ack(m - 1, 1) end
  return ack(m - 1, ack(m, n - 1))
end
local function tak(x, y, z)
  if y >= x then return z end
  return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))
end
local moves = 0
local function hanoi(n, from, to, via)
  if n == 0 then return end
  hanoi(n - 1, from, via, to)
  moves = moves + from * to
  hanoi(n - 1, via, to, from)
end
hanoi(23, 1, 2, 3)
print(ack(2, 1500), ack(3, 8), tak(24, 12, 6), moves)
