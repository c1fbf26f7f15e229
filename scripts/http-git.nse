local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Looks for Git repositories that a web server gives to everybody, and shows what they say of themselves: description, last
commit message, remotes, and which files can be fetched.

The history of such a site, old secrets included, can usually be downloaded as a whole.
]]

---
-- @args http-git.root The folder to look in. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-git TARGET
--
-- @output
-- 80/tcp open  http
-- | http-git:
-- |   192.0.2.1:80/.git/
-- |     Git repository found!
-- |     .git/config matched patterns 'passw'
-- |     Repository description: shop
-- |     Last commit message: fix the passwords
-- |     Remotes:
-- |_      https://git.example.com/shop.git
--
-- @xmloutput
-- <table key="192.0.2.1:80/.git/">
--   <table key="files-found">
--     <elem key=".git/config">true</elem>
--   </table>
--   <elem key="repository-description">shop</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe", "vuln" }

portrule = shortport.http

-- Files that are looked for beside HEAD, with what a real one contains.
local FILES = { ".gitignore", ".git/config", ".git/description", ".git/COMMIT_EDITMSG", ".git/info/exclude" }
local SECRETS = { "passw", "pw", "user", "secret", "uid" }
local MAX_TEXT, MAX_REMOTES = 60, 20

local function fetch (host, port, path)
  local response = http.get(host, port, path, { redirect_ok = false })
  if response.status == 200 and response.body then return response.body end
  return nil
end

-- HEAD names a branch or holds a commit.
local function is_head (text)
  return string.find(text, "^ref: refs/") or string.find(text, "^%x+%s*$") and #text >= 40 and #text <= 66
end

local function one_line (text)
  text = string.gsub(string.gsub(string.sub(text, 1, 2 * MAX_TEXT), "%c+", " "), "%s+$", " ")
  return #text > MAX_TEXT and string.sub(text, 1, MAX_TEXT) .. "..." or text
end

local function remotes_of (config)
  local list = {}
  for line in string.gmatch(config, "[^\r\n]+") do
    local url = string.match(line, "^%s*url%s*=%s*(.+)$")
    if url and #list < MAX_REMOTES then list[#list + 1] = url end
  end
  return list
end

local function matched_secrets (text)
  local found = {}
  for _, word in ipairs(SECRETS) do
    if string.find(string.lower(text), word, 1, true) then found[#found + 1] = "'" .. word .. "'" end
  end
  return found
end

-- What one file adds to the lines and to the structure.
local function examine (name, text, lines, facts)
  if name == ".git/description" then
    facts["repository-description"] = one_line(text)
    lines[#lines + 1] = "Repository description: " .. facts["repository-description"]
  elseif name == ".git/COMMIT_EDITMSG" then
    facts["last-commit-message"] = one_line(text)
    lines[#lines + 1] = "Last commit message: " .. facts["last-commit-message"]
  end
  if name ~= ".git/info/exclude" then
    local secrets = matched_secrets(text)
    if #secrets > 0 then
      lines[#lines + 1] = ("%s matched patterns %s"):format(name, table.concat(secrets, " "))
    end
  end
end

action = function (host, port)
  local root = stdnse.get_script_args(SCRIPT_NAME .. ".root") or "/"
  if string.sub(root, -1) ~= "/" then root = root .. "/" end
  local head = fetch(host, port, root .. ".git/HEAD")
  if not head or not is_head(head) then return nil end

  local name = ("%s:%d%s.git/"):format(stdnse.get_hostname(host), port.number, root)
  local facts, found = stdnse.output_table(), stdnse.output_table()
  local lines = { name = name, "Git repository found!" }
  facts["files-found"] = found
  local config
  for _, file in ipairs(FILES) do
    local text = fetch(host, port, root .. file)
    -- A page in place of the file is an answer to everything.
    if text and string.find(string.lower(string.sub(text, 1, 512)), "<html", 1, true) then text = nil end
    found[file] = tostring(text ~= nil)
    if text then examine(file, text, lines, facts) end
    if file == ".git/config" then config = text end
  end
  local remotes = config and remotes_of(config) or {}
  if #remotes > 0 then
    facts.remotes = remotes
    lines[#lines + 1] = "Remotes:"
    lines[#lines + 1] = table.move(remotes, 1, #remotes, 1, {})
  end
  local result = stdnse.output_table()
  result[name] = facts
  return result, stdnse.format_output(true, { lines })
end
