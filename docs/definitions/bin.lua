---@meta bin

---For scripts of older times; `string.pack` does the same.
---@class binlib
local bin = {}

---@param format string
---@param ... any
---@return string
function bin.pack(format, ...) end

---@param format string
---@param data string
---@param from? integer
---@return integer next
---@return any ...
function bin.unpack(format, data, from) end

return bin
