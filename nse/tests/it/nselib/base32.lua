local base32 = require "base32"

-- RFC 4648, section 10.
for _, case in ipairs({
  { "", "", "" },
  { "f", "MY======", "CO======" },
  { "fo", "MZXQ====", "CPNG====" },
  { "foo", "MZXW6===", "CPNMU===" },
  { "foob", "MZXW6YQ=", "CPNMUOG=" },
  { "fooba", "MZXW6YTB", "CPNMUOJ1" },
  { "foobar", "MZXW6YTBOI======", "CPNMUOJ1E8======" },
}) do
  local text, code, hex = table.unpack(case)
  equal(base32.enc(text), code, "enc " .. text)
  equal(base32.dec(code), text, "dec " .. code)
  equal(base32.enc(text, true), hex, "enc hex " .. text)
  equal(base32.dec(hex, true), text, "dec hex " .. hex)
end
equal(base32.dec("mzxw6ytb"), "fooba", "small letters")
raises("divisible by 8", base32.dec, "MZXW6")
raises("invalid character", base32.dec, "MZXW6YT1")
raises("padding", base32.dec, "M=======")
raises("length", base32.dec, "MZX=====")
