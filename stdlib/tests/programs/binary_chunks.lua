-- Functions dumped and loaded again, with and without names; bytes that are no chunk.
local function outer(a, b, ...)
  local t = { a, b, ..., n = select("#", ...), text = "string constant", 1.5, -7, true, nil }
  local function inner(x) return x .. a, t.n end
  for i = 1, 2 do t[#t + 1] = i end
  return inner("x"), #t, t.text
end
for _, strip in ipairs { false, true } do
  local binary = string.dump(outer, strip)
  local again = load(binary, "again", "b")
  print(outer("A", "B", 1, 2))
  print(again("A", "B", 1, 2))
  print(#string.dump(again, true) == #string.dump(outer, true), binary:sub(1, 4) == "\27Lua", binary:byte(5))
end
print(load(string.dump(outer), "x", "t"))
print(load("return 1", "x", "b"))
print(load(string.dump(function() return x end), "env", "b", { x = "from env" })())
print(load(string.dump(load("y = 5 return y", "chunk")), "env", "b", setmetatable({}, { __index = _G }))())
print(pcall(string.dump, print))
print(pcall(string.dump, 5))
local up = 1
local counter = load(string.dump(function() up = (up or 10) + 1 return up end))
print(pcall(counter))
print(debug.setupvalue(counter, 1, 5), counter(), up)
local stripped = load(string.dump(function(a) local b = a return b.c.d end, true))
print(pcall(stripped, {}))
print(debug.getinfo(stripped, "S").source, debug.getinfo(stripped, "S").short_src, debug.getlocal(stripped, 1))
local whole = string.dump(outer)
local refused = 0
for len = 0, #whole - 1 do
  if not load(whole:sub(1, len), "cut", "b") then refused = refused + 1 end
end
print(refused == #whole)
print(load("\27Lua", "=cut") == nil, load("\27Lux" .. whole:sub(5)) == nil)
local reader_parts = { whole:sub(1, 20), whole:sub(21) }
print(load(function() return table.remove(reader_parts, 1) end, "parts", "b")("p", "q"))
