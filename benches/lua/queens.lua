-- All ways to place eight queens, many times: small arrays of booleans and backtracking.
local n, solutions = 8, 0
local columns, up, down = {}, {}, {}
for i = 1, 2 * n do columns[i], up[i], down[i] = false, false, false end
local function place(row)
  if row > n then
    solutions = solutions + 1
    return
  end
  for column = 1, n do
    local u, d = row + column - 1, row - column + n
    if not columns[column] and not up[u] and not down[d] then
      columns[column], up[u], down[d] = true, true, true
      place(row + 1)
      columns[column], up[u], down[d] = false, false, false
    end
  end
end
for _ = 1, 800 do place(1) end
print(solutions)
