nmap.registry.args = {}
local unpwdb = require "unpwdb"

local function all (iterator)
  local words = {}
  for word in iterator do words[#words + 1] = word end
  return table.concat(words, " ")
end
local function abc () return unpwdb.table_iterator({ "a", "b", "c" }) end

local again = abc()
check("table_iterator", '"a b c" nil "a b c"', all(again), again("reset"), all(again))
check("limited_iterator", '"a b"', all(unpwdb.limited_iterator(abc(), nil, 2)))
check("limited in time", '""', all(unpwdb.limited_iterator(abc(), 1e-9, nil, "x")) and "")
check("filter_iterator", '"a c"', all(unpwdb.filter_iterator(abc(), function (word) return word ~= "b" end)))
check("concat_iterators", '"a b c a b c"', all(unpwdb.concat_iterators(abc(), abc())))

local status, names = unpwdb.usernames()
check("usernames", 'true "root"', status, names())
status, names = unpwdb.passwords(nil, 2)
check("passwords", 'true "" "123456" nil', status, names(), names(), names())
check("timelimit", "600", unpwdb.timelimit())
nmap.registry.args = { ["unpwdb.timelimit"] = "2m" }
check("timelimit given", "120", unpwdb.timelimit())

local path = os.tmpname()
local file = assert(io.open(path, "w"))
file:write("#!comment: x\none\r\ntwo\n")
file:close()
nmap.registry.args = { userdb = path, passdb = "/nowhere/at/all", ["unpwdb.userlimit"] = "1" }
status, names = unpwdb.usernames()
check("own file and limit", 'true "one" nil', status, names(), (names()))
check("no file", "false", (unpwdb.passwords()))
os.remove(path)
