local mqtt = require "mqtt"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Subscribes to the topics of an MQTT broker for a while and shows them with the last message of each.

By default these are all topics and those of the broker's own state. The broker's version becomes the port's.
]]

---
-- @args mqtt-subscribe.client-id The client's name. Default: one made up.
-- @args mqtt-subscribe.username Who to connect as.
-- @args mqtt-subscribe.password The password.
-- @args mqtt-subscribe.topic A topic or a list of topics, wildcards included. Default: <code>#</code> and
--                            <code>$SYS/#</code>.
-- @args mqtt-subscribe.listen-time How long to listen, such as <code>5s</code>. Default: <code>5s</code>.
-- @args mqtt-subscribe.listen-msgs How many messages to receive at most. Default: 100.
-- @args mqtt-subscribe.protocol-level The version of the protocol. Default: 4.
-- @args mqtt-subscribe.protocol-name Its name. Default: <code>MQTT</code>.
--
-- @usage
-- perilune -p 1883 --script mqtt-subscribe --script-args mqtt-subscribe.topic=sensors/# TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 1883/tcp open  mosquitto version 2.0.11
-- | mqtt-subscribe:
-- |   Topics and their most recent payloads:
-- |     $SYS/broker/uptime: 95 seconds
-- |_    $SYS/broker/version: mosquitto version 2.0.11
--
-- @xmloutput
-- <table key="Topics and their most recent payloads">
--   <elem key="$SYS/broker/version">mosquitto version 2.0.11</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery", "version" }

portrule = shortport.version_port_or_service({ 1883, 8883 }, { "mqtt", "secure-mqtt" }, "tcp")

local MESSAGES_DEFAULT = 100

local function argument (name) return (stdnse.get_script_args(SCRIPT_NAME .. "." .. name)) end

local function topics ()
  local chosen = argument("topic")
  if chosen == nil then return { "#", "$SYS/#" } end
  if type(chosen) == "table" then return chosen end
  return { chosen }
end

-- Messages until the time or their number is up.
local function listen (helper, seconds, count_max)
  local stop = nmap.clock_ms() + seconds * 1000
  local latest, count = {}, 0
  while count < count_max do
    local left = stop - nmap.clock_ms()
    if left < 1 then break end
    local status, message = helper:receive({ "PUBLISH" }, left)
    if not status then break end
    latest[message.topic] = message.payload
    count = count + 1
  end
  return latest
end

action = function (host, port)
  local seconds = stdnse.parse_timespec(argument("listen-time") or "5s") or 5
  local helper = mqtt.Helper:new(host, port)
  local status, response = helper:connect({
    client_id = argument("client-id") or "perilune" .. math.random(100000, 999999),
    username = argument("username"),
    password = argument("password"),
    protocol_level = tonumber(argument("protocol-level")),
    protocol_name = argument("protocol-name"),
  })
  if not status then
    stdnse.debug1("could not connect: %s", response)
    return nil
  end
  if not response.accepted then
    helper:close()
    local result = stdnse.output_table()
    result["Connection rejected"] = response.reason
    return result, "Connection rejected: " .. response.reason
  end

  local filters = {}
  for _, topic in ipairs(topics()) do filters[#filters + 1] = { filter = topic } end
  status, response = helper:request("SUBSCRIBE", { filters = filters }, "SUBACK")
  local latest = {}
  if status then
    for i, filter in ipairs(response.filters) do
      if not filter.success then stdnse.debug1("the topic is refused: %s", filters[i] and filters[i].filter) end
    end
    latest = listen(helper, seconds, tonumber(argument("listen-msgs")) or MESSAGES_DEFAULT)
  end
  helper:close()

  local names = {}
  for topic in pairs(latest) do names[#names + 1] = topic end
  if #names == 0 then return nil end
  table.sort(names)
  local payloads = stdnse.output_table()
  for _, topic in ipairs(names) do payloads[topic] = latest[topic] end
  local version = latest["$SYS/broker/version"]
  if version then
    port.version.name = version
    nmap.set_port_version(host, port)
  end
  local result = stdnse.output_table()
  result["Topics and their most recent payloads"] = payloads
  return result
end
