-- From what an action returned to what reports print.
--
-- This is Lua because it runs what scripts put into their tables: `__tostring`, `__pairs`, `__index`.

local ipairs, pairs, pcall, tostring, type = ipairs, pairs, pcall, tostring, type
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
-- @param list The list to be filled: what is there before an error stays.
local function structure(value, list)
  if type(value) ~= "table" then return tostring(value) end
  local function add(key, item)
    list[#list + 1] = key
    local inner = type(item) == "table" and {} or tostring(item)
    list[#list + 1] = inner
    if type(item) == "table" then structure(item, inner) end
  end
  for _, item in ipairs(value) do add(false, item) end
  for key, item in pairs(value) do
    if type(key) == "string" then add(key, item) end
  end
  return list
end

local function structured(value)
  local list = {}
  local ok, answer = pcall(structure, value, list)
  if ok then return answer end
  return list, tostring(answer)
end

--- @return whether there is a result, its text, its structure if any, and what went wrong with either
return function(first, second)
  if not second and first == nil then return false end
  if not second and type(first) == "string" then return true, first end
  local ok, text
  if second then ok, text = pcall(tostring, second) else ok, text = pcall(display, first, "  ") end
  local list, wrong
  if first ~= nil then list, wrong = structured(first) end
  return true, ok and text or "", list, not ok and tostring(text) or nil, wrong
end
