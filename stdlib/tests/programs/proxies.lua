-- Table functions on values with metamethods.
local log = {}
local function proxy(list)
  return setmetatable({}, {
    __index = function(_, k) log[#log + 1] = "r" .. tostring(k) return list[k] end,
    __newindex = function(_, k, v) log[#log + 1] = "w" .. tostring(k) list[k] = v end,
    __len = function() log[#log + 1] = "#" return #list end,
  })
end
local function flush() print(table.concat(log, " ")) log = {} end

local list = { "a", "b", "c" }
local p = proxy(list)
table.insert(p, "d") flush()
table.insert(p, 2, "x") flush()
print(table.remove(p, 1)) flush()
print(table.remove(p)) flush()
print(table.concat(p, "-")) flush()
print(table.concat(p, "-", 2, 3)) flush()
print(table.unpack(p)) flush()
print(table.unpack(p, 2, 3)) flush()
table.move(p, 1, 3, 2) flush()
print(table.concat(list, ","))
table.move(p, 1, 2, 5, {}) flush()
table.sort(p) flush()
print(table.concat(list, ","))
table.sort(p, function(a, b) return a > b end) flush()
print(table.concat(list, ","))
for i, v in ipairs(p) do io = nil print(i, v) end flush()
print(#p, p[1], rawlen(p), rawget(p, 1)) flush()
print(pcall(table.insert, setmetatable({}, { __len = function() return "x" end }), 1))
print(pcall(table.concat, setmetatable({}, { __len = function() return 2 end })))
print(pcall(table.insert, p, 10, "far")) log = {}
print(pcall(table.insert, 5, 1))
print(pcall(table.insert, setmetatable({}, { __index = function() error("no read", 0) end, __len = function() return 1 end }), 1, "v"))
print(next(setmetatable({ 1 }, { __index = error })))
local chain = setmetatable({}, { __index = setmetatable({ y = 1 }, { __index = function(_, k) return k .. "?" end }) })
print(chain.x, chain.y)
local counter = setmetatable({}, { __call = setmetatable({}, { __call = function(...) return select("#", ...), select(3, ...) end }) })
print(counter("arg", "more"))
