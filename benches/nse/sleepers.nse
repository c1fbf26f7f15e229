local stdnse = require "stdnse"

description = "Starts 50,000 workers that sleep at the same time."
categories = { "safe" }

prerule = function() return true end

action = function()
  local count, awake = 50000, 0
  for _ = 1, count do
    stdnse.new_thread(function()
      stdnse.sleep(1)
      awake = awake + 1
    end)
  end
  while awake < count do stdnse.sleep(0.1) end
  return ("%d slept"):format(awake)
end
