local creds = require "creds"

local host, port = { ip = "192.0.2.1" }, { number = 21, service = "ftp" }
local c = creds.Credentials:new("tag", host, port)
c:add("u", "p", creds.State.VALID)
c:add("u", "p", creds.State.VALID)
c:add("a", "", creds.State.LOCKED)

local function users (list)
  local names = {}
  for one in list do names[#names + 1] = one.user .. ":" .. one.pass .. "@" .. tostring(one.service) end
  return table.concat(names, " ")
end
check("all", '"u:p@ftp a:@ftp"', users(c:getCredentials()))
check("by state", '"u:p@ftp"', users(c:getCredentials(creds.State.VALID + creds.State.EXPIRED)))
check("other tag, all tags", '"" "u:p@ftp a:@ftp"', users(creds.Credentials:new("x"):getCredentials()),
  users(creds.Credentials:new(creds.ALL_DATA):getCredentials()))
check("other host", '""', users(creds.Credentials:new("tag", { ip = "192.0.2.2" }):getCredentials()))
check("accounts", '"u:p - Valid credentials" "a:<empty> - Account is locked" "x - Foo" true',
  tostring(creds.Account:new("u", "p", creds.State.VALID)), tostring(creds.Account:new("a", "", creds.State.LOCKED)),
  tostring(creds.Account:new(nil, "x", "Foo")), creds.Account:new("a") < creds.Account:new("b"))
local order = {}
for key, value in pairs(creds.Account:new("a", "", creds.State.VALID)) do order[#order + 1] = key .. "=" .. value end
check("fields in order", '"username=a password=<empty> state=Valid credentials"', table.concat(order, " "))
check("table", '"a" "u" "a"', c:getTable()[1].username, c:getTable()[2].username,
  creds.Credentials:new(creds.ALL_DATA):getTable()["192.0.2.1"]["21/ftp"][1].username)
check("nothing", 'nil ""', creds.Credentials:new("none"):getTable(), tostring(creds.Credentials:new("none")))

nmap.registry.args = { ["creds.global"] = "root:x,admin", ["creds.ftp"] = "f:a:b" }
check("given by the user", '"root:x@nil admin:@nil f:a:b@nil"', users(c:getCredentials(creds.State.PARAM)))

local path = os.tmpname()
for format, line in pairs({
  plain = "u:p\na:\n", verbose = "u:p:Valid credentials\na::Account is locked\n",
  csv = '"192.0.2.1","21","ftp","u","p","Valid credentials"\n"192.0.2.1","21","ftp","a","","Account is locked"\n',
}) do
  check(format, "true", c:saveToFile(path, format))
  local file = assert(io.open(path))
  equal(file:read("a"), line, format)
  file:close()
end
os.remove(path)
check("unknown format", 'false "Unknown fileformat"', c:saveToFile(path, "x"))
