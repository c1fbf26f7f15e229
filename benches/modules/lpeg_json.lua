-- A JSON grammar with captures over a document of about 1 MB, many times.
local lpeg = require "lpeg"
local P, S, R, V, C, Cc, Cf, Cg, Cs, Ct = lpeg.P, lpeg.S, lpeg.R, lpeg.V, lpeg.C, lpeg.Cc, lpeg.Cf, lpeg.Cg, lpeg.Cs, lpeg.Ct

local space = S" \t\r\n"^0
local escapes = { ["\\n"] = "\n", ["\\t"] = "\t", ["\\\""] = "\"", ["\\\\"] = "\\", ["\\/"] = "/" }
local text = P"\"" * Cs((P"\\" * P(1) / escapes + (P(1) - S"\\\""))^0) * "\""
local digits = R"09"^1
local number = P"-"^-1 * digits * ("." * digits)^-1 * (S"eE" * S"+-"^-1 * digits)^-1 / tonumber
local function token(p) return p * space end
local json = P{ "document",
  document = space * V"value" * -1,
  value = token(V"object" + V"array" + text + number + P"true" * Cc(true) + P"false" * Cc(false) + P"null" * Cc(nil)),
  object = Cf(Ct"" * token"{" * (V"member" * (token"," * V"member")^0)^-1 * "}", rawset),
  member = Cg(token(text) * token":" * V"value"),
  array = Ct(token"[" * (V"value" * (token"," * V"value")^0)^-1 * "]"),
}

local items = {}
for i = 1, 8000 do
  items[i] = ('{"id": %d, "name": "item number %d", "tags": ["a", "b\\n", "c"], "price": %d.%02d, "ok": %s, "none": null}')
    :format(i, i, i % 97, i % 100, i % 2 == 0)
end
local document = "[" .. table.concat(items, ",\n") .. "]"
local total = 0
for _ = 1, 5 do
  local value = json:match(document)
  total = total + #value + value[17].id + #value[99].tags
end
print(total)
