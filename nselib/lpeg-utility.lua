---
-- Helpers for grammars of LPeg, and a reader of the fingerprints of unknown services.
--
-- @copyright MIT OR Apache-2.0

local lpeg = require "lpeg"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("lpeg-utility", stdnse.seeall)

local P, R, S, V, C, Cs, Ct, Cg = lpeg.P, lpeg.R, lpeg.S, lpeg.V, lpeg.C, lpeg.Cs, lpeg.Ct, lpeg.Cg

--- Makes a pattern for a text in letters of either case.
-- @param literal The text.
-- @return A pattern.
function caseless (literal)
  local pattern = P(true)
  for c in string.gmatch(literal, ".") do pattern = pattern * S(string.lower(c) .. string.upper(c)) end
  return pattern
end

--- Adds the character classes of LPeg's locale (<code>alpha</code>, <code>digit</code>, <code>space</code> ...) to a
-- grammar as rules.
-- @param grammar A table of rules.
-- @return The pattern.
function localize (grammar) return P(lpeg.locale(grammar)) end

--- Makes a pattern that looks for another one from the current position on.
-- @param patt The pattern.
-- @return A pattern.
function anywhere (patt) return P({ patt + 1 * V(1) }) end

--- Makes a pattern that looks for another one where a word begins.
-- @param patt The pattern.
-- @return A pattern.
function atwordboundary (patt)
  return localize({ patt + V("alpha") ^ 0 * (1 - V("alpha")) ^ 1 * V(1) })
end

--- Splits a string.
-- @param str The string.
-- @param sep A pattern for the separator.
-- @return The parts, as values.
function split (str, sep)
  sep = P(sep)
  local part = C((1 - sep) ^ 0)
  return lpeg.match(part * (sep * part) ^ 0, str)
end

--- Makes a pattern for a quoted string with escaped characters in it; its capture is the text without quotes and
-- escapes.
-- @param quot The quote. Default: <code>"</code>.
-- @param esc The escape. Default: <code>\</code>.
-- @return A pattern.
function escaped_quote (quot, esc)
  quot, esc = quot or '"', esc or "\\"
  local escaped = (P(esc) / "") * 1
  return P(quot) * Cs((escaped + (1 - P(quot))) ^ 0) * P(quot)
end

--- Makes the rules of a grammar say where they are tried and whether they match.
-- @param grammar The table of rules, which is changed.
-- @param printer A function as <code>string.format</code>'s arguments. Default: debugging messages.
-- @return The grammar.
function debug (grammar, printer)
  printer = printer or stdnse.debug1
  local names = {}
  for name in pairs(grammar) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    local rule = grammar[name]
    -- The first rule may be the name of another one.
    if type(rule) ~= "string" or name ~= 1 then
      local enter = lpeg.Cmt(true, function (_, at)
        printer("rule %s at %d", tostring(name), at)
        return true
      end)
      local leave = lpeg.Cmt(true, function (_, at)
        printer("rule %s matched up to %d", tostring(name), at)
        return true
      end)
      grammar[name] = enter * P(rule) * leave
    end
  end
  return grammar
end

-- Fingerprints ----------------------------------------------------------------------------------------------------

local ESCAPES = { r = "\r", n = "\n", t = "\t", ["0"] = "\0" }

-- Text in the quotes of a fingerprint.
local function unescape (text)
  return (string.gsub(text, "\\(.)(%x?)(%x?)", function (c, high, low)
    if c == "x" and low ~= "" then return string.char(tonumber(high .. low, 16)) end
    return (ESCAPES[c] or c) .. high .. low
  end))
end

local quoted = P('"') * C((P("\\") * 1 + (1 - S('"\\'))) ^ 0) * P('"')
local answer = P("%r(") * Cg(C((1 - P(",")) ^ 1) * "," * R("09", "AF", "af") ^ 1 * "," * (quoted / unescape)) * ")"
local fingerprint = Ct((Ct(answer) + 1) ^ 0)

--- Takes the fingerprint of a service apart.
-- @param fp The text, as in <code>port.version.service_fp</code>.
-- @return A table from the name of a probe to the answer.
function parse_fp (fp)
  local text = string.gsub(fp, "\nSF:?", "")
  local found = {}
  for _, pair in ipairs(lpeg.match(fingerprint, text) or {}) do found[pair[1]] = pair[2] end
  return found
end

--- Finds the answer to one probe in a fingerprint.
-- @param fp The text.
-- @param probe Name of the probe.
-- @return The answer, or nil.
function get_response (fp, probe) return parse_fp(fp)[probe] end

return _ENV
