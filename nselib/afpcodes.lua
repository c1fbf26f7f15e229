---
-- Numbers of the Apple Filing Protocol. Scripts reach them through library <code>afp</code>.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
_ENV = stdnse.module("afpcodes", stdnse.seeall)

--- Commands.
COMMAND = {
  FPByteRangeLock = 1, FPCloseVol = 2, FPCloseDir = 3, FPCloseFork = 4, FPCopyFile = 5, FPCreateDir = 6,
  FPCreateFile = 7, FPDelete = 8, FPEnumerate = 9, FPFlush = 10, FPFlushFork = 11, FPGetForkParms = 14,
  FPGetSrvrInfo = 15, FPGetSrvParms = 16, FPGetVolParms = 17, FPLogin = 18, FPLoginCont = 19, FPLogout = 20,
  FPMapId = 21, FPMapName = 22, FPMoveAndRename = 23, FPOpenVol = 24, FPOpenDir = 25, FPOpenFork = 26, FPRead = 27,
  FPRename = 28, FPSetDirParms = 29, FPSetFileParms = 30, FPSetForkParms = 31, FPSetVolParms = 32, FPWrite = 33,
  FPGetFileDirParams = 34, FPSetFileDirParms = 35, FPChangePassword = 36, FPGetUserInfo = 37,
  FPGetSrvrMsg = 38, FPCreateID = 39, FPDeleteID = 40, FPResolveID = 41, FPExchangeFiles = 42, FPCatSearch = 43,
  FPReadExt = 60, FPWriteExt = 61, FPByteRangeLockExt = 59, FPLoginExt = 63, FPGetSessionToken = 64,
  FPDisconnectOldSession = 65, FPEnumerateExt = 66, FPCatSearchExt = 67, FPEnumerateExt2 = 68,
}

--- Errors.
ERROR = {
  SocketError = -1, FPNoErr = 0, FPAccessDenied = -5000, FPAuthContinue = -5001, FPBadUAM = -5002,
  FPBadVersNum = -5003, FPBitmapErr = -5004, FPCantMove = -5005, FPDenyConflict = -5006, FPDirNotEmpty = -5007,
  FPDiskFull = -5008, FPEofErr = -5009, FPFileBusy = -5010, FPFlatVol = -5011, FPItemNotFound = -5012,
  FPLockErr = -5013, FPMiscErr = -5014, FPNoMoreLocks = -5015, FPNoServer = -5016, FPObjectExists = -5017,
  FPObjectNotFound = -5018, FPParamErr = -5019, FPRangeNotLocked = -5020, FPRangeOverlap = -5021, FPSessClosed = -5022,
  FPUserNotAuth = -5023, FPCallNotSupported = -5024, FPObjectTypeErr = -5025, FPTooManyFilesOpen = -5026,
  FPServerGoingDown = -5027, FPCantRename = -5028, FPDirNotFound = -5029, FPVolLocked = -5031, FPObjectLocked = -5032,
  FPPwdExpiredErr = -5042,
}

-- What errors mean, in words that scripts look for.
local MESSAGES = {
  [-5000] = "Access Denied", [-5002] = "Unknown user authentication method", [-5003] = "Unknown protocol version",
  [-5004] = "Bad bitmap", [-5012] = "Item not found", [-5014] = "Unspecified error", [-5016] = "No server",
  [-5017] = "Object exists already", [-5018] = "Object not found", [-5019] = "Parameter error.",
  [-5023] = "User not authenticated", [-5024] = "Call not supported.", [-5025] = "Wrong type of object",
  [-5026] = "Too many files open", [-5027] = "Server is going down", [-5029] = "Directory not found",
  [-5042] = "Password expired",
}

--- What an error means.
-- @param code Its number.
-- @return Words.
function error_message (code)
  return MESSAGES[code] or ("AFP error %d"):format(code)
end

--- Subfunctions of a search for names.
MAP_ID = { UserIDToName = 1, GroupIDToName = 2, UserIDToUTF8Name = 3, GroupIDToUTF8Name = 4, UserUUIDToUTF8Name = 5,
  GroupUUIDToUTF8Name = 6 }

--- Subfunctions of a search for numbers.
MAP_NAME = { NameToUserID = 1, NameToGroupID = 2, NameToUserID3 = 3, NameToGroupID4 = 4, UTF8NameToUserUUID = 5,
  UTF8NameToGroupUUID = 6 }

--- Ways to prove who one is.
UAM = {
  NoUserAuthent = "No User Authent", ClearText = "Cleartxt Passwrd", RandNum = "Randnum Exchange",
  TwoWayRandNum = "2-Way Randnum", DHCAST128 = "DHCAST128", DHX2 = "DHX2", Kerberos = "Client Krb v2",
  Reconnect = "Recon1",
}

--- Facts of files. The number with the larger part of a folder's and a file's facts is the same.
FILE_BITMAP = {
  Attributes = 0x0001, ParentDirId = 0x0002, CreationDate = 0x0004, ModificationDate = 0x0008, BackupDate = 0x0010,
  FinderInfo = 0x0020, LongName = 0x0040, ShortName = 0x0080, NodeId = 0x0100, DataForkSize = 0x0200,
  ResourceForkSize = 0x0400, ExtendedDataForkSize = 0x0800, LaunchLimit = 0x1000, UTF8Name = 0x2000,
  ExtendedResourceForkSize = 0x4000, UnixPrivileges = 0x8000,
}

--- Facts of folders.
DIR_BITMAP = {
  Attributes = 0x0001, ParentDirId = 0x0002, CreationDate = 0x0004, ModificationDate = 0x0008, BackupDate = 0x0010,
  FinderInfo = 0x0020, LongName = 0x0040, ShortName = 0x0080, NodeId = 0x0100, OffspringCount = 0x0200,
  OwnerId = 0x0400, GroupId = 0x0800, AccessRights = 0x1000, UTF8Name = 0x2000, UnixPrivileges = 0x8000,
}

--- Facts of shares.
VOL_BITMAP = {
  Attributes = 0x0001, Signature = 0x0002, CreationDate = 0x0004, ModificationDate = 0x0008, BackupDate = 0x0010,
  ID = 0x0020, BytesFree = 0x0040, BytesTotal = 0x0080, Name = 0x0100, ExtendedBytesFree = 0x0200,
  ExtendedBytesTotal = 0x0400, BlockSize = 0x0800,
}

--- Facts of users.
USER_BITMAP = { UserId = 0x0001, PrimaryGroupId = 0x0002, UUID = 0x0004 }

--- Kinds of paths.
PATH_TYPE = { ShortName = 1, LongName = 2, UTF8Name = 3 }

--- Ways to open.
ACCESS_MODE = { Read = 0x0001, Write = 0x0002, DenyRead = 0x0010, DenyWrite = 0x0020 }

--- What a server can do.
SERVERFLAGS = {
  CopyFile = 0x0001, ChangeablePasswords = 0x0002, NoPasswordSaving = 0x0004, ServerMessages = 0x0008,
  ServerSignature = 0x0010, TCPoverIP = 0x0020, ServerNotifications = 0x0040, Reconnect = 0x0080,
  OpenDirectory = 0x0100, UTF8ServerName = 0x0200, UUIDs = 0x0400, SuperClient = 0x8000,
}

--- Rights on a folder: of the owner, the group, everyone, the user who asks; and what else there is to say.
ACLS = {
  OwnerSearch = 0x00000001, OwnerRead = 0x00000002, OwnerWrite = 0x00000004,
  GroupSearch = 0x00000100, GroupRead = 0x00000200, GroupWrite = 0x00000400,
  EveryoneSearch = 0x00010000, EveryoneRead = 0x00020000, EveryoneWrite = 0x00040000,
  UserSearch = 0x01000000, UserRead = 0x02000000, UserWrite = 0x04000000,
  BlankAccess = 0x10000000, UserIsOwner = 0x80000000,
}

return _ENV
