-- Operators by metamethods: arithmetic, comparison, length, call, index and newindex functions.
local Vector = {}
Vector.__index = Vector
local function vector(x, y) return setmetatable({ x = x, y = y }, Vector) end
Vector.__add = function(a, b) return vector(a.x + b.x, a.y + b.y) end
Vector.__sub = function(a, b) return vector(a.x - b.x, a.y - b.y) end
Vector.__mul = function(a, k) return vector(a.x * k, a.y * k) end
Vector.__unm = function(a) return vector(-a.x, -a.y) end
Vector.__eq = function(a, b) return a.x == b.x and a.y == b.y end
Vector.__lt = function(a, b) return a.x < b.x end
Vector.__le = function(a, b) return a.x <= b.x end
Vector.__len = function(a) return a.x + a.y end
Vector.__call = function(self, d) return self.x + d end
Vector.__concat = function(a, b) return tostring(a.x) .. tostring(b.y) end
local log = 0
local proxy = setmetatable({}, {
  __index = function(_, key) return key * 2 end,
  __newindex = function(_, key, value) log = log + key * value end,
})
local total, step = 0, vector(1, 2)
local position = vector(0, 0)
for i = 1, 560000 do
  position = (position + step) * 1 - -step
  if position == step or position < step then total = total + 1 end
  if step <= position then total = total + #position % 7 end
  total = total + position(i) + proxy[i]
  proxy[i] = 2
  if i % 64 == 0 then
    total = total + #(position .. step)
    position = vector(0, 0)
  end
end
print(total, log)
