-- Floats: the Mandelbrot set.
local w, h, inside = 700, 700, 0
for py = 0, h - 1 do
  for px = 0, w - 1 do
    local cr, ci = px / w * 3.0 - 2.0, py / h * 2.0 - 1.0
    local zr, zi, n = 0.0, 0.0, 0
    while n < 100 do
      local r2, i2 = zr * zr, zi * zi
      if r2 + i2 > 4.0 then break end
      zr, zi = r2 - i2 + cr, 2.0 * zr * zi + ci
      n = n + 1
    end
    if n == 100 then inside = inside + 1 end
  end
end
print(inside)
