-- Spectral norm: float divisions in a small function, sums over arrays.
local function entry(i, j)
  local ij = i + j - 1
  return 1.0 / (ij * (ij - 1) * 0.5 + i)
end
local function product(n, x, y, transposed)
  for i = 1, n do
    local sum = 0.0
    for j = 1, n do
      sum = sum + x[j] * (transposed and entry(j, i) or entry(i, j))
    end
    y[i] = sum
  end
end
local n, u, v, t = 360, {}, {}, {}
for i = 1, n do u[i] = 1.0 end
for _ = 1, 24 do
  product(n, u, t, false)
  product(n, t, v, true)
  product(n, v, t, false)
  product(n, t, u, true)
end
local uv, vv = 0.0, 0.0
for i = 1, n do uv, vv = uv + u[i] * v[i], vv + v[i] * v[i] end
print(string.format("%.9f", (uv / vv) ^ 0.5))
