local datafiles = require "datafiles"

local path = os.tmpname()
local file = assert(io.open(path, "w"))
file:write("# c\r\n9 Cisco\n11 HP\n")
file:close()
local number = "^(%d+)"
local name = "^%d+%s+(.*)"
check("array", 'true {1="9",2="11"}', datafiles.parse_file(path, { number }))
check("table", 'true {"11"="HP","9"="Cisco"}', datafiles.parse_file(path, { [number] = name }))
check("function", 'true {11="HP",9="Cisco"}',
  datafiles.parse_file(path, { [function (line) return tonumber(line:match(number)) end] = name }))
check("several", 'true {"a"={1="9",2="11"},"b"={"11"="HP","9"="Cisco"}}',
  datafiles.parse_file(path, { a = { number }, b = { [number] = name } }))
check("two results", 'true {1="9",2="11"} {1="Cisco",2="HP"}', datafiles.parse_file(path, { number }, { name }))
os.remove(path)
check("no file", "false", (datafiles.parse_file("/nowhere/at/all", { number })))
check("no description", "false false", (datafiles.parse_file(path, "x")), (datafiles.parse_lines({}, {})))

local _, tcp = datafiles.parse_services("tcp")
local _, all = datafiles.parse_services()
local _, protocols = datafiles.parse_protocols()
local _, makers = datafiles.parse_mac_prefixes()
local _, programs = datafiles.parse_rpc()
check("names", '"http" "domain" nil "udp" "nfs" nil', tcp[80], all.udp[53], tcp["x"], protocols[17], programs[100003],
  protocols[1000])
check("makers", "nil", makers.x)
check("bad protocol", "false", (datafiles.parse_services("x")))
