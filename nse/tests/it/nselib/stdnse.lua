local stub = require "stub"
local stdnse = require "stdnse"

local function logged (f, ...)
  stub.log = {}
  f(...)
  return table.unpack(stub.log)
end

-- Messages.
check("debug below level", "", logged(stdnse.debug1, "a"))
stub.debugging = 1
for _, name in ipairs({ "getid", "getinfo", "gethostport" }) do rawset(stdnse, name, function () end) end
check("debug without script", '"stdout: a 1"', logged(stdnse.debug1, "a %d", 1))
rawset(stdnse, "getid", function () return "id" end)
rawset(stdnse, "getinfo", function () return "id M:1" end)
rawset(stdnse, "gethostport", function () return { ip = "1.2.3.4" }, { number = 80 } end)
check("debug names the script", '"stdout: [id 1.2.3.4:80] a"', logged(stdnse.debug, "a"))
check("debug with level", "", logged(stdnse.debug, 2, "a"))
stub.debugging = 2
check("debug 2 names the thread", '"stdout: [id M:1 1.2.3.4:80] a"', logged(stdnse.debug, 2, "a"))
check("print_debug", '"stdout: a b"', logged(stdnse.print_debug, "a %s", "b"))
stub.debugging = 0
check("format errors go unnoticed", "", logged(stdnse.debug1, "%d", "x"))
stub.verbosity = 1
check("verbose", '"stdout: [id] a"', logged(stdnse.verbose1, "a"))
stub.verbosity = 2
check("verbose 2", '"stdout: [id 1.2.3.4:80] a"', logged(stdnse.verbose1, "a"))
stub.verbosity = 0
check("verbose below level", "", logged(stdnse.verbose2, "a"))

-- Arguments.
nmap.registry.args = { "flag", a = "1", ["b.c"] = "2", c = "3", ["x.flag"] = "4", b = "5", tbl = { q = "1" } }
check("arguments", '"1" "2" nil nil', stdnse.get_script_args("a", "b.c", "q", "d"))
check("alternatives", '"1"', stdnse.get_script_args({ "zz", "a" }))
check("flags", '1 "4" 1 "5"', stdnse.get_script_args({ "flag", "a" }, "x.flag", "x.y.flag", "x.b"))
check("table", '{"q"="1"}', stdnse.get_script_args("tbl"))
check("none", "", stdnse.get_script_args())

-- Numbers and bytes.
check("tohex", '"616263" "ff" "1e240" ""', stdnse.tohex("abc"), stdnse.tohex(255), stdnse.tohex(123456), stdnse.tohex(""))
check("tohex separated", '"61:62:63" "61:6263" "1:e2:40"', stdnse.tohex("abc", { separator = ":" }),
  stdnse.tohex("abc", { separator = ":", group = 4 }), stdnse.tohex(123456, { separator = ":" }))
check("tohex of any byte", '"000a0dff"', stdnse.tohex("\0\n\r\255"))
check("fromhex", '"abc"', stdnse.fromhex("61 62\n63"))
check("fromhex odd", 'nil "odd number of hexadecimal digits"', stdnse.fromhex("616"))
check("fromhex bad", 'nil "not a hexadecimal digit at position 3"', stdnse.fromhex("61g"))
check("tooctal, tobinary", '"777" "0101" "11111111"', stdnse.tooctal(511), stdnse.tobinary(5), stdnse.tobinary(255))
check("format_mac", '"00:01:02:ab:cd:ff"', stdnse.format_mac("\0\1\2\171\205\255"))

-- Times.
check("timespec", "10 120 0.5 5400.0", stdnse.parse_timespec("10s"), stdnse.parse_timespec("2m"),
  (stdnse.parse_timespec("500ms")), stdnse.parse_timespec("1.5h"))
check("timespec unit", 'nil "\\"1d\\" is not a length of time: unknown unit \\"d\\""', stdnse.parse_timespec("1d"))
check("timespec nil", 'nil "no time given"', stdnse.parse_timespec(nil))
check("timeout", "8000 1000 3000.0 3000 2500", stdnse.get_timeout(nil), stdnse.get_timeout({ times = { timeout = 0.1 } }),
  stdnse.get_timeout({ times = { timeout = 1.5 } }), stdnse.get_timeout({ times = { timeout = 5 } }, 3000),
  stdnse.get_timeout({ times = { timeout = 0.2 } }, 9000, 2500))
check("clock", "1700000000250.0", stdnse.clock_ms())

-- Output.
local out = stdnse.output_table()
for i, key in ipairs({ "b", "a", "z" }) do out[key] = i end
out.b = 4
out.a = nil
out.a = 5
out[1] = "one"
local order = {}
for key, value in pairs(out) do order[#order + 1] = key .. "=" .. value end
check("output table", '"b=4 z=3 a=5 1=one" 4 "one" nil', table.concat(order, " "), #out, out[1], rawget(out, "b"))
out.b, out.z = nil, nil
order = {}
for key in pairs(out) do order[#order + 1] = key; out[key] = nil end
check("removing while visiting", '{1="a",2=1} 0', order, #out)

check("format_output", [["\
  a\
    b\
  N\
    d\
  W (WARNING: ww)\
    z\
"]], stdnse.format_output(true, { "a", { "b" }, { name = "N", "d" }, { name = "M" }, { name = "W", warning = "ww", "z" } }))
check("format_output lines", '"\\\n  a\\\n  b\\\n"', stdnse.format_output(true, "a\r\nb\n"))
check("format_output empty", "nil", stdnse.format_output(true, {}))
check("format_output no text", "nil", stdnse.format_output(true, ""))
check("format_output error", "nil", stdnse.format_output(false, "e"))

local printed = {}
local cyclic = { x = 1 }
cyclic.self = cyclic
stdnse.pretty_printer({ a = "x" }, function (text) printed[#printed + 1] = text end)
check("pretty_printer", '"{\\\n\\9[\\"a\\"] = \\"x\\",\\\n}\\\n"', table.concat(printed))
check("pretty_printer ends", "true", (pcall(stdnse.pretty_printer, cyclic, function () end)))
check("string_or_blank", '"a" "<blank>" "b"', stdnse.string_or_blank("a"), stdnse.string_or_blank(""),
  stdnse.string_or_blank(nil, "b"))

-- Hosts, buffers, registry.
check("hostname", '"t" "n" "1.2.3.4" "s"', stdnse.get_hostname({ targetname = "t", name = "n", ip = "i" }),
  stdnse.get_hostname({ name = "n", ip = "i" }), stdnse.get_hostname({ name = "", ip = "1.2.3.4" }),
  stdnse.get_hostname("s"))
local chunks = { "ab", "c\nde", "f\n\n", "gh" }
local buffer = stdnse.make_buffer({ receive = function ()
  local chunk = table.remove(chunks, 1)
  if chunk then return true, chunk end
  return nil, "EOF"
end }, "\n")
check("buffer", '"abc" "def" "" "gh"', buffer(), buffer(), buffer(), buffer())
check("buffer end", 'nil "EOF"', buffer())
check("interfaces", "2 1", #stdnse.get_script_interfaces(),
  #stdnse.get_script_interfaces(function (iface) return iface.up == "up" end))
stub.interface = "eth0"
check("chosen interface", '"eth0"', stdnse.get_script_interfaces()[1].device)
stub.interface = nil
stdnse.registry_add_array({ "p", "q" }, "v")
stdnse.registry_add_array({ "p", "q" }, "v")
check("registry", '{1="v"} nil true false', stdnse.registry_get({ "p", "q" }), stdnse.registry_get({ "p", "z" }),
  stdnse.registry_exists({ "p", "q" }, nil, "v"), stdnse.registry_exists({ "p", "q" }, nil, "w"))

-- Modules.
local env = stdnse.module("a.b", stdnse.seeall)
check("module", '"a.b" "a" true true', env._NAME, env._PACKAGE, env._M == env, env.print == print)
check("stdnse is strict", "false", (pcall(function () return stdnse.nosuch end)))
