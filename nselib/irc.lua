---
-- Helpers for scripts that talk to IRC servers (RFC 2812).
--
-- @copyright MIT OR Apache-2.0

local shortport = require "shortport"
local stdnse = require "stdnse"
_ENV = stdnse.module("irc", stdnse.seeall)

--- A rule for IRC servers, those inside TLS included.
-- @class function
-- @name portrule
portrule = shortport.port_or_service({ 6666, 6667, 6668, 6669, 6679, 6697, 7000, 8067 }, { "irc", "ircs", "ircs-u" })

return _ENV
