local function fail(n)
  if n == 1 then
    error("one")
  elseif n == 2 then
    local t = nil
    return t.x
  elseif n == 3 then
    return 1 +
      {}
  elseif n == 4 then
    return ("x"):rep(
      -1) .. nil
  elseif n == 5 then
    local a = {}
    a.b.c
      .d = 1
  elseif n == 6 then
    undefined_function(
      1,
      2)
  elseif n == 7 then
    for i = 1,
      "x" do end
  elseif n == 8 then
    return #nil
  end
end
for i = 1, 8 do print(select(2, pcall(fail, i))) end
print(select(2, pcall(load("\n\n\nlocal x = nil + 1", "=lines"))))
print(select(2, pcall(load("local function f()\n  error('in f')\nend\n\nf()", "@f.lua"))))
local co = coroutine.create(function()
  local x = 1
  error("in coroutine")
end)
print(coroutine.resume(co))
print(pcall(function() error("level 2", 2) end))
print(pcall(function() local function lib() error("blame caller", 2) end
  lib()
end))
