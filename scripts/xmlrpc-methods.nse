local http = require "http"
local shortport = require "shortport"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Lists the procedures that can be called over XML-RPC, where the server knows
<code>system.listMethods</code>.
]]

---
-- @args xmlrpc-methods.url The path calls are sent to. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script xmlrpc-methods --script-args xmlrpc-methods.url=/xmlrpc.php TARGET
--
-- @output
-- 8009/tcp open  http
-- | xmlrpc-methods:
-- |   Supported Methods:
-- |     pow
-- |     system.listMethods
-- |     system.methodHelp
-- |_    system.methodSignature
--
-- @xmloutput
-- <table key="Supported Methods">
--   <elem>pow</elem>
--   <elem>system.listMethods</elem>
--   <elem>system.methodHelp</elem>
--   <elem>system.methodSignature</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe", "discovery" }

portrule = shortport.http

local MAX_METHODS, MAX_LEN = 500, 1024 * 1024
local CALL = "<?xml version=\"1.0\"?><methodCall><methodName>system.listMethods</methodName></methodCall>"

-- The strings of an answer; nil when it is a fault or no answer of the protocol.
local function read_methods (body)
  local methods, is_answer, is_fault, text = {}, false, false, nil
  local parser = slaxml.parser:new({
    startElement = function (name)
      if name == "methodResponse" then is_answer = true end
      if name == "fault" then is_fault = true end
      if name == "value" or name == "string" then text = "" end
    end,
    text = function (part)
      if text then text = text .. part end
    end,
    closeElement = function (name)
      if text and (name == "string" or name == "value") then
        if text ~= "" and #methods < MAX_METHODS then methods[#methods + 1] = text end
        text = nil
      end
    end,
  })
  parser:parseSAX(body, { stripWhitespace = true })
  return is_answer and not is_fault and methods or nil
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".url") or "/"
  local response = http.post(host, port, path, { header = { ["Content-Type"] = "text/xml" } }, nil, CALL)
  if response.status ~= 200 or not response.body or #response.body > MAX_LEN then return nil end
  if not string.find(response.body, "<methodResponse", 1, true) then return nil end
  local methods = read_methods(response.body)
  if not methods or #methods == 0 then return nil end
  local result = stdnse.output_table()
  result["Supported Methods"] = methods
  return result
end
