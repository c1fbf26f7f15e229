local ls = require "ls"
local openssl = require "openssl"
local smb = require "smb"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"

description = [[
Lists files on the shares of a host.

Without arguments it is all shares of files that may be read; library <code>ls</code> has the arguments that say how much
is shown. Servers of any version of SMB are asked.
]]

---
-- @usage nmap -p445 --script smb-ls --script-args smb-ls.share=public,smb-ls.path=sub target
--
-- @args smb-ls.share The share.
-- @args smb-ls.shares A list of shares, as a table or with colons between.
-- @args smb-ls.path The folder. Default: the share's root.
-- @args smb-ls.pattern Which names, with <code>*</code> and <code>?</code>. Default: all.
-- @args smb-ls.checksum Show the SHA-1 sums of files, which takes reading them.
--
-- @output
-- Host script results:
-- | smb-ls: Volume public
-- | SIZE   TIME                 FILENAME
-- | <DIR>  2026-11-28T01:23:25  .
-- | <DIR>  2026-11-28T01:23:25  ..
-- |_6      2026-11-28T01:23:25  a.txt

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

hostrule = function (host)
  return smb.get_port(host) ~= nil
end

local DEPTH_MAX = 32
local DIRECTORY = 0x10

-- The shares to list: those asked for, or those of files that may be read.
local function shares_of (host)
  local one, several = stdnse.get_script_args(SCRIPT_NAME .. ".share", SCRIPT_NAME .. ".shares")
  if one then return { one } end
  if type(several) == "table" then return several end
  if several then return stringaux.strsplit(":", several) end
  local status, found = smb.share_get_list(host)
  if not status then return nil, found end
  local names = {}
  for _, share in ipairs(found) do
    local name = string.match(share.name, "[^\\]+$")
    local readable = share.user_can_read == true or share.anonymous_can_read == true
    if name and name ~= "IPC$" and readable then names[#names + 1] = name end
  end
  return names
end

local function sum_of (host, share, path)
  local status, data = smb.file_read(host, share, path)
  return status and stdnse.tohex(openssl.sha1(data)) or ""
end

-- Lists a folder and those below, each behind its own line. The folders that are open are a list, so that nothing
-- depends on how deep they are.
local function list_volume (output, host, state, share, root, pattern)
  local depth_max = ls.config("maxdepth")
  if depth_max <= 0 or depth_max > DEPTH_MAX then depth_max = DEPTH_MAX end
  local open = { { prefix = "", entries = smb.find_files(state, root .. "\\" .. pattern) } }
  while #open > 0 do
    local folder = open[#open]
    local entry = folder.entries()
    if not entry then
      open[#open] = nil
    else
      local is_folder = entry.attrs & DIRECTORY ~= 0
      local is_dots = entry.fname == "." or entry.fname == ".."
      -- The folder itself and the one above are shown of the first one only.
      if #open == 1 or not is_dots then
        local path = folder.prefix .. entry.fname
        local row = { is_folder and "<DIR>" or entry.eof, entry.created, path }
        if ls.config("checksum") and not is_folder then
          row[4] = sum_of(host, share, string.sub(root, 2) .. "\\" .. path)
        end
        if not ls.add_file(output, row) then return end
        if is_folder and not is_dots and #open <= depth_max then
          open[#open + 1] = { prefix = path .. "\\", entries = smb.find_files(state, root .. "\\" .. path .. "\\*") }
        end
      end
    end
  end
end

action = function (host)
  local path, pattern = stdnse.get_script_args(SCRIPT_NAME .. ".path", SCRIPT_NAME .. ".pattern")
  local shares, err = shares_of(host)
  if not shares then
    stdnse.debug1("no shares: %s", tostring(err))
    return nil
  end
  -- A folder has one backslash in front and none behind.
  local root = string.gsub(path or "", "/", "\\")
  root = string.gsub(string.gsub(root, "^\\*(.-)\\*$", "\\%1"), "^\\$", "")
  local output = ls.new_listing()
  for _, share in ipairs(shares) do
    local status, state = smb.start_ex(host, true, true, share)
    if status then
      ls.new_vol(output, share .. (path and "/" .. string.gsub(path, "^/", "") or ""), false)
      list_volume(output, host, state, share, root, pattern or "*")
      ls.end_vol(output)
      smb.stop(state)
    else
      ls.report_error(output, ("%s: %s"):format(share, tostring(state)))
    end
  end
  return ls.end_listing(output)
end
