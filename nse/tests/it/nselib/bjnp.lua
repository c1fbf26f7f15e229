local stub = require "stub"
local bjnp = require "bjnp"
local stdnse = require "stdnse"

-- What SANE sends, as its back end's description lays it out.
local function hex (request) return stdnse.tohex(tostring(request:new())) end
check("requests", '"424a4e50010100000001000000000000" "424a4e50013000000001000000000000" '
  .. '"424a4e5002300000000100000000000400000000"', hex(bjnp.BJNP.Printer.Request.Discover),
  hex(bjnp.BJNP.Printer.Request.Identity), hex(bjnp.BJNP.Scanner.Request.Identity))

local IDENTITY = "MFG:Canon;CMD:BJRaster3;MDL:MX860 series;CLS:PRINTER;DES:Canon MX860 series;VER:1.04;"
local function answer (kind, code, body)
  return "BJNP" .. string.pack(">BBI2I2I2I4", kind | 0x80, code, 0, 1, 0, #body) .. body
end
local function ask (method, data)
  stub.peer = function () return { data } end
  local helper = bjnp.Helper:new({ ip = "10.0.0.1" }, { number = 8611, protocol = "udp" })
  helper:connect()
  return helper[method](helper)
end
local body = string.pack(">I2", #IDENTITY + 2) .. IDENTITY
check("printer", 'true {1="Manufacturer: Canon",2="Model: MX860 series",3="Description: Canon MX860 series",'
  .. '4="Firmware version: 1.04",5="Command: BJRaster3"}', ask("getPrinterIdentity", answer(1, 0x30, body)))
check("scanner", 'true {1="Manufacturer: Canon",2="Model: MX860 series",3="Description: Canon MX860 series",'
  .. '4="Command: BJRaster3"}', ask("getScannerIdentity", answer(2, 0x30, body)))
check("cut", 'true {1="Manufacturer: Canon"}', ask("getPrinterIdentity", answer(1, 0x30, body:sub(1, 20))))
check("other answers", 'false "Unexpected answer"', ask("getPrinterIdentity", answer(1, 0x99, body)))
check("no BJNP", 'false "Unexpected answer"', ask("getPrinterIdentity", ("x"):rep(100)))
check("too short", 'false "Unexpected answer"', ask("getPrinterIdentity", "BJNP"))

for _, damaged in ipairs(mutants(answer(1, 0x30, body), 500)) do
  local ran, err = pcall(ask, "getPrinterIdentity", damaged)
  if not ran then check("damaged: " .. stdnse.tohex(damaged), "true", ran, err) end
end
