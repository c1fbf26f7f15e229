---
-- The Internet Printing Protocol (RFC 8010, RFC 8011), with the operations of CUPS that list printers.
--
-- @usage
-- local helper = ipp.Helper:new(host, port)
-- if not helper:connect() then return end
-- local status, printers = helper:getPrinters()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local http = require "http"
local math = require "math"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ipp", stdnse.seeall)

-- Attributes of one response that are read; a printer has about a hundred.
local MAX_ATTRIBUTES = 20000

--- Numbers and messages of the protocol.
-- @class table
-- @name IPP
IPP = {}

--- Operations: RFC 8011, 5.4.15, and those of CUPS.
IPP.OperationID = {
  IPP_CANCEL_JOB = 0x0008, IPP_GET_JOB_ATTRIBUTES = 0x0009, IPP_GET_JOBS = 0x000A,
  IPP_GET_PRINTER_ATTRIBUTES = 0x000B, CUPS_GET_PRINTERS = 0x4002, CUPS_GET_DOCUMENT = 0x4027,
}
--- States of printers: RFC 8011, 5.4.11.
IPP.PrinterState = { IPP_PRINTER_IDLE = 3, IPP_PRINTER_PROCESSING = 4, IPP_PRINTER_STOPPED = 5 }
--- States of jobs: RFC 8011, 5.3.7.
IPP.State = { IPP_JOB_PENDING = 3, IPP_JOB_HELD = 4, IPP_JOB_PROCESSING = 5, IPP_JOB_STOPPED = 6, IPP_JOB_CANCELED = 7,
  IPP_JOB_ABORTED = 8, IPP_JOB_COMPLETED = 9 }
--- Names of the states of jobs.
IPP.StateName = { [3] = "Pending", [4] = "Held", [5] = "Processing", [6] = "Stopped", [7] = "Canceled",
  [8] = "Aborted", [9] = "Completed" }
--- Status codes: RFC 8011, B.1. All up to 0xFF are successes.
IPP.StatusCode = { OK = 0 }

-- Attributes ------------------------------------------------------------------------------------------------------

--- A name with its values: RFC 8010, 3.1.4.
-- @class table
-- @name IPP.Attribute
IPP.Attribute = {
  -- Delimiters of groups (RFC 8010, 3.5.1), then syntaxes of values (3.5.2).
  IPP_TAG_OPERATION = 0x01, IPP_TAG_JOB = 0x02, IPP_TAG_END = 0x03, IPP_TAG_PRINTER = 0x04,
  IPP_TAG_INTEGER = 0x21, IPP_TAG_BOOLEAN = 0x22, IPP_TAG_ENUM = 0x23, IPP_TAG_TEXT = 0x41, IPP_TAG_NAME = 0x42,
  IPP_TAG_KEYWORD = 0x44, IPP_TAG_URI = 0x45, IPP_TAG_CHARSET = 0x47, IPP_TAG_LANGUAGE = 0x48,
}
IPP.Attribute.__index = IPP.Attribute

--- Makes an attribute.
-- @name IPP.Attribute.new
-- @class function
-- @param tag The syntax of its values.
-- @param name Its name.
-- @param value A value, or an array of values.
-- @return The attribute.
function IPP.Attribute:new (tag, name, value)
  return setmetatable({ tag = tag, name = name, value = value }, self)
end

local function encode_value (tag, value)
  if tag == IPP.Attribute.IPP_TAG_INTEGER or tag == IPP.Attribute.IPP_TAG_ENUM then
    return string.pack(">s2", string.pack(">i4", value))
  end
  if tag == IPP.Attribute.IPP_TAG_BOOLEAN then return string.pack(">s2", value and "\1" or "\0") end
  return string.pack(">s2", value)
end

-- The bytes of the attribute. Further values have an empty name.
function IPP.Attribute:__tostring ()
  local values = type(self.value) == "table" and self.value or { self.value }
  local out = {}
  for i, value in ipairs(values) do
    out[i] = string.pack(">Bs2", self.tag, i == 1 and self.name or "") .. encode_value(self.tag, value)
  end
  return table.concat(out)
end

local function decode_value (tag, bytes)
  if (tag == 0x21 or tag == 0x23) and #bytes == 4 then return (string.unpack(">i4", bytes)) end
  if tag == 0x22 and #bytes == 1 then return bytes ~= "\0" end
  -- Text and name with a language in front.
  if (tag == 0x35 or tag == 0x36) and #bytes >= 4 then
    local ok, _, text = pcall(string.unpack, ">s2s2", bytes)
    if ok then return text end
  end
  return bytes
end

--- Reads an attribute.
-- @name IPP.Attribute.parse
-- @class function
-- @param data The message.
-- @param pos Where the attribute begins.
-- @return The attribute, whose name is empty if it is a further value of the one before; nil if it is cut.
-- @return What follows it.
function IPP.Attribute.parse (data, pos)
  local ok, tag, name, value, after = pcall(string.unpack, ">Bs2s2", data, pos)
  if not ok then return nil end
  return IPP.Attribute:new(tag, name, decode_value(tag, value)), after
end

--- Attributes that belong together.
-- @class table
-- @name IPP.AttributeGroup
IPP.AttributeGroup = {}
IPP.AttributeGroup.__index = IPP.AttributeGroup

--- Makes a group.
-- @name IPP.AttributeGroup.new
-- @class function
-- @param tag The group's delimiter.
-- @param attributes An array of attributes.
-- @return The group.
function IPP.AttributeGroup:new (tag, attributes)
  return setmetatable({ tag = tag, attributes = attributes or {} }, self)
end

function IPP.AttributeGroup:__tostring ()
  local out = { string.char(self.tag) }
  for _, attribute in ipairs(self.attributes) do out[#out + 1] = tostring(attribute) end
  return table.concat(out)
end

--- Finds an attribute.
-- @name IPP.AttributeGroup.getAttribute
-- @class function
-- @param name The name.
-- @param tag The syntax, or nil for any.
-- @return The attribute, or nil.
function IPP.AttributeGroup:getAttribute (name, tag)
  for _, attribute in ipairs(self.attributes) do
    if attribute.name == name and (not tag or attribute.tag == tag) then return attribute end
  end
  return nil
end

--- The value of an attribute; of several the first.
-- @name IPP.AttributeGroup.getAttributeValue
-- @class function
-- @param name The name.
-- @param tag The syntax, or nil for any.
-- @return The value, or nil.
function IPP.AttributeGroup:getAttributeValue (name, tag)
  local attribute = self:getAttribute(name, tag)
  if not attribute then return nil end
  if type(attribute.value) == "table" then return attribute.value[1] end
  return attribute.value
end

-- Messages --------------------------------------------------------------------------------------------------------

--- A request: RFC 8010, 3.1.1.
-- @class table
-- @name IPP.Request
IPP.Request = {}
IPP.Request.__index = IPP.Request

--- Makes a request.
-- @name IPP.Request.new
-- @class function
-- @param operation The operation.
-- @param request_id Its number. Default: 1.
-- @return The request, without groups.
function IPP.Request:new (operation, request_id)
  return setmetatable({ operation = operation, request_id = request_id or 1, groups = {} }, self)
end

--- Adds a group.
-- @name IPP.Request.addAttributeGroup
-- @class function
-- @param group The group.
function IPP.Request:addAttributeGroup (group) table.insert(self.groups, group) end

function IPP.Request:__tostring ()
  local out = { string.pack(">BBI2I4", 1, 1, self.operation, self.request_id) }
  for _, group in ipairs(self.groups) do out[#out + 1] = tostring(group) end
  out[#out + 1] = string.char(IPP.Attribute.IPP_TAG_END)
  return table.concat(out)
end

--- A response.
-- @class table
-- @name IPP.Response
IPP.Response = {}
IPP.Response.__index = IPP.Response

-- A further value of the last attribute of a group.
local function add_value (group, value)
  local last = group.attributes[#group.attributes]
  if not last then return end
  if type(last.value) ~= "table" then last.value = { last.value } end
  table.insert(last.value, value)
end

--- Reads a response.
-- @name IPP.Response.parse
-- @class function
-- @param data The bytes.
-- @return The response, with <code>version</code>, <code>status</code>, <code>request_id</code> and
--         <code>groups</code>; or nil and a message.
function IPP.Response.parse (data)
  if #data < 8 then return nil, "IPP response is too short" end
  local major, minor, status, id, pos = string.unpack(">BBI2I4", data)
  local response = setmetatable({ version = major .. "." .. minor, status = status, request_id = id, groups = {} },
    IPP.Response)
  local group
  for _ = 1, MAX_ATTRIBUTES do
    local tag = string.byte(data, pos)
    if not tag or tag == IPP.Attribute.IPP_TAG_END then return response end
    if tag < 0x10 then
      group = IPP.AttributeGroup:new(tag)
      table.insert(response.groups, group)
      pos = pos + 1
    else
      local attribute, after = IPP.Attribute.parse(data, pos)
      if not attribute or not group then return nil, "IPP response is cut or out of order" end
      if attribute.name == "" then
        add_value(group, attribute.value)
      else
        table.insert(group.attributes, attribute)
      end
      pos = after
    end
  end
  return nil, "too many attributes in the IPP response"
end

--- Finds groups.
-- @name IPP.Response.getAttributeGroups
-- @class function
-- @param tag The delimiter.
-- @return An array of groups.
function IPP.Response:getAttributeGroups (tag)
  local found = {}
  for _, group in ipairs(self.groups) do
    if group.tag == tag then found[#found + 1] = group end
  end
  return found
end

--- The way to a server.
-- @class table
-- @name HTTP
HTTP = {}

--- Sends a request and reads the response.
-- @name HTTP.Request
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @param request The request's bytes.
-- @param path The path to post to. Default: <code>/</code>.
-- @return True and an <code>IPP.Response</code>, or false and a message.
function HTTP.Request (host, port, request, path)
  local response = http.post(host, port, path or "/", { header = { ["Content-Type"] = "application/ipp" } }, nil,
    tostring(request))
  if not response.status then return false, response["status-line"] end
  if response.status ~= 200 then return false, "HTTP status " .. response.status end
  local parsed, err = IPP.Response.parse(response.body or "")
  if not parsed then return false, err end
  if parsed.status > 0xFF then return false, string.format("IPP status 0x%04x", parsed.status) end
  return true, parsed
end

-- What scripts ask ------------------------------------------------------------------------------------------------

--- Asks a print server.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @name Helper.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @return The helper.
function Helper:new (host, port)
  return setmetatable({ host = host, port = port }, self)
end

--- Nothing has to be done: each request has a connection of its own.
-- @name Helper.connect
-- @class function
-- @return True.
function Helper:connect () return true end

--- Nothing has to be done.
-- @name Helper.close
-- @class function
-- @return True.
function Helper:close () return true end

function Helper:uri (path)
  return string.format("ipp://%s:%d%s", stdnse.get_hostname(self.host),
    type(self.port) == "table" and self.port.number or self.port, path)
end

function Helper:request (operation, attributes)
  local A = IPP.Attribute
  local group = IPP.AttributeGroup:new(A.IPP_TAG_OPERATION, {
    A:new(A.IPP_TAG_CHARSET, "attributes-charset", "utf-8"),
    A:new(A.IPP_TAG_LANGUAGE, "attributes-natural-language", "en"),
  })
  table.move(attributes, 1, #attributes, #group.attributes + 1, group.attributes)
  local request = IPP.Request:new(operation)
  request:addAttributeGroup(group)
  return HTTP.Request(self.host, self.port, request)
end

--- Lists the printers of a CUPS server.
-- @name Helper.getPrinters
-- @class function
-- @return True and an array of tables with <code>name</code>, <code>location</code>, <code>model</code>,
--         <code>state</code>, <code>dns_sd_name</code> and <code>queue_count</code>; or false and a message.
function Helper:getPrinters ()
  local A = IPP.Attribute
  local wanted = { "printer-name", "printer-location", "printer-make-and-model", "printer-state", "queued-job-count",
    "printer-dns-sd-name" }
  local status, response = self:request(IPP.OperationID.CUPS_GET_PRINTERS, {
    A:new(A.IPP_TAG_KEYWORD, "requested-attributes", wanted),
  })
  if not status then return false, response end
  local printers = {}
  for _, group in ipairs(response:getAttributeGroups(A.IPP_TAG_PRINTER)) do
    printers[#printers + 1] = {
      name = group:getAttributeValue("printer-name"),
      location = group:getAttributeValue("printer-location"),
      model = group:getAttributeValue("printer-make-and-model"),
      state = group:getAttributeValue("printer-state"),
      queue_count = group:getAttributeValue("queued-job-count"),
      dns_sd_name = group:getAttributeValue("printer-dns-sd-name"),
    }
  end
  return true, printers
end

local COLUMNS = { "id", "time", "state", "size (kb)", "owner", "jobname" }

-- Rows as lines, the columns as wide as their widest cell.
local function format_table (rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  for i, row in ipairs(rows) do
    local cells = {}
    for k, cell in ipairs(row) do cells[k] = k < #row and cell .. (" "):rep(widths[k] - #cell) or cell end
    lines[i] = table.concat(cells, "  ")
  end
  return table.concat(lines, "\n") .. "\n"
end

local function time_text (seconds)
  local ok, text = pcall(os.date, "!%Y-%m-%dT%H:%M:%S", seconds)
  return ok and text or "Unknown"
end

local function job_row (group)
  local function value (name) return group:getAttributeValue(name) end
  local created = value("time-at-creation")
  return {
    tostring(value("job-id") or "Unknown"),
    math.type(created) == "integer" and time_text(created) or "Unknown",
    IPP.StateName[value("job-state")] or "Unknown",
    (value("job-k-octets") or 0) .. "k",
    tostring(value("job-originating-user-name") or "Unknown"),
    tostring(value("job-name") or "Unknown"),
  }
end

--- Lists the jobs of a queue, or of all queues.
-- @name Helper.getQueueInfo
-- @class function
-- @param uri The queue's URI. Default: all queues.
-- @return An array for <code>stdnse.format_output</code>: a table for each queue with its <code>name</code> and its jobs;
--         or false and a message.
function Helper:getQueueInfo (uri)
  local A = IPP.Attribute
  local status, response = self:request(IPP.OperationID.IPP_GET_JOBS, {
    A:new(A.IPP_TAG_URI, "printer-uri", uri or self:uri("/")),
    A:new(A.IPP_TAG_KEYWORD, "requested-attributes", { "job-originating-host-name", "com.apple.print.JobInfo.PMJobName",
      "com.apple.print.JobInfo.PMJobOwner", "job-id", "job-k-octets", "job-name", "job-state", "printer-uri",
      "job-originating-user-name", "job-printer-state-message", "job-printer-uri", "time-at-creation" }),
    A:new(A.IPP_TAG_KEYWORD, "which-jobs", "not-completed"),
  })
  if not status then return false, response end
  local rows, names = {}, {}
  for _, group in ipairs(response:getAttributeGroups(A.IPP_TAG_JOB)) do
    local queue = string.match("/" .. tostring(group:getAttributeValue("job-printer-uri") or ""), ".*/(.*)$")
    if not rows[queue] then
      rows[queue] = { COLUMNS }
      names[#names + 1] = queue
    end
    table.insert(rows[queue], job_row(group))
  end
  table.sort(names)
  local output = {}
  for i, name in ipairs(names) do output[i] = { name = name, format_table(rows[name]) } end
  return output
end

return _ENV
