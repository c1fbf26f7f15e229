-- Methods found through chains of `__index` tables, constructors and super calls.
local function class(parent)
  local new = setmetatable({}, { __index = parent })
  new.__index = new
  return new
end
local Shape = class()
function Shape.new(self, w, h) return setmetatable({ w = w, h = h }, self) end
function Shape:area() return self.w * self.h end
function Shape:name() return "shape" end
function Shape:scale(by) self.w, self.h = self.w * by, self.h * by return self end
local Box = class(Shape)
function Box:area() return Shape.area(self) + 1 end
local Cube = class(Box)
function Cube:name() return "cube" end
local Small = class(Cube)
local total = 0
for i = 1, 1200000 do
  local kind = i % 2 == 0 and Small or Box
  local shape = kind:new(i % 10, 2)
  shape:scale(2):scale(3)
  total = total + shape:area() + #shape:name() + #Shape.name(shape)
end
print(total)
