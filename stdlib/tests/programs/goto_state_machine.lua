-- goto as a state machine, continue and nested breaks.
local function tokenize(source)
  local pos, tokens = 1, {}
  ::start::
  do
    local c = source:sub(pos, pos)
    if c == "" then goto finish end
    if c:match("%s") then pos = pos + 1 goto start end
    if c:match("%d") then goto number end
    if c:match("[%a_]") then goto name end
    tokens[#tokens + 1] = "op:" .. c
    pos = pos + 1
    goto start
  end
  ::number::
  do
    local digits = source:match("^%d+%.?%d*", pos)
    tokens[#tokens + 1] = "num:" .. digits
    pos = pos + #digits
    goto start
  end
  ::name::
  do
    local name = source:match("^[%a_][%w_]*", pos)
    tokens[#tokens + 1] = "id:" .. name
    pos = pos + #name
    goto start
  end
  ::finish::
  return tokens
end
print(table.concat(tokenize("x1 = 3.14 * (y_2 + 42) - foo"), " "))

for i = 1, 4 do
  for j = 1, 4 do
    if j == i then goto continue end
    if i * j > 6 then goto next_row end
    io = nil
    print(i, j)
    ::continue::
  end
  ::next_row::
end

do
  local closures = {}
  local i = 1
  ::again::
  local x = i * i
  closures[i] = function() x = x + 1 return x end
  i = i + 1
  if i <= 3 then goto again end
  for _, f in ipairs(closures) do print(f(), f()) end
end

do
  local k = 0
  ::loop::
  k = k + 1
  local guard <close> = setmetatable({}, { __close = function() print("leave", k) end })
  if k < 3 then goto loop end
  print("end of block", k)
end

while true do
  repeat
    local done = true
    if done then break end
  until false
  do break end
end
repeat local z = 5 until z == 5
print "ok"
