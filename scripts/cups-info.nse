local ipp = require "ipp"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the printers of a CUPS server.
]]

---
-- @usage
-- perilune -p 631 --script cups-info TARGET
--
-- @output
-- 631/tcp open  ipp
-- | cups-info:
-- |   lab
-- |     DNS-SD Name: Lab printer @ host
-- |     Location: Room 5
-- |     Model: Local Raw Printer
-- |     State: Idle
-- |_    Queue: 0 print jobs

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 631 }, { "ipp", "ipps" })

local STATES = {
  [ipp.IPP.PrinterState.IPP_PRINTER_IDLE] = "Idle",
  [ipp.IPP.PrinterState.IPP_PRINTER_PROCESSING] = "Processing",
  [ipp.IPP.PrinterState.IPP_PRINTER_STOPPED] = "Stopped",
}

action = function (host, port)
  local helper = ipp.Helper:new(host, port)
  if not helper:connect() then return stdnse.format_output(false, "can't connect") end
  local status, printers = helper:getPrinters()
  helper:close()
  if not status then
    stdnse.debug1("%s", printers)
    return nil
  end
  local result, lines = stdnse.output_table(), {}
  for i, printer in ipairs(printers) do
    local facts = stdnse.output_table()
    facts["DNS-SD Name"] = printer.dns_sd_name or ""
    facts.Location = printer.location or ""
    facts.Model = printer.model or ""
    facts.State = STATES[printer.state] or "Unknown"
    facts.Queue = ("%s print jobs"):format(printer.queue_count or 0)
    local name = printer.name or "printer " .. i
    result[name] = facts
    local printed = { name = name }
    for key, value in pairs(facts) do printed[#printed + 1] = key .. ": " .. value end
    lines[#lines + 1] = printed
  end
  if #lines == 0 then return nil end
  return result, stdnse.format_output(true, lines)
end
