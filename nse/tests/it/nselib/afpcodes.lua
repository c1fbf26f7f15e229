local afpcodes = require "afpcodes"

check("numbers", '18 -5019 1024 "Cleartxt Passwrd"', afpcodes.COMMAND.FPLogin, afpcodes.ERROR.FPParamErr, afpcodes.SERVERFLAGS.UUIDs,
  afpcodes.UAM.ClearText)
check("messages", '"Parameter error." "AFP error -5999"', afpcodes.error_message(-5019), afpcodes.error_message(-5999))
