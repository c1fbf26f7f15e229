-- Runs one test file of a library and lists the checks that failed. Returned: a function of the file's path and of the
-- folder this file is in; its result is text, "" when all is well.
--
-- A test file sees, besides what a script sees:
-- check(what, text, ...)      the values, written as Lua would, are this text
-- equal(got, expected, what)  the two are equal, tables by what they hold
-- raises(pattern, f, ...)     the call fails with a message in which the pattern is found
-- fuzz(what, inputs, f)       f raises no error for the inputs and for damaged copies of them; FUZZ=N in the environment
--                             makes N copies of each (200 when it is not set), always the same ones
-- mutants(bytes, count)       so many copies of the bytes, each damaged in some way; the same ones in every run
-- require "stub"              replaces sockets, levels, interfaces and the clock; see there
-- require "peer"              replaces sockets by ones whose other side is a function; see there
-- require "pieces"            makes a socket that gives out the pieces it is called with; see there
-- require "smb1server"        answers the commands of SMB version 1; see there
-- host, port                  the tables of a host and a port on loopback where nobody listens
-- `assert` ends the file at its first failure.

-- A value as text, table keys sorted.
local function show (value)
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) ~= "table" then return tostring(value) end
  local list = {}
  for key, item in pairs(value) do list[#list + 1] = show(key) .. "=" .. show(item) end
  table.sort(list)
  return "{" .. table.concat(list, ",") .. "}"
end

-- Changes of one place of a text: bytes replaced, taken away, doubled, put in, or all that follows cut off.
local CHANGES = {
  function (bytes, at, random) return bytes:sub(1, at - 1) .. string.char(random(256) - 1) .. bytes:sub(at + 1) end,
  function (bytes, at, random) return bytes:sub(1, at - 1) .. bytes:sub(at + random(20)) end,
  function (bytes, at, random) return bytes:sub(1, at + random(50)) .. bytes:sub(at) end,
  function (bytes, at, random) return bytes:sub(1, at) .. ("\0\xFF<\"[{%"):sub(random(7)) .. bytes:sub(at + 1) end,
  function (bytes, at) return bytes:sub(1, at) end,
}

local function mutants (bytes, count)
  -- Numbers of our own, so that a failure shows in every run (the constants of Numerical Recipes).
  local state = #bytes
  local function random (most)
    state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
    return (state >> 16) % most + 1
  end
  local list = {}
  for i = 1, count do
    local text = bytes
    for _ = 1, random(3) do text = CHANGES[random(#CHANGES)](text, random(math.max(#text, 1)), random) end
    list[i] = text
  end
  return list
end

return function (path, folder, host, port)
  local failures, count = {}, 0

  local function fail (message, ...)
    local where = debug.getinfo(3, "Sl")
    local name = where.source:match("[^/]*$")
    failures[#failures + 1] = ("%s:%d: "):format(name, where.currentline) .. message:format(...)
  end

  local env = setmetatable({ host = host, port = port, mutants = mutants }, { __index = _G })

  function env.check (what, expected, ...)
    count = count + 1
    local list = {}
    for i = 1, select("#", ...) do list[i] = show((select(i, ...))) end
    local got = table.concat(list, " ")
    if got ~= expected then fail("%s\n  expected: %s\n  got:      %s", what, expected, got) end
  end

  function env.equal (got, expected, what)
    count = count + 1
    local got_text, expected_text = show(got), show(expected)
    if got_text ~= expected_text then
      fail("%s\n  expected: %s\n  got:      %s", what or "equal", expected_text, got_text)
    end
  end

  function env.raises (pattern, f, ...)
    count = count + 1
    local ok, message = pcall(f, ...)
    if ok then
      fail("no error; expected one like %s", pattern)
    elseif not tostring(message):find(pattern) then
      fail("expected an error like %s, got: %s", pattern, tostring(message))
    end
  end

  function env.fuzz (what, inputs, f)
    count = count + 1
    for _, input in ipairs(inputs) do
      local all = mutants(input, tonumber(os.getenv("FUZZ")) or 200)
      all[0] = input
      for i = 0, #all do
        local ok, message = pcall(f, all[i])
        if not ok then return fail("%s: %q: %s", what, all[i], tostring(message)) end
      end
    end
  end

  for _, name in ipairs { "stub", "peer", "pieces", "smb1server" } do
    package.preload[name] = function () return dofile(folder .. "/" .. name .. ".lua") end
  end
  local chunk, message = loadfile(path, "t", env)
  if not chunk then return message end
  local ok, trace = xpcall(chunk, debug.traceback)
  if not ok then failures[#failures + 1] = tostring(trace) end
  if #failures == 0 and count == 0 then return "no checks" end
  return table.concat(failures, "\n")
end
