local coap = require "coap"
local peer = require "peer"
local stdnse = require "stdnse"

local hex, unhex = stdnse.tohex, stdnse.fromhex
local header = coap.COAP.header

-- RFC 7252, appendix A, figure 16: GET /temperature.
check("request", '"40017d34bb74656d7065726174757265"', hex(header.build({ code = "get", type = "confirmable", id = 0x7d34,
  options = { uri_path = "temperature" } })))
local pos, message = header.parse(unhex("60457d34ff32322e332043"))
check("answer", '12 "acknowledgement" "content" 32052 "22.3 C"', pos, message.type, message.code, message.id, message.payload)
-- Figure 18: a token.
check("token", '"20"', hex(select(2, header.parse(unhex("61457d3520ff3232"))).token))
-- 3.1: numbers and lengths above 12 and 268.
local long = header.build({ code = "get", id = 1, options = { { name = "proxy_uri", value = ("x"):rep(300) }, { name = "size1", value = 70000 } } })
local _, parsed = header.parse(long)
check("long options", '300 70000', #header.find_option(parsed, "proxy_uri"), header.find_option(parsed, "size1"))
check("path and query", '{1="a",2="b"} {1="c=1"} "application/json"', header.find_options(select(2, header.parse((header.build({ code = "get", options = {
  { name = "uri_path", value = "/a/b" }, { name = "uri_query", value = "c=1" }, { name = "accept", value = "application/json" } } })))), "uri_path"),
  header.find_options(select(2, header.parse((header.build({ code = "get", options = { uri_query = "c=1" } })))), "uri_query"),
  header.find_option(select(2, header.parse((header.build({ code = "get", options = { accept = "application/json" } })))), "accept"))
for size = 0, #long - 1 do header.parse(long:sub(1, size)) end
check("junk", 'false "the message is of another version"', header.parse("\x80\0\0\0"))
check("reserved length", 'false "the options are cut off"', header.parse(unhex("40010001f0")))

-- RFC 6690, section 5.
local function links (text) return coap.COAP.payload.parse({ options = { { name = "content_format", value = "application/link-format" } } }, text) end
check("links", '{1={"name"="/sensors/temp","parameters"={1={"name"="rt","value"="temperature-c"},2={"name"="obs","value"=""}}},'
  .. '2={"name"="/t","parameters"={1={"name"="ct","value"="0"}}}}', links('</sensors/temp>;rt="temperature-c";obs,</t>;ct=0'))
check("no links", "{}", links("<unclosed"))

-- Blocks, RFC 7959: two pieces of 16 octets.
local function serve (respond)
  peer.answer(function (data)
    local _, request = header.parse(data)
    return respond(request)
  end)
  return coap.Helper:new({ ip = "192.0.2.1" }, { number = 5683, protocol = "udp" })
end
local function reply (request, options, payload)
  return header.build({ type = "acknowledgement", code = "content", id = request.id, token = request.token, options = options }, payload)
end
local helper = serve(function (request)
  local block = header.find_option(request, "block2")
  if block then return reply(request, { block2 = 1 << 4 }, "second") end
  return reply(request, { block2 = 8 }, "first part of 16")
end)
local status, response = helper:connect({ uri = "/x?y=1" })
check("blocks", 'true "first part of 16second" 2', status, response.payload, #peer.sent)
helper = serve(function () return header.build({ type = "acknowledgement", code = "content", token = "othr" }, "x") end)
check("another's answer", "false", (helper:connect({ uri = "/" })))
