local up = 1
local function counter(step)
  local n = 0
  return function() n = n + step + up; return n end
end
for i = 1, 2 do local f = function() return i end end
do local x; local function g() x = x end end
return counter(2)()
