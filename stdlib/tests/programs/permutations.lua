-- Coroutines as generators, one inside another.
local function permute(list, n)
  n = n or #list
  if n <= 1 then
    coroutine.yield(list)
  else
    for i = 1, n do
      list[n], list[i] = list[i], list[n]
      permute(list, n - 1)
      list[n], list[i] = list[i], list[n]
    end
  end
end

local function permutations(list)
  return coroutine.wrap(function() permute(list) end)
end

for p in permutations { "a", "b", "c" } do print(table.concat(p, " ")) end

local function filter(predicate, source)
  return coroutine.wrap(function()
    for value in source do
      if predicate(value) then coroutine.yield(value) end
    end
  end)
end

local function naturals(limit)
  return coroutine.wrap(function() for i = 2, limit do coroutine.yield(i) end end)
end

local source = naturals(60)
local primes = {}
while true do
  local prime = source()
  if not prime then break end
  primes[#primes + 1] = prime
  source = filter(function(n) return n % prime ~= 0 end, source)
end
print(table.concat(primes, ","))

-- A walk over a tree, compared with another by two coroutines in step.
local function walk(tree)
  return coroutine.wrap(function()
    local function visit(node)
      if not node then return end
      visit(node.left)
      coroutine.yield(node.key)
      visit(node.right)
    end
    visit(tree)
  end)
end

local function insert(tree, key)
  if not tree then return { key = key } end
  local side = key < tree.key and "left" or "right"
  tree[side] = insert(tree[side], key)
  return tree
end

local function build(keys)
  local tree
  for _, key in ipairs(keys) do tree = insert(tree, key) end
  return tree
end

local function same_fringe(a, b)
  local left, right = walk(a), walk(b)
  while true do
    local x, y = left(), right()
    if x ~= y then return false end
    if x == nil then return true end
  end
end

print(same_fringe(build { 3, 1, 2, 5, 4 }, build { 5, 4, 3, 2, 1 }), same_fringe(build { 1, 2 }, build { 1, 3 }))
