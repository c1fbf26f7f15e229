x = 10 print(_ENV.x, _G.x, _ENV == _G) do local _ENV = { print = print, x = 20 } print(x) x = 30 print(x) end
print(x) local function sandbox(code, env) local f, e = load(code, "=sandbox", "t", env) if not f then return nil, e end return pcall(f) end
print(sandbox("return 1 + 1", {}))
print(sandbox("return print", {}))
print(sandbox("y = 5 return y", {}))
print(sandbox("print('hi')", {}))
print(rawget(_G, "y")) local strict = setmetatable({}, { __index = function(_, k) error("undeclared " .. k, 2) end, __newindex = function(_, k) error("assign to undeclared " .. k, 2) end })
print(sandbox("return foo", strict))
print(sandbox("foo = 1", strict)) local function counter() local _ENV = { n = 0 } return function() n = n + 1 return n end end local c = counter()
print(c(), c()) setmetatable(_G, { __index = function(_, k) return "default " .. k end })
print(undefined_global) setmetatable(_G, nil)
print(undefined_global) local env2 = {} local f = load("a = 1; local function g() b = 2 end g() return a, b", "=e", "t", env2)
print(f())
print(env2.a, env2.b, rawget(_G, "a")) _G["dynamic name"] = 5 print(_G["dynamic name"]) _G["dynamic name"] = nil x = nil
