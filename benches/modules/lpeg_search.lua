-- Recognition without captures: a search, words, nested brackets.
local lpeg = require "lpeg"
local P, S, R, V = lpeg.P, lpeg.S, lpeg.R, lpeg.V
local line = "GET /index.html HTTP/1.1 (the quick [brown {fox}] jumps) over 127.0.0.1 and a lazy dog; "
local text = line:rep(8000)
local ip = R"09"^1 * ("." * R"09"^1)^3
local find = P{ ip + 1 * V(1) }
local words = ((R("az", "AZ")^1 + R"09"^1 + P(1)))^0
local brackets = P{ (V"b" + 1)^0, b = "(" * V"i"^0 * ")" + "[" * V"i"^0 * "]" + "{" * V"i"^0 * "}", i = V"b" + (1 - S")]}") }
local total = 0
for _ = 1, 6 do
  total = total + find:match(text) + words:match(text) + brackets:match(text)
  local at = 1
  while true do
    local next = find:match(text, at)
    if not next then break end
    total, at = total + 1, next
  end
end
print(total)
