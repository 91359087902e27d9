-- The work queue that the deployments are scheduled in and the agent asks.
local step = require "aci.step"

return step {
   name = "queue",
   want = function(c)
      return { { kind = "queue", id = c.config.queue, name = c.config.queue } }
   end,
}
