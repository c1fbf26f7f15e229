local datetime = require "datetime"
local formulas = require "formulas"
local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Sums up how far a host's clock is from ours, as other scripts have seen it.

Services that show different clocks may run on different machines behind one address.
]]

---
-- @usage
-- perilune -sV --script clock-skew,http-date,ssl-date,smb2-time TARGET
--
-- @output
-- Host script results:
-- |_clock-skew: mean: -13s, deviation: 12s, median: -6s
--
-- @xmloutput
-- <elem key="stddev">12.0</elem>
-- <elem key="mean">-13.0</elem>
-- <elem key="median">-6.0</elem>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

-- Scripts that take note of clocks; this one runs after them.
dependencies = {
  "afp-serverinfo", "bitcoin-info", "http-date", "http-ntlm-info", "imap-ntlm-info", "ms-sql-ntlm-info",
  "nntp-ntlm-info", "ntp-info", "openwebnet-discovery", "pop3-ntlm-info", "rdp-ntlm-info", "rfc868-time",
  "smb-os-discovery", "smb-security-mode", "smb2-time", "smtp-ntlm-info", "snmp-sysdescr", "ssl-date",
  "telnet-ntlm-info",
}

-- The rule runs before the scripts have: the action looks.
hostrule = function (host) return true end

local function whole (seconds)
  return seconds >= 0 and math.floor(seconds + 0.5) or -math.floor(-seconds + 0.5)
end

local function show (seconds) return datetime.format_time(whole(seconds)) end

action = function (host)
  local skews, ids = {}, {}
  for id in pairs(host.registry.datetime_skew or {}) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do
    for _, skew in ipairs(host.registry.datetime_skew[id]) do
      stdnse.debug1("%s: %s", id, show(skew))
      skews[#skews + 1] = skew
    end
  end
  if #skews == 0 then return nil end
  local mean, deviation = formulas.mean_stddev(skews)
  local median = formulas.median(skews)
  local out = stdnse.output_table()
  out.count = #skews
  out.mean = mean
  out.stddev = deviation
  out.median = median
  if #skews == 1 then return out, show(mean) end
  return out, string.format("mean: %s, deviation: %s, median: %s", show(mean), show(deviation), show(median))
end
