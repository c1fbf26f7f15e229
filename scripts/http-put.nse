local http = require "http"
local io = require "io"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Puts a file onto a web server with PUT (RFC 9110, 9.3.4), and says whether that worked.
]]

---
-- @args http-put.url The path to put it to.
-- @args http-put.file The file to send.
--
-- @usage
-- perilune -p 80 --script http-put --script-args http-put.url=/uploads/x.txt,http-put.file=x.txt TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-put: /uploads/x.txt was successfully created

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.http

local MAX_LEN = 16 * 1024 * 1024

action = function (host, port)
  local path, name = stdnse.get_script_args(SCRIPT_NAME .. ".url", SCRIPT_NAME .. ".file")
  if not path or not name then return nil end
  local file, err = io.open(name, "rb")
  if not file then return stdnse.format_output(false, err) end
  local content = file:read(MAX_LEN + 1) or ""
  file:close()
  if #content > MAX_LEN then return stdnse.format_output(false, "the file is too large") end

  local response = http.put(host, port, path, nil, content)
  if response.status == 200 or response.status == 201 or response.status == 204 then
    return path .. (response.status == 201 and " was successfully created" or " was successfully replaced")
  end
  return ("%s could not be created (%s)"):format(path, http.get_status_string(response))
end
