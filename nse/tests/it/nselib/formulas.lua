local formulas = require "formulas"

check("entropy", "37 59 0", formulas.calcPwdEntropy("password"), formulas.calcPwdEntropy("Passw0rd!"),
  formulas.calcPwdEntropy(""))
check("mean and deviation", "2.5 1.29099 1.0 0 nil nil", (function ()
  local mean, deviation = formulas.mean_stddev({ 1, 2, 3, 4 })
  local one, none = formulas.mean_stddev({ 1 })
  return mean, tonumber(string.format("%.5f", deviation)), one, none, formulas.mean_stddev({})
end)())
check("median", "2 3 nil", formulas.median({ 4, 1, 3, 2 }), formulas.median({ 5, 1, 3 }), formulas.median({}))
check("quickselect", "3 nil", formulas.quickselect({ 5, 3, 1, 4 }, 2), formulas.quickselect({ 1 }, 2))
check("looksRandom", "false false false", formulas.looksRandom(""), formulas.looksRandom(string.rep("a", 100)),
  formulas.looksRandom(string.rep("\x55", 100)))
-- The digits of pi, four bits each (as Blowfish has them).
check("looksRandom of pi", "true", formulas.looksRandom(
  "\x24\x3F\x6A\x88\x85\xA3\x08\xD3\x13\x19\x8A\x2E\x03\x70\x73\x44\xA4\x09\x38\x22\x29\x9F\x31\xD0"))
