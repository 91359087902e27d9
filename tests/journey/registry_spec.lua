-- The optional registry: our own image pushed by the set-up, pulled by agent and jobs as the flows' identity.
local journey = require "tests.support.journey"

local demo = "Key Vault Demo/Manual Deployment"

describe("setup.lua with a registry", function()
   local here
   setup(function() here = journey.new { ACIHOST_REGISTRY = "true" } end)
   teardown(function() here:close() end)

   local function rows(step)
      local found = {}
      for _, row in ipairs(here:json { "status", "--output", "json" }) do
         if row.step == step then found[#found + 1] = row.state .. " " .. row.thing end
      end
      return found
   end

   it("plans it without writing", function()
      local code, out = here:run { "setup", "--plan" }
      assert.equal(3, code)
      assert.matches("create   Microsoft.ContainerRegistry/registries aci%w+", out)
      assert.matches("create   image aci%w+%.azurecr%.io/acihost:%x+", out)
      assert.same({}, here:writes())
   end)

   it("makes the registry, the right to pull, the image, and an agent that runs from it", function()
      here:good { "setup" }
      local found = rows "registry"
      assert.equal(4, #found)
      assert.matches("in place Microsoft.ContainerRegistry/registries aci", found[2])
      assert.matches("in place .*of AcrPull to orionid", found[3])
      assert.matches("in place image aci", found[4])
      local image, command = here:good({ "-e", [[
         local c = require "aci.setup".connect()
         local agent = c.azure:get(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/"
            .. "prefect-agent").properties.containers[1].properties
         print(agent.image, table.concat(agent.command, " "))]] }):match "^(%S+)\t(.-)\n"
      assert.matches("^aci%w+%.azurecr%.io/acihost:%x+$", image)
      assert.equal("acihost worker.lua -q armaci", command)
   end)

   it("writes nothing the second time", function()
      here:good { "sim", "requests", "--clear" }
      assert.truthy(here:good({ "setup" }):find "nothing to do")
      local writes = {}
      for _, each in ipairs(here:writes()) do writes[#writes + 1] = each.method .. " " .. each.host .. each.path end
      assert.same({}, writes)
   end)

   it("runs the flow in a group that pulled our image", function()
      local out, err = here:good { "run", demo }
      assert.truthy(out:find "Completed", out)
      assert.truthy(err:find "testsecret", err)
      local names = {}
      for _, each in ipairs(here:writes()) do
         local name = each.method == "PUT" and each.status == 201 and each.path:match "containerGroups/([^/]+)$"
         names[#names + 1] = name or nil
      end
      assert.equal(1, #names)
   end)

   it("fails naming the role when the identity has lost it, and works again after a set-up", function()
      assert.equal("1\n", (here:good { "-e", [[
         local c, count = require "aci.setup".connect(), 0
         for _, each in ipairs(c.azure:list(c.azure:group_id()
            .. "/providers/Microsoft.Authorization/roleAssignments")) do
            if each.properties.roleDefinitionId:find "7f951dda" then
               c.azure:delete(each.id)
               count = count + 1
            end
         end
         print(count)]] }))
      local code, out, err = here:run { "run", demo }
      assert.equal(1, code)
      assert.truthy((out .. err):find("InaccessibleImage", 1, true), out .. err)
      assert.truthy((out .. err):find("AcrPull", 1, true), out .. err)
      here:good { "setup" }
      journey.eventually(20, function() return here:run { "run", demo } == 0 end) -- the right counts after a while
   end)

   it("is gone after a teardown", function()
      here:good { "teardown", "--yes", "--purge" }
      for _, row in ipairs(rows "registry") do assert.matches("^absent", row) end
   end)

   it("is left as it is by a set-up that does not ask for it", function()
      here:good({ "setup" }, { ACIHOST_REGISTRY = "false" })
      assert.same({}, here:json({ "-e", [[
         local c = require "aci.setup".connect()
         print(require "aci.json".encode(require "aci.json".array(c.azure:list(c.azure:group_id()
            .. "/providers/Microsoft.ContainerRegistry/registries"))))]] }, { ACIHOST_REGISTRY = "false" }))
   end)
end)

describe("setup.lua with a registry and Prefect 3", function()
   it("has worker and jobs of the pool run from our image", function()
      local here = journey.new { ACIHOST_REGISTRY = "specimages01", ACIHOST_PREFECT = "3" }
      here:good { "setup" }
      assert.truthy(here:good({ "setup" }):find "nothing to do")
      assert.truthy(here:good({ "run", demo }):find "Completed")
      assert.equal("specimages01.azurecr.io\t/usr/bin/acihost execute.lua\tacihost worker.lua --pool armaci\n",
         (here:good { "-e", [[
         local c = require "aci.setup".connect()
         local variables = c.prefect:work_pool(c.config.work_pool).base_job_template.variables.properties
         local agent = c.azure:get(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/"
            .. c.config.agent).properties.containers[1].properties
         print(variables.image_registry.default.registry_url, variables.entrypoint.default .. " "
            .. variables.command.default, table.concat(agent.command, " "))]] }))
      here:close()
   end)
end)
