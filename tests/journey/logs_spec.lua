-- logs.lua: of runs, of the agent, of any group, followed to the end.
local clock = require "aci.clock"
local journey = require "tests.support.journey"
local json = require "aci.json"

local demo = "Simple Demo/Simple Deployment"

describe("logs.lua on the local cloud", function()
   local here
   setup(function()
      here = journey.new()
      here:good { "setup" }
   end)
   teardown(function() here:close() end)

   it("says that there is no run yet, and how one is started", function()
      local code, _, err = here:run { "logs" }
      assert.equal(1, code)
      assert.truthy(err:find("run.lua", 1, true))
   end)

   --- Seconds from the moment of a run's last line to the last question for its lines.
   local function asked_for(last_line)
      local last = 0
      for line in here:good({ "sim", "requests" }):gmatch "[^\n]+" do
         local request = json.decode(line)
         if request.path:find "/logs/filter" then last = clock.parse_iso(request.time) end
      end
      return last - clock.parse_iso(clock.iso():sub(1, 11) .. last_line .. "Z")
   end

   it("are awaited by run.lua to the line that ends them, and no longer", function()
      local _, err = here:good { "run", demo }
      local ended = err:match "(%S+) | INFO    | Finished in state Completed%('All states completed.'%)"
      assert.is_true(asked_for(ended) < 1.9)
   end)

   it("shows the newest run's, or the one that is named", function()
      local name = here:good({ "run", demo }):match "^([%w-]+): Completed"
      local newest, state = here:good { "logs" }
      assert.truthy(newest:find("Hello from a container instance", 1, true))
      assert.equal(name .. ": Completed\n", state)
      assert.equal(newest, (here:good { "logs", name }))
      assert.equal(1, select(2, here:good({ "logs", "--tail", "1" }):gsub("\n", "")))
      assert.equal(newest, (here:good { "logs", "--follow" }))
   end)

   it("follows a container to its end, and shows each line once", function()
      here:lua [[
         local c = require "aci.setup".connect()
         c.azure:put(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/counts", nil, {
            location = c.config.location, properties = { osType = "Linux", restartPolicy = "Never",
            containers = { { name = "counts", properties = { image = "alpine",
               command = { "/bin/sh", "-c", "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.5; done" },
               resources = { requests = { cpu = 1, memoryInGB = 1 } } } } } } })]]
      local out, err = here:good { "logs", "--group", "counts", "--follow" }
      assert.equal("line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n", out)
      assert.equal("counts: Terminated\n", err:match "[^\n]*\n$")
   end)

   it("shows the agent's, and names a group that is not there", function()
      assert.truthy(here:good({ "logs", "--agent" }):find("serves the queue armaci", 1, true))
      local code, _, err = here:run { "logs", "--group", "nosuch" }
      assert.equal(1, code)
      assert.truthy(err:find("no container group nosuch", 1, true))
   end)
end)
