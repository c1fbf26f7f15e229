::top::
local a
do
  local b
  local function f() return b end
  if a then goto top end
  goto out
end
::out::
a = 1
