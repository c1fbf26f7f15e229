-- Runs cases one by one and prints what came of each. Whatever a case may change is made anew for it.
local load, pcall, pairs, type, tostring, select = load, pcall, pairs, type, tostring, select
local format, gsub, concat, write = string.format, string.gsub, table.concat, io.write
local mathtype, setmetatable, getmetatable = math.type, setmetatable, getmetatable
local number = 0

local function show(value)
  local kind = type(value)
  if kind == "string" then
    return format("%q", (gsub(value, "0[xX]%x+", "ADDRESS")))
  elseif kind == "number" then
    return mathtype(value) == "integer" and format("%d", value) or value ~= value and "nan" or format("%a", value)
  elseif kind == "nil" or kind == "boolean" then
    return tostring(value)
  end
  return kind
end

local function report(...)
  local shown = {}
  for idx = 1, select("#", ...) do shown[idx] = show((select(idx, ...))) end
  write(concat(shown, " "), "\n")
end

local function copy(library)
  local result = {}
  for name, value in pairs(library) do result[name] = value end
  return result
end

local function environment()
  local env = {}
  for _, name in ipairs {
    "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset",
    "select", "setmetatable", "tonumber", "tostring", "type", "xpcall", "load",
  } do env[name] = _G[name] end
  for _, name in ipairs { "string", "table", "math", "utf8", "coroutine" } do env[name] = copy(_G[name]) end
  env.math.random, env.math.randomseed = nil, nil
  env.out = report
  env._G = env
  return env
end

local function case(source)
  number = number + 1
  write("\n=case ", number, "\n")
  io.stdout:flush()
  local chunk, message = load(source, "=c", "t", environment())
  if not chunk then
    report("syntax", message)
  else
    report(pcall(chunk))
  end
end

local function compile(source)
  number = number + 1
  write("\n=case ", number, "\n")
  local chunk, message = load(source, "=c", "t")
  report("compiled", not not chunk, message)
end

