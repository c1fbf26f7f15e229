-- table.insert, remove, move, unpack and concat; queues and stacks.
local total = 0
for round = 1, 28 do
  local stack, queue, head, tail = {}, {}, 1, 0
  for i = 1, 60000 do
    table.insert(stack, i)
    tail = tail + 1
    queue[tail] = i
    if i % 3 == 0 then total = total + table.remove(stack) end
    if i % 2 == 0 then
      total = total + queue[head]
      queue[head], head = nil, head + 1
    end
  end
  local small = {}
  for i = 1, 20 do small[i] = i end
  for i = 1, 8000 do
    table.insert(small, 1, i)
    total = total + table.remove(small, 7) + select("#", table.unpack(small, 1, 10))
  end
  local copy = table.move(stack, 1, 20000, 1, {})
  total = total + #table.concat(copy, ",") + #table.pack(table.unpack(copy, 1, 100))
end
print(total)
