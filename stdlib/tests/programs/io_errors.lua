-- Wrong arguments, closed files, files that are not there.
local name = os.tmpname()
local function hide(...)
  local out = {}
  for idx = 1, select("#", ...) do
    out[idx] = tostring((select(idx, ...))):gsub(name, "NAME", 1):gsub("0x%x+", "ADDRESS")
  end
  print(table.concat(out, "\t"))
end
hide(io.open("/surely/not/there"))
hide(io.open("/surely/not/there", "w"))
hide(io.open(name .. "/x", "r"))
hide(io.open("/", "w"))
hide(io.open("/", "r+"))
hide(io.open(""))
hide(io.open("/tmp/a\0b/c"))
local directory = io.open("/")
hide(directory:read("a"))
hide(directory:read("l"))
hide(directory:read(1))
hide(directory:read("n"))
hide(directory:read(0))
hide(directory:write("x"))
hide(directory:close())
for _, call in ipairs {
  { io.open }, { io.open, {} }, { io.open, name, {} }, { io.open, name, "q" }, { io.open, name, 1 }, { io.close, nil }, { io.close, {} }, { io.close, "x" },
  { io.input, {} }, { io.input, true }, { io.input, "/surely/not/there" }, { io.output, {} }, { io.output, "/surely/not/there" }, { io.output, print },
  { io.type }, { io.type, nil }, { io.type, {} }, { io.type, io.stdout }, { io.read, "x" }, { io.read, {} }, { io.write, {} }, { io.write, nil }, { io.write, print },
  { io.stdout.write }, { io.stdout.write, {} }, { io.stdout.read }, { io.stdout.read, 1 }, { io.stdout.lines, "x" }, { io.stdout.close, {} }, { io.stdout.flush },
  { io.stdout.seek, 1 }, { io.stdout.setvbuf }, { io.stdout.write, io.stdout, {} },
} do
  hide(pcall(table.unpack(call, 1, 3)))
end
hide(pcall(function() io.stdout.write() end))
hide(pcall(function() io.stdout:read({}) end))
hide(pcall(function() io.stdout:seek("nowhere") end))
hide(pcall(function() io.stdout:seek("set", "x") end))
hide(pcall(function() io.stdout:seek("set", 1.5) end))
hide(pcall(function() io.stdout:seek(1) end))
hide(pcall(function() io.stdout:setvbuf() end))
hide(pcall(function() io.open(name, "zz") end))
hide(pcall(function() local open = io.open open(name, "zz") end))
hide(pcall(function() io.lines(name, "x")() end))
hide(pcall(function() io.stdout.nothing() end))
hide(pcall(function() return io.stdout + 1 end))
hide(pcall(function() return #io.stdout end))
hide(pcall(function() return io.stdout < io.stderr end))
hide(pcall(function() return io.stdout .. "x" end))
hide(pcall(function() io.stdout.x = 1 end))
hide(pcall(function() io.stdout() end))
hide(pcall(string.rep, io.stdout))
hide(pcall(setmetatable, io.stdout, {}))
hide(io.stdout == io.stdout, io.stdout == io.stderr, io.stdout == io.output(), rawequal(io.input(), io.stdin))
-- Closed files.
local file = io.open(name, "w")
hide(tostring(file), io.type(file), type(file))
hide(file:close())
hide(tostring(file), io.type(file), type(file))
for _, method in ipairs { "close", "flush", "lines", "read", "seek", "setvbuf", "write" } do
  hide(method, pcall(file[method], file, "x"))
  hide(method, pcall(function() file[method](file, {}) end))
end
hide(pcall(io.close, file))
hide(pcall(io.input, file))
hide(pcall(io.output, file))
hide(pcall(io.lines, file))
local metatable = getmetatable(file)
hide(metatable.__name, metatable.__index == metatable, type(metatable.__index), metatable == getmetatable(io.stdout))
local names = {}
for key in pairs(metatable) do names[#names + 1] = key end
table.sort(names)
hide(table.concat(names, " "))
names = {}
for key in pairs(metatable.__index) do names[#names + 1] = key end
table.sort(names)
hide(table.concat(names, " "))
names = {}
for key, value in pairs(io) do names[#names + 1] = key .. ":" .. type(value) end
table.sort(names)
hide(table.concat(names, " "))
hide(pcall(metatable.__gc, file))
hide(pcall(metatable.__close, file))
hide(pcall(metatable.__tostring, file))
hide(pcall(metatable.__gc, {}))
hide(pcall(metatable.__tostring))
hide(pcall(metatable.__close, 1))
-- Reading what can only be written, and the other way round.
file = io.open(name, "w")
hide(file:read("a"))
hide(file:read())
hide(file:read(0))
hide(file:read("n"))
hide(file:read(1, "x"))
hide(file:close())
file = io.open(name, "r")
hide(file:write("x"))
hide(file:write("x", 1, 2.5))
hide(file:write() == file)
hide(file:flush())
hide(pcall(file.write, file, "x", {}))
hide(file:read(math.maxinteger // 2 == 0 and 1 or 0))
hide(pcall(file.read, file, -1))
hide(pcall(file.read, file, math.mininteger))
hide(pcall(file.read, file, 1 << 62))
hide(file:close())
os.remove(name)
