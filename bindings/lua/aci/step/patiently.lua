--- Calls f again while its refusal is one of those that pass when Azure has told all its parts.
local clock = require "aci.clock"
local errors = require "aci.error"
local task = require "aci.task"

--- `codes`: error code to the seconds that it may be waited for; `tell(err)` hears of the first of each code.
return function(c, codes, tell, f, ...)
   local began, told = clock.monotonic(), {}
   while true do
      local ok, result = pcall(f, ...)
      if ok then return result end
      local seconds = errors.is(result) and codes[result.code]
      if not seconds or clock.monotonic() - began > seconds then error(result, 0) end
      if not told[result.code] then tell(result) end
      told[result.code] = true
      task.sleep((c.config.poll or { first = 5 }).first)
   end
end
