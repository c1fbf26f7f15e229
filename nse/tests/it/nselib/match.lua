local match = require "match"

check("numbytes", "nil", match.numbytes(4)("abc"))
check("numbytes there", "4 4", match.numbytes(4)("abcdef"))
check("numbytes 0", "0 0", match.numbytes(0)(""))
check("pattern_limit", "3 4", match.pattern_limit("\r\n", 10)("ab\r\nc"))
check("pattern_limit more", "nil", match.pattern_limit("\r\n", 10)("abc"))
check("pattern_limit over", "3 3", match.pattern_limit("\r\n", 3)("abcdef"))
