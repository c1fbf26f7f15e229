-- Writing, positions, modes, reading and writing in turns.
local name = os.tmpname()
local function content()
  local file <close> = io.open(name, "rb")
  return string.format("%q", file:read("a"))
end
local function result(value, ...)
  if io.type(value) then return print("file", ...) end
  print(value, ...)
end
local file = io.open(name, "w")
result(file:write())
result(file:write("a", 1, " ", 1.5, " ", 2.0, " ", -0.0, " ", 1e100, " ", 2^53, " ", 1 / 0, " ", math.mininteger, "\n"))
print(file:seek(), file:seek("cur"), file:seek("end"), file:seek("set"), file:seek("cur", 2), file:seek("end", -1), file:seek("set", 3))
result(file:write("XYZ"))
result(file:seek("set", -1))
result(file:seek("cur", -100))
result(file:seek("end", -100))
print(file:seek(), file:seek("end", 5))
result(file:write("beyond"))
print(file:close(), content())
-- Arguments before a wrong one are written.
file = io.open(name, "w")
print(pcall(file.write, file, "good", {}, "never"))
print(pcall(function() file:write("more", nil) end))
print(pcall(function() file:write(true) end))
print(file:close(), content())
-- Modes.
for _, mode in ipairs { "r+", "a", "a+", "w+", "w", "r", "rb", "r+b", "wb", "ab", "a+b" } do
  do
    local file <close> = io.open(name, "w")
    file:write("0123456789")
  end
  local file = io.open(name, mode)
  print(mode, file:seek())
  result(file:read(3))
  print(file:seek())
  result(file:write("abc"))
  print(file:seek())
  print(file:seek("set", 1))
  result(file:read(2))
  result(file:write("Z"))
  result(file:read("a"))
  print(file:close(), content())
end
for _, mode in ipairs { "", "x", "rw", "rb+", "+", "b", "r++", "wbx", "R", "r ", "rt", "\0", "r\0x", "rbb" } do
  local ok, file, message = pcall(io.open, name, mode)
  print(string.format("%q", mode), ok, io.type(file) or file)
  if io.type(file) then file:close() end
end
-- Turns without a seek in between.
do
  local file <close> = io.open(name, "w+")
  file:write("one\ntwo\nthree\n")
  file:seek("set")
  print(file:read())
  file:write("TWO\n")
  file:seek("cur", 0)
  print(file:read(), file:seek())
end
print(content())
-- Large pieces.
do
  local file <close> = io.open(name, "w")
  for idx = 1, 3000 do file:write(idx, ("."):rep(idx % 50)) end
  file:write(("L"):rep(100000))
  print(file:seek())
end
local file <close> = io.open(name)
local text = file:read("a")
print(#text, text:sub(1, 60), text:sub(-5), select(2, text:gsub("%.", "")))
file:seek("end", -100003)
print(file:read(5), file:seek("cur", -5), file:read(6))
os.remove(name)
