local http = require "http"
local json = require "json"
local mobileme = require "mobileme"
local stdnse = require "stdnse"

-- A service that hands the user on to another host and then answers `answer`.
local answer, asked
http.post = function (host, port, path, options, _, body)
  asked[#asked + 1] = { host = host, path = path, user = options.auth.username, body = body }
  if host == "fmipmobile.icloud.com" then return { status = 330, header = { ["x-apple-mme-host"] = "p99.example" } } end
  return answer
end
stdnse.sleep = function () end
local function location (reply)
  asked, answer = {}, reply
  return mobileme.Helper:new("ann", "secret"):getLocation()
end
local devices = { content = { { id = "1", name = "phone", location = { latitude = 1.5, longitude = 2.5, horizontalAccuracy = 10, timeStamp = 1326400000000, positionType = "GPS" } },
  { id = "2", name = "off" } } }
local status, places = location({ status = 200, header = {}, body = json.generate(devices) })
check("places", 'true {"phone"={"accuracy"=10,"latitude"=1.5,"longitude"=2.5,"postype"="GPS","timestamp"="01/12/2012 20:26:40"}}', status, places)
check("asked", '"p99.example" "/fmipservice/device/ann/initClient" "ann"', asked[2].host, asked[2].path, asked[2].user)
check("wrong password", 'false "Authentication failed"', location({ status = 401, header = {} }))
check("junk", "false false false", (location({ status = 200, header = {}, body = "[" })), (location({ status = 200, header = {}, body = "[1]" })),
  (location({ status = 200, header = {}, body = '{"content":7}' })))
asked, answer = {}, { status = 200, header = {}, body = "{}" }
check("message", "true", mobileme.Helper:new("ann", "secret"):sendMessage("1", "hi", "there", true))
check("its path", '"/fmipservice/device/ann/sendMessage"', asked[2].path)
fuzz("getLocation", { json.generate(devices) }, function (bytes) location({ status = 200, header = {}, body = bytes }) end)
