-- Integer and float loops over grids.
local function mandelbrot(width, height, limit)
  for row = 0, height - 1 do
    local line = {}
    for column = 0, width - 1 do
      local cr, ci = 3.0 * column / width - 2.0, 2.0 * row / height - 1.0
      local x, y, n = 0.0, 0.0, 0
      while x * x + y * y <= 4.0 and n < limit do
        x, y, n = x * x - y * y + cr, 2 * x * y + ci, n + 1
      end
      line[#line + 1] = n == limit and "#" or n > 8 and "+" or n > 3 and "." or " "
    end
    print((table.concat(line):gsub("%s+$", "")))
  end
end
mandelbrot(60, 20, 50)

local Life = {}
Life.__index = Life
function Life.new(rows)
  local self = setmetatable({ width = #rows[1], height = #rows }, Life)
  for y, row in ipairs(rows) do
    self[y] = {}
    for x = 1, #row do self[y][x] = row:byte(x) == 0x23 end
  end
  return self
end
function Life:neighbours(x, y)
  local n = 0
  for dy = -1, 1 do
    for dx = -1, 1 do
      if (dx ~= 0 or dy ~= 0) and self[(y + dy - 1) % self.height + 1][(x + dx - 1) % self.width + 1] then n = n + 1 end
    end
  end
  return n
end
function Life:step()
  local next_rows = {}
  for y = 1, self.height do
    local row = {}
    for x = 1, self.width do
      local n = self:neighbours(x, y)
      row[x] = n == 3 or n == 2 and self[y][x]
    end
    next_rows[y] = row
  end
  for y = 1, self.height do self[y] = next_rows[y] end
end
function Life:__tostring()
  local lines = {}
  for y = 1, self.height do
    local cells = {}
    for x = 1, self.width do cells[x] = self[y][x] and "#" or "." end
    lines[y] = table.concat(cells)
  end
  return table.concat(lines, "\n")
end
local life = Life.new { "..........", "...#......", "....#.....", "..###.....", "..........", ".........." }
for generation = 1, 6 do
  life:step()
  print(generation)
  print(life)
end
