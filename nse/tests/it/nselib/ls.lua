local stub = require "stub"
local ls = require "ls"

local function set (args) nmap.registry.args = args or {} end

set()
check("defaults", "10 1 false false false false nil", ls.config("maxfiles"), ls.config("maxdepth"), ls.config("errors"),
  ls.config("human"), ls.config("checksum"), ls.config("empty"), ls.config("other"))
set({ ["ls.maxfiles"] = "3", ["ls.human"] = "yes", ["ls.errors"] = "0", "ls.empty" })
check("arguments", "3 true false true", ls.config("maxfiles"), ls.config("human"), ls.config("errors"), ls.config("empty"))

set()
local output = ls.new_listing()
ls.new_vol(output, "/a", true)
check("room", "true", ls.add_file(output, { "-rw-r--r--", "0", "100", "12", "2024-01-01", "x.txt" }))
ls.add_file(output, { "drwxr-xr-x", "1000", "100", "1.5K", "-", "folder" })
ls.report_info(output, "a remark")
ls.report_error(output, "not shown")
ls.end_vol(output)
ls.new_vol(output, "/empty", false)
ls.end_vol(output)
ls.new_vol(output, "/b", false)
ls.add_file(output, { "7", "now", "y", "abc" })
local result, text = ls.end_listing(output)
check("text", [["Volume /a\
  a remark\
PERMISSION  UID   GID  SIZE  TIME        FILENAME\
-rw-r--r--  0     100  12    2024-01-01  x.txt\
drwxr-xr-x  1000  100  1.5K  -           folder\
\
\
Volume /b\
SIZE  TIME  FILENAME  CHECKSUM\
7     now   y         abc\
\
"]], text)
check("structure", '"/a" "1000" "folder" "abc" 3 1519', result.volumes[1].volume, result.volumes[1].files[2].uid,
  result.volumes[1].files[2].filename, result.volumes[2].files[1].checksum, result.total.files, result.total.bytes)

check("nothing", "nil", (ls.end_listing(ls.new_listing())))
raises("no volume", ls.add_file, ls.new_listing(), { "1", "t", "f" })
local short = ls.new_listing()
ls.new_vol(short, "/", true)
raises("not enough", ls.add_file, short, { "1" })

set({ ["ls.maxfiles"] = 2, ["ls.errors"] = true, ["ls.empty"] = "1" })
local second = ls.new_listing()
ls.report_error(second, "of all")
ls.new_vol(second, "/", false)
check("limit", "true false", ls.add_file(second, { "1", "t", "f" }), ls.add_file(second, { "2", "t", "g" }))
ls.report_error(second, "of one")
ls.end_vol(second)
ls.new_vol(second, "/empty", false)
check("errors and empty volumes", [["ERROR: of all\
Volume /\
  ERROR: of one\
SIZE  TIME  FILENAME\
1     t     f\
2     t     g\
\
\
Volume /empty\
"]], select(2, ls.end_listing(second)))
