-- Script-like threads in queues: they parse a line, wait for a reply, and end with a result.
local replies = { "220 ready mail.example ESMTP", "250-SIZE 1000", "250 HELP", "+OK dovecot", "-ERR no" }
local function script(host, port)
  return coroutine.create(function()
    local seen = {}
    for i = 1, 6 do
      local line = coroutine.yield("wait", host .. ":" .. port)
      local code, text = line:match("^(%S+)[ -](.*)$")
      seen[#seen + 1] = code
      if text:find("ESMTP", 1, true) then seen.esmtp = true end
      if i == 5 and port % 2 == 0 then error({ host = host, why = "reset" }) end
    end
    return table.concat(seen, " ") .. (seen.esmtp and " E" or "")
  end)
end
local total, errors = 0, 0
for round = 1, 56 do
  local running, waiting = {}, {}
  for i = 1, 1500 do running[i] = script("10.0.0." .. i % 256, 1 + i % 1000) end
  while #running > 0 do
    for _, thread in ipairs(running) do
      local good, what, detail = coroutine.resume(thread, replies[(round + #waiting) % #replies + 1])
      if not good then
        errors = errors + #what.host
      elseif coroutine.status(thread) == "dead" then
        total = total + #what
      else
        waiting[#waiting + 1] = thread
        total = total + #detail
      end
    end
    running, waiting = waiting, {}
  end
end
print(total, errors)
