-- Two compressors over bytes.
local function lzw_compress(text)
  local codes, next_code = {}, 256
  for i = 0, 255 do codes[string.char(i)] = i end
  local word, out = "", {}
  for c in text:gmatch(".") do
    local longer = word .. c
    if codes[longer] then
      word = longer
    else
      out[#out + 1] = codes[word]
      codes[longer], next_code = next_code, next_code + 1
      word = c
    end
  end
  if word ~= "" then out[#out + 1] = codes[word] end
  return out
end

local function lzw_expand(codes)
  local words, next_code = {}, 256
  for i = 0, 255 do words[i] = string.char(i) end
  local word = words[codes[1]]
  local out = { word }
  for i = 2, #codes do
    local entry = words[codes[i]] or word .. word:sub(1, 1)
    out[#out + 1] = entry
    words[next_code], next_code = word .. entry:sub(1, 1), next_code + 1
    word = entry
  end
  return table.concat(out)
end

local text = ("TOBEORNOTTOBEORTOBEORNOT"):rep(4)
local packed = lzw_compress(text)
print(#text, #packed, table.concat(packed, " "))
print(lzw_expand(packed) == text)

local function huffman(message)
  local weights = {}
  for c in message:gmatch(".") do weights[c] = (weights[c] or 0) + 1 end
  local queue = {}
  for c, weight in pairs(weights) do queue[#queue + 1] = { weight = weight, first = c, leaf = c } end
  local function order(a, b) return a.weight > b.weight or a.weight == b.weight and a.first > b.first end
  while #queue > 1 do
    table.sort(queue, order)
    local a, b = table.remove(queue), table.remove(queue)
    queue[#queue + 1] = { weight = a.weight + b.weight, first = math.min(a.first, b.first), a, b }
  end
  local codes = {}
  local function assign(node, code)
    if node.leaf then codes[node.leaf] = code else assign(node[1], code .. "0") assign(node[2], code .. "1") end
  end
  assign(queue[1], "")
  return codes
end

local message = "this is an example of a huffman tree"
local codes = huffman(message)
local sorted = {}
for c, code in pairs(codes) do sorted[#sorted + 1] = ("%q=%d"):format(c, #code) end
table.sort(sorted)
print(table.concat(sorted, " "))
print(#message:gsub(".", codes))
