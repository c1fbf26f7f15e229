-- Iterators over lines: formats, closing, errors.
local name = os.tmpname()
local function hide(...)
  local out = {}
  for idx = 1, select("#", ...) do out[idx] = tostring((select(idx, ...))):gsub(name, "NAME", 1):gsub("0x%x+", "ADDRESS") end
  print(table.concat(out, "\t"))
end
local function fill(text)
  local file <close> = io.open(name, "w")
  file:write(text)
end
fill("one\ntwo\n\nfour\n5 6\n7 8 nine")
for line in io.lines(name) do io.write("[", line, "]") end
print()
for line in io.lines(name, "L") do io.write("[", line, "]") end
print()
for a, b in io.lines(name, 1, 3) do io.write("[", a, "|", tostring(b), "]") end
print()
for all in io.lines(name, "a") do
  io.write(#all, " ")
  if all == "" then break end
end
print()
for a, b, c in io.lines(name, "l", "l", "L") do io.write("<", a, "|", tostring(b), "|", tostring(c), ">") end
print()
fill("1 2 3\n4 5\n")
for a, b in io.lines(name, "n", "n") do io.write(tostring(a), "+", tostring(b), " ") end
print()
-- Results of lines itself.
local step, state, control, file = io.lines(name)
print(type(step), state, control, io.type(file), select("#", io.lines(name)))
print(step(), step(), step())
print(io.type(file), pcall(step))
print(select("#", (function() local s = io.lines(name) s() s() return s() end)()))
-- Leaving the loop closes the file, by break, error and return.
local files = {}
for line in (function() local a, b, c, d = io.lines(name) files[1] = d return a, b, c, d end)() do break end
print(io.type(files[1]), tostring(files[1]))
print(pcall(function()
  for line in (function() local a, b, c, d = io.lines(name) files[2] = d return a, b, c, d end)() do error("stop " .. line, 0) end
end))
print(io.type(files[2]))
-- A file's own iterator leaves it open.
file = io.open(name)
for line in file:lines() do io.write(line, ";") end
print(io.type(file), select("#", file:lines()))
print(file:seek("set", 0))
for line in file:lines(1) do
  io.write(line, ";")
  if line == "3" then break end
end
print(file:read("a"))
step = file:lines()
file:close()
print(pcall(step))
print(pcall(file.lines, file))
print(pcall(function() for line in step do end end))
-- The default input.
io.input(name)
for line in io.lines() do io.write(line, ";") end
print(io.type(io.input()))
io.input():seek("set")
for line in io.lines(nil, "L") do io.write(line) end
io.input():close()
hide(pcall(io.lines))
hide(pcall(io.lines, nil, "l"))
io.input(io.stdin)
-- Errors.
hide(pcall(io.lines, name .. "/x"))
hide(pcall(io.lines, "/surely/not/there"))
hide(pcall(io.lines, {}))
hide(pcall(io.lines, name, "x"))
hide(pcall(function() for _ in io.lines(name, "x") do end end))
hide(pcall(function() for _ in io.lines(name, "l", {}) do end end))
hide(pcall(io.lines("/")))
hide(pcall(function() for _ in io.lines("/") do end end))
file = io.open(name, "w")
hide(pcall(file:lines()))
hide(pcall(function() for _ in file:lines() do end end))
file:close()
local formats = {}
for idx = 1, 250 do formats[idx] = 0 end
fill("x")
print(select("#", io.lines(name, table.unpack(formats))()))
formats[251] = 0
hide(pcall(io.lines, name, table.unpack(formats)))
file = io.open(name)
hide(pcall(file.lines, file, table.unpack(formats)))
hide(pcall(function() file:lines(table.unpack(formats)) end))
file:close()
-- As a reader for load.
fill("local x = ...\nreturn x\n* 2\n")
print(load(io.lines(name, "L"))(21))
print(load(io.lines(name, 1))(4))
hide(load((io.lines(name))))
os.remove(name)
hide(pcall(io.lines, name))
