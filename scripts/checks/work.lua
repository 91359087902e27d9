-- Somebody asks Prefect for work: the queue's agent, or a worker of the pool.
local ASKED = 60 -- s; agents and workers ask every few seconds

local function served(c)
   if c.prefect:major() > 2 then
      local pool = c.prefect:work_pool(c.config.work_pool)
      return pool and ("work pool " .. pool.name), pool and pool.status == "READY" and 0
   end
   local queue = c.prefect:queue(c.config.queue)
   return queue and ("work queue " .. queue.name), queue and c.prefect:queue_idle(queue)
end

return {
   name = "work",
   needs = { "prefect" },
   run = function(c)
      local what, idle = served(c)
      if not what then return "note", "no work queue or pool yet", "setup.lua makes it" end
      if idle and idle < ASKED then return "ok", ("%s is asked for work"):format(what) end
      return "wrong", ("nobody asks the %s for work"):format(what),
         "see the check agent, or start one here: acihost worker.lua"
   end,
}
