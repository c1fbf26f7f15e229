//! Data for the streams of `zlib`: the first byte chooses window bits and how they are read.

#![no_main]

mod machine;

use libfuzzer_sys::fuzz_target;

const PROGRAM: &str = "
local zlib, string = require 'zlib', string
local windows = { 15, 31, 47, -15, -8, 0, 9, 24 }
return function(input)
  local choice = input:byte(1) or 0
  local data, wbits = input:sub(2), windows[choice % 8 + 1]
  local whole = zlib.inflate(data, wbits)
  local ok, text = pcall(whole.read, whole, 1 << 20)
  local at = 1
  local pieces = zlib.inflate(function()
    local piece = data:sub(at, at + choice // 8)
    at = at + #piece
    return piece
  end, wbits)
  local parts = {}
  local ok_pieces = pcall(function()
    for _ = 1, 1 << 20 do
      local part = pieces:read(choice % 2 == 0 and 4096 or '*l')
      if not part then return end
      parts[#parts + 1] = part
      if #parts > 1000 then return end
    end
  end)
  if choice % 2 == 0 and ok and ok_pieces and #(text or '') < 1 << 20 then
    assert(table.concat(parts) == (text or ''), 'other text in pieces')
  end
  pcall(zlib.decompress, data, wbits, 1 << 20)
  local packed = zlib.compress(data, choice % 10)
  assert(zlib.decompress(packed, 15, #data + 1) == data, 'not the same again')
end";

fuzz_target!(|input: &[u8]| machine::run(PROGRAM, input));
