--- The worker with real container groups of a local cloud: killed, asked to cancel, told to end.
local azure   = require "aci.azure"
local clock   = require "aci.clock"
local config  = require "aci.config"
local fs      = require "aci.fs"
local prefect = require "aci.prefect"
local process = require "aci.process"
local task    = require "aci.task"

local FLOW = [[
local flow, task = require "aci.flow", require "aci.task"
return { slow = flow.flow { name = "Slow", function(parameters)
   for i = 1, parameters.n do
      task.sleep(0.5)
      flow.logger():info("tick %d", i)
   end
end } }
]]

describe("the worker", function()
   local home, api, az, deployment, running

   local function environment()
      local all = process.environment()
      for name in pairs(all) do
         if name:find "^PREFECT" or name:find "^AZURE" then all[name] = nil end
      end
      all.ACIHOST_HOME = home
      return all
   end

   local function acihost(...)
      return assert(process.run { args = { process.self(), ... }, env = environment(), timeout = 120 })
   end

   setup(function()
      home = assert(fs.tempdir "acihost-worker-")
      local ran = acihost("setup", "--yes")
      assert(ran.code == 0, ran.stdout .. ran.stderr)
      assert(fs.mkdir(home .. "/slow"))
      assert(fs.write(home .. "/slow/flow.lua", FLOW))
      local settings = config.load({ home = home }, { environment = {}, file = false })
      api, az = prefect.connect(settings), azure.connect(settings)
      deployment = api:put_deployment { flow = "Slow", name = "D", version = "1", path = home .. "/slow",
         entrypoint = "flow.lua:slow", work_queue_name = "slow",
         infrastructure = prefect.ref("azure-container-instance-job", "aci") }
   end)
   teardown(function()
      acihost("sim", "stop")
      fs.remove_tree(home)
   end)

   before_each(function()
      running = nil
   end)
   after_each(function()
      if running then running:stop(20) end
   end)

   local function start()
      running = assert(process.spawn { args = { process.self(), "worker", "-q", "slow" }, env = environment(),
         stdin = "null", stdout = { file = home .. "/worker.log" }, stderr = "stdout", parent_death = "TERM" })
      return running
   end

   local function said()
      return fs.read(home .. "/worker.log") or ""
   end

   local function wait_for(id, state)
      local deadline = clock.monotonic() + 30
      repeat
         local run = api:run(id)
         if run.state_type == state then return run end
         task.sleep(0.2)
      until clock.monotonic() > deadline
      error(("the run is %s, not %s\n%s"):format(api:run(id).state_name, state, said()))
   end

   --- True when only the agent's own group is left.
   local function no_groups_left()
      local deadline = clock.monotonic() + 15
      repeat
         local left = az:list(az:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups")
         if #left == 1 then return true end
         task.sleep(0.2)
      until clock.monotonic() > deadline
      return false
   end

   it("takes up what one that was killed has begun, and removes its group", function()
      start()
      local run = api:create_run(deployment.id, { parameters = { n = 8 } })
      wait_for(run.id, "RUNNING")
      running:kill "KILL"
      running:wait()
      start()
      wait_for(run.id, "COMPLETED")
      assert.is_true(no_groups_left(), said())
      assert.matches("taken up", said())
      assert.equal(1, api:run(run.id).run_count)
   end)

   it("ends a run that is cancelled while it is going on", function()
      start()
      local run = api:create_run(deployment.id, { parameters = { n = 200 } })
      wait_for(run.id, "RUNNING")
      api:set_run_state(run.id, { type = "CANCELLING" })
      wait_for(run.id, "CANCELLED")
      assert.is_true(no_groups_left(), said())
   end)

   it("lets what is running end when it is told to stop, and takes nothing new", function()
      local worker = start()
      local run = api:create_run(deployment.id, { parameters = { n = 5 } })
      wait_for(run.id, "RUNNING")
      worker:kill "TERM"
      task.sleep(0.3)
      local later = api:create_run(deployment.id, { parameters = { n = 1 } })
      assert.equal(0, worker:wait(30).code)
      assert.equal("COMPLETED", api:run(run.id).state_type)
      assert.equal("SCHEDULED", api:run(later.id).state_type)
      assert.is_true(no_groups_left(), said())
      api:set_run_state(later.id, { type = "CANCELLED" })
   end)

   it("leaves at once when it is told a second time, and the next one takes up what goes on", function()
      local worker = start()
      local run = api:create_run(deployment.id, { parameters = { n = 8 } })
      wait_for(run.id, "RUNNING")
      worker:kill "TERM"
      task.sleep(0.5)
      assert.is_nil(worker:result())
      worker:kill "TERM"
      local result = worker:wait(2)
      assert.equal(143, result and result.code)
      assert.equal("RUNNING", api:run(run.id).state_type)
      assert.matches("draining: 1 runs are going on", said())
      start()
      wait_for(run.id, "COMPLETED")
      assert.is_true(no_groups_left(), said())
      assert.equal(1, api:run(run.id).run_count)
   end)

   it("says that nobody serves a queue, with exit 7, and starts no run", function()
      api:put_deployment { flow = "Lonely", name = "D", work_queue_name = "nobody" }
      local ran = acihost("run", "--wait", "1", "Lonely/D")
      assert.equal(7, ran.code)
      assert.matches("nobody asks the work queue nobody", ran.stderr)
      assert.equal(0, #api:runs { flows = { name = { any_ = { "Lonely" } } } })
   end)

   it("says that the agent has ended since, with exit 7, and leaves the run scheduled", function()
      api:put_deployment { flow = "Left", name = "D", work_queue_name = "left" }
      local queue = api:put_queue "left"
      local function polled(text)
         api:request("PATCH", "/work_queues/" .. queue.id, { json = { last_polled = text } })
      end
      polled(clock.iso())
      local later = task.spawn(function()
         while #api:runs { flows = { name = { any_ = { "Left" } } } } == 0 do task.sleep(0.1) end
         polled "2020-01-01T00:00:00Z"
      end)
      local ran = acihost("run", "--wait", "5", "Left/D")
      later:wait()
      assert.matches("Scheduled\nwaiting for an agent of the work queue left to take it\n[^\n]*nobody asks", ran.stderr)
      assert.equal(7, ran.code)
      assert.matches("nobody asks the work queue left.*stays scheduled", ran.stderr)
      local run = api:runs { flows = { name = { any_ = { "Left" } } } }[1]
      assert.equal("SCHEDULED", run.state_type)
      api:set_run_state(run.id, { type = "CANCELLED" })
   end)

   it("tells the outcome of a run by its exit code", function()
      start()
      assert(fs.write(home .. "/slow/flow.lua", 'return { slow = require("aci.flow").flow { name = "Slow",'
         .. ' function() error("no luck", 0) end } }'))
      local ran = acihost("run", "Slow/D")
      assert.equal(1, ran.code)
      assert.matches("Failed", ran.stdout)
      assert.matches("no luck", ran.stderr)
      assert.equal(2, acihost("run", "Slow").code)
      assert.equal(1, acihost("run", "Slow/No").code)
   end)
end)
