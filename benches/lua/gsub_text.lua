-- Text rewritten: captures, functions and tables as replacements, anchors, frontiers, balanced pairs.
local page = ("<a href='/x?id=1'>Link &amp; text</a> (nested (pairs) here) THE END of    line \n"):rep(20)
local entities = { amp = "&", lt = "<", gt = ">" }
local total = 0
for _ = 1, 4500 do
  local text = page:gsub("&(%a+);", entities)
  text = text:gsub("<[^>]*>", "")
  text = text:gsub("%f[%u](%u+)%f[%U]", function(word) return word:lower() end)
  text = text:gsub("%s+", " ")
  for pair in text:gmatch("%b()") do total = total + #pair end
  local trimmed = text:match("^%s*(.-)%s*$")
  total = total + #trimmed + select(2, text:gsub("e", "%0%0"))
  total = total + #text:upper() + #text:reverse() + #text:rep(2, "-")
end
print(total)
