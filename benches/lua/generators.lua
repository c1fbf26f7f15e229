-- Coroutines as generators and filters, and many short ones.
local function range(n)
  return coroutine.wrap(function()
    for i = 1, n do coroutine.yield(i) end
  end)
end
local function filter(source, keep)
  return coroutine.wrap(function()
    for value in source do
      if keep(value) then coroutine.yield(value) end
    end
  end)
end
local total = 0
for value in filter(filter(range(1500000), function(v) return v % 2 == 1 end), function(v) return v % 3 ~= 0 end) do
  total = total + value
end
for i = 1, 500000 do
  local co = coroutine.create(function(a)
    local b = coroutine.yield(a + 1)
    return a + b
  end)
  local _, x = coroutine.resume(co, i)
  local _, y = coroutine.resume(co, x)
  total = total + y
end
print(total)
