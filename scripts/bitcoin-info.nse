local bitcoin = require "bitcoin"
local datetime = require "datetime"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows time, version, software and height of the chain of a Bitcoin node.
]]

---
-- @usage
-- perilune -p 8333 --script bitcoin-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 8333/tcp open  bitcoin
-- | bitcoin-info:
-- |   Timestamp: 2026-11-27T20:29:10
-- |   Network: main
-- |   Version: 70016
-- |   User agent: /Satoshi:24.0.1/
-- |_  Lastblock: 815000

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(8333, "bitcoin", "tcp")

action = function (host, port)
  local helper = bitcoin.Helper:new(host, port, { timeout = 10000 })
  local status, version = helper:connect()
  if not status then
    stdnse.debug1("could not connect: %s", version)
    return nil
  end
  status, version = helper:exchVersion()
  helper:close()
  if not status then
    stdnse.debug1("no version: %s", version)
    return nil
  end
  local result = stdnse.output_table()
  result["Timestamp"] = datetime.format_timestamp(version.timestamp)
  result["Network"] = "main"
  result["Version"] = version.version
  result["User agent"] = version.user_agent
  result["Lastblock"] = version.height
  return result
end
