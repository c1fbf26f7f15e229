local a, b = ...
if a < b and a ~= 5 or b == "x" then a = 1 elseif not a then a = 2 else a = 3 end
local c = a and b or nil
local d = a == nil
local e = a < 10 and a >= 2 or 3 > a
while a do if b then break end a = a - 1 end
repeat local x = a until x > 3
repeat local f = function() return f end until f
return c, d, e
