-- Searches for fixed text, near and far, found and absent; splitting at separators.
local line = ("lorem ipsum dolor sit amet, consectetur adipiscing elit; "):rep(40) .. "needle" .. ("x"):rep(200)
local csv = ("alpha,beta,,gamma,delta,12345,"):rep(60)
local total = 0
for _ = 1, 16000 do
  total = total + line:find("needle", 1, true) + (line:find("absent", 1, true) or 0)
  total = total + (line:find("elit", 700, true) or 0) + (line:find("xxz", 1, true) or 1)
  local start = 1
  while true do
    local comma = csv:find(",", start, true)
    if not comma then break end
    total = total + #csv:sub(start, comma - 1)
    start = comma + 1
  end
end
print(total)
