-- Closures: memoised functions, lazy streams, currying, counters that share.
local function memoize(f)
  local cache, misses = {}, 0
  return function(n)
    local value = cache[n]
    if value == nil then
      misses = misses + 1
      value = f(n)
      cache[n] = value
    end
    return value
  end, function() return misses end
end
local fib, misses
fib, misses = memoize(function(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end)
print(fib(80), misses(), fib(90), misses())

local function stream(head, tail) return { head = head, tail = tail } end
local function from(n) return stream(n, function() return from(n + 1) end) end
local function map(f, s) return stream(f(s.head), function() return map(f, s.tail()) end) end
local function filter(p, s)
  while not p(s.head) do s = s.tail() end
  return stream(s.head, function() return filter(p, s.tail()) end)
end
local function take(n, s)
  local out = {}
  for i = 1, n do out[i], s = s.head, s.tail() end
  return table.concat(out, " ")
end
print(take(8, map(function(n) return n * n end, filter(function(n) return n % 3 == 1 end, from(1)))))

local function curry(f, n)
  n = n or 2
  local function collect(args, left)
    if left == 0 then return f(table.unpack(args)) end
    return function(x) return collect({ table.unpack(args), x }, left - 1) end
  end
  local function gather(args, left)
    if left == 0 then return f(table.unpack(args)) end
    return function(x)
      local longer = { table.unpack(args) }
      longer[#longer + 1] = x
      return gather(longer, left - 1)
    end
  end
  return gather({}, n)
end
print(curry(function(a, b, c) return a + b * c end, 3)(1)(2)(3))
print(curry(string.format, 3)("%s-%d")("x")(5))

local function account()
  local balance, history = 0, {}
  local function record(kind, amount) history[#history + 1] = kind .. amount end
  return {
    deposit = function(amount) balance = balance + amount record("+", amount) return balance end,
    withdraw = function(amount)
      if amount > balance then return nil, "insufficient funds" end
      balance = balance - amount
      record("-", amount)
      return balance
    end,
    statement = function() return table.concat(history, " "), balance end,
  }
end
local a, b = account(), account()
print(a.deposit(10), b.deposit(5), a.withdraw(3), b.withdraw(9))
print(a.statement())
print(b.statement())
local y = function(f) return (function(x) return x(x) end)(function(x) return f(function(...) return x(x)(...) end) end) end
print(y(function(self) return function(n) return n == 0 and 1 or n * self(n - 1) end end)(15))
local compose = function(...)
  local fs = { ... }
  return function(...)
    local args = table.pack(...)
    for i = #fs, 1, -1 do args = table.pack(fs[i](table.unpack(args, 1, args.n))) end
    return table.unpack(args, 1, args.n)
  end
end
print(compose(tostring, math.abs, function(x) return x - 10 end)(3))
print(compose()(1, nil, 3))
