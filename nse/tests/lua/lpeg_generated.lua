-- Builds random patterns, matches them, and gives what came of it to a function, one case a line. Takes a seed, the
-- first and the last case, and the function. Runs under any Lua 5.4 with an `lpeg`.
local lpeg = require "lpeg"
local seed, first, last, emit = ...

local state = seed
local function random(n)
  state = (state * 6364136223846793005 + 1442695040888963407)
  return (state >> 33) % n + 1
end
local function pick(list) return list[random(#list)] end

local function show(value, depth)
  local kind = type(value)
  if kind == "string" then return string.format("%q", value):gsub("\n", "n")
  elseif kind == "table" then
    if depth > 4 then return "{...}" end
    local parts, keys = {}, {}
    for key in pairs(value) do keys[#keys + 1] = key end
    table.sort(keys, function(a, b)
      if type(a) ~= type(b) then return type(a) == "number" end
      return a < b
    end)
    for _, key in ipairs(keys) do parts[#parts + 1] = show(key, 9) .. "=" .. show(value[key], depth + 1) end
    return "{" .. table.concat(parts, ",") .. "}"
  elseif kind == "function" or kind == "userdata" then return kind
  else return tostring(value) end
end

-- Addresses of tables are not the same everywhere.
local function text(value) return type(value) == "table" and "table" or tostring(value) end

local functions = {
  function(...) return ... end,
  function(...) return select("#", ...) end,
  function() end,
  function(a) return a, a end,
  function(a, b) return b or a end,
  function(a) return type(a) == "string" and a:upper() or a end,
  function(...) return table.concat({ (text(...)) }, ";") end,
  function() return nil end,
}
local match_functions = {
  function() return true end,
  function() return false end,
  function(s, i) return i end,
  function(s, i) return i + 1 end,
  function(s, i, ...) return true, ... end,
  function(s, i, a) return i, a, a end,
  function() end,
  function(s, i, a) return a ~= "a" end,
}
local tables = {
  { a = "A", b = 1, ab = true, ["1"] = "one" },
  { [1] = "eins", [2] = 2.5, a = false },
  setmetatable({}, { __index = function(_, key) return "<" .. text(key) .. ">" end }),
}
local templates = { "", "%0", "%1", "x%1y", "%2-%1", "%%", "%0%0", "a%", "%x%1", "%9" }
local literals = { "a", "b", "c", "ab", "abc", "", "aa", "ba" }
local names = { "n", "m", "k" }
local rules = { "S", "A", "B" }

-- A random pattern as source text: that can be shown when a case differs.
local env = { lpeg = lpeg, f = functions, m = match_functions, t = tables }
for name, value in pairs(lpeg) do env[name] = value end
local pattern
local makers = {
  function() return ("P%q"):format(pick(literals)) end,
  function() return ("P%q"):format(pick(literals)) end,
  function() return ("P(%d)"):format(random(5) - 3) end,
  function() return ("S%q"):format(pick { "ab", "bc", "", "a" }) end,
  function() return pick { "R'ac'", "R('aa','cc')", "R()", "R'ba'" } end,
  function() return "P(" .. pick { "true", "false" } .. ")" end,
  function(d) return "(" .. pattern(d) .. "*" .. pattern(d) .. ")" end,
  function(d) return "(" .. pattern(d) .. "*" .. pattern(d) .. ")" end,
  function(d) return "(" .. pattern(d) .. "*" .. pattern(d) .. "*" .. pattern(d) .. ")" end,
  function(d) return "(" .. pattern(d) .. "+" .. pattern(d) .. ")" end,
  function(d) return "(" .. pattern(d) .. "+" .. pattern(d) .. ")" end,
  function(d) return "(" .. pattern(d) .. "-" .. pattern(d) .. ")" end,
  function(d) return pattern(d) .. "^" .. pick { "0", "1", "2", "-1", "-2", "0", "-3" } end,
  function(d) return pattern(d) .. "^" .. pick { "0", "1", "-1" } end,
  function(d) return "#" .. pattern(d) end,
  function(d) return "-" .. pattern(d) end,
  function() return pick { "B'a'", "B'ab'", "B(S'ab')", "B(P(2))", "B(C'a')", "B(P'a'^(0))", "B(P'a'+'bc')" } end,
  function(d) return "C(" .. pattern(d) .. ")" end,
  function(d) return "C(" .. pattern(d) .. ")" end,
  function(d) return "Ct(" .. pattern(d) .. ")" end,
  function(d) return "Cs(" .. pattern(d) .. ")" end,
  function(d) return "Cg(" .. pattern(d) .. ")" end,
  function(d) return ("Cg(%s,%q)"):format(pattern(d), pick(names)) end,
  function() return ("Cb%q"):format(pick(names)) end,
  function() return pick { "Cp()", "Cp()", "Cc()", "Cc(1)", "Cc('x','y')", "Cc(nil,2)", "Carg(1)", "Carg(2)", "Carg(4)" } end,
  function(d) return ("(%s/f[%d])"):format(pattern(d), random(#functions)) end,
  function(d) return ("Cf(%s,f[%d])"):format(pattern(d), random(#functions)) end,
  function(d) return ("(%s/t[%d])"):format(pattern(d), random(#tables)) end,
  function(d) return ("(%s/%q)"):format(pattern(d), pick(templates)) end,
  function(d) return ("(%s/%d)"):format(pattern(d), random(4) - 1) end,
  function(d) return ("Cmt(%s,m[%d])"):format(pattern(d), random(#match_functions)) end,
  function() return ("V%q"):format(pick(rules)) end,
  function() return ("V%q"):format(pick(rules)) end,
  function(d) return ("P{'S',S=%s,A=%s,B=%s}"):format(pattern(d), pattern(d), pattern(d)) end,
  function(d) return ("P{'S',S=%s,A=%s,B=%s}"):format(pattern(d), pattern(d), pattern(d)) end,
}
function pattern(depth)
  if depth <= 0 then return makers[random(6)](0) end
  return makers[random(#makers)](depth - random(2))
end
local function parenthesised(depth) return "(" .. pattern(depth) .. ")" end

local function subject()
  local parts = {}
  for i = 1, random(9) - 1 do parts[i] = pick { "a", "b", "c", "a", "ab", "d" } end
  return table.concat(parts)
end

for case = 1, last do
  -- Signs bind less than powers: each operand has parentheses.
  local source = parenthesised(random(9)):gsub("%^(%-?%d)", "^(%1)")
  local build = load("return " .. source, "=case", "t", env)
  -- Random numbers are drawn for cases in front of the first, too.
  local wanted = case >= first
  local built, p = false, "skipped"
  if wanted then built, p = pcall(build) end
  local line = case .. " " .. source .. (built and "" or " ! " .. tostring(p))
  for _ = 1, 3 do
    local s, init = subject(), pick { 1, 1, 1, 2, -1, 0, 100 }
    if built then
      local results = table.pack(pcall(lpeg.match, p, s, init, "first", { 2 }, nil))
      for i = 1, results.n do results[i] = show(results[i], 0) end
      line = line .. " | " .. s .. "@" .. init .. ": " .. table.concat(results, " ", 1, results.n)
    end
  end
  if wanted then emit(line) end
end
