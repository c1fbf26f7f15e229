local msrpc = require "msrpc"
local msrpcperformance = require "msrpcperformance"

-- Windows SDK, "Performance Data Format": a block with an object with two instances, and one without any.
local function counter (title, size, offset) return string.pack("<I4I4I4I4I4i4I4I4I4I4", 40, title, 0, 0, 0, 0, 0, 0, size, offset) end
local function instance (name, pid, time)
  local wide = name:gsub(".", "%0\0") .. "\0\0"
  return string.pack("<I4I4I4i4I4I4", 24 + #wide, 0, 0, -1, 24, #wide) .. wide .. string.pack("<I4I4I8", 16, pid, time)
end
local function object (title, counters, count, instances, rest)
  local definition = table.concat(counters)
  return string.pack("<I4I4I4I4I4I4I4I4I4i4i4I4I8I8", 64 + #definition + #rest, 64 + #definition, 64, title, 0, 0, 0, 0, count, 0, instances,
    0, 0, 0) .. definition .. rest
end
local process = object(230, { counter(784, 4, 4), counter(6, 8, 8) }, 2, 2, instance("smss", 4, 99) .. instance("smss", 8, 7))
local system = object(2, { counter(674, 8, 4) }, 1, -1, string.pack("<I4I8", 12, 5))
local block = "P\0E\0R\0F\0" .. string.pack("<I4I4I4I4I4I4", 1, 1, 1, 0, 112, 2) .. ("\0"):rep(80) .. process .. system
local names = { [230] = "Process", [784] = "ID Process", [6] = "% Processor Time", [2] = "System", [674] = "System Up Time" }
check("objects", '{"Process"={"smss"={"% Processor Time"=99,"ID Process"=4},"smss#2"={"% Processor Time"=7,"ID Process"=8}},"System"={"System Up Time"=5}}',
  msrpcperformance.parse(block, names))
check("none", "false", (pcall(msrpcperformance.parse, "PERF", names)))
fuzz("parse", { block }, function (bytes) pcall(msrpcperformance.parse, bytes, names) end)

-- A host whose registry has the names and the block.
local texts = "1\0001847\0002\0System\0006\0% Processor Time\000230\0Process\000674\0System Up Time\000784\0ID Process\0"
local closed
msrpc.start_smb = function () return true, {} end
msrpc.stop_smb = function () closed = true end
msrpc.bind = function () return true, {} end
msrpc.winreg_openhkpd = function () return true, { handle = "h" } end
msrpc.winreg_closekey = function () return true, {} end
msrpc.winreg_queryvalue = function (_, _, value)
  if value == "Counter 009" then return true, { data = (texts:gsub(".", "%0\0")) } end
  if value == "230" then return true, { data = block } end
  return false, "NT_STATUS_WERR_BADFILE"
end
local status, data = msrpcperformance.get_performance_data({ ip = "192.0.2.1" }, "230")
check("of a host", "true 4 true", status, data.Process.smss["ID Process"], closed)
check("refused", 'false "NT_STATUS_WERR_BADFILE"', msrpcperformance.get_performance_data({ ip = "192.0.2.1" }, "9"))
