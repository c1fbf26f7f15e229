local U = require "lpeg-utility"
local lpeg = require "lpeg"

check("caseless", "4 nil", U.caseless("aB1"):match("Ab1"), U.caseless("ab"):match("ax"))
check("anywhere", "4 nil", U.anywhere("b"):match("aab"), U.anywhere("b"):match("aaa"))
check("atwordboundary", "nil 5 3", U.atwordboundary("cd"):match("xcd"), U.atwordboundary("cd"):match("x cd"),
  U.atwordboundary("cd"):match("cd"))
check("split", '"a" "b" "" "c"', U.split("a,b,,c", ","))
check("escaped_quote", [["a\"b" "a b" "a'b" nil]],
  U.escaped_quote():match('"a\\"b"'), U.escaped_quote("'"):match("'a b' c"), U.escaped_quote("'", "^"):match("'a^'b'"),
  U.escaped_quote():match('"open'))
check("localize", "4", U.localize({ lpeg.V("digit") ^ 1 }):match("123a"))
local lines = {}
local grammar = U.debug({ "x", x = lpeg.P("a") }, function (...) lines[#lines + 1] = string.format(...) end)
check("debug", '2 {1="rule x at 1",2="rule x matched up to 2"}', lpeg.P(grammar):match("a"), lines)

local fp = 'SF-Port80-TCP:V=7.93%I=7%D=1/1%Time=5F000000%P=x%r(GetRequest,14,"HTTP/1\\.0\\x20200\nSF:\\x20OK\\r\\n\\"\\0")%r(Help,3,"abc");'
check("parse_fp", [[{"GetRequest"="HTTP/1.0 200 OK\13\
\"\0","Help"="abc"}]], U.parse_fp(fp))
check("get_response", '"abc" nil', U.get_response(fp, "Help"), U.get_response(fp, "X"))

fuzz("fingerprints", { fp }, U.parse_fp)
