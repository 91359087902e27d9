--- What may befall a container group, played by the local cloud on both Prefects: the worker tells each in the
-- state's message, in words, and leaves no group behind.
local clock   = require "aci.clock"
local task    = require "aci.task"
local field   = require "tests.support.chaos.field"
local wait    = require "tests.support.eventually"

-- The play, the state in which the run must end, and what its message must say.
local PLAYS = {
   { "quota", "CRASHED", "a quota of the subscription is used up (Resource type '",
      "quota 'StandardCores' exceeded in region 'northeurope'. Limit: '10'" },
   { "undelegated", "CRASHED", "the subnet is not delegated to container groups (" },
   { "no-room", "CRASHED", "Azure has no room for a container of this size in this region now: " },
   { "image", "CRASHED", "The container did not start: not done within 4 seconds. The image could not be pulled: " },
   { "memory", "CRASHED", "most likely because it needed more memory than the container has. It has 1 GB" },
   { "maintenance", "CRASHED", "status code 7147. Azure ended the container, in good order" },
   { "restart", "CRASHED", "Azure started it again; the run is not run twice", kind = "exits with 3" },
}

for _, major in ipairs { "2", "3" } do
   describe("what befalls a container group, on Prefect " .. major .. ",", function()
      local here
      local runs = {}

      local function run(name, kind, lines)
         return here.api:create_run(here.deployments.work.id, { name = name,
            parameters = { kind = kind, lines = lines, pause = 0.3 },
            job_variables = major == "3" and { name = name, task_start_timeout_seconds = 4, memory = 1 } or nil }).id
      end

      -- All of them at once: the faults know the groups by their names.
      setup(function()
         here = field.open { prefect = major, clock = 0.02, limit = 8 }
         if major == "2" then
            here.api:put_block { slug = "azure-container-instance-job", name = "aci",
               data = { task_start_timeout_seconds = 4, memory = 1 } }
         end
         for _, play in ipairs(PLAYS) do
            here:run("sim", "fault", ('{"match":"put .*containergroups/%s%%-","play":"%s"}'):format(
               play[1]:gsub("%-", "%%-"), play[1]))
            runs[play[1]] = run(play[1], play.kind or "completes", 12)
         end
         here:start_worker(1)
      end)
      teardown(function()
         local codes = here:end_workers()
         here:close()
         assert.same({ "0" }, codes)
      end)

      local function over(id, seconds)
         return wait("the end of the run\n" .. here:worker_log(), function()
            local now = here.api:run(id)
            return here.api.is_terminal(now.state) and now
         end, seconds or 30)
      end

      for _, play in ipairs(PLAYS) do
         it("is told in words: " .. play[1], function()
            local now = over(runs[play[1]])
            assert.equal(play[2], now.state_type)
            for index = 3, #play do assert.truthy(now.state.message:find(play[index], 1, true), now.state.message) end
         end)
      end

      it("leaves no group behind", function()
         wait("no groups", function() return #here:orphans() == 0 end, 20)
      end)

      -- (once is enough: the client is one for both)
      if major == "2" then return end

      it("is waited out where Prefect is away for half a minute: nothing ends, nothing is lost", function()
         local id = run("away", "completes", 20)
         wait("the start", function() return here:marked(id).start end, 20)
         here:plant { { match = " /api/", drop = true } }
         local began = clock.monotonic()
         task.sleep(25)
         here:clear_faults()
         local later = run("later", "completes", 2)
         local now = over(id, 60)
         assert.equal("COMPLETED", now.state_type, tostring(now.state.message) .. "\n" .. here:worker_log())
         assert.equal("COMPLETED", over(later, 60).state_type)
         assert.is_true(clock.monotonic() - began >= 25)
         assert.same({ 1, 1, {} }, { here:marked(id).start, here:marked(later).start, here.deaths })
      end)
   end)
end
