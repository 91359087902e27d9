-- Prefect 2: the work queue that the deployments are scheduled in and the agent asks. On Prefect 3 the work
-- pool is made in its place (steps/pool.lua), and queues are its own.
local step = require "aci.step"

return step {
   name = "queue",
   want = function(c)
      if c.prefect:major() >= 3 then return {} end
      return { { kind = "queue", id = c.config.queue, name = c.config.queue } }
   end,
}
