local lpeg = require "lpeg"
local re = require "re"

check("literals and classes", "4 3 nil 3", re.match("abc", "'abc'"), re.match("x1", "[a-z][0-9]"), re.match("1", "[^0-9]"),
  re.match("ab", ". ."))
check("repetition", "4 1 2 4 3 2", re.match("aaa", "'a'*"), re.match("b", "'a'*"), re.match("ab", "'a'?"),
  re.match("aaa", "'a'^3"), re.match("aaa", "'a'^-2"), re.match("ab", "'a'^+1"))
check("choice and sequence", "3 2 nil", re.match("ab", "'a' 'b' / 'a'"), re.match("ac", "'a' 'b' / 'a'"),
  re.match("c", "'a' / 'b'"))
check("predicates", "2 nil 2", re.match("ab", "'a' &'b'"), re.match("ab", "'a' !'b'"), re.match("a", "'a' !."))
check("captures", '"423" 1 "b" {1="a",2="b"} "x-y"', re.match("the number 423", "[a-z ]* {[0-9]+}"), re.match("a", "{}"),
  re.match("ab", "{:x: 'a' :} 'b'" and "'a' {'b'}"), re.match("ab", "{| {.} {.} |}"), re.match("x y", "{~ 'x' (' ' -> '-') 'y' ~}"))
check("named captures", '"a"', re.match("ab", "{| {:first: . :} . |}").first)
check("back references", "4 nil", re.match("aba", "{:x: 'a' :} 'b' =x") and 4, (re.match("abc", "{:x: 'a' :} 'b' =x")))
check("functions", '"AB"', lpeg.match(re.compile("{[a-z]+} -> up", { up = string.upper }), "ab"))
check("predefined classes", "3 2 2", re.match("a1", "%a%d"), re.match(" ", "%s"), re.match("é" and "\n", "%nl"))
check("match-time", "3 nil", lpeg.match(re.compile(". . => even", { even = function (_, at) return at == 3 end }), "ab"),
  lpeg.match(re.compile(". => even", { even = function (_, at) return at == 3 end }), "ab"))
local grammar = [[
  list <- item (',' item)* -- a comment
  item <- %d+ / '(' list ')'
]]
check("grammar", "10 2", re.match("1,(2,3),4", grammar), re.match("1,", grammar))
check("find", "5 6", re.find("the 42 x", "[0-9]+"))
check("gsub", '"h*ll* w*rld"', re.gsub("hello world", "[aeiou]", "*"))
raises("pattern error near", re.compile, "[a-")
raises("name 'nothing' undefined", re.compile, "'a' -> nothing")
raises("rule 'b' undefined in given grammar", re.compile, "a <- b")
raises("'%)' expected", re.compile, "('a'")
raises("too many levels", re.compile, string.rep("(", 1000))
raises("unexpected", re.compile, "'a' )")
