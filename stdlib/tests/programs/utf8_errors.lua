-- Text that is not valid, positions out of bounds, wrong arguments.
local bad = {
  "\x80", "\xff", "\xfe\x80\x80\x80\x80\x80\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf",
  "\xfc\x83\xbf\xbf\xbf\xbf", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "a\x80", "aé\xff", "é\x80", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80",
  "\xfd\xbf\xbf\xbf\xbf\xbf", "ok\xc3(", "\xc3\xa9\xa9",
}
for idx, text in ipairs(bad) do
  for _, lax in ipairs { false, true } do
    print(idx, lax, utf8.len(text, 1, -1, lax))
    print(idx, lax, pcall(utf8.codepoint, text, 1, -1, lax))
    print(idx, lax, pcall(function()
      local out = {}
      for pos, code in utf8.codes(text, lax) do out[#out + 1] = pos .. "=" .. code end
      return table.concat(out, " ")
    end))
  end
end
print(utf8.len("\xff", 2), utf8.len("ab\xff", 1, 2), utf8.len("é", 2))
for _, args in ipairs { { "abc", 0 }, { "abc", 4 }, { "abc", 5 }, { "abc", -4 }, { "abc", 1, 4 }, { "abc", 1, -4 }, { "abc", 3, 2 }, { "abc", math.mininteger },
  { "abc", math.maxinteger }, { "abc", 1, math.mininteger }, { "", 1 }, { "", 2 }, { {} }, { "a", "x" }, { "a", 1, {} }, {} } do
  print(pcall(utf8.len, table.unpack(args)))
  print(pcall(utf8.codepoint, table.unpack(args)))
end
for _, args in ipairs { {}, { "abc" }, { "abc", 1, 5 }, { "abc", 1, 0 }, { "abc", 1, -4 }, { "abc", 1, 4 }, { "aé", 1, 3 }, { "aé", -1, 3 }, { "aé", 0, 3 },
  { "abc", "x" }, { "abc", 1.5 }, { "abc", math.maxinteger }, { "abc", math.mininteger }, { "\x80\x80", 0, 2 } } do
  print(pcall(utf8.offset, table.unpack(args)))
end
print(pcall(utf8.char, -1))
print(pcall(utf8.char, 0x80000000))
print(pcall(utf8.char, 65, 1.5))
print(pcall(utf8.char, 65, "x"))
print(pcall(utf8.char, math.maxinteger))
print(pcall(utf8.codes))
print(pcall(utf8.codes, {}))
print(pcall(utf8.codes, "\x80x"))
print(pcall(utf8.codes, "\xbf", true))
print(pcall(utf8.codepoint, ("x"):rep(2000000), 1, -1))
print(pcall(function() utf8.codepoint("\xff") end))
print(pcall(function() for _ in utf8.codes("a\xff") do end end))
