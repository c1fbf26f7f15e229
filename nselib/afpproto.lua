---
-- Apple Filing Protocol: answers, and single commands over DSI. Scripts reach them through library <code>afp</code>.
--
-- @copyright MIT OR Apache-2.0

local afpcodes = require "afpcodes"
local afpdata = require "afpdata"
local match = require "match"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("afpproto", stdnse.seeall)

local COMMAND, ERROR, MAP_ID, UAM, VOL_BITMAP =
  afpcodes.COMMAND, afpcodes.ERROR, afpcodes.MAP_ID, afpcodes.UAM, afpcodes.VOL_BITMAP

local HEADER_LEN = 16
local ANSWER_LEN_MAX = 4 * 1024 * 1024
-- Requests of the session layer.
local DSI_CLOSE, DSI_COMMAND, DSI_STATUS, DSI_OPEN, DSI_WRITE = 1, 2, 3, 4, 6
-- The server may say between answers that it is there; more often than this it says nothing else.
local TICKLES_MAX = 50

-- Answers ---------------------------------------------------------------------------------------------------------

--- What a command led to.
Response = {}
Response.__index = Response

--- Makes an empty answer.
-- @return The answer.
function Response:new () return setmetatable({ error_code = 0 }, self) end

--- Sets the error's number and, where it has none, the message.
-- @param code The number.
function Response:setErrorCode (code)
  self.error_code = code
  if code ~= 0 and not self.error_msg then self.error_msg = afpcodes.error_message(code) end
end

--- The error's number, 0 for none.
-- @return The number.
function Response:getErrorCode () return self.error_code end

--- Sets the message.
-- @param msg The message.
function Response:setErrorMessage (msg) self.error_msg = msg end

--- The message, nil for none.
-- @return The message.
function Response:getErrorMessage () return self.error_msg end

--- Sets the result.
-- @param result The result.
function Response:setResult (result) self.result = result end

--- The result, nil for none.
-- @return The result.
function Response:getResult () return self.result end

--- Sets the packet.
-- @param packet Table with <code>header</code> and <code>data</code>.
function Response:setPacket (packet) self.packet = packet end

--- The packet.
-- @return Table with <code>header</code> and <code>data</code>.
function Response:getPacket () return self.packet end

--- The packet's data.
-- @return Octets.
function Response:getPacketData () return self.packet and self.packet.data end

--- The packet's header.
-- @return Table with <code>command</code>, <code>request_id</code>, <code>error_code</code> and <code>length</code>.
function Response:getPacketHeader () return self.packet and self.packet.header end

--- Makes the answer of a command that failed.
-- @param code The error's number.
-- @param message What went wrong. Default: what the number means.
-- @return The answer.
function failed (code, message)
  local response = Response:new()
  response:setErrorMessage(message)
  response:setErrorCode(code)
  return response
end

-- Commands --------------------------------------------------------------------------------------------------------

--- Sends single commands. Each returns a <code>Response</code>.
Proto = {}
Proto.__index = Proto

--- Makes one.
-- @param o Table with <code>socket</code>, or nothing.
-- @return The object.
function Proto:new (o)
  o = setmetatable(o or {}, self)
  o.RequestId = o.RequestId or 1
  return o
end

--- Sets the socket.
-- @param socket The socket, connected.
function Proto:setSocket (socket) self.socket = socket end

--- Makes a request of the session layer.
-- @param command Its number.
-- @param data_offset Where the data of a write begin, 0 for other requests.
-- @param data The octets.
-- @return The request's octets.
function Proto:create_fp_packet (command, data_offset, data)
  self.RequestId = self.RequestId % 0xffff + 1
  return string.pack(">BBI2I4I4I4", 0, command, self.RequestId, data_offset or 0, #(data or ""), 0) .. (data or "")
end

--- Reads the header of an answer.
-- @param packet The octets.
-- @return Table with <code>flags</code>, <code>command</code>, <code>request_id</code>, <code>error_code</code> and
--         <code>length</code>; nil if it is none.
function Proto:parse_fp_header (packet)
  if #packet < HEADER_LEN then return nil end
  local header = {}
  header.flags, header.command, header.request_id, header.error_code, header.length, header.reserved =
    string.unpack(">BBI2i4I4I4", packet)
  return header
end

--- Sends a request.
-- @param packet Its octets.
-- @return True, or false and an error.
function Proto:send_fp_packet (packet) return self.socket:send(packet) end

--- Receives an answer.
-- @return The answer.
function Proto:read_fp_packet ()
  for _ = 1, TICKLES_MAX do
    local status, head = self.socket:receive_buf(match.numbytes(HEADER_LEN), true)
    if not status then return failed(-1, "no answer: " .. tostring(head)) end
    local header = self:parse_fp_header(head)
    if header.length > ANSWER_LEN_MAX then return failed(-1, "the answer is too long") end
    local data = ""
    if header.length > 0 then
      status, data = self.socket:receive_buf(match.numbytes(header.length), true)
      if not status then return failed(-1, "the answer is cut off: " .. tostring(data)) end
    end
    -- Flag 1 is an answer; requests of the server tell that it is there.
    if header.flags == 1 then
      local response = Response:new()
      response:setPacket({ header = header, data = data })
      response:setErrorCode(header.error_code)
      return response
    end
  end
  return failed(-1, "the server sends no answer")
end

local function request (self, command, data, data_offset)
  local status, err = self:send_fp_packet(self:create_fp_packet(command, data_offset, data))
  if not status then return failed(-1, "sending failed: " .. tostring(err)) end
  return self:read_fp_packet()
end

-- Sends a command and reads its answer by the function, which gets the data and may raise.
local function ask (self, data, read)
  local response = request(self, DSI_COMMAND, data)
  if response:getErrorCode() ~= 0 or not read then return response end
  local ok, result = pcall(read, response:getPacketData())
  if not ok then return failed(-1, "the answer is malformed") end
  response:setResult(result)
  return response
end

--- Opens a session.
-- @param socket The socket. Default: the object's own.
-- @return The answer.
function Proto:dsi_open_session (socket)
  self.socket = socket or self.socket
  -- Option 1: how much of a notice is taken at a time.
  return request(self, DSI_OPEN, string.pack(">BBI4", 1, 4, 1024))
end

--- Ends a session. The server does not answer.
-- @return The answer.
function Proto:dsi_close_session ()
  self:send_fp_packet(self:create_fp_packet(DSI_CLOSE, 0, ""))
  return Response:new()
end

--- Asks a server about itself, without a session.
-- @param socket The socket. Default: the object's own.
-- @return The answer; its result is what <code>afpdata.server_info</code> makes.
function Proto:fp_get_server_info (socket)
  self.socket = socket or self.socket
  local response = request(self, DSI_STATUS, string.pack(">BB", COMMAND.FPGetSrvrInfo, 0))
  if response:getErrorCode() ~= 0 then return response end
  local ok, result = pcall(afpdata.server_info, response:getPacketData())
  if not ok then return failed(-1, "the answer is malformed") end
  response:setResult(result)
  return response
end

-- Numbers are fixed by the method: a generator of 7 and this prime, 128 bits.
local DHX_PRIME = "BA2873DFB06057D43F2024744CEEE75B"

local function padded (number, len)
  local octets = openssl.bignum_bn2bin(number)
  return string.rep("\0", len - #octets) .. octets
end

-- DHCAST128: the key comes of a Diffie-Hellman exchange, the password goes encrypted by it.
local function login_dhx (self, head, username, password)
  local prime = openssl.bignum_hex2bn(DHX_PRIME)
  local secret = openssl.bignum_pseudo_rand(127)
  local public = openssl.bignum_mod_exp(openssl.bignum_dec2bn("7"), secret, prime)
  local body = head .. string.pack("s1", username)
  local response = request(self, DSI_COMMAND, body .. string.rep("\0", #body % 2) .. padded(public, 16))
  local data = response:getPacketData() or ""
  if response:getErrorCode() ~= ERROR.FPAuthContinue or #data < 50 then return response end
  local id, theirs = string.unpack(">I2c16", data)
  local key = padded(openssl.bignum_mod_exp(openssl.bignum_bin2bn(theirs), secret, prime), 16)
  local nonce = string.sub(openssl.decrypt("cast5-cbc", key, "CJalbert", string.sub(data, 19, 50)), 1, 16)
  nonce = padded(openssl.bignum_add(openssl.bignum_bin2bn(nonce), openssl.bignum_dec2bn("1")), 16)
  local text = string.sub(nonce, -16) .. string.sub(password .. string.rep("\0", 64), 1, 64)
  local answer = openssl.encrypt("cast5-cbc", key, "LWallace", text)
  return ask(self, string.pack(">BBI2", COMMAND.FPLoginCont, 0, id) .. answer)
end

--- Logs on.
-- @param afp_version The version's name, such as <code>"AFP3.1"</code>.
-- @param uam How users prove who they are, see <code>UAM</code>.
-- @param username The user.
-- @param password The password.
-- @param options Unused.
-- @return The answer.
function Proto:fp_login (afp_version, uam, username, password, options)
  local head = string.pack(">Bs1s1", COMMAND.FPLogin, afp_version, uam)
  username, password = string.sub(username or "", 1, 255), password or ""
  if uam == UAM.NoUserAuthent then return ask(self, head) end
  if uam == UAM.ClearText then
    local body = head .. string.pack("s1", username)
    body = body .. string.rep("\0", #body % 2) .. string.sub(password .. string.rep("\0", 8), 1, 8)
    return ask(self, body)
  end
  if uam == UAM.DHCAST128 then return login_dhx(self, head, username, password) end
  return failed(-1, "Unsupported user authentication method: " .. tostring(uam))
end

--- Logs off.
-- @return The answer.
function Proto:fp_logout () return ask(self, string.pack(">BB", COMMAND.FPLogout, 0)) end

--- Asks for the server's shares.
-- @return The answer; its result has <code>server_time</code>, <code>vol_count</code> and <code>volumes</code>, a list
--         of tables with <code>name</code> and <code>bitmap</code>.
function Proto:fp_get_srvr_parms ()
  return ask(self, string.pack(">BB", COMMAND.FPGetSrvParms, 0), function (data)
    local result, pos = { volumes = {} }, nil
    result.server_time, result.vol_count, pos = string.unpack(">i4B", data)
    for i = 1, result.vol_count do
      local volume = {}
      volume.bitmap, volume.name, pos = string.unpack("Bs1", data, pos)
      result.volumes[i] = volume
    end
    return result
  end)
end

--- Asks for the user's numbers.
-- @return The answer; its result has <code>user_id</code> and <code>group_id</code>.
function Proto:fp_get_user_info ()
  return ask(self, string.pack(">BBI4I2", COMMAND.FPGetUserInfo, 1, 0, 3), function (data)
    local result = {}
    result.user_bitmap, result.user_id, result.group_id = string.unpack(">I2I4I4", data)
    return result
  end)
end

--- Opens a share.
-- @param bitmap What to tell of it, see <code>VOL_BITMAP</code>; its number is told always.
-- @param volume_name The share.
-- @return The answer; its result has <code>volume_id</code>.
function Proto:fp_open_vol (bitmap, volume_name)
  bitmap = (bitmap or 0) | VOL_BITMAP.ID
  return ask(self, string.pack(">BBI2s1", COMMAND.FPOpenVol, 0, bitmap, volume_name), function (data)
    local told = string.unpack(">I2", data)
    return { bitmap = told, volume_id = afpdata.volume_id(told, data, 3) }
  end)
end

--- Closes a share.
-- @param volume_id Its number.
-- @return The answer.
function Proto:fp_close_vol (volume_id) return ask(self, string.pack(">BBI2", COMMAND.FPCloseVol, 0, volume_id)) end

--- Asks about a file or folder.
-- @param volume_id The share's number.
-- @param did The number of the folder it is in.
-- @param file_bitmap What to tell of a file, see <code>FILE_BITMAP</code>.
-- @param dir_bitmap What to tell of a folder, see <code>DIR_BITMAP</code>.
-- @param path Table with <code>type</code> (see <code>PATH_TYPE</code>) and <code>name</code>.
-- @return The answer; its result has <code>file_type</code> (0x80 for folders), and <code>dir</code> or
--         <code>file</code>.
function Proto:fp_get_file_dir_parms (volume_id, did, file_bitmap, dir_bitmap, path)
  local body = string.pack(">BBI2I4I2I2", COMMAND.FPGetFileDirParams, 0, volume_id, did, file_bitmap, dir_bitmap)
  return ask(self, body .. afpdata.encode_path(path), function (data)
    local result, pos = {}, nil
    result.file_bitmap, result.dir_bitmap, result.file_type, pos = string.unpack(">I2I2Bx", data)
    if result.file_type == 0x80 then
      result.dir = afpdata.decode_dir_bitmap(result.dir_bitmap, data, pos)
    else
      result.file = afpdata.decode_file_bitmap(result.file_bitmap, data, pos)
    end
    return result
  end)
end

--- Lists a folder.
-- @param volume_id The share's number.
-- @param did The folder's number.
-- @param file_bitmap What to tell of files, 0 for no files.
-- @param dir_bitmap What to tell of folders, 0 for no folders.
-- @param req_count How many at most.
-- @param start_index From which one on, from 1.
-- @param reply_size How long the answer may be.
-- @param path Table with <code>type</code> and <code>name</code>.
-- @return The answer; its result is a list of tables.
function Proto:fp_enumerate_ext2 (volume_id, did, file_bitmap, dir_bitmap, req_count, start_index, reply_size, path)
  local body = string.pack(">BBI2I4I2I2I2I4I4", COMMAND.FPEnumerateExt2, 0, volume_id, did, file_bitmap, dir_bitmap,
    req_count, start_index, reply_size)
  return ask(self, body .. afpdata.encode_path(path), afpdata.read_entries)
end

--- Makes a folder.
-- @param vol_id The share's number.
-- @param dir_id The number of the folder to make it in.
-- @param path Table with <code>type</code> and <code>name</code>.
-- @return The answer; its result has <code>dir_id</code>.
function Proto:fp_create_dir (vol_id, dir_id, path)
  local body = string.pack(">BBI2I4", COMMAND.FPCreateDir, 0, vol_id, dir_id) .. afpdata.encode_path(path)
  return ask(self, body, function (data) return { dir_id = (string.unpack(">I4", data)) } end)
end

--- Makes a file.
-- @param flag 0x80 to replace one that is there.
-- @param vol_id The share's number.
-- @param did The folder's number.
-- @param path Table with <code>type</code> and <code>name</code>.
-- @return The answer.
function Proto:fp_create_file (flag, vol_id, did, path)
  return ask(self, string.pack(">BBI2I4", COMMAND.FPCreateFile, flag, vol_id, did) .. afpdata.encode_path(path))
end

--- Copies a file on the server.
-- @param src_vol The share's number.
-- @param src_did The folder's number.
-- @param src_path Table with <code>type</code> and <code>name</code>.
-- @param dst_vol The share to copy it to.
-- @param dst_did The folder there.
-- @param dst_path Table with <code>type</code> and <code>name</code> of the folder.
-- @param new_name Table with <code>type</code> and <code>name</code> of the copy.
-- @return The answer.
function Proto:fp_copy_file (src_vol, src_did, src_path, dst_vol, dst_did, dst_path, new_name)
  local body = string.pack(">BBI2I4I2I4", COMMAND.FPCopyFile, 0, src_vol, src_did, dst_vol, dst_did)
  for _, path in ipairs({ src_path, dst_path, new_name }) do body = body .. afpdata.encode_path(path) end
  return ask(self, body)
end

--- Opens a part of a file: its data or its resources.
-- @param flag 0x80 for the resources.
-- @param volume_id The share's number.
-- @param did The folder's number.
-- @param file_bitmap What to tell of it.
-- @param access_mode See <code>ACCESS_MODE</code>.
-- @param path Table with <code>type</code> and <code>name</code>.
-- @return The answer; its result has <code>fork_id</code>.
function Proto:fp_open_fork (flag, volume_id, did, file_bitmap, access_mode, path)
  local body = string.pack(">BBI2I4I2I2", COMMAND.FPOpenFork, flag, volume_id, did, file_bitmap, access_mode)
  return ask(self, body .. afpdata.encode_path(path), function (data)
    local result = {}
    result.file_bitmap, result.fork_id = string.unpack(">I2I2", data)
    return result
  end)
end

--- Closes what was opened.
-- @param fork Its number.
-- @return The answer.
function Proto:fp_close_fork (fork) return ask(self, string.pack(">BBI2", COMMAND.FPCloseFork, 0, fork)) end

--- Reads.
-- @param fork What was opened.
-- @param offset From where, from 0.
-- @param count How many octets.
-- @return The answer; its result is the octets. At the end of the file the error is <code>ERROR.FPEofErr</code>.
function Proto:fp_read_ext (fork, offset, count)
  local response = request(self, DSI_COMMAND, string.pack(">BBI2I8I8", COMMAND.FPReadExt, 0, fork, offset, count))
  response:setResult(response:getPacketData())
  return response
end

--- Writes.
-- @param flag 0x80 to count from the end.
-- @param fork What was opened.
-- @param offset From where, from 0.
-- @param count How many octets.
-- @param fdata The octets.
-- @return The answer.
function Proto:fp_write_ext (flag, fork, offset, count, fdata)
  local head = string.pack(">BBI2I8I8", COMMAND.FPWriteExt, flag, fork, offset, count)
  return request(self, DSI_WRITE, head .. fdata, #head)
end

--- Asks whose name belongs to a number.
-- @param subfunc See <code>MAP_ID</code>.
-- @param id The number.
-- @return The answer; its result is the name.
function Proto:fp_map_id (subfunc, id)
  return ask(self, string.pack(">BBI4", COMMAND.FPMapId, subfunc, id), function (data)
    if subfunc == MAP_ID.UserIDToUTF8Name or subfunc == MAP_ID.GroupIDToUTF8Name then
      return (string.unpack(">s2", data))
    end
    return (string.unpack("s1", data))
  end)
end

--- Asks which number belongs to a name.
-- @param subfunc See <code>MAP_NAME</code>.
-- @param name The name.
-- @return The answer; its result is the number.
function Proto:fp_map_name (subfunc, name)
  return ask(self, string.pack(">BBs2", COMMAND.FPMapName, subfunc, name), function (data)
    return (string.unpack(">I4", data))
  end)
end

return _ENV
