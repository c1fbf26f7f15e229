local stringaux = require "stringaux"

check("strsplit", '{1="a",2="b",3="",4="c",5=""}', stringaux.strsplit(",%s*", "a, b,,c,"))
check("strsplit nothing", '{1=""} {1="abc"}', stringaux.strsplit(",", ""), stringaux.strsplit("x", "abc"))
check("strsplit empty pattern", "false", (pcall(stringaux.strsplit, "", "abc")))
check("strjoin", '"1,2,c" ""', stringaux.strjoin(",", { 1, 2, "c" }), stringaux.strjoin(",", {}))
check("ipattern", '"[aA][bB]1%d[x]" "%a[a-z][xX]" "[^]a][bB]%bxy"', stringaux.ipattern("aB1%d[x]"),
  stringaux.ipattern("%a[a-z]x"), stringaux.ipattern("[^]a]b%bxy"))
check("filename_escape", '"a%2fb%20c.d-e_" "%2e%2e"', stringaux.filename_escape("a/b c.d-e_"),
  stringaux.filename_escape(".."))
