-- Objects with `__gc`, closed and collected, and to-be-closed variables.
local finalised, closed, total = 0, 0, 0
local meta = { __gc = function(o) finalised = finalised + o.n % 2 + 1 end }
local scope = { __close = function(o) closed = closed + o.n end }
for i = 1, 2000000 do
  local object = setmetatable({ n = i }, meta)
  total = total + object.n
  if i % 4 == 0 then
    local guard <close> = setmetatable({ n = 1 }, scope)
    total = total + guard.n
  end
end
collectgarbage()
collectgarbage()
print(total, finalised, closed)
