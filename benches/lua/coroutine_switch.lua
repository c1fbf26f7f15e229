-- Resume and yield.
local co = coroutine.create(function()
  local n = 0
  while true do n = n + coroutine.yield(n) end
end)
local resume, last = coroutine.resume, 0
for i = 1, 4000000 do
  local _, v = resume(co, 1)
  last = v
end
local gen = coroutine.wrap(function() for i = 1, 2000000 do coroutine.yield(i) end end)
local sum = 0
for v in gen do sum = sum + v end
print(last, sum)
