-- Compiles random patterns with the library `pcre`, matches them, and gives what came of it to a function, one case a
-- line. Takes a seed, the number of cases, and the function. Runs under Lua 5.3 and later.
local pcre = require "pcre"
local seed, count, emit = ...

local state = seed
local function random(n)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % n + 1
end
local function pick(list) return list[random(#list)] end
local function show(value)
  if type(value) == "string" then
    return '"' .. value:gsub("[^ -!#-~]", function(c) return ("\\x%02x"):format(c:byte()) end) .. '"'
  elseif type(value) == "table" then
    local parts, names = {}, {}
    for i = 1, 100 do
      if value[i] == nil then break end
      parts[i] = show(value[i])
    end
    for name in pairs(value) do if type(name) == "string" then names[#names + 1] = name end end
    table.sort(names)
    for _, name in ipairs(names) do parts[#parts + 1] = name .. "=" .. show(value[name]) end
    return "{" .. table.concat(parts, ",") .. "}"
  end
  return tostring(value)
end

local atoms = { "a", "b", "c", ".", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "[ab]", "[^a]", "[a-c1]", "[[:alpha:]]",
  "[^[:digit:]b]", "[\\d_]", "\\x41", "\\x62", "\\.", "\\/", "\\n", "\\t", "\\101", "\\0", "-", ":", "1", " ", "ab", "b1",
  "\\Qa.\\E", "[]a]", "[^]a]", "[a-]", "\\h", "\\R", "\\N", "\xe4", "\\xe4", "[\\x80-\\xff]", "{", "}", "]", "a{,2}",
  "\\e", "[\\b]", "\\cA", "[\\s\\d]", "[\\W]" }
local assertions = { "^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "(?=a)", "(?!b)", "(?<=a)", "(?<!b)", "(?=.b)" }
local repeats = { "*", "+", "?", "{2}", "{1,2}", "{0,2}", "{1,}", "*?", "+?", "??", "{1,2}?", "++", "*+", "?+" }
local pattern
-- What may match nothing is not repeated: engines differ in what a group holds after an empty round.
local function sequence(depth)
  local parts = {}
  for i = 1, random(4) do parts[i] = pattern(depth) end
  return table.concat(parts)
end
local makers = {
  function() return pick(atoms) end,
  function() return pick(atoms) end,
  function() return pick(atoms) .. pick(repeats) end,
  function() return pick(assertions) end,
  function(d) return "(" .. sequence(d) .. ")" end,
  function(d) return "(" .. sequence(d) .. "|" .. sequence(d) .. ")" end,
  function(d) return "(?:" .. sequence(d) .. "|" .. sequence(d) .. ")" end,
  function(d) return "(" .. pick(atoms) .. sequence(d) .. ")" .. pick(repeats) end,
  function(d) return "(?:" .. pick(atoms) .. sequence(d) .. ")" .. pick(repeats) end,
  function(d) return "(?>" .. sequence(d) .. ")" end,
  function(d) return "(?=" .. sequence(d) .. ")" end,
  function(d) return "(?!" .. sequence(d) .. ")" end,
  function(d) return pick { "(?i)", "(?s)", "(?m)", "(?-i)", "(?x)", "(?i:", "(?s-i:" } end,
  function() return pick { "\\1", "\\2", "(?(1)a|b)" } end,
  function(d) return "(?<n" .. random(100000) .. ">" .. sequence(d) .. ")" end,
  function() return "(?#comment)" end,
}
function pattern(depth)
  if depth <= 0 then return pick(atoms) end
  local text = makers[random(#makers)](depth - random(2))
  -- Groups that set flags are closed behind what follows.
  if text:match "^%(%?[%a-]+:$" then text = text .. sequence(depth - 1) .. ")" end
  return text
end
local broken = { "(", ")", "[", "*", "+", "?", "\\", "(?", "{2,1}", "[b-a]", "(?z)", "[[:no:]]", "\\9", "(?<n>", "a**",
  "(?P>x)", "\\c", "(?(9)a)", "[:alpha:]" }
local pieces = { "a", "b", "c", "ab", "1", "_", " ", "\n", "A", "B", ".", "-", ":", "\xe4", "aa", "abab", "\t", "{", "]" }
local function subject()
  local parts = {}
  for i = 1, random(10) - 1 do parts[i] = pick(pieces) end
  return table.concat(parts)
end

for case = 1, count do
  local text, flags = sequence(random(4)), pick { 0, 0, 0, 1, 2, 4, 8, 0x10, 0x20, 0x200, 0x1000, 3, 6 }
  if random(15) == 1 then
    local at = random(#text + 1) - 1
    text = text:sub(1, at) .. pick(broken) .. text:sub(at + 1)
  end
  -- PCRE 8 draws wrong conclusions from look-aheads about what a match must begin with or contain.
  local ok, regex = pcall(pcre.new, "(*NO_START_OPT)" .. text, flags, "C")
  local line = case .. " " .. show(text) .. " " .. flags .. (ok and "" or " ! " .. tostring(regex))
  for _ = 1, 3 do
    local s, start, what = subject(), pick { 1, 1, 1, 2, 0, -2 }, pick { "match", "exec" }
    if ok then
      local results = table.pack(regex[what](regex, s, start))
      for i = 1, results.n do results[i] = show(results[i]) end
      line = line .. " | " .. what .. " " .. show(s) .. "@" .. start .. ": " .. table.concat(results, " ", 1, results.n)
    end
  end
  emit(line)
end
