x = y
x.y = z.w
local _ENV = { x = 1 }
x = x + 1
function f.g:h() return self end
