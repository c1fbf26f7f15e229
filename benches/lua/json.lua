-- A JSON encoder and decoder in Lua, forth and back.
local encode
local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n" }
local function quote(s) return '"' .. s:gsub('["\\\n]', escapes) .. '"' end
function encode(v)
  local kind = type(v)
  if kind == "string" then return quote(v) end
  if kind ~= "table" then return tostring(v) end
  local parts = {}
  if #v > 0 then
    for i, item in ipairs(v) do parts[i] = encode(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local keys = {}
  for key in pairs(v) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do parts[i] = quote(key) .. ":" .. encode(v[key]) end
  return "{" .. table.concat(parts, ",") .. "}"
end
local decode
local function skip(s, i) return s:find("[^ \n\t\r]", i) or #s + 1 end
local function text(s, i)
  local stop = s:find('["\\]', i)
  if s:byte(stop) == 34 then return s:sub(i, stop - 1), stop + 1 end
  local parts = {}
  while true do
    parts[#parts + 1] = s:sub(i, stop - 1)
    if s:byte(stop) == 34 then return table.concat(parts), stop + 1 end
    local c = s:sub(stop + 1, stop + 1)
    parts[#parts + 1] = c == "n" and "\n" or c
    i = stop + 2
    stop = s:find('["\\]', i)
  end
end
function decode(s, i)
  i = skip(s, i)
  local c = s:sub(i, i)
  if c == '"' then return text(s, i + 1) end
  if c == "{" then
    local object = {}
    i = skip(s, i + 1)
    while s:sub(i, i) ~= "}" do
      local key
      key, i = text(s, i + 1)
      object[key], i = decode(s, skip(s, i) + 1)
      i = skip(s, i)
      if s:sub(i, i) == "," then i = skip(s, i + 1) end
    end
    return object, i + 1
  end
  if c == "[" then
    local list = {}
    i = skip(s, i + 1)
    while s:sub(i, i) ~= "]" do
      list[#list + 1], i = decode(s, i)
      i = skip(s, i)
      if s:sub(i, i) == "," then i = skip(s, i + 1) end
    end
    return list, i + 1
  end
  local word = s:match("^[%w.+-]+", i)
  i = i + #word
  if word == "true" then return true, i end
  if word == "false" then return false, i end
  return tonumber(word), i
end
local hosts = {}
for i = 1, 60 do
  hosts[i] = { address = "10.0.0." .. i, up = i % 3 > 0, ports = { 22, 80, 443 + i }, note = 'a "b"\n' .. i, load = i / 4 }
end
local total, source = 0, { hosts = hosts }
for _ = 1, 500 do
  local packed = encode(source)
  total = total + #packed
  source = decode(packed, 1)
end
print(total)
