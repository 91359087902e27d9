-- doctor.lua before the set-up, after it, and with things taken away.
local journey = require "tests.support.journey"

local function by_check(rows)
   local found = {}
   for _, row in ipairs(rows) do found[row.check] = row end
   return found
end

describe("doctor.lua on the local cloud", function()
   local here
   setup(function() here = journey.new() end)
   teardown(function() here:close() end)

   local function examine(expected_code)
      local code, out, err = here:run { "doctor", "--output", "json" }
      assert.equal(expected_code, code, out .. err)
      return by_check(assert(require("aci.json").decode(out)))
   end

   local function turns(pattern)
      journey.eventually(20, function() return select(2, here:run { "doctor" }):find(pattern) end)
   end

   it("finds nothing wrong where nothing has been made, and writes nothing", function()
      local seen = examine(0)
      assert.equal("ok", seen.login.state)
      assert.equal("note", seen.agent.state)
      assert.equal("setup.lua makes it", seen.storage.advice)
      assert.same({}, here:writes())
   end)

   it("finds all in order after the set-up", function()
      here:good { "setup" }
      journey.eventually(20, function()
         local code, out = here:run { "doctor" }
         return code == 0 and not out:find " note " and not out:find " skipped "
      end)
   end)

   it("names what was taken away, and what brings it back", function()
      here:lua [[
         local c = require "aci.setup".connect()
         local vault = c.azure:group_id() .. "/providers/Microsoft.KeyVault/vaults/" .. c.config.vault
         for _, a in ipairs(c.azure:list(vault .. "/providers/Microsoft.Authorization/roleAssignments")) do
            if a.properties.scope == vault then c.azure:delete(a.id) end
         end
         local app = c.graph:applications_tagged("acihost:" .. c.marker)[1]
         for _, each in ipairs(c.graph:get("/applications/" .. app.id).passwordCredentials) do
            c.graph:remove_password(app.id, each.keyId)
         end]]
      journey.eventually(20, function() return examine(1).principal.state == "wrong" end)
      local seen = examine(1)
      assert.equal("wrong", seen.identity.state)
      assert.truthy(seen.identity.advice:find("Key Vault Secrets User", 1, true))
      assert.truthy(seen.principal.seen:find "AADSTS7000215")
      assert.equal("ok", seen.storage.state)
   end)

   it("notices that the principal has lost its role, and setup.lua gives it back", function()
      here:good { "setup" }
      here:lua [[
         local c = require "aci.setup".connect()
         local group = c.azure:group_id()
         for _, a in ipairs(c.azure:list(group .. "/providers/Microsoft.Authorization/roleAssignments")) do
            if a.properties.scope == group then c.azure:delete(a.id) end
         end]]
      turns "principal +wrong"
      assert.truthy(examine(1).principal.advice:find("setup.lua gives it the role custom", 1, true))
      here:good { "setup" }
      assert.equal("ok", examine(0).principal.state)
   end)

   it("sees a stopped agent, and setup.lua starts it", function()
      here:lua [[
         local c = require "aci.setup".connect()
         c.azure:post(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/"
            .. c.config.agent .. "/stop")]]
      turns "agent +wrong"
      assert.equal("setup.lua starts it again", examine(1).agent.advice)
      local code, plan = here:run { "setup", "--plan" }
      assert.equal(3, code)
      assert.matches("change +container group prefect%-agent, started\n +state: Stopped %-> Running\n.*\n1 of", plan)
      assert.matches("stopped +containers of prefect%-agent\n", (here:good { "status" }))
      here:good { "setup" }
      turns "agent +ok"
   end)

   it("sees a vault that was deleted by hand, and setup.lua takes it back with its secrets", function()
      local function version()
         local code, out = here:lua [[
            local c = require "aci.setup".connect()
            local vault = c.azure:group_id() .. "/providers/Microsoft.KeyVault/vaults/" .. c.config.vault
            print(c.azure:get(vault .. "/secrets/testsecret").properties.secretUriWithVersion)]]
         assert.equal(0, code)
         return out
      end
      local before = version()
      here:lua [[
         local c = require "aci.setup".connect()
         c.azure:delete(c.azure:group_id() .. "/providers/Microsoft.KeyVault/vaults/" .. c.config.vault)]]
      local seen = examine(1)
      assert.equal("wrong", seen.names.state)
      assert.truthy(seen.names.advice:find("setup.lua takes it back", 1, true))
      local code, plan = here:run { "setup", "--plan" }
      assert.equal(3, code)
      assert.matches("change +the deleted key vault kv%-%w+\n +vault kv%-%w+: recover\n", plan)
      here:good { "setup" }
      examine(0)
      assert.equal(before, version())
      here:good { "run", "Key Vault Demo/Manual Deployment" }
   end)

   it("sees that a flow's code is gone, and setup.lua brings it back", function()
      here:lua [[
         local c = require "aci.setup".connect()
         local store = require "aci.blob".connect(c.config, c.config.storage_account, c.azure:storage_key(
            c.azure:group_id() .. "/providers/Microsoft.Storage/storageAccounts/" .. c.config.storage_account))
         for _, each in ipairs((store:list(c.config.container, { prefix = "simple_demo-" }))) do
            store:delete(c.config.container, each.name)
         end]]
      local things = examine(1).things
      assert.equal("wrong", things.state)
      assert.matches("^code simple_demo%-%x+ is absent$", things.seen)
      here:good { "setup" }
      assert.equal("ok", examine(0).things.state)
   end)

   it("ends as a failed login does", function()
      local owner = here:owner()
      local code, out = here:run({ "doctor" }, { AZURE_TENANT_ID = owner.tenant,
         AZURE_CLIENT_ID = owner.client_id, AZURE_CLIENT_SECRET = "not it" })
      assert.equal(4, code, out)
      assert.truthy(out:find "subscription +skipped +needs login")
   end)
end)
