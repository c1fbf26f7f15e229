---@meta nmap.socket

---@type nmap.socketlib
local socketlib
return socketlib
