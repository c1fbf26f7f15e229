-- Closures that live for one call each capture a local of the running function. When a collection marks between two of
-- them, nothing reaches the open upvalue; the next closure that wants it must not lose it to the sweep.
collectgarbage("incremental")

local function call (f, n, count)
  -- Blocks of the size of an upvalue, so that a freed one is used again.
  local s = ""
  for i = 1, count do s = ("b"):rep(i * 5 % 64) .. n end
  return f(), s
end

local function run (size, count)
  local keep = {}
  for i = 1, size do keep[i] = { i, function () return i end } end
  local mine = "mine"
  local wrong = 0
  for n = 1, 500 do
    -- What is made here uses the registers that held the last closure.
    local a, b, c, d = { n }, { n, n }, { n, n, n }, ("x"):rep(n % 60)
    a, b, c, d = nil, nil, nil, nil
    if call(function () return mine end, n, count) ~= "mine" then wrong = wrong + 1 end
  end
  return wrong
end

for _, size in ipairs({ 10, 100 }) do
  for _, count in ipairs({ 5, 12, 40 }) do print(size, count, run(size, count)) end
end
