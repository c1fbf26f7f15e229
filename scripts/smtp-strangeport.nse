description = [[
Points out mail servers on ports where none is expected: malware often brings one along.
]]

---
-- @usage
-- perilune -sV --script smtp-strangeport TARGET
--
-- @output
-- PORT     STATE SERVICE VERSION
-- 8025/tcp open  smtp    Postfix smtpd
-- |_smtp-strangeport: Mail server on unusual port: possible malware

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "malware", "safe" }

local USUAL = { [25] = true, [465] = true, [587] = true }

portrule = function (host, port)
  return port.service == "smtp" and not USUAL[port.number]
    and port.protocol == "tcp" and port.state == "open"
end

action = function ()
  return "Mail server on unusual port: possible malware"
end
