local stub = require "stub"
local oops = require "oops"

check("one message", '{1="m"}', oops.err("m"))
check("two", '{1="m",2="p"}', oops.err("m", "p"))
check("three", '{1="a",2="b",3="c"}', oops.err("a", oops.err("b", "c")))
check("raise passes results", 'true 1 2', oops.raise("m", true, 1, 2))
check("raise adds", 'false {1="m",2="p"} 3', oops.raise("m", false, "p", 3))
check("raise without a message", 'nil {1="m"}', oops.raise("m"))
check("output", '"data"', oops.output(true, "data"))
local failed = oops.output(oops.raise("outer", false, "inner"))
check("shown", '"The script encountered an error: outer"', tostring(failed))
stub.debugging = 1
check("shown whole", '"The script encountered an error:\\\n- outer:\\\n- inner"', tostring(failed))
check("no message", '"The script encountered an error:\\\n- unknown error"', tostring(oops.output(false)))
