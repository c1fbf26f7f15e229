-- All formats of read, alone and together.
local name = os.tmpname()
local function fill(text)
  local file <close> = assert(io.open(name, "wb"))
  assert(file:write(text))
end
local function quoted(...)
  local out = {}
  for idx = 1, select("#", ...) do
    local value = select(idx, ...)
    out[idx] = type(value) == "string" and string.format("%q", value) or tostring(value)
  end
  print(table.concat(out, "\t"))
end
local function try(text, ...)
  fill(text)
  local file <close> = io.open(name)
  quoted(pcall(file.read, file, ...))
  quoted("rest", file:read("a"))
end

for _, text in ipairs { "", "\n", "one", "one\n", "one\ntwo\n\nthree", "\n\n", "a\0b\nc\0", "one\r\ntwo\r\n" } do
  try(text)
  for _, format in ipairs { "l", "L", "a", "n", 0, 1, 2, 5, 100 } do try(text, format) end
  try(text, "l", "l")
  try(text, "L", "L", "L")
  try(text, "a", "a", "l")
  try(text, 0, "a", 0)
  try(text, 3, 0, 1, "l")
  try(text, "n", "l")
end
-- The star and what follows the letter.
for _, format in ipairs { "*l", "*L", "*a", "*n", "*line", "lines", "all", "number", "Lx", "**l", "*", "", "x", " l", "2", "*5", "\0l" } do
  try("12 rest\nnext\n", format)
end
for _, format in ipairs { 2.0, 1.5, -1, {}, true } do try("0123456789", format) end
try("0123456789", "3")
try("0123456789", 3, "x")
try("0123456789", "l", nil)
try("0123456789", nil)
-- Long lines and large pieces pass the buffers.
local long = ("0123456789"):rep(5000)
fill(long .. "\n" .. long)
for line in io.lines(name) do print(#line, line == long) end
local file = io.open(name)
print(#file:read(30000), #file:read(30000), #file:read("L"), file:read(0), #file:read("a"), file:read(0), file:read("a"), file:read("l"))
file:close()
file = io.open(name)
local total, parts = 0, 0
while true do
  local part = file:read(777)
  if not part then break end
  total, parts = total + #part, parts + 1
end
print(total, parts)
file:close()
-- A name is a string too.
fill("x")
for _, args in ipairs { { "n", "n" }, { 1, 1, 1 }, { "l", 0, "l" } } do
  local file <close> = io.open(name)
  print(select("#", file:read(table.unpack(args))), file:read())
end
os.remove(name)
