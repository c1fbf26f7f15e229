-- Classes: inheritance, mixins, properties, multiple dispatch by metamethods.
local function class(parent, ...)
  local c = {}
  c.__index = c
  for _, event in ipairs { "__tostring", "__eq", "__lt", "__le", "__len", "__concat", "__call" } do
    if parent then c[event] = parent[event] end
  end
  for _, mixin in ipairs { ... } do
    for k, v in pairs(mixin) do c[k] = v end
  end
  return setmetatable(c, {
    __index = parent,
    __call = function(cls, ...)
      local object = setmetatable({}, cls)
      if object.init then object:init(...) end
      return object
    end,
  })
end

local Comparable = { __eq = function(a, b) return a:rank() == b:rank() end, __lt = function(a, b) return a:rank() < b:rank() end,
  __le = function(a, b) return a:rank() <= b:rank() end }
local Shape = class(nil, Comparable)
function Shape:init(name) self.name = name end
function Shape:area() return 0 end
function Shape:rank() return self:area() end
function Shape:__tostring() return ("%s(%.2f)"):format(self.name, self:area()) end
function Shape.__concat(a, b) return tostring(a) .. "&" .. tostring(b) end

local Rect = class(Shape)
function Rect:init(w, h) Shape.init(self, "rect") self.w, self.h = w, h end
function Rect:area() return self.w * self.h end
local Square = class(Rect)
function Square:init(s) Rect.init(self, s, s) self.name = "square" end
Square.__len = function(self) return self.w end
local Circle = class(Shape)
function Circle:init(r) Shape.init(self, "circle") self.r = r end
function Circle:area() return math.pi * self.r ^ 2 end

local shapes = { Rect(2, 3), Square(2), Circle(1), Square(1.5), Rect(1, 4) }
for _, s in ipairs(shapes) do print(s, s:area()) end
print(shapes[2] == shapes[5], shapes[1] < shapes[2], shapes[3] <= shapes[2], #shapes[2], shapes[1] .. shapes[3], shapes[1] .. "x", 1 .. shapes[2])
table.sort(shapes)
for _, s in ipairs(shapes) do print(tostring(s)) end
print(getmetatable(shapes[1]).__index == getmetatable(shapes[1]), rawget(Square, "area"), Square.area == Rect.area)

local function property(object, getters, setters)
  return setmetatable({}, {
    __index = function(_, k) local g = getters[k] if g then return g(object) end return object[k] end,
    __newindex = function(_, k, v)
      local s = setters[k]
      if not s then error("read-only property '" .. k .. "'", 2) end
      s(object, v)
    end,
    __pairs = function() return next, object, nil end,
  })
end
local temperature = property({ celsius = 20 }, { fahrenheit = function(o) return o.celsius * 9 / 5 + 32 end },
  { fahrenheit = function(o, v) o.celsius = (v - 32) * 5 / 9 end })
print(temperature.fahrenheit, temperature.celsius)
temperature.fahrenheit = 212
print(temperature.celsius)
print(pcall(function() temperature.celsius = 5 end))
for k, v in pairs(temperature) do print(k, v) end
local strict = setmetatable({}, { __index = function(_, k) error("undeclared '" .. tostring(k) .. "'", 2) end, __metatable = "locked" })
print(pcall(function() return strict.foo end))
print(getmetatable(strict), pcall(setmetatable, strict, {}))
