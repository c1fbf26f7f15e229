local base64 = require "base64"

-- RFC 4648, section 10.
for text, code in pairs({
  [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=", foobar = "Zm9vYmFy",
}) do
  equal(base64.enc(text), code, "enc " .. text)
  equal(base64.dec(code), text, "dec " .. code)
end
local all = {}
for i = 0, 255 do all[#all + 1] = string.char(i) end
all = table.concat(all)
equal(base64.dec(base64.enc(all)), all, "all bytes")
equal(base64.dec("Zm9v\r\n YmFy\n"), "foobar", "white space")
raises("invalid character", base64.dec, "Zm9!")
raises("divisible by 4", base64.dec, "Zm9vY")
raises("trailing characters", base64.dec, "Zg==Zg==")
raises("padding", base64.dec, "Z===")
