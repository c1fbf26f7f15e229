---@meta lpeg

---@alias lpeg.Patternable lpeg.Pattern|string|integer|boolean|table|function

---@class lpeg.Pattern
---@operator add(lpeg.Patternable): lpeg.Pattern
---@operator mul(lpeg.Patternable): lpeg.Pattern
---@operator sub(lpeg.Patternable): lpeg.Pattern
---@operator div(any): lpeg.Pattern
---@operator pow(integer): lpeg.Pattern
---@operator unm: lpeg.Pattern
---@operator len: lpeg.Pattern
local Pattern = {}

---Patterns as values, in the version 0.12 of their library.
---@class lpeglib
lpeg = {}

---@param subject string
---@param from? integer
---@param ... any
---@return any ...
function Pattern:match(subject, from, ...) end

---@param pattern lpeg.Patternable
---@param subject string
---@param from? integer
---@param ... any
---@return any ...
function lpeg.match(pattern, subject, from, ...) end

---@param value any
---@return "pattern"?
function lpeg.type(value) end

---@return string
function lpeg.version() end

---@param limit integer
function lpeg.setmaxstack(limit) end

---@param pattern lpeg.Pattern
function lpeg.pcode(pattern) end

---@param pattern lpeg.Pattern
function lpeg.ptree(pattern) end

---@param classes? table<string, lpeg.Pattern>
---@return table<string, lpeg.Pattern>
function lpeg.locale(classes) end

---@param ... string
---@return lpeg.Pattern
function lpeg.R(...) end

---@param characters string
---@return lpeg.Pattern
function lpeg.S(characters) end

---@param rule any
---@return lpeg.Pattern
function lpeg.V(rule) end

---@param index integer
---@return lpeg.Pattern
function lpeg.Carg(index) end

---@param name any
---@return lpeg.Pattern
function lpeg.Cb(name) end

---@param ... any
---@return lpeg.Pattern
function lpeg.Cc(...) end

---@param pattern lpeg.Patternable
---@param fold function
---@return lpeg.Pattern
function lpeg.Cf(pattern, fold) end

---@param pattern lpeg.Patternable
---@param name? any
---@return lpeg.Pattern
function lpeg.Cg(pattern, name) end

---@param pattern lpeg.Patternable
---@param check function
---@return lpeg.Pattern
function lpeg.Cmt(pattern, check) end

---@return lpeg.Pattern
function lpeg.Cp() end

---@param pattern lpeg.Patternable
---@return lpeg.Pattern
function lpeg.P(pattern) end

---@param pattern lpeg.Patternable
---@return lpeg.Pattern
function lpeg.B(pattern) end

---@param pattern lpeg.Patternable
---@return lpeg.Pattern
function lpeg.C(pattern) end

---@param pattern lpeg.Patternable
---@return lpeg.Pattern
function lpeg.Cs(pattern) end

---@param pattern lpeg.Patternable
---@return lpeg.Pattern
function lpeg.Ct(pattern) end

return lpeg
