-- When output reaches the file.
local name = os.tmpname()
local function seen()
  local file <close> = io.open(name)
  return string.format("%q", file:read("a"))
end
-- A file for each kind: the C library does not give one that was unbuffered a buffer again.
local file = io.open(name, "w")
print(file:write("x") == file, seen())
print(file:flush(), seen())
print(file:setvbuf("full", 1024), file:write("y\n") == file, seen())
print(file:close(), seen())
file = io.open(name, "w")
print(file:setvbuf("no"), file:write("x") == file, seen())
print(file:setvbuf("no", math.maxinteger), file:write("y", "z\n") == file, seen())
print(file:close(), seen())
file = io.open(name, "w")
print(file:setvbuf("line"), file:write("x") == file, seen())
print(file:write("1\n2") == file, seen())
print(file:write("3\n4\n5", "6") == file, seen())
print(file:setvbuf("line", 0), file:setvbuf("full", -1))
print(file:close(), seen())
-- Seeking and closing write; so does the end of a scope.
file = io.open(name, "w")
file:write("a")
file:seek("cur")
file:seek("set", 0)
print(seen())
do
  local scoped <close> = file
  file:write("b")
end
print(seen(), io.type(file))
-- And the collector.
io.open(name, "w"):write("collected")
collectgarbage()
collectgarbage()
print(seen())
-- Default output.
io.output(name)
io.write("through ", "io.write")
print(io.flush(), seen())
io.write("!")
print(io.close(), seen())
print(pcall(io.flush))
io.output(io.stdout)
print(io.stdout:flush(), io.flush(), io.stdout:setvbuf("full"))
for _, args in ipairs { {}, { "x" }, { 1 }, { {} }, { "full", "x" }, { "full", {} }, { "full", 1.5 }, { nil } } do
  print(pcall(io.stdout.setvbuf, io.stdout, table.unpack(args)))
end
-- print, io.write and io.stdout share a buffer.
io.write("1 ")
print("2")
io.stdout:write("3 ")
print("4")
-- A device that is full.
local full = io.open("/dev/full", "w")
print(full:write("x") == full, full:flush())
print(full:flush())
print(full:close())
print(io.type(full))
full = io.open("/dev/full", "w")
full:setvbuf("no")
print(full:write("x"))
print(full:write("x", "y"))
full = io.open("/dev/full", "w")
print(full:write(("x"):rep(1 << 20)))
full = io.open("/dev/full", "w")
full:write("x")
print(full:seek("set"))
full = nil
collectgarbage()
os.remove(name)
