---
-- TN3270 and TN3270E (RFC 1576, RFC 2355): a terminal of IBM mainframes, with a screen of 24 lines of 80 columns.
--
-- The stream's orders are those of IBM's "3270 Data Stream Programmer's Reference" (GA23-0059).
--
-- @usage
-- local t = tn3270.Telnet:new()
-- local status, err = t:initiate(host, port)
-- t:get_all_data()
-- print(t:get_screen())
-- t:disconnect()
--
-- @copyright MIT OR Apache-2.0

local comm = require "comm"
local drda = require "drda"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("tn3270", stdnse.seeall)

local COLUMNS, ROWS = 80, 24
local SIZE = COLUMNS * ROWS

local TIMEOUT_MS = 5000
local RECORD_LEN_MAX = 65536

-- Reads while the two sides agree on options.
local ROUNDS_MAX = 50

-- Telnet (RFC 854, 855, 856, 885, 1091, 2355).
local IAC, DONT, DO, WONT, WILL, SB, SE, EOR = 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf0, 0xef
local BINARY, TERMINAL_TYPE, END_OF_RECORD, TN3270E = 0, 24, 25, 40
local IS, SEND = 0, 1
local E_CONNECT, E_DEVICE_TYPE, E_FUNCTIONS, E_IS, E_REJECT, E_REQUEST, E_SEND = 1, 2, 3, 4, 6, 7, 8

local DEVICE = "IBM-3278-2"

-- Commands, in both of their codes.
local COMMANDS = {
  [0x01] = "write", [0xf1] = "write", [0x05] = "erase_write", [0xf5] = "erase_write", [0x0d] = "erase_write",
  [0x7e] = "erase_write", [0x0f] = "erase_unprotected", [0x6f] = "erase_unprotected", [0x11] = "structured",
  [0xf3] = "structured", [0x02] = "read", [0xf2] = "read", [0x06] = "read", [0xf6] = "read", [0x0e] = "read",
  [0x6e] = "read",
}

-- Orders.
local PT, GE, SBA, EUA, IC, SF, SA, SFE, MF, RA = 0x05, 0x08, 0x11, 0x12, 0x13, 0x1d, 0x28, 0x29, 0x2c, 0x3c

-- Keys (attention identifiers).
local AID_NONE, AID_ENTER, AID_CLEAR = 0x60, 0x7d, 0x6d
local AID_PF = { 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0x7a, 0x7b, 0x7c,
  0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0x4a, 0x4b, 0x4c }

-- Bits of a field's attribute.
local PROTECTED, HIDDEN_MASK, HIDDEN = 0x20, 0x0c, 0x0c

-- Six bits as a byte that prints in EBCDIC (appendix C of the reference).
local CODES = "\x40\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\x4a\x4b\x4c\x4d\x4e\x4f\x50\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\x5a\x5b\x5c\x5d\x5e\x5f"
  .. "\x60\x61\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\x6a\x6b\x6c\x6d\x6e\x6f\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\x7a\x7b\x7c\x7d\x7e\x7f"

--- A terminal.
-- @class table
-- @name Telnet
Telnet = {}
Telnet.__index = Telnet

--- Makes a terminal; nothing is sent.
-- @param socket A socket to use. Default: a new one at <code>connect</code>.
-- @return The terminal.
function Telnet:new (socket)
  local o = setmetatable({ socket = socket, use_ssl = true, use_tn3270e = true, buffer = "" }, self)
  o:clear_screen()
  return o
end

-- Addresses -------------------------------------------------------------------------------------------------------

--- The address in two bytes: twelve bits in two codes, or fourteen bits as they are.
-- @param byte1 The first byte.
-- @param byte2 The second byte.
-- @return The address, counted from 0.
function Telnet:DECODE_BADDR (byte1, byte2)
  if byte1 & 0xc0 == 0 then return (byte1 & 0x3f) << 8 | byte2 end
  return (byte1 & 0x3f) << 6 | byte2 & 0x3f
end

--- Two bytes of an address.
-- @param address The address.
-- @return The bytes.
function Telnet:ENCODE_BADDR (address)
  local high, low = address >> 6 & 0x3f, address & 0x3f
  return string.sub(CODES, high + 1, high + 1) .. string.sub(CODES, low + 1, low + 1)
end

--- The row of an address.
-- @param addr The address.
-- @return The row, counted from 1.
function Telnet:BA_TO_ROW (addr) return addr // COLUMNS + 1 end

--- The column of an address.
-- @param addr The address.
-- @return The column, counted from 0.
function Telnet:BA_TO_COL (addr) return addr % COLUMNS end

--- The address that follows.
-- @param addr The address.
-- @return The next one, on a screen without end.
function Telnet:INC_BUF_ADDR (addr) return (addr + 1) % SIZE end

--- The address in front.
-- @param addr The address.
-- @return The one before.
function Telnet:DEC_BUF_ADDR (addr) return (addr + SIZE - 1) % SIZE end

-- Connecting ------------------------------------------------------------------------------------------------------

--- Leaves out the try with TLS.
function Telnet:disableSSL () self.use_ssl = false end

--- Leaves out TN3270E.
function Telnet:disable_tn3270e () self.use_tn3270e = false end

--- Asks for a logical unit.
-- @param LU Its name.
function Telnet:set_lu (LU) self.lu_wanted = LU end

--- The logical unit.
-- @return Its name; empty if there is none.
function Telnet:get_lu () return self.lu or "" end

--- Connects.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return An error.
function Telnet:connect (host, port)
  local proto = "tcp"
  if self.use_ssl and type(port) == "table" and (port.version or {}).service_tunnel == "ssl" then proto = "ssl" end
  if self.socket then
    local status, err = self.socket:connect(host, port, proto)
    if not status then return false, err end
  else
    local socket, err = comm.opencon(host, port, nil, { proto = proto, timeout = TIMEOUT_MS })
    if not socket then return false, err end
    self.socket = socket
  end
  self.socket:set_timeout(TIMEOUT_MS)
  return true
end

--- Closes the connection.
-- @return True or false.
function Telnet:close () return self.socket:close() end

--- Closes the connection.
-- @return True or false.
function Telnet:disconnect () return self.socket:close() end

--- Connects and agrees on a terminal.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return An error.
function Telnet:initiate (host, port)
  local status, err = self:connect(host, port)
  if not status then return false, err end
  for _ = 1, ROUNDS_MAX do
    if self:in3270() and self.records and self.records > 0 then return true end
    status, err = self:get_data()
    if not status then break end
  end
  if self:in3270() then return true end
  return false, err or "the server does not speak TN3270"
end

--- Tells whether both sides agreed on a terminal of this kind.
-- @return True or false.
function Telnet:in3270 ()
  return self.tn3270e == true or self.binary == true and self.eor == true
end

local function send_option (self, verb, option)
  return self.socket:send(string.char(IAC, verb, option))
end

-- What we do when we are asked to.
local function supported (self, option)
  return option == BINARY or option == TERMINAL_TYPE or option == END_OF_RECORD or option == TN3270E and self.use_tn3270e
end

local function on_option (self, verb, option)
  if verb == DO then
    if supported(self, option) then
      if option == BINARY then self.binary = true end
      if option == END_OF_RECORD then self.eor = true end
      if not (self.agreed or {})[option] then
        self.agreed = self.agreed or {}
        self.agreed[option] = true
        send_option(self, WILL, option)
      end
    else
      send_option(self, WONT, option)
    end
  elseif verb == WILL then
    send_option(self, (option == BINARY or option == END_OF_RECORD) and DO or DONT, option)
  elseif verb == DONT and option == TN3270E then
    self.use_tn3270e, self.tn3270e = false, false
    send_option(self, WONT, option)
  end
end

local function send_sub (self, ...)
  return self.socket:send(string.char(IAC, SB, ...) .. self.sub_tail .. string.char(IAC, SE))
end

local function on_sub (self, data)
  local option, first, second = string.byte(data, 1, 3)
  self.sub_tail = ""
  if option == TERMINAL_TYPE and first == SEND then
    self.sub_tail = DEVICE
    send_sub(self, TERMINAL_TYPE, IS)
  elseif option == TN3270E and first == E_SEND and second == E_DEVICE_TYPE then
    self.sub_tail = DEVICE .. "-E" .. (self.lu_wanted and string.char(E_CONNECT) .. self.lu_wanted or "")
    send_sub(self, TN3270E, E_DEVICE_TYPE, E_REQUEST)
  elseif option == TN3270E and first == E_DEVICE_TYPE and second == E_IS then
    self.lu = string.match(data, "\1([%g]+)$", 4)
    send_sub(self, TN3270E, E_FUNCTIONS, E_REQUEST)
  elseif option == TN3270E and first == E_DEVICE_TYPE and second == E_REJECT then
    -- Without the wish for a unit, or without TN3270E, it may work.
    self.use_tn3270e = false
    send_option(self, WONT, TN3270E)
  elseif option == TN3270E and first == E_FUNCTIONS and second == E_REQUEST then
    send_sub(self, TN3270E, E_FUNCTIONS, E_IS)
    self.tn3270e = true
  elseif option == TN3270E and first == E_FUNCTIONS and second == E_IS then
    self.tn3270e = true
  end
end

--- Answers what the server says about options.
-- @return True or false.
-- @return An error.
function Telnet:negotiate_tn3270 ()
  return self:process_packets()
end

-- Receiving -------------------------------------------------------------------------------------------------------

--- Reads from the connection.
-- @return True or false.
-- @return An error.
function Telnet:recv_data ()
  local status, data = self.socket:receive()
  if not status then return false, data end
  self.buffer = self.buffer .. data
  if #self.buffer > RECORD_LEN_MAX * 4 then return false, "the record has no end" end
  return true
end

--- Takes apart what was read: options, and records of the data stream.
-- @return True.
function Telnet:process_packets ()
  local pos, data = 1, self.buffer
  local record = self.record or {}
  local len = self.record_len or 0
  while pos <= #data do
    local from = string.find(data, "\xff", pos, true)
    if from ~= pos then
      local part = string.sub(data, pos, (from or #data + 1) - 1)
      if len < RECORD_LEN_MAX then record[#record + 1] = part end
      len = len + #part
      pos = pos + #part
    else
      local verb, option = string.byte(data, pos + 1, pos + 2)
      if not verb then break end
      if verb == IAC then
        record[#record + 1] = "\xff"
        len = len + 1
        pos = pos + 2
      elseif verb == EOR then
        self:process_record(table.concat(record))
        record, len = {}, 0
        pos = pos + 2
      elseif verb == SB then
        local stop = string.find(data, "\xff\xf0", pos + 2, true)
        if not stop then break end
        on_sub(self, string.sub(data, pos + 2, stop - 1))
        pos = stop + 2
      elseif verb >= WILL then
        if not option then break end
        on_option(self, verb, option)
        pos = pos + 3
      else
        pos = pos + 2
      end
    end
  end
  self.buffer, self.record, self.record_len = string.sub(data, pos), record, len
  return true
end

--- Takes apart one record.
-- @param data The record, with a head of five bytes in TN3270E.
function Telnet:process_record (data)
  self.records = (self.records or 0) + 1
  if self.tn3270e then
    local kind, _, response = string.byte(data, 1, 3)
    if not response then return end
    self.sequence = string.sub(data, 4, 5)
    if kind ~= 0 then return end
    self:process_3270(string.sub(data, 6))
    if response == 2 then self:tn3270e_ack() end
  else
    self:process_3270(data)
  end
end

--- Reads once and takes apart what came.
-- @return True or false.
-- @return An error.
function Telnet:get_data ()
  local status, err = self:recv_data()
  if not status then return false, err end
  return self:process_packets()
end

--- Takes apart what was read.
-- @return True.
function Telnet:process_data () return self:process_packets() end

--- Reads until the server is silent.
-- @param timeout How long it has to be silent, in milliseconds. Default: 200.
-- @return True.
function Telnet:get_all_data (timeout)
  self.socket:set_timeout(timeout or 200)
  for _ = 1, ROUNDS_MAX do
    if not self:get_data() then break end
  end
  self.socket:set_timeout(TIMEOUT_MS)
  return true
end

--- Says that a record was understood (TN3270E).
-- @return True or false.
function Telnet:tn3270e_ack ()
  return self.socket:send("\2\0\0" .. (self.sequence or "\0\0") .. "\0" .. string.char(IAC, EOR))
end

--- Says that a record was not understood (TN3270E).
-- @param reply The reason, a byte.
-- @return True or false.
function Telnet:tn3270e_nak (reply)
  return self.socket:send("\2\0\1" .. (self.sequence or "\0\0") .. string.char(reply or 0, IAC, EOR))
end

-- The screen ------------------------------------------------------------------------------------------------------

--- Makes the screen empty.
function Telnet:clear_screen ()
  self.screen, self.attributes, self.overwritten = {}, {}, {}
  for i = 0, SIZE - 1 do self.screen[i] = 0 end
  self.address, self.cursor = 0, 0
end

--- Makes the fields empty that may be written.
function Telnet:clear_unprotected ()
  for _, field in ipairs(self:writeable()) do
    for i = 0, field[2] - 1 do self.screen[(field[1] + i) % SIZE] = 0 end
  end
end

--- Puts a byte at the current address, which moves on.
-- @param char The byte, in EBCDIC.
function Telnet:write_char (char)
  local old = self.screen[self.address]
  if old ~= 0 and old ~= 0x40 and old ~= char then self.overwritten[self.address] = old end
  self.attributes[self.address] = nil
  self.screen[self.address] = char
  self.address = self:INC_BUF_ADDR(self.address)
end

--- Puts a byte at the current address.
-- @param char The byte, in EBCDIC.
function Telnet:store3270 (char) self:write_char(char) end

--- Begins a field at the current address, which moves on.
-- @param attr The field's attribute.
function Telnet:write_field_attribute (attr)
  self.attributes[self.address] = attr & 0x3f
  self.screen[self.address] = 0
  self.address = self:INC_BUF_ADDR(self.address)
end

-- Each order gets the data and the place behind it, and returns the next place; nil if bytes are missing.
local ORDERS = {
  [SF] = function (self, data, pos)
    local attr = string.byte(data, pos)
    if not attr then return nil end
    self:write_field_attribute(attr)
    return pos + 1
  end,
  [SFE] = function (self, data, pos)
    local count = string.byte(data, pos)
    if not count or pos + 2 * count > #data then return nil end
    local attr = 0
    for i = 1, count do
      local kind, value = string.byte(data, pos + 2 * i - 1, pos + 2 * i)
      if kind == 0xc0 then attr = value end
    end
    self:write_field_attribute(attr)
    return pos + 1 + 2 * count
  end,
  [MF] = function (self, data, pos)
    local count = string.byte(data, pos)
    if not count or pos + 2 * count > #data then return nil end
    for i = 1, count do
      local kind, value = string.byte(data, pos + 2 * i - 1, pos + 2 * i)
      if kind == 0xc0 and self.attributes[self.address] then self.attributes[self.address] = value & 0x3f end
    end
    self.address = self:INC_BUF_ADDR(self.address)
    return pos + 1 + 2 * count
  end,
  [SBA] = function (self, data, pos)
    local high, low = string.byte(data, pos, pos + 1)
    if not low then return nil end
    self.address = self:DECODE_BADDR(high, low) % SIZE
    return pos + 2
  end,
  [IC] = function (self, _, pos)
    self.cursor = self.address
    return pos
  end,
  [SA] = function (_, data, pos) return pos + 1 <= #data and pos + 2 or nil end,
  [GE] = function (self, data, pos)
    if pos > #data then return nil end
    self:write_char(0x40)
    return pos + 1
  end,
  [RA] = function (self, data, pos)
    local high, low, char = string.byte(data, pos, pos + 2)
    if not char then return nil end
    local stop = self:DECODE_BADDR(high, low) % SIZE
    local after = pos + 3
    if char == GE then
      char = string.byte(data, pos + 3)
      if not char then return nil end
      after = pos + 4
    end
    repeat
      self:write_char(char)
    until self.address == stop
    return after
  end,
  [EUA] = function (self, data, pos)
    local high, low = string.byte(data, pos, pos + 1)
    if not low then return nil end
    local stop = self:DECODE_BADDR(high, low) % SIZE
    local attr = self:attribute_at(self.address)
    repeat
      attr = self.attributes[self.address] or attr
      if not self.attributes[self.address] and attr & PROTECTED == 0 then self.screen[self.address] = 0 end
      self.address = self:INC_BUF_ADDR(self.address)
    until self.address == stop
    return pos + 2
  end,
  [PT] = function (self, _, pos)
    for _ = 1, SIZE do
      local attr = self.attributes[self.address]
      self.address = self:INC_BUF_ADDR(self.address)
      if attr and attr & PROTECTED == 0 then break end
    end
    return pos
  end,
}

--- The attribute of the field that an address is in.
-- @param addr The address.
-- @return The attribute; 0 if there are no fields.
function Telnet:attribute_at (addr)
  for _ = 1, SIZE do
    if self.attributes[addr] then return self.attributes[addr] end
    addr = self:DEC_BUF_ADDR(addr)
  end
  return 0
end

--- Writes orders and text.
-- @param data The command, a byte of control, orders and text.
-- @return True, or false if it is cut off.
function Telnet:process_write (data)
  local pos = 3
  while pos <= #data do
    local byte = string.byte(data, pos)
    local order = ORDERS[byte]
    if order then
      pos = order(self, data, pos + 1)
      if not pos then return false end
    else
      self:write_char(byte)
      pos = pos + 1
    end
  end
  return true
end

--- Answers a command to read: no key was pressed.
-- @return True or false.
function Telnet:process_read ()
  return self:send_tn3270(string.char(AID_NONE) .. self:ENCODE_BADDR(self.cursor))
end

--- Takes apart structured fields: the query for the terminal's abilities is answered, data is written.
-- @param wsf_data The command and the fields.
-- @return True or false.
function Telnet:w_structured_field (wsf_data)
  local pos = 2
  while pos + 2 <= #wsf_data do
    local len, kind = string.unpack(">I2B", wsf_data, pos)
    if len == 0 then len = #wsf_data - pos + 1 end
    if len < 3 or pos + len - 1 > #wsf_data then return false end
    if kind == 0x01 then
      -- A query, or a list of them: the summary, and the screen's size.
      self:send_tn3270("\x88\0\6\x81\x80\x80\x81" .. "\0\x17\x81\x81\1\0\0\x50\0\x18\1\0\x0a\2\xe5\0\2\0\x6f\9\x0c\7\x80")
    elseif kind == 0x40 and len > 5 then
      self:process_3270(string.sub(wsf_data, pos + 4, pos + len - 1))
    end
    pos = pos + len
  end
  return true
end

--- Takes apart a record of the data stream.
-- @param data The record.
-- @return True or false.
function Telnet:process_3270 (data)
  local command = COMMANDS[string.byte(data) or 0]
  if command == "write" then return self:process_write(data) end
  if command == "erase_write" then
    self:clear_screen()
    return self:process_write(data)
  end
  if command == "erase_unprotected" then
    self:clear_unprotected()
    return true
  end
  if command == "structured" then return self:w_structured_field(data) end
  if command == "read" then return self:process_read() end
  return false
end

-- A byte of the screen as a character.
local function shown (byte)
  if byte == 0 then return " " end
  return drda.StringUtil.toASCII(string.char(byte))
end

--- The screen's bytes as text without line ends.
-- @return The text.
function Telnet:get_screen_raw ()
  local out = {}
  for i = 0, SIZE - 1 do out[i + 1] = shown(self.screen[i]) end
  return table.concat(out)
end

--- The screen as text, hidden fields included.
-- @return A line for each row, with the line's end in front of it.
function Telnet:get_screen ()
  return (string.gsub(self:get_screen_raw(), ("."):rep(COLUMNS), "\n%0"))
end

--- Writes the screen to the log.
-- @param lvl The level.
function Telnet:get_screen_debug (lvl)
  for line in string.gmatch(self:get_screen(), "[^\n]+") do stdnse.debug(lvl or 1, "%s", line) end
end

--- Tells whether the screen is empty.
-- @return True or false.
function Telnet:isClear ()
  return not string.find(self:get_screen_raw(), "%S")
end

--- Tells whether a text is on the screen.
-- @param str The text, not a pattern.
-- @return Where it begins and ends, counted from 1; false if it is not there.
function Telnet:find (str)
  local from, to = string.find(self:get_screen_raw(), str, 1, true)
  if not from then return false end
  return from, to
end

-- The fields in the order of their places: where the text begins, its length, the attribute.
local function fields_of (self)
  local starts = {}
  for addr = 0, SIZE - 1 do
    if self.attributes[addr] then starts[#starts + 1] = addr end
  end
  local fields = {}
  for i, addr in ipairs(starts) do
    local stop = starts[i + 1] or starts[1] + SIZE
    fields[i] = { self:INC_BUF_ADDR(addr), stop - addr - 1, self.attributes[addr] }
  end
  return fields
end

--- The fields that may be written.
-- @return An array of pairs: the address and the length.
function Telnet:writeable ()
  local list = {}
  for _, field in ipairs(fields_of(self)) do
    if field[3] & PROTECTED == 0 and field[2] > 0 then list[#list + 1] = { field[1], field[2] } end
  end
  return list
end

--- The texts of hidden fields, where there are any.
-- @return An array of texts.
function Telnet:hidden_fields ()
  local list = {}
  for _, field in ipairs(fields_of(self)) do
    if field[3] & HIDDEN_MASK == HIDDEN then
      local out = {}
      for i = 0, field[2] - 1 do out[i + 1] = shown(self.screen[(field[1] + i) % SIZE]) end
      local text = table.concat(out)
      if string.find(text, "%S") then list[#list + 1] = text end
    end
  end
  return list
end

--- Where hidden fields with text are.
-- @return An array of addresses: of the attribute in front of each, and of the one behind.
function Telnet:hidden_fields_location ()
  local list = {}
  for _, field in ipairs(fields_of(self)) do
    if field[3] & HIDDEN_MASK == HIDDEN then
      for i = 0, field[2] - 1 do
        if string.find(shown(self.screen[(field[1] + i) % SIZE]), "%S") then
          list[#list + 1] = self:DEC_BUF_ADDR(field[1])
          list[#list + 1] = (field[1] + field[2]) % SIZE
          break
        end
      end
    end
  end
  return list
end

--- Tells whether there are hidden fields with text.
-- @return True or false.
function Telnet:any_hidden () return #self:hidden_fields() > 0 end

--- Tells whether text was written over.
-- @return True or false.
function Telnet:any_overwritten () return next(self.overwritten) ~= nil end

--- What was written over, at its place.
-- @return A line for each row, with the line's end in front of it.
function Telnet:overwrite_data ()
  local out = {}
  for i = 0, SIZE - 1 do out[i + 1] = shown(self.overwritten[i] or 0) end
  return (string.gsub(table.concat(out), ("."):rep(COLUMNS), "\n%0"))
end

-- Sending ---------------------------------------------------------------------------------------------------------

--- Sends a record.
-- @param data The record.
-- @return True or false.
-- @return An error.
function Telnet:send_tn3270 (data)
  local head = ""
  if self.tn3270e then
    self.sent = ((self.sent or -1) + 1) % 0x8000
    head = string.pack(">BBBI2", 0, 0, 0, self.sent)
  end
  return self.socket:send(string.gsub(head .. data, "\xff", "\xff\xff") .. string.char(IAC, EOR))
end

--- Sends bytes as they are.
-- @param data The bytes.
-- @return True or false.
-- @return An error.
function Telnet:send_data (data) return self.socket:send(data) end

local function text_at (self, location, data)
  return string.char(SBA) .. self:ENCODE_BADDR(location) .. drda.StringUtil.toEBCDIC(data)
end

--- Types text at the cursor and presses Enter.
-- @param data The text.
-- @return True or false.
-- @return An error.
function Telnet:send_cursor (data)
  return self:send_location(self.cursor, data)
end

--- Types text at a place and presses Enter.
-- @param location The address.
-- @param data The text.
-- @return True or false.
-- @return An error.
function Telnet:send_location (location, data)
  return self:send_locations({ { location, data } })
end

--- Types texts at places and presses Enter.
-- @param location_tuple An array of pairs: address and text.
-- @return True or false.
-- @return An error.
function Telnet:send_locations (location_tuple)
  local out, cursor = {}, self.cursor
  for i, pair in ipairs(location_tuple) do
    out[i] = text_at(self, pair[1], pair[2])
    cursor = (pair[1] + #pair[2]) % SIZE
  end
  return self:send_tn3270(string.char(AID_ENTER) .. self:ENCODE_BADDR(cursor) .. table.concat(out))
end

--- Presses Enter.
-- @return True or false.
-- @return An error.
function Telnet:send_enter ()
  return self:send_tn3270(string.char(AID_ENTER) .. self:ENCODE_BADDR(self.cursor))
end

--- Presses a function key.
-- @param pf Its number, 1 to 24.
-- @return True or false.
-- @return An error.
function Telnet:send_pf (pf)
  local aid = AID_PF[pf]
  if not aid then return false, "PF Value must be between 1 and 24" end
  return self:send_tn3270(string.char(aid) .. self:ENCODE_BADDR(self.cursor))
end

--- Presses Clear.
-- @return True or false.
-- @return An error.
function Telnet:send_clear ()
  self:clear_screen()
  return self:send_tn3270(string.char(AID_CLEAR))
end

return _ENV
