local redis = require "redis"
local session = require "pieces"

-- The forms are those of the protocol's description, "RESP protocol spec".
equal(tostring(redis.Request:new("LLEN", "mylist")), "*2\r\n$4\r\nLLEN\r\n$6\r\nmylist\r\n")
local function receive (...) return redis.Response:new(session(...)):receive() end
equal({ receive("+OK\r\n") }, { true, { data = "+OK", type = 0 } })
equal({ receive("-ERR un", "known\r\n") }, { true, { data = "-ERR unknown", type = 1 } })
equal({ receive(":1000\r\n") }, { true, { data = ":1000", type = 2 } })
equal({ receive("$6\r\nfoo\r\n", "x\r\n") }, { true, { data = "foo\r\nx", type = 3 } })
equal({ receive("$0\r\n\r\n") }, { true, { data = "", type = 3 } })
equal({ receive("$-1\r\n") }, { true, nil })
equal({ receive("*3\r\n$3\r\nfoo\r\n$-1\r\n:1\r\n") }, { true, { data = { "foo", false, ":1" }, type = 4 } })
equal({ receive("*1\r\n*2\r\n:1\r\n:2\r\n") }, { true, { data = { { ":1", ":2" } }, type = 4 } })
equal({ receive("HTTP/1.1 400\r\n") }, { false, "Unsupported response" })
equal({ receive("$99999999999\r\n") }, { false, "the reply is too long" })
equal({ receive(("*1\r\n"):rep(40)) }, { false, "the reply is too long" })
equal({ receive("$5\r\nab") }, { false, "EOF" })
