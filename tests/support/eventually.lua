--- Asks again and again, for what another process does in its own time: gives the first true value of f; raises
-- "never: WHAT" after `seconds` (default 8).
local clock = require "aci.clock"
local task  = require "aci.task"

return function(what, f, seconds)
   local deadline = clock.monotonic() + (seconds or 8)
   repeat
      local value = f()
      if value then return value end
      task.sleep(0.02)
   until clock.monotonic() > deadline
   error("never: " .. what, 2)
end
