---@meta bit

---For scripts of older times.
---@class bitlib
local bit = {}

---@param a integer
---@return integer
function bit.bnot(a) end

---@param ... integer
---@return integer
function bit.band(...) end

---@param ... integer
---@return integer
function bit.bor(...) end

---@param ... integer
---@return integer
function bit.bxor(...) end

---@param a integer
---@param b integer
---@return integer
function bit.lshift(a, b) end

---@param a integer
---@param b integer
---@return integer
function bit.rshift(a, b) end

---@param a integer
---@param b integer
---@return integer
function bit.arshift(a, b) end

---@param a integer
---@param b integer
---@return integer
function bit.mod(a, b) end

return bit
