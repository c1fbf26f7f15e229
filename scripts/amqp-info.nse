local amqp = require "amqp"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows what an AMQP server tells about itself before anybody logs in: software, capabilities, mechanisms.
]]

---
-- @usage
-- perilune -p 5672 --script amqp-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 5672/tcp open  amqp
-- | amqp-info:
-- |   capabilities:
-- |     publisher_confirms: YES
-- |   copyright: Copyright (c) 2007-2022 VMware, Inc.
-- |   platform: Erlang/OTP 25.2.3
-- |   product: RabbitMQ
-- |   version: 3.10.8
-- |   mechanisms: PLAIN AMQPLAIN
-- |_  locales: en_US

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe", "version" }

portrule = shortport.version_port_or_service(5672, "amqp", "tcp", "open")

action = function (host, port)
  local client = amqp.AMQP:new(host, port)
  local status, err = client:connect()
  if not status then
    stdnse.debug1("could not connect: %s", err)
    return nil
  end
  status, err = client:handshake()
  client:disconnect()
  if not status then
    stdnse.debug1("no greeting: %s", err)
    return nil
  end
  port.version.name = "amqp"
  port.version.product = client:getServerProduct()
  port.version.extrainfo = client:getProtocolVersion()
  port.version.version = client:getServerVersion()
  nmap.set_port_version(host, port)
  return stdnse.format_output(true, client:getServerProperties())
end
