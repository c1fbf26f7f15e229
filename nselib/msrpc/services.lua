---
-- Services of a host (MS-SCMR) and its printers (MS-RPRN). Scripts reach them through library <code>msrpc</code>.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local msrpctypes = require "msrpctypes"
local rpc = require "msrpc.call"
local stdnse = require "stdnse"
local string = require "string"
local unicode = require "unicode"
_ENV = stdnse.module("msrpc.services", stdnse.seeall)

local call, read_handle, read_return, with_interface = rpc.call, rpc.read_handle, rpc.read_return, rpc.with_interface
local int32, wide, wide_ptr = msrpctypes.marshall_int32, msrpctypes.marshall_unicode, msrpctypes.marshall_unicode_ptr

local STATUS_MORE_DATA = 0x000000ea
local LIST_LEN, PAGES_MAX, SERVICES_MAX = 0x10000, 100, 10000
-- A service that runs in a process of its own, is started by hand and may fail.
local KIND_OWN_PROCESS, START_BY_HAND, FAILURE_LOGGED = 0x10, 3, 1
local ALL_RIGHTS = 0x000f01ff
local CONTROL_STOP, STATE_STOPPED, STATE_RUNNING = 1, 1, 4
local WAITS_MAX = 20

-- Services --------------------------------------------------------------------------------------------------------

--- Opens a host's services (ROpenSCManagerW, 3.1.4.15).
-- @param smbstate The connection.
-- @param machinename The host's name.
-- @param access_mask The rights wanted. Default: to connect and to list.
-- @return True and a table with <code>handle</code>, or false and an error.
function svcctl_openscmanagerw (smbstate, machinename, access_mask)
  local arguments = wide_ptr("\\\\" .. (machinename or ""), true) .. int32(0) .. int32(access_mask or 0x00000005)
  return call(smbstate, 15, arguments, read_handle("handle"))
end

--- Closes what was opened (RCloseServiceHandle, 3.1.4.1).
-- @param smbstate The connection.
-- @param handle The handle.
-- @return True and a table, or false and an error.
function svcctl_closeservicehandle (smbstate, handle) return call(smbstate, 0, handle, read_return) end

--- Opens a service (ROpenServiceW, 3.1.4.16).
-- @param smbstate The connection.
-- @param handle The services' handle.
-- @param name The service's name.
-- @param access_mask The rights wanted. Default: all.
-- @return True and a table with <code>handle</code>, or false and an error.
function svcctl_openservicew (smbstate, handle, name, access_mask)
  return call(smbstate, 16, handle .. wide(name, true) .. int32(access_mask or ALL_RIGHTS), read_handle("handle"))
end

--- Makes a service (RCreateServiceW, 3.1.4.11).
-- @param smbstate The connection.
-- @param handle The services' handle.
-- @param service_name Its name.
-- @param display_name The name that people see.
-- @param path The program it runs.
-- @return True and a table with <code>handle</code>, or false and an error.
function svcctl_createservicew (smbstate, handle, service_name, display_name, path)
  local arguments = handle .. wide(service_name, true) .. wide_ptr(display_name, true) .. int32(ALL_RIGHTS)
    .. int32(KIND_OWN_PROCESS) .. int32(START_BY_HAND) .. int32(FAILURE_LOGGED) .. wide(path, true)
    -- No group, no tag, no dependencies, the system's account.
    .. int32(0) .. int32(0) .. int32(0) .. int32(0) .. int32(0) .. int32(0) .. int32(0)
  return call(smbstate, 12, arguments, function (reader, results)
    reader:u32()
    read_handle("handle")(reader, results)
  end)
end

--- Deletes a service (RDeleteService, 3.1.4.3).
-- @param smbstate The connection.
-- @param handle The service's handle.
-- @return True and a table, or false and an error.
function svcctl_deleteservice (smbstate, handle)
  return call(smbstate, 2, handle, function (reader, results) results["return"] = reader:u32() end)
end

--- Starts a service (RStartServiceW, 3.1.4.19).
-- @param smbstate The connection.
-- @param handle The service's handle.
-- @param args A list of arguments. Default: none.
-- @return True and a table, or false and an error.
function svcctl_startservicew (smbstate, handle, args)
  local arguments = handle .. int32(args and #args or 0)
  if not args or #args == 0 then
    arguments = arguments .. int32(0)
  else
    arguments = arguments .. int32(rpc.REFERENT_ID) .. int32(#args)
    for _ = 1, #args do arguments = arguments .. int32(rpc.REFERENT_ID) end
    for _, text in ipairs(args) do arguments = arguments .. wide(text, true) end
  end
  return call(smbstate, 19, arguments, function (reader, results) results["return"] = reader:u32() end)
end

-- SERVICE_STATUS, 2.2.47, seven numbers.
local STATUS_NAMES = { "type", "state", "controls_accepted", "exit_code", "service_specific_exit_code", "checkpoint",
  "wait_hint" }

local function read_status (reader, results)
  results.service_status = {}
  for _, name in ipairs(STATUS_NAMES) do results.service_status[name] = reader:u32() end
  results["return"] = reader:u32()
end

--- Tells a service to do something (RControlService, 3.1.4.2).
-- @param smbstate The connection.
-- @param handle The service's handle.
-- @param control What; 1 is to stop.
-- @return True and a table with <code>service_status</code>, or false and an error.
function svcctl_controlservice (smbstate, handle, control)
  return call(smbstate, 1, handle .. int32(control), read_status)
end

--- Asks how a service is (RQueryServiceStatus, 3.1.4.7).
-- @param smbstate The connection.
-- @param handle The service's handle.
-- @return True and a table with <code>service_status</code>, or false and an error.
function svcctl_queryservicestatus (smbstate, handle) return call(smbstate, 6, handle, read_status) end

-- One text of the list: its place is counted from the list's beginning, a zero ends it.
local function text_at (list, offset)
  local stop = offset + 1
  while stop + 1 <= #list and string.sub(list, stop, stop + 1) ~= "\0\0" do stop = stop + 2 end
  return unicode.utf16to8(string.sub(list, offset + 1, stop - 1))
end

-- What the numbers of a service mean (2.2.47).
local TYPES = { [0x01] = "SERVICE_TYPE_KERNEL_DRIVER", [0x02] = "SERVICE_TYPE_FS_DRIVER",
  [0x10] = "SERVICE_TYPE_WIN32_OWN_PROCESS", [0x20] = "SERVICE_TYPE_WIN32_SHARE_PROCESS",
  [0x100] = "SERVICE_TYPE_INTERACTIVE_PROCESS" }
local STATES = { "SERVICE_STOPPED", "SERVICE_START_PENDING", "SERVICE_STOP_PENDING", "SERVICE_RUNNING",
  "SERVICE_CONTINUE_PENDING", "SERVICE_PAUSE_PENDING", "SERVICE_PAUSED" }
local CONTROLS = { [0x01] = "SERVICE_CONTROL_STOP", [0x02] = "SERVICE_CONTROL_PAUSE", [0x04] = "SERVICE_CONTROL_SHUTDOWN",
  [0x08] = "SERVICE_CONTROL_PARAMCHANGE", [0x10] = "SERVICE_CONTROL_NETBINDCHANGE",
  [0x20] = "SERVICE_CONTROL_HARDWAREPROFILECHANGE", [0x40] = "SERVICE_CONTROL_POWEREVENT",
  [0x80] = "SERVICE_CONTROL_SESSIONCHANGE", [0x100] = "SERVICE_CONTROL_PRESHUTDOWN" }

local function names_of (names, bits)
  local list = {}
  for shift = 0, 8 do
    local bit = 1 << shift
    if bits & bit ~= 0 and names[bit] then list[#list + 1] = names[bit] end
  end
  return #list > 0 and list or nil
end

-- A piece of the list (ENUM_SERVICE_STATUSW, 2.2.11); how many services it has.
local function read_services (list, count, services)
  for i = 0, math.min(count, SERVICES_MAX) - 1 do
    local at = i * 36 + 1
    if at + 35 > #list then return i end
    local name_at, shown_at, kind, state, controls = string.unpack("<I4I4I4I4I4", list, at)
    local service = stdnse.output_table()
    service.display_name = text_at(list, shown_at)
    service.state = STATES[state] and { STATES[state] }
    service.type = names_of(TYPES, kind)
    service.controls_accepted = names_of(CONTROLS, controls)
    services[text_at(list, name_at)] = service
  end
  return count
end

--- Lists services (REnumServicesStatusW, 3.1.4.14).
-- @param smbstate The connection.
-- @param handle The services' handle.
-- @param dwservicetype The kinds wanted, a set of bits.
-- @param dwservicestate 1 for those that run, 2 for those that do not, 3 for all.
-- @return True and a table by name of tables with <code>display_name</code> and lists <code>state</code>,
--         <code>type</code> and <code>controls_accepted</code>; or false and an error.
function svcctl_enumservicesstatusw (smbstate, handle, dwservicetype, dwservicestate)
  local services, resume, total = stdnse.output_table(), 0, 0
  for _ = 1, PAGES_MAX do
    local arguments = handle .. int32(dwservicetype) .. int32(dwservicestate) .. int32(LIST_LEN)
      .. int32(rpc.REFERENT_ID) .. int32(resume)
    local status, page = call(smbstate, 14, arguments, function (reader, results)
      results.list = reader:raw(reader:u32())
      reader:align(4)
      reader:u32()
      results.count = reader:u32()
      results.resume = reader:u32() ~= 0 and reader:u32() or 0
      results["return"] = reader:u32()
    end, { [STATUS_MORE_DATA] = true })
    if not status then return false, page end
    total = total + read_services(page.list, page.count, services)
    resume = page.resume
    if page["return"] ~= STATUS_MORE_DATA or page.count == 0 or total >= SERVICES_MAX then break end
  end
  return true, services
end

-- Opens the services and one of them, calls the function with the connection and its handle, and closes them.
local function with_service (host, name, func)
  return with_interface(host, rpc.SVCCTL_PATH, rpc.SVCCTL_UUID, rpc.SVCCTL_VERSION, function (state)
    local status, services = svcctl_openscmanagerw(state, host.ip, 0x000f003f)
    if not status then return false, services end
    local opened, service = svcctl_openservicew(state, services.handle, name)
    if not opened then return false, service end
    local result, err = func(state, service.handle)
    svcctl_closeservicehandle(state, service.handle)
    svcctl_closeservicehandle(state, services.handle)
    return result, err
  end)
end

-- Waits until a service is in a state: true, or false and an error.
local function wait_for (smbstate, handle, wanted)
  for _ = 1, WAITS_MAX do
    local status, result = svcctl_queryservicestatus(smbstate, handle)
    if not status then return false, result end
    if result.service_status.state == wanted then return true end
    stdnse.sleep(0.5)
  end
  return false, "the service takes too long"
end

--- Makes a service on a host.
-- @param host The host table.
-- @param servicename Its name.
-- @param path The program it runs.
-- @return True, or false and an error.
function service_create (host, servicename, path)
  return with_interface(host, rpc.SVCCTL_PATH, rpc.SVCCTL_UUID, rpc.SVCCTL_VERSION, function (state)
    local status, services = svcctl_openscmanagerw(state, host.ip, 0x000f003f)
    if not status then return false, services end
    local made, service = svcctl_createservicew(state, services.handle, servicename, servicename, path)
    if made then svcctl_closeservicehandle(state, service.handle) end
    svcctl_closeservicehandle(state, services.handle)
    if not made then return false, service end
    return true
  end)
end

--- Starts a service of a host and waits until it runs.
-- @param host The host table.
-- @param servicename Its name.
-- @param args A list of arguments.
-- @return True, or false and an error.
function service_start (host, servicename, args)
  return with_service(host, servicename, function (state, handle)
    local status, err = svcctl_startservicew(state, handle, args)
    if not status then return false, err end
    return wait_for(state, handle, STATE_RUNNING)
  end)
end

--- Stops a service of a host and waits until it has stopped.
-- @param host The host table.
-- @param servicename Its name.
-- @return True, or false and an error.
function service_stop (host, servicename)
  return with_service(host, servicename, function (state, handle)
    local status, err = svcctl_controlservice(state, handle, CONTROL_STOP)
    if not status then return false, err end
    return wait_for(state, handle, STATE_STOPPED)
  end)
end

--- Deletes a service of a host.
-- @param host The host table.
-- @param servicename Its name.
-- @return True, or false and an error.
function service_delete (host, servicename)
  return with_service(host, servicename, function (state, handle)
    local status, err = svcctl_deleteservice(state, handle)
    if not status then return false, err end
    return true
  end)
end

-- Printers --------------------------------------------------------------------------------------------------------

local function read_result (reader, results) results["return"] = reader:u32() end

-- A packet's head, of which callers of the printer's functions skip 24 octets to come to the results.
local RESPONSE_HEAD_LEN = 24

-- Calls a printer's procedure. Scripts look at the results as they came: they are put behind a head in
-- <code>data</code>.
local function call_spooler (smbstate, opnum, arguments, read)
  local raw
  local status, results = call(smbstate, opnum, arguments, function (reader, fields)
    raw = reader.data
    read(reader, fields)
  end)
  if not status then return false, results end
  results.data = string.rep("\0", RESPONSE_HEAD_LEN) .. raw
  return true, results
end

--- Opens a printer (RpcOpenPrinter, MS-RPRN 3.1.4.2.2).
-- @param smbstate The connection.
-- @param printer The printer's name.
-- @return True and a table with <code>printer_handle</code>, or false and an error.
function spoolss_open_printer (smbstate, printer)
  -- No kind of data, no mode, the right to print.
  local arguments = wide_ptr(printer, true) .. int32(0) .. int32(0) .. int32(0) .. int32(0x00000008)
  return call_spooler(smbstate, 1, arguments, read_handle("printer_handle"))
end

--- Begins a document (RpcStartDocPrinter, 3.1.4.9.1).
-- @param smbstate The connection.
-- @param printer_handle The printer's handle.
-- @param filename A file to print to, nil for none.
-- @return True and a table with <code>print_job_id</code>, or false and an error.
function spoolss_start_doc_printer (smbstate, printer_handle, filename)
  local arguments = printer_handle .. int32(1) .. int32(1) .. int32(rpc.REFERENT_ID) .. int32(rpc.REFERENT_ID)
    .. int32(filename and rpc.REFERENT_ID or 0) .. int32(0) .. wide("Document", true)
    .. (filename and wide(filename, true) or "")
  return call_spooler(smbstate, 17, arguments, function (reader, results)
    results.print_job_id = reader:u32()
    results["return"] = reader:u32()
  end)
end

--- Sends data to a printer (RpcWritePrinter, 3.1.4.9.3).
-- @param smbstate The connection.
-- @param printer_handle The printer's handle.
-- @param data The octets.
-- @return True and a table with <code>bytes_written</code>, or false and an error.
function spoolss_write_printer (smbstate, printer_handle, data)
  local arguments = printer_handle .. string.pack("<s4", data) .. string.rep("\0", -#data % 4) .. int32(#data)
  return call_spooler(smbstate, 19, arguments, function (reader, results)
    results.bytes_written = reader:u32()
    results["return"] = reader:u32()
  end)
end

--- Ends a document (RpcEndDocPrinter, 3.1.4.9.7).
-- @param smbstate The connection.
-- @param printer_handle The printer's handle.
-- @return True and a table, or false and an error.
function spoolss_end_doc_printer (smbstate, printer_handle) return call_spooler(smbstate, 23, printer_handle, read_result) end

--- Throws a document away (RpcAbortPrinter, 3.1.4.9.5).
-- @param smbstate The connection.
-- @param printer_handle The printer's handle.
-- @return True and a table, or false and an error.
function spoolss_abort_printer (smbstate, printer_handle) return call_spooler(smbstate, 21, printer_handle, read_result) end

return _ENV
