-- The set-up and the local cloud killed at random moments: the next set-up makes everything right.
local journey = require "tests.support.journey"
local process = require "aci.process"
local task = require "aci.task"

-- What must be there once, and only once.
local count = [[
   local c = require "aci.setup".connect()
   local apps = c.graph:applications_named "prefect-aci"
   local principal = c.graph:service_principal(apps[1].appId)
   local assignments = 0
   for _, each in ipairs(c.azure:list(c.azure:group_id() .. "/providers/Microsoft.Authorization/roleAssignments")) do
      if each.properties.principalId == principal.id then assignments = assignments + 1 end
   end
   print(#apps, #apps[1].passwordCredentials, assignments, #c.prefect:deployments(),
      #c.prefect:blocks "azure", #c.prefect:blocks "string")]]

local function check_whole(here)
   here:good({ "setup" }, nil, 60)
   local rows = here:json { "status", "--output", "json" }
   for _, row in ipairs(rows) do assert.equal("in place", row.state, row.thing) end
   assert.equal("1\t1\t1\t2\t1\t1\n", (here:good { "-e", count }))
end

local function kill_cloud(here)
   local cloud = here:cloud()
   if cloud then process.signal(math.tointeger(cloud.pid), "KILL") end
end

describe("kill -9", function()
   local seed = os.time()
   math.randomseed(seed)

   for round = 1, 10 do
      local victim = round % 2 == 0 and "the local cloud" or "setup.lua"
      it(("of %s at a random moment (%d) is made good by the next set-up"):format(victim, round), function()
         local here = journey.new()
         local delay = math.random() * 2
         local running = here:start { "setup" }
         task.sleep(delay)
         if victim == "setup.lua" then
            running:kill "KILL"
         else
            kill_cloud(here)
         end
         running:wait(90)
         local ok, err = pcall(check_whole, here)
         here:close()
         assert.is_true(ok, ("seed %d, killed after %.3f s: %s"):format(seed, delay, tostring(err)))
      end)
   end

   it("between the new password and the block loses no working secret", function()
      local here = journey.new()
      here:good { "sim", "start" }
      here:good { "sim", "fault", '{"match":"POST /api/block_documents","status":503,"times":100000}' }
      local running = here:start { "setup" }
      journey.eventually(20, function()
         local _, log = here:run { "sim", "requests" }
         return log:find "addPassword" and log:find '"POST","path":"/api/block_documents/","status":503'
      end)
      running:kill "KILL"
      running:wait(10)
      here:good { "sim", "fault", "--clear" }
      check_whole(here)
      here:close()
   end)
end)
