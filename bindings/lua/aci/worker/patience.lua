--- What passes by itself is waited for: a server that is away, throttling, a broken connection.

local clock = require "aci.clock"
local fail  = require "aci.error"
local task  = require "aci.task"

local patience = {}

local PASSING = { network = true, timeout = true, throttled = true, server = true }
local LONGEST, TOLD = 30, 60   -- s: between two tries; between two words about it

--- True for an error that may be gone the next time.
function patience.passes(err)
   return fail.is(err) and PASSING[err.kind] == true
end

--- Raises what no loop may keep: the user's Ctrl-C, the end of the task.
function patience.rethrow(err)
   if fail.is(err, "interrupted") or fail.is(err, "canceled") then error(err, 0) end
end

--- Calls f(...) until it does not fail for a passing reason, however long that takes.
-- @param say function(format, ...), told once a minute with `what`
function patience.with(say, what, f, ...)
   local pause, told = 1, -TOLD
   while true do
      local results = table.pack(pcall(f, ...))
      if results[1] then return table.unpack(results, 2, results.n) end
      local err = results[2]
      if not patience.passes(err) then error(err, 0) end
      if clock.monotonic() - told >= TOLD then
         say("%s: %s; waiting", what, tostring(err))
         told = clock.monotonic()
      end
      task.sleep(pause * (0.8 + 0.4 * math.random()))
      pause = math.min(pause * 2, LONGEST)
   end
end

return patience
