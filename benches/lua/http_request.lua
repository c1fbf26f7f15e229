-- Requests built from parts: options merged, headers in order, query strings escaped, forms.
local function escape(s)
  return (s:gsub("[^%w_.~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end
local function query(values)
  local names, parts = {}, {}
  for name in pairs(values) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do parts[#parts + 1] = escape(name) .. "=" .. escape(tostring(values[name])) end
  return table.concat(parts, "&")
end
local defaults = { ["User-Agent"] = "agent", Connection = "close", Accept = "*/*" }
local function build(host, method, path, options)
  local header = {}
  for name, value in pairs(defaults) do header[name] = value end
  for name, value in pairs(options.header or {}) do header[name] = value end
  local body = options.form and query(options.form) or options.body or ""
  if #body > 0 then header["Content-Length"] = #body end
  header.Host = host.name .. (host.port ~= 80 and ":" .. host.port or "")
  local names = {}
  for name in pairs(header) do table.insert(names, name) end
  table.sort(names, function(a, b) return a:lower() < b:lower() end)
  local lines = { method .. " " .. path .. (options.query and "?" .. query(options.query) or "") .. " HTTP/1.1" }
  for _, name in ipairs(names) do lines[#lines + 1] = name .. ": " .. header[name] end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end
local total = 0
for i = 1, 35000 do
  local host = { name = "host" .. i % 50 .. ".example", port = 80 + i % 3 }
  local get = build(host, "GET", "/a/" .. i, { query = { q = "a b&c", page = i } })
  local post = build(host, "POST", "/form", { form = { user = "né", pass = "x=y" .. i }, header = { Accept = "text/html" } })
  total = total + #get + #post
end
print(total)
