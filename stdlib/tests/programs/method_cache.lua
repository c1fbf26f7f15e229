local A, B = {}, {} A.__index, B.__index = A, B function A:f() return "A" end function B:f() return "B" end local objs = { setmetatable({}, A), setmetatable({}, B), setmetatable({ f = function() return "own" end }, A) } local out = {} for i = 1, 9 do out[#out + 1] = objs[(i - 1) % 3 + 1]:f() end
print(table.concat(out, " ")) function A:f() return "A2" end
print(objs[1]:f()) objs[1].f = function() return "mine" end
print(objs[1]:f()) objs[1].f = nil print(objs[1]:f()) A.f = nil print(pcall(function() return objs[1]:f() end)) local recs = {} for i = 1, 4 do recs[i] = {} for j = 1, i do recs[i]["p" .. j] = j end recs[i].v = i end local s = 0 for _ = 1, 5 do for i = 1, 4 do s = s + recs[i].v recs[i].v = recs[i].v + 1 end end
print(s) local function get(t) return t.name end
print(get({ name = 1 }), get({ x = 1, name = 2 }), get({}), get(setmetatable({}, { __index = { name = 3 } })), get(setmetatable({}, { __index = function() return 4 end })), get({ name = false })) local g = setmetatable({}, { __index = _G }) local function env() local _ENV = g return tostring(type(print)) end
print(env()) for i = 1, 3 do glob = i end
print(glob) glob = nil print(glob) local big = {} for i = 1, 100 do big["f" .. i] = i end local function f50(t) return t.f50 end
print(f50(big), f50({ f50 = "x" }), f50(big)) big.f50 = nil print(f50(big)) big.f50 = "back" print(f50(big))
