-- The libraries of an installed Nmap that stand on `lpeg`, by example; loaded from where they lie.
local json, lpeg, U, re = require "json", require "lpeg", require "lpeg-utility", require "re"
portrule = function() return true end
action = function()
  local out = {}
  local function note(...) local t = table.pack(...) for i=1,t.n do t[i]=tostring(t[i]) end out[#out+1] = table.concat(t, " ") end
  local function depth(open, middle, close)
    local n = 1
    while true do
      local ok, v = json.parse(open:rep(n) .. middle .. close:rep(n))
      if not ok or n > 200 then return n - 1, tostring(v) end
      n = n + 1
    end
  end
  note(depth("[", "", "]"))
  note(depth("[", "1", "]"))
  note(depth('{"a":', "1", "}"))
  note(depth('{"a":[', "1", "]}"))
  local ok, v = json.parse('{"a": [1, 2.5, -3e2, true, false, null, "x\\u0041\\n\\"y"], "b": {}}')
  note(ok, v.a[1], v.a[2], v.a[3], v.a[4], v.a[5], v.a[6] == json.NULL, v.a[7], next(v.b))
  note(json.parse('{"a": }'))
  note(json.parse('[1, 2'))
  note(json.generate({1, "two", {x = true}}))
  local p = re.compile("{[a-z]+} ' ' {%d+}")
  note(p:match("abc 123"))
  note(re.find("hello world", "'wor'"))
  note(re.gsub("hello world", "[aeiou]", "*"))
  note(pcall(re.compile, "[a-"))
  note(pcall(re.compile, "%nothing"))
  out[#out] = out[#out]:gsub("%S+/nselib", "nselib")
  note(pcall(re.compile, "a <- b"))
  note(lpeg.match(U.caseless("Foo"), "fOO"))
  note(lpeg.match(U.anywhere("z"), ("x"):rep(5000) .. "z"))
  note(U.split("a,b,,c", lpeg.P","))
  note(U.get_response("SF-Port80-TCP:V=7.80%I=7%D=1/1%Time=5%P=x%r(GetRequest,5,\"HTTP\\n\");", "GetRequest"))
  local calc = re.compile([[ s <- {| e |} e <- {:op: '' -> 'add' :} {t} ('+' {t})* t <- %d+ ]])
  local t = calc:match("1+2+33")
  note(t and t.op, t and #t, t and t[3])
  local eq = re.compile([[ c <- '"' {| ([^"] / '""' -> '"')* |} '"' ]])
  note(eq:match('"abc"') ~= nil)
  return table.concat(out, "\n")
end
