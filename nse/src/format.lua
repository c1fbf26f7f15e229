-- From what an action returned to what reports print.
--
-- This is Lua because it runs what scripts put into their tables: `__tostring`, `__pairs`, `__index`.

local ipairs, pairs, tostring, type = ipairs, pairs, tostring, type
local getmetatable, concat = debug.getmetatable, table.concat

--- Text of a value, its first line included.
local function display(value, indent)
  if type(value) ~= "table" then return tostring(value) end
  local metatable = getmetatable(value)
  if metatable and metatable.__tostring then return tostring(value) end
  local lines = {}
  for _, item in ipairs(value) do
    lines[#lines + 1] = "\n" .. indent .. display(item, indent .. "  ")
  end
  for key, item in pairs(value) do
    if type(key) == "string" then
      lines[#lines + 1] = "\n" .. indent .. key .. ": " .. display(item, indent .. "  ")
    end
  end
  return concat(lines)
end

--- A string, or a list `key, value, key, value …` with false where an item has no key.
local function structure(value)
  if type(value) ~= "table" then return tostring(value) end
  local list = {}
  local function add(key, item)
    list[#list + 1] = key
    list[#list + 1] = structure(item)
  end
  for _, item in ipairs(value) do add(false, item) end
  for key, item in pairs(value) do
    if type(key) == "string" then add(key, item) end
  end
  return list
end

--- @return whether there is a result, its text, its structure if any
return function(first, second)
  if second then return true, tostring(second), first ~= nil and structure(first) or nil end
  if first == nil then return false end
  if type(first) == "string" then return true, first end
  return true, display(first, "  "), structure(first)
end
