-- Runs one test file of a library and lists the checks that failed. Returned: a function of the file's path and of the
-- folder this file is in; its result is text, "" when all is well.
--
-- A test file sees, besides what a script sees:
-- check(what, text, ...)      the values, written as Lua would, are this text
-- equal(got, expected, what)  the two are equal, tables by what they hold
-- raises(pattern, f, ...)     the call fails with a message in which the pattern is found
-- fuzz(what, inputs, f)       f raises no error for the inputs and for damaged copies of them; FUZZ=N in the environment
--                             makes N copies of each (200 when it is not set), always the same ones
-- require "stub"              replaces sockets, levels, interfaces and the clock; see there
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

return function (path, folder, host, port)
  local failures, count = {}, 0

  local function fail (message, ...)
    local where = debug.getinfo(3, "Sl")
    local name = where.source:match("[^/]*$")
    failures[#failures + 1] = ("%s:%d: "):format(name, where.currentline) .. message:format(...)
  end

  local env = setmetatable({ host = host, port = port }, { __index = _G })

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

  -- Flips, cuts, repeats and inserts bytes.
  local function damage (bytes, random)
    for _ = 1, random(1, 4) do
      local at, kind = random(0, #bytes), random(1, 5)
      local before, after = bytes:sub(1, at), bytes:sub(at + 1)
      if kind == 1 then
        bytes = before .. string.char(random(0, 255)) .. after:sub(2)
      elseif kind == 2 then
        bytes = before
      elseif kind == 3 then
        bytes = before .. bytes:sub(random(1, #bytes + 1)):sub(1, 64) .. after
      elseif kind == 4 then
        bytes = before .. string.char(random(0, 255)):rep(random(1, 8)) .. after
      else
        bytes = before .. (random(0, 1) == 0 and "\0" or "\255"):rep(random(1, 4)) .. after:sub(5)
      end
    end
    return bytes
  end

  function env.fuzz (what, inputs, f)
    count = count + 1
    -- A generator of its own, so that every run sees the same bytes.
    local state = 1
    local function random (from, to)
      state = state * 6364136223846793005 + 1442695040888963407
      return from + (state >> 33) % (to - from + 1)
    end
    for _, input in ipairs(inputs) do
      for i = 0, tonumber(os.getenv("FUZZ")) or 200 do
        local bytes = i == 0 and input or damage(input, random)
        local ok, message = pcall(f, bytes)
        if not ok then return fail("%s: %q: %s", what, bytes, tostring(message)) end
      end
    end
  end

  package.preload.stub = function () return dofile(folder .. "/stub.lua") end
  local chunk, message = loadfile(path, "t", env)
  if not chunk then return message end
  local ok, trace = xpcall(chunk, debug.traceback)
  if not ok then failures[#failures + 1] = tostring(trace) end
  if #failures == 0 and count == 0 then return "no checks" end
  return table.concat(failures, "\n")
end
