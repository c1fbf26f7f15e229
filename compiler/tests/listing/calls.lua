local function tail(...) return tail(...) end
local a, b, c = tail(1, tail(2))
print((tail()))
return tail(a), tail()
