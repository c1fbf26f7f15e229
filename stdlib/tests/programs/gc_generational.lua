collectgarbage("generational")
local function minor(n) for _ = 1, n or 1 do collectgarbage("step") end end
-- Old tables, closures, metatables and coroutines that come to refer to young objects.
local old = { list = {}, weak = setmetatable({}, { __mode = "v" }) } minor(3)
for i = 1, 5 do old.list[i] = { i } old["k" .. i] = { name = "n" .. i } old.weak[i] = { i } minor() end
for i = 1, 5 do io.write(old.list[i][1], old["k" .. i].name, " ") end
print(next(old.weak))
local function cell() local v = { "first" } return function() return v[1] end, function(x) v = x end end
local get, set = cell() minor(3)
for i = 1, 4 do set({ "young" .. i }) minor(i) io.write(get(), " ") end print()
local target = setmetatable({}, {}) minor(3)
setmetatable(target, { __index = { field = { "deep" } } }) minor(3)
print(target.field[1])
local joined, source = (function() local v return function() return v end end)(), nil minor(3)
do local v = { "joined" } source = function() return v end debug.upvaluejoin(joined, 1, source, 1) source = nil end minor(3)
print(joined()[1])
debug.setupvalue(joined, 1, { "set" }) minor(3)
print(joined()[1])
-- Suspended coroutines: their registers, and upvalues open into them that others write.
local write
local co = coroutine.wrap(function()
  local shared, kept = { 0 }, nil
  write = function(x) shared = x end
  while true do kept = { shared[1] } coroutine.yield(kept[1]) minor() kept = kept[1] end
end)
co() minor(3)
for i = 1, 4 do write({ i * 10 }) minor(i) io.write(co(), " ") end write = nil minor(2) print(co())
local thread = coroutine.create(function(a) while true do a = coroutine.yield({ a }) end end)
coroutine.resume(thread, 1) minor(3)
debug.setlocal(thread, 1, 1, { "local" }) minor(2)
local _, held = debug.getlocal(thread, 1, 1) print(held[1])
-- Long strings, buffers of tables, and objects that have no page.
local keep = {} minor(3)
for i = 1, 40 do keep[i] = ("x"):rep(1000 + i) .. i local drop = ("y"):rep(2000) minor() end
local len = 0 for i = 1, 40 do len = len + #keep[i] end print(len)
-- Finalisers of young and of old objects; resurrection; a new finaliser.
local log = {}
local function mortal(name) return setmetatable({ name = name }, { __gc = function(o) log[#log + 1] = o.name end }) end
local elder = mortal("elder") minor(3) mortal("infant") minor(2) elder = nil minor(3)
collectgarbage() table.sort(log) print(table.concat(log, ","))
local back setmetatable({ n = 0 }, { __gc = function(o) back = o o.n = o.n + 1 setmetatable(o, getmetatable(o)) end })
for i = 1, 3 do minor(3) collectgarbage() end print(back.n >= 1) back = nil
-- Ephemerons between old and young.
local eph = setmetatable({}, { __mode = "k" }) minor(3)
local key = {} eph[key] = { "held" } eph[{}] = { "free" } minor(4) collectgarbage()
local n = 0 for _ in pairs(eph) do n = n + 1 end print(n, eph[key][1])
-- Much garbage, a growing live set, back to the other mode and again.
local live = {} for i = 1, 60000 do live[i % 3000 + 1] = { i, { i } } end
local sum = 0 for i = 1, #live do sum = sum + live[i][2][1] end print(sum)
print(collectgarbage("incremental"), collectgarbage("generational"), collectgarbage("step"))
for i = 1, 60000 do live[i % 3000 + 1] = { tostring(i) } end print(live[7][1])
local full = collectgarbage("count") live, keep = nil, nil collectgarbage() print(collectgarbage("count") < full)
collectgarbage("incremental")
