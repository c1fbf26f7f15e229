local irc = require "irc"

local function rule (number, service)
  return irc.portrule(host, { number = number, protocol = "tcp", state = "open", service = service })
end
check("rule", "true true false", rule(6667), rule(1, "irc"), rule(80, "http"))
