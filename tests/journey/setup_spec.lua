-- The main job, as a user runs it: set up, look, run a flow, set up again, break things, tear down.
local fs = require "aci.fs"
local journey = require "tests.support.journey"
local json = require "aci.json"
local process = require "aci.process"

local demo = "Key Vault Demo/Manual Deployment"

local function states(rows)
   local found = {}
   for _, row in ipairs(rows) do found[row.state] = (found[row.state] or 0) + 1 end
   return found
end

--- Runs Lua text in a container group that has the flows' identity; gives its exit code.
local function exit_code_in_a_container(here, text)
   assert(fs.write(here.home .. "/inside.lua", text))
   local out = here:good { "-e", ([[
      local c = require "aci.setup".connect()
      local id = c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/probe"
      local identity = c.azure:group_id() .. "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orionid"
      c.azure:put(id, nil, { location = c.config.location,
         identity = { type = "UserAssigned", userAssignedIdentities = { [identity] = {} } },
         properties = { osType = "Linux", restartPolicy = "Never", containers = { { name = "probe", properties = {
            image = "acihost:latest", command = { "acihost", "%s" },
            environmentVariables = { { name = "KV_NAME", value = c.config.vault } },
            resources = { requests = { cpu = 1, memoryInGB = 1 } } } } } } })
      local state
      repeat
         require "aci.task".sleep(0.1)
         local view = c.azure:get(id).properties.containers[1].properties.instanceView
         state = view and view.currentState
      until state and state.state == "Terminated"
      c.azure:delete(id)
      print(state.exitCode)]]):format(here.home .. "/inside.lua") }
   return tonumber(out)
end

describe("setup.lua on the local cloud", function()
   local here
   setup(function() here = journey.new() end)
   teardown(function() here:close() end)

   it("plans without writing", function()
      local code, out = here:run { "setup", "--plan" }
      assert.equal(3, code)
      assert.truthy(out:find("create   resource group aci-rg", 1, true))
      assert.truthy(out:find "kv%-url")
      assert.same({}, here:writes())
      code, out = here:run { "setup", "--plan", "--output", "json" }
      assert.equal(3, code)
      assert.is_true(assert(json.decode(out)).changes > 15)
   end)

   it("makes everything, and says each step", function()
      local out, err = here:good { "setup" }
      for _, name in ipairs { "group", "template", "principal", "storage", "blocks", "deployments" } do
         assert.truthy(err:find("\n  " .. name .. " +done"), name)
      end
      assert.truthy(out:find('run.lua "' .. demo .. '"', 1, true))
      local rows = here:json { "status", "--output", "json" }
      assert.same({ ["in place"] = #rows }, states(rows))
      local text = json.encode(rows)
      for _, name in ipairs { "orinet", "agentnet", "orionid", "prefect-agent", "testsecret", "prefect-aci",
         "block aci-sp", "block aci ", "block az-storage", "block kv-url", demo, "Simple Demo/Simple Deployment" } do
         assert.truthy(text:find(name, 1, true), name)
      end
   end)

   it("finds everything in place the second time and writes nothing", function()
      here:good { "sim", "requests", "--clear" }
      local out = here:good { "setup" }
      assert.truthy(out:find "nothing to do")
      assert.same({}, here:writes())
      local code, plan = here:run { "setup", "--plan" }
      assert.equal(0, code)
      assert.truthy(plan:find "nothing to do")
   end)

   it("runs the demo in a container group that reads the secret and is gone afterwards", function()
      local out, err = here:good { "run", demo }
      assert.truthy(out:find "Completed", out)
      assert.truthy(err:find "testsecret", err)
      assert.is_nil((out .. err):find("Super5ecret!", 1, true))
      here:only_agent()
      local made = false
      for _, each in ipairs(here:writes()) do
         made = made or (each.method == "PUT" and each.path:find "containerGroups/" and each.status == 201)
      end
      assert.is_true(made)
   end)

   it("says that the NAT gateway stays where it is no longer wanted, and how it is removed", function()
      local none = { ACIHOST_NAT_GATEWAY = "false" }
      for _, words in ipairs { { "setup" }, { "setup", "--plan" }, { "setup", "--output", "json" } } do
         local code, _, err = here:run(words, none)
         assert.equal(0, code)
         local _, count = err:gsub("note: nat_gateway is false, but the NAT gateway orinet%-nat stays", "")
         assert.equal(1, count, err)
         assert.truthy(err:find("az network nat gateway delete -g aci-rg -n orinet-nat\n", 1, true), err)
      end
      local _, _, err = here:run({ "status" }, none)
      assert.falsy(err:find "gateway")
      _, _, err = here:run { "setup" }
      assert.falsy(err:find "gateway")
   end)

   it("runs the simple demo", function()
      assert.truthy(here:good({ "run", "Simple Demo/Simple Deployment" }):find "Completed")
   end)

   it("deploys and runs the README's flow: a folder, and a line in a copied step", function()
      local place = here.home .. "/own"
      fs.mkdir(place)
      local function from_there(words, expected)
         local options = here:options(words)
         options.cwd = place
         local result = assert(process.run(options))
         assert.equal(expected or 0, result.code, result.stdout .. result.stderr)
         return result.stdout .. result.stderr
      end
      from_there { "--eject", "steps/deployments" }
      local text = assert(fs.read "README.md"):match "\n## Flows in Lua\n\n(.-)\n\nis the flow":gsub("\n    ", "\n")
      local step = assert(fs.read(place .. "/scripts/steps/deployments.lua"))
      fs.mkdir(place .. "/scripts/flows")
      fs.mkdir(place .. "/scripts/flows/squares")
      assert(fs.write(place .. "/scripts/flows/squares/flow.lua", (text:gsub("^    ", ""))))
      local line = step:match "\n%-%- +({ folder = \"squares\"[^\n]+)\n"
      assert(fs.write(place .. "/scripts/steps/deployments.lua", (step:gsub("local demos = {\n",
         function(before) return before .. "   " .. line .. "\n" end))))
      assert.truthy(from_there({ "setup", "--plan" }, 3):find("create   deployment Squares/Try", 1, true))
      from_there { "setup" }
      assert.truthy(from_there({ "run", "Squares/Try", "-p", "numbers=[1,2,3]" }):find("the sum is 14", 1, true))
      assert.truthy(from_there({ "run", "Squares/Try" }, 2):find("numbers is required", 1, true))
      local half = from_there({ "run", "Squares/Try", "-p", "numbers=[1,2" }, 2)
      assert.truthy(half:find("numbers is not of type array", 1, true), half)
      from_there { "-e", 'require "aci.setup".connect().prefect:delete_deployment("Squares", "Try")' }
      here:good { "setup" }
   end)

   it("shows a change, makes it, and only it", function()
      local extra = { ACIHOST_TESTSECRET = "Another0ne" }
      local code, out = here:run({ "setup", "--plan" }, extra)
      assert.equal(3, code)
      assert.truthy(out:find "testsecret tags", out)
      assert.is_nil(out:find("Another0ne", 1, true))
      here:good({ "setup" }, extra)
      assert.equal(0, (here:run({ "setup", "--plan" }, extra)))
      here:good { "setup" }
   end)

   it("gives what takes tags those of the settings, and a run's group its size, and nothing else changes", function()
      local more = { ACIHOST_TAGS = "team=data,stage=dev", ACIHOST_JOB_CPU = "2", ACIHOST_JOB_MEMORY = "3.5" }
      local code, out = here:run({ "setup", "--plan" }, more)
      assert.equal(3, code)
      assert.matches("change   block aci[^\n]*\n%s+cpu: 1 %-> 2\n%s+memory: 1 %-> 3.5\n", out)
      here:good({ "setup" }, more)
      assert.equal(0, (here:run({ "setup", "--plan" }, more)))
      local told = here:good { "-e", [[
         local c, count = require "aci.setup".connect(), 0
         local function check(tags)
            if (tags or {}).acihost ~= c.marker then return end -- a run's group that is about to go
            assert(tags.team == "data" and tags.stage == "dev")
            count = count + 1
         end
         check(c.azure:group().tags)
         for _, each in ipairs(c.azure:resources()) do check(each.tags) end
         print(count)]] }
      assert.equal(8, tonumber(told))
      assert.equal(3, (here:run { "setup", "--plan" })) -- the size is the usual one again
      here:good { "setup" }
      assert.equal(0, (here:run { "setup", "--plan" })) -- a tag that is wanted no longer stays
   end)

   it("says which role is missing when the identity has lost it", function()
      here:good { "-e", [[
         local c = require "aci.setup".connect()
         local vault = c.azure:group_id() .. "/providers/Microsoft.KeyVault/vaults/" .. c.config.vault
         for _, each in ipairs(c.azure:list(vault .. "/providers/Microsoft.Authorization/roleAssignments")) do
            if each.properties.scope:lower() == vault:lower() then c.azure:delete(each.id) end
         end]] }
      local code, out, err = here:run { "run", demo }
      assert.equal(1, code)
      assert.truthy((out .. err):find "Failed")
      assert.truthy((out .. err):find "Key Vault Secrets User", out .. err)
      assert.equal(5, exit_code_in_a_container(here, [[
         local c = require "aci.config".load({}, { need = {} })
         require "aci.keyvault".connect(c, os.getenv "KV_NAME"):secret "testsecret"]]))
      here:good { "setup" }
      assert.truthy(here:good({ "run", demo }):find "Completed")
   end)

   it("tears down, leaves nothing, and can be set up again", function()
      local code, _, err = here:run { "teardown" }
      assert.equal(2, code)
      assert.truthy(err:find "%-%-yes")
      here:good { "teardown", "--yes", "--purge" }
      local rows = here:json { "status", "--output", "json" }
      for _, row in ipairs(rows) do
         assert.is_true(row.state == "absent" or row.thing:find "providers" ~= nil, row.thing)
      end
      assert.equal("0\t0\t0\t0\t0\n", (here:good { "-e", [[
         local c = require "aci.setup".connect()
         local roles = c.azure:list(("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions"):format(
            c.config.subscription), nil, { ["$filter"] = "type eq 'CustomRole'" })
         local queue = c.prefect:queue(c.config.queue)
         local flow = c.prefect:flow "Key Vault Demo"
         print(c.azure:group() and 1 or 0, #roles, #c.graph:applications_named(c.config.principal),
            queue and 1 or 0, flow and 1 or 0)]] }))
      here:good { "setup" }
      assert.truthy(here:good({ "run", demo }):find "Completed")
   end)
end)

describe("what is in the way", function()
   local here
   setup(function() here = journey.new() end)
   teardown(function() here:close() end)

   it("an application of another group of ours is refused with that group's name", function()
      here:good { "-e", [[local c = require "aci.setup".connect()
         c.graph:create_application { displayName = "second",
            tags = { "acihost:" .. c.config.subscription .. "/other-rg" } }]] }
      local code, _, err = here:run({ "setup", "--plan" }, { ACIHOST_PRINCIPAL = "second" })
      assert.equal(6, code)
      assert.truthy(err:find("the application second belongs to the set-up of the group other-rg", 1, true), err)
      assert.truthy(err:find("--adopt would take it away from the group other-rg", 1, true), err)
   end)

   it("an application of our name that we did not make is left alone, or adopted when asked", function()
      here:good { "-e", [[local c = require "aci.setup".connect()
         c.graph:create_application { displayName = "prefect-aci" }]] }
      local code, _, err = here:run { "setup" }
      assert.equal(6, code)
      assert.truthy(err:find "%-%-adopt")
      here:good { "teardown", "--yes", "--purge" }
      assert.equal("1\n", (here:good { "-e",
         'print(#require "aci.setup".connect().graph:applications_named "prefect-aci")' }))
      here:good { "setup", "--adopt" }
      assert.equal("1\n", (here:good { "-e",
         'print(#require "aci.setup".connect().graph:applications_named "prefect-aci")' }))
   end)

   it("tells a teardown as JSON too", function()
      local code, out = here:run { "teardown", "--plan", "--output", "json" }
      assert.equal(3, code)
      local plan = assert(json.decode(out))
      assert.is_true(plan.changes > 5)
      assert.same({ action = "remove", thing = "work queue armaci" }, plan.things[#plan.things])
      local gone = here:json { "teardown", "--yes", "--purge", "--output", "json" }
      assert.same({ action = "purged", thing = gone.things[#gone.things].thing }, gone.things[#gone.things])
      assert.same({ changes = 0, things = {} }, here:json { "teardown", "--plan", "--output", "json" })
      here:good { "setup" }
   end)

   it("a vault that a teardown left deleted is purged by another one", function()
      here:good { "teardown", "--yes" }
      assert.matches("deleted +Microsoft.KeyVault/vaults kv%-", (here:good { "status" }))
      assert.matches("purged +vault kv%-", select(2, here:good { "teardown", "--yes", "--purge" }))
      here:good { "setup" }
   end)

   it("a taken name ends with its code and leaves what was made", function()
      here:good { "sim", "taken", "storage", "somebodyelses" }
      local code, _, err = here:run({ "setup" }, { AZURE_STORAGE_ACCOUNT = "somebodyelses" })
      assert.equal(6, code)
      assert.truthy(err:find "StorageAccountAlreadyTaken" and err:find "request id")
      here:good { "setup" }
   end)
end)

describe("two shells at once", function()
   it("end in one cloud and one set of things", function()
      local here = journey.new()
      local one, two = here:start { "setup" }, here:start { "setup" }
      assert.equal(0, one:wait(60).code)
      assert.equal(0, two:wait(60).code)
      local rows = here:json { "status", "--output", "json" }
      assert.same({ ["in place"] = #rows }, states(rows))
      local out = here:good { "-e", [[
         local c = require "aci.setup".connect()
         print(#c.graph:applications_named "prefect-aci", #c.prefect:deployments())]] }
      assert.equal("1\t2\n", out)
      here:close()
   end)

   it("find the same cloud, and $(setup) returns", function()
      local here = journey.new()
      local pid = process.pid()
      here:good { "setup" } -- process.run returns only when its pipes are closed
      local first = here:cloud()
      assert.not_equal(pid, math.tointeger(first.pid))
      here:good { "status" }
      assert.equal(first.pid, here:cloud().pid)
      here:close()
   end)
end)
