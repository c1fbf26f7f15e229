---@meta lfs

---Folders and links.
---@class lfslib
---@field _VERSION string
---@field _COPYRIGHT string
---@field _DESCRIPTION string
lfs = {}

---@class lfs.Directory
local Directory = {}

---@return string?
function Directory:next() end
function Directory:close() end

---Names in a folder, `.` and `..` among them.
---@param path string
---@return fun(directory: lfs.Directory): string?
---@return lfs.Directory
function lfs.dir(path) end

---@param path string
---@return true?
---@return string? message
function lfs.mkdir(path) end

---@param path string
---@return true?
---@return string? message
function lfs.rmdir(path) end

---@param old string
---@param new string
---@param symbolic? boolean
---@return true?
---@return string? message
---@return integer? code
function lfs.link(old, new, symbolic) end

---@return string
function lfs.get_path_separator() end

return lfs
