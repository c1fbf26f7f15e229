description = [[Writes what scripts see of certificates, for a comparison.]]
categories = {"safe"}
local io = require "io"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

prerule = function() return true end

local function hex (text) return text and stdnse.tohex(text) or "nil" end

local function name (map)
  local lines = {}
  for key, value in pairs(map) do
    if type(key) == "table" then key = table.concat(key, ".") end
    lines[#lines + 1] = key .. "=" .. hex(value)
  end
  table.sort(lines)
  return table.concat(lines, " ")
end

local function date (value)
  if type(value) ~= "table" then return hex(value) end
  return string.format("%04d-%02d-%02dT%02d:%02d:%02d", value.year, value.month, value.day, value.hour, value.min, value.sec)
end

local function show (cert, put)
  put("subject " .. name(cert.subject))
  put("issuer " .. name(cert.issuer))
  put("signature " .. cert.sig_algorithm)
  put("from " .. date(cert.validity.notBefore))
  put("to " .. date(cert.validity.notAfter))
  local key = cert.pubkey
  put("key " .. key.type .. " " .. key.bits)
  if key.modulus then put("rsa " .. tostring(key.exponent) .. " " .. tostring(key.modulus)) end
  if key.ecdhparams then
    local curve = key.ecdhparams.curve_params
    put("curve " .. tostring(curve.ec_curve_type) .. " " .. tostring(curve.curve))
  end
  for _, extension in ipairs(cert.extensions or {}) do
    put("extension " .. extension.name .. " " .. tostring(extension.critical or false) .. " " .. hex(extension.value))
  end
  put("sha1 " .. hex(cert:digest("sha1")))
  put("pem " .. hex(cert.pem))
end

action = function()
  local dir = stdnse.get_script_args("dir")
  local out = assert(io.open(dir .. "/nmap.txt", "wb"))
  for line in io.lines(dir .. "/list.txt") do
    local file = assert(io.open(dir .. "/" .. line, "rb"))
    local der = file:read("a")
    file:close()
    out:write("== ", line, "\n")
    local cert = nmap.socket.parse_ssl_certificate(der)
    if cert then
      show(cert, function(text) out:write(text, "\n") end)
    else
      out:write("none\n")
    end
  end
  out:close()
end
