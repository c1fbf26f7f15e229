---
-- Microsoft SQL Server: answers of servers (MS-TDS 2.2.7). Scripts reach them through library <code>mssql</code>.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local openssl = require "openssl"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
local unicode = require "unicode"
_ENV = stdnse.module("mssql.token", stdnse.seeall)

local ROWS_MAX = 100000
local COLUMNS_MAX = 4096

local function utf8 (text) return unicode.utf16to8(text) end

-- Answers ---------------------------------------------------------------------------------------------------------

--- Kinds of what answers hold.
-- @class table
-- @name TokenType
TokenType = {
  ReturnStatus = 0x79, TDS7Results = 0x81, OrderBy = 0xa9, ErrorMessage = 0xaa, InformationMessage = 0xab,
  LoginAcknowledgement = 0xad, Row = 0xd1, EnvironmentChange = 0xe3, NTLMSSP_CHALLENGE = 0xed, Done = 0xfd,
  DoneProc = 0xfe, DoneInProc = 0xff,
}

--- Numbers of errors of a login.
-- @class table
-- @name LoginErrorType
LoginErrorType = {
  AccountLockedOut = 15113,
  NotAssociatedWithTrustedConnection = 18452,
  InvalidUsernameOrPassword = 18456,
  PasswordChangeFailed_PasswordNotAllowed = 18463,
  PasswordChangeFailed_PasswordTooShort = 18464,
  PasswordChangeFailed_PasswordTooLong = 18465,
  PasswordChangeFailed_PasswordNotComplex = 18466,
  PasswordChangeFailed_PasswordFilter = 18467,
  PasswordChangeFailed_UnexpectedError = 18468,
  PasswordExpired = 18487,
  PasswordMustChange = 18488,
}

--- Their names by number.
-- @class table
-- @name LoginErrorMessage
LoginErrorMessage = {}
for name, number in pairs(LoginErrorType) do LoginErrorMessage[number] = name end

--- Types of columns.
-- @class table
-- @name DataTypes
DataTypes = {
  SQLTEXT = 0x23, GUIDTYPE = 0x24, SYBINTN = 0x26, SYBINT2 = 0x34, SYBINT4 = 0x38, SYBDATETIME = 0x3d, NTEXTTYPE = 0x63,
  BITNTYPE = 0x68, DECIMALNTYPE = 0x6a, NUMERICNTYPE = 0x6c, FLTNTYPE = 0x6d, MONEYNTYPE = 0x6e, SYBDATETIMN = 0x6f,
  XSYBVARBINARY = 0xa5, XSYBVARCHAR = 0xa7, BIGBINARYTYPE = 0xad, BIGCHARTYPE = 0xaf, XSYBNVARCHAR = 0xe7,
  SQLNCHAR = 0xef,
}

-- Bytes of types of one size.
local FIXED_LENS = { [0x1f] = 0, [0x30] = 1, [0x32] = 1, [0x34] = 2, [0x38] = 4, [0x3a] = 4, [0x3b] = 4, [0x3c] = 8,
  [0x3d] = 8, [0x3e] = 8, [0x7a] = 4, [0x7f] = 8 }

local BYTE_LEN = { [0x24] = true, [0x25] = true, [0x26] = true, [0x27] = true, [0x2d] = true, [0x2f] = true, [0x68] = true,
  [0x6d] = true, [0x6e] = true, [0x6f] = true, [0x6a] = true, [0x6c] = true }
local SHORT_LEN = { [0xa5] = true, [0xa7] = true, [0xad] = true, [0xaf] = true, [0xe7] = true, [0xef] = true }
local LONG_LEN = { [0x22] = true, [0x23] = true, [0x63] = true }
local COLLATED = { [0xa7] = true, [0xaf] = true, [0xe7] = true, [0xef] = true, [0x23] = true, [0x63] = true }
local WIDE = { [0xe7] = true, [0xef] = true, [0x63] = true }

-- Days and parts of a day since 1900 as text.
local function date_text (days, seconds)
  local stamp = (days - 25567) * 86400 + math.floor(seconds)
  return os.date("!%Y-%m-%d %H:%M:%S", stamp)
end

local function number_of (kind, data)
  if kind == 0x6d or kind == 0x3b or kind == 0x3e then
    return (string.unpack(#data == 4 and "<f" or "<d", data))
  elseif kind == 0x6e or kind == 0x3c or kind == 0x7a then
    if #data == 4 then return string.unpack("<i4", data) / 10000 end
    local high, low = string.unpack("<i4I4", data)
    return (high * 0x100000000 + low) / 10000
  elseif kind == 0x3d or kind == 0x6f or kind == 0x3a then
    if #data == 4 then
      local days, minutes = string.unpack("<I2I2", data)
      return date_text(days, minutes * 60)
    end
    local days, ticks = string.unpack("<i4I4", data)
    return date_text(days, ticks / 300)
  elseif #data == 1 then
    return string.byte(data)
  end
  return (string.unpack("<i" .. #data, data))
end

-- A number with a sign and a scale (types decimal and numeric).
local function decimal_text (data, scale)
  local hex = stdnse.tohex(string.reverse(string.sub(data, 2)))
  local digits = openssl.bignum_bn2dec(openssl.bignum_hex2bn(hex))
  if scale > 0 then
    digits = ("0"):rep(scale + 1 - #digits) .. digits
    digits = string.sub(digits, 1, -scale - 1) .. "." .. string.sub(digits, -scale)
  end
  return (string.byte(data) == 0 and "-" or "") .. digits
end

-- A value as Lua shows it.
local function convert (column, data)
  local kind = column.type
  if WIDE[kind] then return utf8(data) end
  if kind == 0x6a or kind == 0x6c then return decimal_text(data, column.scale) end
  if kind == 0x24 and #data == 16 then
    local a, b, c = string.unpack("<I4I2I2", data)
    return ("%08X-%04X-%04X-%s-%s"):format(a, b, c, string.upper(stdnse.tohex(string.sub(data, 9, 10))),
      string.upper(stdnse.tohex(string.sub(data, 11))))
  end
  if FIXED_LENS[kind] or kind == 0x26 or kind == 0x68 or kind == 0x6d or kind == 0x6e or kind == 0x6f then
    return number_of(kind, data)
  end
  if kind == 0xa5 or kind == 0xad or kind == 0x22 or kind == 0x25 or kind == 0x2d then return "0x" .. stdnse.tohex(data) end
  return data
end

-- The description of a column. Raises if it is malformed or its type is not known.
local function read_column (data, pos)
  local column = {}
  column.usertype, column.flags, column.type, pos = string.unpack("<I2I2B", data, pos)
  local kind = column.type
  if FIXED_LENS[kind] then
    column.len = FIXED_LENS[kind]
  elseif BYTE_LEN[kind] then
    column.len, pos = string.unpack("B", data, pos)
    if kind == 0x6a or kind == 0x6c then
      local _
      _, column.scale, pos = string.unpack("BB", data, pos)
    end
  elseif SHORT_LEN[kind] then
    column.len, pos = string.unpack("<I2", data, pos)
  elseif LONG_LEN[kind] then
    column.len, pos = string.unpack("<I4", data, pos)
  else
    error("the type of a column is not known")
  end
  if COLLATED[kind] then pos = pos + 5 end
  if LONG_LEN[kind] then
    -- The table's name.
    local len
    len, pos = string.unpack("<I2", data, pos)
    pos = pos + 2 * len
  end
  local len
  len, pos = string.unpack("B", data, pos)
  if pos + 2 * len - 1 > #data then error("cut off") end
  column.text = utf8(string.sub(data, pos, pos + 2 * len - 1))
  return column, pos + 2 * len
end

--- Descriptions of columns.
-- @class table
-- @name ColumnInfo
ColumnInfo = { Parse = {} }

--- Values of columns.
-- @class table
-- @name ColumnData
ColumnData = { Parse = {} }

-- A value. Raises if it is malformed.
local function read_value (column, data, pos)
  local kind, len = column.type, nil
  if FIXED_LENS[kind] then
    len = FIXED_LENS[kind]
    if len == 0 then return "Null", pos end
  elseif BYTE_LEN[kind] then
    len, pos = string.unpack("B", data, pos)
    if len == 0 then return "Null", pos end
  elseif SHORT_LEN[kind] then
    len, pos = string.unpack("<I2", data, pos)
    if len == 0xffff then return "Null", pos end
  else
    local pointer
    pointer, pos = string.unpack("B", data, pos)
    if pointer == 0 then return "Null", pos end
    len, pos = string.unpack("<I4", data, pos + pointer + 8)
  end
  if pos + len - 1 > #data then error("cut off") end
  return convert(column, string.sub(data, pos, pos + len - 1)), pos + len
end

--- What an answer holds.
-- @class table
-- @name Token
Token = { Parse = {} }

-- Text with its length in characters in front.
local function short_text (data, pos)
  local len, after = string.unpack("B", data, pos)
  if after + 2 * len - 1 > #data then error("cut off") end
  return utf8(string.sub(data, after, after + 2 * len - 1)), after + 2 * len
end

local function read_message (kind)
  return function (data, pos)
    local size, after = string.unpack("<I2", data, pos)
    local token = { type = kind, size = size }
    local len, at
    token.errno, token.state, token.severity, len, at = string.unpack("<I4BBI2", data, after)
    if at + 2 * len - 1 > #data then error("cut off") end
    token.error = utf8(string.sub(data, at, at + 2 * len - 1))
    token.server = short_text(data, at + 2 * len)
    return token, after + size
  end
end

local function skip_counted (kind)
  return function (data, pos)
    local size, after = string.unpack("<I2", data, pos)
    return { type = kind, data = string.sub(data, after, after + size - 1) }, after + size
  end
end

local function read_done (kind)
  return function (data, pos)
    local flags, operation, count, after = string.unpack("<I2I2I4", data, pos)
    return { type = kind, flags = flags, operation = operation, rowcount = count }, after
  end
end

Token.Parse = {
  [TokenType.ErrorMessage] = read_message(TokenType.ErrorMessage),
  [TokenType.InformationMessage] = read_message(TokenType.InformationMessage),
  [TokenType.EnvironmentChange] = skip_counted(TokenType.EnvironmentChange),
  [TokenType.OrderBy] = skip_counted(TokenType.OrderBy),
  [TokenType.NTLMSSP_CHALLENGE] = skip_counted(TokenType.NTLMSSP_CHALLENGE),
  [TokenType.LoginAcknowledgement] = skip_counted(TokenType.LoginAcknowledgement),
  [TokenType.Done] = read_done(TokenType.Done),
  [TokenType.DoneProc] = read_done(TokenType.DoneProc),
  [TokenType.DoneInProc] = read_done(TokenType.DoneInProc),
  [TokenType.ReturnStatus] = function (data, pos)
    local value, after = string.unpack("<i4", data, pos)
    return { type = TokenType.ReturnStatus, value = value }, after
  end,
  [TokenType.TDS7Results] = function (data, pos)
    local count, after = string.unpack("<I2", data, pos)
    local token = { type = TokenType.TDS7Results, count = count, colinfo = {} }
    if count == 0xffff then return token, after end
    if count > COLUMNS_MAX then error("too many columns") end
    for i = 1, count do token.colinfo[i], after = read_column(data, after) end
    return token, after
  end,
}

--- Reads one token. Raises if it is malformed.
-- @param data An answer.
-- @param pos Where it starts.
-- @return Where it ends; -1 if its kind is not known.
-- @return The token, or an error.
function Token.ParseToken (data, pos)
  local kind, after = string.unpack("B", data, pos)
  local reader = Token.Parse[kind]
  if not reader then return -1, ("No parser for token type: %d"):format(kind) end
  local token, stop = reader(data, after)
  return stop, token
end

--- Reads the tokens of an answer up to its end, rows included. Raises if they are malformed.
-- @param data The octets.
-- @return A table with <code>colinfo</code>, <code>rows</code> and what else the server says.
function read_answer (data)
  local pos, columns, result = 1, nil, { colinfo = {}, rows = {} }
  while pos <= #data do
    local kind = string.byte(data, pos)
    if kind == TokenType.Row or kind == 0xd2 then
      if not columns then error("a row without columns") end
      if #result.rows >= ROWS_MAX then error("too many rows") end
      local row, nulls = {}, nil
      pos = pos + 1
      if kind == 0xd2 then
        nulls = string.sub(data, pos, pos + (#columns + 7) // 8 - 1)
        pos = pos + (#columns + 7) // 8
      end
      for i, column in ipairs(columns) do
        if nulls and (string.byte(nulls, (i - 1) // 8 + 1) or 0) >> ((i - 1) % 8) & 1 == 1 then
          row[i] = "Null"
        else
          row[i], pos = read_value(column, data, pos)
        end
      end
      result.rows[#result.rows + 1] = row
    else
      local token
      pos, token = Token.ParseToken(data, pos)
      if pos == -1 then error(token, 0) end
      if token.type == TokenType.TDS7Results then
        columns = token.colinfo
        if #columns > 0 then result.colinfo = columns end
      elseif token.type == TokenType.ErrorMessage then
        result.failure = result.failure or token
      elseif token.type == TokenType.LoginAcknowledgement then
        result.accepted = true
      elseif token.type == TokenType.NTLMSSP_CHALLENGE then
        result.challenge = token.data
      end
    end
  end
  return result
end

return _ENV
