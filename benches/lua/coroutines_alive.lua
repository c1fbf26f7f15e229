-- A hundred thousand coroutines alive at once, each resumed a few times in turn.
local n, threads, total = 100000, {}, 0
for i = 1, n do
  threads[i] = coroutine.create(function(state)
    local own = { id = i }
    while true do
      own.id = own.id + state
      state = coroutine.yield(own.id)
    end
  end)
end
for round = 1, 12 do
  for i = 1, n do
    local _, value = coroutine.resume(threads[i], round)
    total = total + value
  end
end
print(total)
