---@meta pcre

---For scripts of older times.
---@class pcrelib
local pcre = {}

---@class pcre.Regex
local Regex = {}

---@param pattern string
---@param flags integer
---@param locale string
---@return pcre.Regex
function pcre.new(pattern, flags, locale) end

---@return table<string, integer>
function pcre.flags() end

---@return string
function pcre.version() end

---@param subject string
---@param from? integer
---@param flags? integer
---@return integer? first
---@return integer last
---@return table<integer|string, string|false> groups
function Regex:match(subject, from, flags) end

---@param subject string
---@param from? integer
---@param flags? integer
---@return integer? first
---@return integer last
---@return (integer|false)[] places
function Regex:exec(subject, from, flags) end

---@param subject string
---@param found fun(match: string, groups: table): any
---@param limit? integer
---@param flags? integer
---@return integer count
function Regex:gmatch(subject, found, limit, flags) end

return pcre
