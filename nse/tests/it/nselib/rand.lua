local rand = require "rand"

check("lengths", "0 10 7", #rand.random_string(0), #rand.random_string(10), #rand.random_string(7, "ab"))
check("of one character", '"aaa" "xyxyxy"', rand.random_string(3, "a"), rand.random_string(3, { "xy" }))
check("letters", '"abc" nil', rand.random_string(3, { "abc" }):sub(1, 3), rand.random_alpha(1000):match("[^a-z]"))
equal(rand.charset("a", "d"), { "a", "b", "c", "d" }, "charset")
equal(rand.charset("0", "1", { "x" }), { "x", "0", "1" }, "charset added to another")
check("they differ", "false", rand.random_string(16) == rand.random_string(16))
raises("nothing to choose", rand.random_string, 3, "")
check("characters by number", '{1="z",2="A",3="B"}', require("rand").charset(65, 66, { "z" }))
