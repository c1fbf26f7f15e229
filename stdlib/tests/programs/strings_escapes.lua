print("a\tb\\n\"q\"\'s\'", 'single "double"', "\65\066\x41\u{48}\u{20AC}\z
      joined", "line\
break")
print(#"\0\0\0", ("\0a"):byte(1, -1))
print([[long
string]], [==[with ]] inside]==], [[
first newline dropped]])
print("\a\b\f\v" == "\7\8\12\11", #"\u{7FFFFFFF}", "\u{10FFFF}")
print(("%q"):format("a\nb\0c\"d\\e\r"), ("%q"):format(1/3), ("%q"):format(10), ("%q"):format(math.mininteger))
local s = "tab\there"
print(s:len(), s:upper(), s:reverse(), s:sub(-4), s:sub(2, 3), s:sub(10, 20), s:sub(0), s:sub(-100, 3), s:sub(3, -100))
print(("x"):rep(5), ("ab"):rep(3, "-"), ("x"):rep(0), ("x"):rep(-1), (""):rep(10))
print(("abc"):byte(), ("abc"):byte(-1), ("abc"):byte(1, 3), ("abc"):byte(10), string.char(72, 105), string.char())
print("a" .. 1 .. 2.0 .. "b", 1 .. "", -1 .. "")
-- comment
--[[ long
comment ]] print("after comment")
--[==[ another ]] still ]==] print("after level-2 comment")
print(#[[

x]])
