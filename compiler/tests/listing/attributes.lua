local limit <const> = 10
local file <close> = io.open("x")
local name <const> = "n"
for i = 1, limit do local inner <close> = nil; if i then return name end end
return limit + 1
