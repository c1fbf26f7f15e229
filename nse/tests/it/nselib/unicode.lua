local unicode = require "unicode"

-- The ranges of RFC 3629.
for bytes, cp in pairs({
  ["\x24"] = 0x24, ["\xC2\xA2"] = 0xA2, ["\xE2\x82\xAC"] = 0x20AC, ["\xF0\x90\x8D\x88"] = 0x10348,
  ["\xF4\x8F\xBF\xBF"] = 0x10FFFF,
}) do
  check("utf8_dec", ("%d %d"):format(#bytes + 1, cp), unicode.utf8_dec(bytes, 1))
  equal(unicode.utf8_enc(cp), bytes, "utf8_enc")
end
for _, bad in ipairs({ "\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\xE2\x82", "\xE2A", "" }) do
  equal((unicode.utf8_dec(bad, 1)), nil, "refused")
end

-- RFC 2781, section 5.
check("utf16_dec", "3 65 5 74565", (function ()
  local a, b = unicode.utf16_dec("A\0", 1)
  return a, b, unicode.utf16_dec("\x08\xD8\x45\xDF", 1)
end)())
check("utf16_dec, high byte first", "5 74565", unicode.utf16_dec("\xD8\x08\xDF\x45", 1, true))
check("half a pair", "3 55304", unicode.utf16_dec("\x08\xD8\x45\0", 1))
check("one byte", 'nil "Incomplete UTF-16 character at 1"', unicode.utf16_dec("A", 1))
equal(unicode.utf16_enc(0x12345), "\x08\xD8\x45\xDF", "utf16_enc")
equal(unicode.utf16_enc(0x12345, true), "\xD8\x08\xDF\x45", "utf16_enc, high byte first")
equal(unicode.utf16_enc(0x110000), nil, "beyond the end")

check("cp437", '2 233 "\x82" nil "A"', (function ()
  local at, cp = unicode.cp437_dec("\x82", 1)
  return at, cp, unicode.cp437_enc(0xE9), unicode.cp437_enc(0x20AC), unicode.cp437_enc(0x41)
end)())

equal(unicode.utf8to16("hé😀"), "h\0\xE9\0\x3D\xD8\x00\xDE", "utf8to16")
equal(unicode.utf16to8("h\0\xE9\0\x3D\xD8\x00\xDE"), "hé😀", "utf16to8")
equal(unicode.utf8to16("a\xFFb"), "a\0\xFD\xFFb\0", "what can't be read")
equal(unicode.transcode("é", unicode.utf8_dec, unicode.utf16_enc, nil, true), "\0\xE9", "transcode")
equal(unicode.encode({ 0x20AC }, unicode.cp437_enc), "?", "what can't be written")
check("chardet", '"utf-8" "utf-16le" "utf-16be" "ascii" "utf-8" "ascii" "utf-16le" "utf-16be"',
  unicode.chardet("\xEF\xBB\xBFabc"), unicode.chardet("\xFF\xFEa\0"), unicode.chardet("\xFE\xFF\0a"),
  unicode.chardet("abc"), unicode.chardet("hé"), unicode.chardet("h\xE9"), unicode.chardet("a\0b\0c\0"),
  unicode.chardet("\0a\0b"))

fuzz("text", { "hé€😀", "h\0\xE9\0\x3D\xD8\x00\xDE" }, function (bytes)
  unicode.utf8to16(bytes)
  unicode.utf16to8(bytes)
  unicode.transcode(bytes, unicode.cp437_dec, unicode.utf8_enc)
  unicode.chardet(bytes)
end)
