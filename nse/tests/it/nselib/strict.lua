local strict = require "strict"

local function run (source, env)
  local ok, err = pcall(assert(load(source, "=t", "t", env)))
  return ok, (tostring(err):gsub("^t:%d+: ", ""))
end

local function armed () return strict(setmetatable({}, { __index = _G })) end

check("main chunk declares", 'true "nil"', run("x = 1; assert(x == 1)", armed()))
check("nil declares", 'true "nil"', run("x = nil; assert(x == nil)", strict({ assert = assert })))
check("read", "false \"variable 'y' is not declared\"", run("return y", strict({})))
check("assignment in a function", "false \"assign to undeclared variable 'z'\"",
  run("local function f () z = 1 end f()", strict({})))
check("assignment of a declared one", 'true "nil"',
  run("z = nil; local function f () z = 1 end f(); assert(z == 1)", armed()))
check("native code reads nil", "nil", rawget(armed(), "q"))
check("native code declares", 'true "nil"',
  run("table.move({1}, 1, 1, 5, _E); assert(rawget(_E, 5) == 1)", (function ()
    local env = armed()
    rawset(env, "_E", env)
    return env
  end)()))
