local stub = require "stub"
local httpjson = require "httpjson"
local json = require "json"
local stdnse = require "stdnse"

local function fetch (status, body)
  stub.peer = function ()
    return { ("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s"):format(status, #body, body) }
  end
  return httpjson.fetch({ ip = "10.0.0.1" }, { number = 80, protocol = "tcp" }, "/",
    { bypass_cache = true, no_cache = true })
end

check("value", '{"a"=1}', (fetch(200, '{"a": 1}')))
check("no JSON", "nil", (fetch(200, "<html>")))
check("no page", "nil 404", (fetch(404, "{}")), select(2, fetch(404, "{}")).status)

local _, value = json.parse('{"a": {"b": [1, "x", null]}, "n": null, "long": "' .. ("x"):rep(1000) .. '", "e": ""}')
check("at", "1 nil nil nil", httpjson.at(value, "a", "b", 1), httpjson.at(value, "a", "b", 3),
  httpjson.at(value, "a", "x", "y"), httpjson.at("text", "a"))
check("text", '"x" nil nil 300', httpjson.text(value, "a", "b", 2), httpjson.text(value, "a"),
  httpjson.text(value, "e"), #httpjson.text(value, "long"))
local result = stdnse.output_table()
check("copy", "1", httpjson.copy(result, value, { { "X", "a", "b", 2 }, { "N", "n" } }))
check("copied", '"x" nil', result.X, result.N)
check("texts", '{1="1",2="x"} {1="1",2="and 2 more"} nil nil', httpjson.texts(value.a.b, 5),
  httpjson.texts(value.a.b, 1), httpjson.texts("x", 1), httpjson.texts({}, 1))
check("names", '{1="a",2="e",3="long",4="n"} {}', httpjson.names(value), httpjson.names(nil))
