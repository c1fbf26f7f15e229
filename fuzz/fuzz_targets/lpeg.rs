//! Patterns and subjects for `lpeg`: bytes up to a zero are instructions for a stack of patterns, the rest is matched.

#![no_main]

mod machine;

use libfuzzer_sys::fuzz_target;

const PROGRAM: &str = r#"
local lpeg = require 'lpeg'
local P, S, R, V, B = lpeg.P, lpeg.S, lpeg.R, lpeg.V, lpeg.B
local function first(...) return (...) end
local function all(...) return ... end
local values = { a = 'A', b = false, ab = 1 }
local unary = {
  function(p) return p ^ 0 end, function(p) return p ^ 1 end, function(p) return p ^ -1 end, function(p) return p ^ -3 end,
  function(p) return -p end, function(p) return #p end, B, lpeg.C, lpeg.Ct, lpeg.Cs, lpeg.Cg,
  function(p) return lpeg.Cg(p, 'n') end, function(p) return p / first end, function(p) return p / all end,
  function(p) return p / values end, function(p) return p / '%1%0' end, function(p) return p / 1 end,
  function(p) return lpeg.Cf(p, first) end, function(p) return lpeg.Cmt(p, function(s, i, ...) return true, ... end) end,
  function(p) return lpeg.Cmt(p, function(s, i, a) return #s % 2 == 0 end) end,
  function(p) return P{ 'S', S = p, A = 'a' * V'S' + 'b' } end,
  function(p) return P{ 'S', S = V'A' * p + p, A = p } end,
  function(p) return P{ p + 1 * V(1) } end, function(p) return p / string.upper end, function(p) return p / tostring end,
}
local binary = { function(a, b) return a * b end, function(a, b) return a + b end, function(a, b) return a - b end }
local leaves = { P'a', P'b', P'ab', S'ab', R'ac', P(1), P(2), P(-1), P(true), P(false), P'', V'S', V'A', lpeg.Cp(),
  lpeg.Cc('x', 1), lpeg.Cc(nil), lpeg.Carg(1), lpeg.Carg(2), lpeg.Cb'n', lpeg.Cc() }
return function(input)
  local stack = {}
  local code, subject = input:match('^([^%z]*)%z?(.*)$')
  for i = 1, math.min(#code, 200) do
    local op = code:byte(i)
    if op % 3 == 0 or #stack == 0 then
      stack[#stack + 1] = leaves[op // 3 % #leaves + 1]
    elseif op % 3 == 1 and #stack > 1 then
      local b, a = table.remove(stack), table.remove(stack)
      local ok, p = pcall(binary[op // 3 % 3 + 1], a, b)
      stack[#stack + 1] = ok and p or a
    else
      local a = table.remove(stack)
      local ok, p = pcall(unary[op // 3 % #unary + 1], a)
      stack[#stack + 1] = ok and p or a
    end
  end
  for _, p in ipairs(stack) do pcall(p.match, p, subject, 1, 'x') end
end"#;

fuzz_target!(|input: &[u8]| machine::run(PROGRAM, input));
