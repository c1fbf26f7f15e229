-- Every kind of numeric loop, with what its errors say.
local function run(first, last, step)
  local seen = {}
  for i = first, last, step or 1 do
    seen[#seen + 1] = tostring(i)
    if #seen == 6 then break end
  end
  return #seen .. ": " .. table.concat(seen, " ")
end
print(run(1, 3))
print(run(3, 1))
print(run(3, 1, -1))
print(run(1.0, 3))
print(run(1, 3.5))
print(run(1, 2, 0.25))
print(run(0.1, 1, 0.3))
print(run(-1, -3, -2))
print(run(math.maxinteger - 2, math.maxinteger))
print(run(math.mininteger + 2, math.mininteger, -1))
print(run(math.maxinteger, math.maxinteger + 1.0))
print(run(math.mininteger, math.mininteger * 1.5, -1))
print(run(1, math.huge))
print(run(1, -math.huge))
print(run(-1, -math.huge, -1))
print(run(1, 0 / 0))
print(run(0 / 0, 1))
print(run(math.mininteger, math.maxinteger, math.maxinteger))
print(run(math.maxinteger, math.mininteger, math.mininteger))
print(run(1, 2^53, 2^52))
print(pcall(run, 1, 2, 0))
print(pcall(run, 1, 2, 0.0))
print(pcall(run, "1", 2))
print(pcall(run, 1, "2"))
print(pcall(run, 1, 2, "1"))
print(pcall(run, {}, 2))
print(pcall(run, 1, {}))
print(pcall(run, 1, 2, {}))
print(pcall(run, 1.5, nil))
print(pcall(run, nil, 1.5))
print(pcall(run, 1.5, 2, "x"))
local functions = {}
for i = 1, 3 do
  local j = i * 10
  functions[i] = function() i = i + 1 j = j + i return i, j end
end
for _, f in ipairs(functions) do print(f()) print(f()) end
for i = 1, 3 do
  local i = i * 2
  print(i)
end
for i = 10, 1, -3 do
  if i == 4 then goto done end
  print("down", i)
end
::done::
