local strbuf = require "strbuf"

local buf = strbuf.new("a", "b")
local same = (buf .. "c") .. strbuf.new("d", "e")
check("appending changes the buffer", 'true "abcde" 5', rawequal(buf, same), strbuf.dump(buf), #buf)
check("dump with a delimiter", '"a-b-c-d-e" "b,c"', strbuf.dump(buf, "-"), strbuf.dump(buf, ",", 2, 3))
check("tostring", [["a\
b"]], tostring(strbuf.new("a", "b")))
check("equality", "true false", strbuf.new("a") == strbuf.new("a"), strbuf.new("ab") == strbuf.new("a", "b"))
strbuf.clear(buf)
check("clear", '0 ""', #buf, strbuf.dump(buf))
raises("only strings and buffers", function () return buf .. 5 end)
raises("left side", function () return "x" .. buf end)
