---@meta zlib

---@class zliblib
---@field NO_COMPRESSION integer
---@field BEST_SPEED integer
---@field BEST_COMPRESSION integer
---@field DEFAULT_COMPRESSION integer
---@field FILTERED integer
---@field HUFFMAN_ONLY integer
---@field RLE integer
---@field FIXED integer
---@field DEFAULT_STRATEGY integer
---@field MINIMUM_MEMLEVEL integer
---@field MAXIMUM_MEMLEVEL integer
---@field DEFAULT_MEMLEVEL integer
---@field MINIMUM_WINDOWBITS integer
---@field DEFAULT_WINDOWBITS integer
---@field MAXIMUM_WINDOWBITS integer
---@field GZIP_WINDOWBITS integer
---@field RAW_WINDOWBITS integer
---@field _VERSION string
---@field _COPYRIGHT string
---@field _DESCRIPTION string
zlib = {}

---@return string
function zlib.version() end

---@param checksum? number
---@param data? string
---@return number
function zlib.adler32(checksum, data) end

---@param checksum? number
---@param data? string
---@return number
function zlib.crc32(checksum, data) end

---@param data string
---@param level? integer
---@param method? integer
---@param window_bits? integer
---@param memory_level? integer
---@param strategy? integer
---@return string? compressed
---@return number status
function zlib.compress(data, level, method, window_bits, memory_level, strategy) end

---@param data string
---@param window_bits? integer
---@param limit? integer Bytes after which the rest is left out.
---@return string
function zlib.decompress(data, window_bits, limit) end

---@class zlib.Stream
local Stream = {}

---@param ... integer|"*l"|"*a"
---@return string? ...
function Stream:read(...) end

---@return fun(): string?
function Stream:lines() end

---@param ... string
---@return boolean status
---@return string? message
function Stream:write(...) end

---@param what? "sync"|"full"|"finish"
---@return boolean status
---@return string? message
function Stream:flush(what) end

function Stream:close() end

---@return number
function Stream:adler() end

---Reads what is compressed.
---@param source string|table|userdata|fun(count: integer): string?
---@param window_bits? integer
---@param dictionary? string
---@return zlib.Stream
function zlib.inflate(source, window_bits, dictionary) end

---Compresses what is written.
---@param sink table|userdata|fun(data: string)
---@param level? integer
---@param method? integer
---@param window_bits? integer
---@param memory_level? integer
---@param strategy? integer
---@param dictionary? string
---@return zlib.Stream
function zlib.deflate(sink, level, method, window_bits, memory_level, strategy, dictionary) end

return zlib
