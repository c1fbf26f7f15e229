local shortport = require "shortport"
local stdnse = require "stdnse"
local tn3270 = require "tn3270"

description = [[
Shows the first screen of a TN3270 server, with what its hidden fields hold.
]]

---
-- @args tn3270-screen.lu The logical unit to ask for.
-- @args tn3270-screen.disable_tn3270e Do not try TN3270E.
--
-- @usage
-- perilune -p 23,992 --script tn3270-screen TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 23/tcp open  tn3270
-- | tn3270-screen:
-- |   screen:
-- |  WELCOME TO MOON
-- |  USER ===>
-- |_  logical unit: LU01

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery" }

portrule = shortport.port_or_service({ 23, 992 }, { "tn3270" })

action = function (host, port)
  local lu, without_e = stdnse.get_script_args(SCRIPT_NAME .. ".lu", SCRIPT_NAME .. ".disable_tn3270e")
  local terminal = tn3270.Telnet:new()
  if lu then terminal:set_lu(lu) end
  if without_e then terminal:disable_tn3270e() end
  local status, err = terminal:initiate(host, port)
  if not status then
    stdnse.debug1("no terminal: %s", err)
    return nil
  end
  terminal:get_all_data()
  terminal:disconnect()
  local result = stdnse.output_table()
  result["screen"] = terminal:get_screen()
  local hidden, places = terminal:hidden_fields(), terminal:hidden_fields_location()
  if #hidden > 0 then
    local list = stdnse.output_table()
    for i, text in ipairs(hidden) do
      local at = places[2 * i - 1]
      list[("(%d, %d)"):format(terminal:BA_TO_ROW(at), terminal:BA_TO_COL(at))] = text
    end
    result["hidden fields"] = list
  end
  result["logical unit"] = terminal:get_lu()
  return result
end
