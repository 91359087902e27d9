-- What a set-up changes and a teardown removes: no more than is ours and differs.
local journey = require "tests.support.journey"
local process = require "aci.process"
local terminal = require "tests.support.terminal"

local secrets = [[
   local c = require "aci.setup".connect()
   local vault = c.azure:group_id() .. "/providers/Microsoft.KeyVault/vaults/" .. c.config.vault .. "/secrets/"
   for _, name in ipairs { "testsecret", "prefect-api-key", "prefect-api-url" } do
      local found = c.azure:get(vault .. name)
      print(name, found.properties.secretUriWithVersion, found.tags["acihost-value"])
   end
   local agent = c.azure:get(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/"
      .. c.config.agent)
   print("agent", agent.properties.containers[1].properties.instanceView.currentState.startTime)]]

local function parsed(out)
   local found = {}
   for name, value, tag in out:gmatch "([%w-]+)\t(%S+)\t?(%S*)\n" do found[name] = { value = value, tag = tag } end
   return found
end

describe("a change", function()
   local here
   setup(function()
      here = journey.new()
      here:good { "setup" }
   end)
   teardown(function() here:close() end)

   it("of one secret's value makes a new version of that one only, and leaves the agent alone", function()
      local before = parsed(here:good { "-e", secrets })
      here:good({ "setup" }, { ACIHOST_TESTSECRET = "Another0ne" })
      local after = parsed(here:good { "-e", secrets })
      assert.not_equal(before.testsecret.value, after.testsecret.value)
      for _, name in ipairs { "prefect-api-key", "prefect-api-url", "agent" } do
         assert.equal(before[name].value, after[name].value, name)
      end
   end)

   it("of other things makes no version at all; what had an identity that is gone is deployed again", function()
      local before = parsed(here:good { "-e", secrets })
      here:good { "-e", [[
         local c = require "aci.setup".connect()
         c.azure:patch(c.azure:group_id() .. "/providers/Microsoft.Network/virtualNetworks/" .. c.config.vnet, nil,
            { tags = { acihost = c.marker, mine = "stays" } })
         c.azure:delete(c.azure:group_id() .. "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
            .. c.config.identity)]] }
      here:good({ "setup" }, { ACIHOST_TESTSECRET = "Another0ne" })
      local after = parsed(here:good { "-e", secrets })
      for _, name in ipairs { "testsecret", "prefect-api-key", "prefect-api-url" } do
         assert.same(before[name], after[name])
      end
      assert.not_equal(before.agent.value, after.agent.value) -- it had the identity that is gone
      assert.truthy(here:good({ "run", "Key Vault Demo/Manual Deployment" }):find "Completed")
   end)

   it("cannot be guessed from the tags, and is known after one of the account's keys was made anew", function()
      local before = parsed(here:good { "-e", secrets })
      local function tag(name) return before[name].tag end
      assert.matches("^%x+:%x+$", tag "testsecret")
      local guessed = here:good { "-e", ([[
         local crypto = require "aci.crypto"
         for _, part in ipairs { %q, %q } do
            for _, key in ipairs { "", part, "acihost-value", "testsecret" } do
               if crypto.hex(crypto.hmac_sha256(key, "Another0ne")):find(part, 1, true) then print "found" end
            end
         end
         print "end"]]):format(tag("testsecret"):match "^(%x+):(%x+)$") }
      assert.equal("end\n", guessed)
      here:good { "-e", [[
         local c = require "aci.setup".connect()
         c.azure:post(c.azure:group_id() .. "/providers/Microsoft.Storage/storageAccounts/"
            .. c.config.storage_account .. "/regenerateKey", nil, { keyName = "key1" })]] }
      here:good({ "setup" }, { ACIHOST_TESTSECRET = "Another0ne" })
      assert.equal(before.testsecret.value, parsed(here:good { "-e", secrets }).testsecret.value)
   end)

   it("of letter case in a value is a change", function()
      local code, out = here:run({ "setup", "--plan" }, { ACIHOST_TESTSECRET = "another0ne" })
      assert.equal(3, code)
      assert.truthy(out:find("testsecret", 1, true), out)
   end)

   it("of a property of the storage account is planned as that change alone", function()
      here:good { "-e", [[
         local c = require "aci.setup".connect()
         c.azure:patch(c.azure:group_id() .. "/providers/Microsoft.Storage/storageAccounts/"
            .. c.config.storage_account, nil, { properties = { minimumTlsVersion = "TLS1_0" } })]] }
      local code, out = here:run({ "setup", "--plan" }, { ACIHOST_TESTSECRET = "Another0ne" })
      assert.equal(3, code)
      assert.matches("properties%.minimumTlsVersion: TLS1_0 %-> TLS1_2", out)
      assert.matches("\n1 of %d+ would be made or changed", out)
   end)
end)

describe("a set-up on a terminal", function()
   it("tells each thing once", function()
      local here = journey.new()
      here:good { "setup" }
      local shown = terminal.open({ process.self(), "setup" }, ".", { ACIHOST_HOME = here.environment.ACIHOST_HOME })
      local text = shown:expect "ended with 0"
      assert.equal(1, select(2, text:gsub("block kv%-url", "")), text)
      assert.truthy(text:find "nothing to do")
      shown:close()
      assert.equal(1, select(2, here:good({ "setup" }):gsub("block kv%-url", ""))) -- standard output alone has it
      here:close()
   end)
end)

describe("a teardown", function()
   it("on a terminal shows what goes before it asks, and removes nothing for another answer", function()
      local here = journey.new()
      here:good { "setup" }
      local shown = terminal.open({ process.self(), "teardown" }, ".", { ACIHOST_HOME = here.environment.ACIHOST_HOME })
      local text = shown:expect "%[type aci%-rg%]%s*$"
      assert.matches("remove   resource group aci%-rg\n", text)
      shown:enter "yes":expect "nothing was removed"
      shown:close()
      assert.equal(0, (here:run { "setup", "--plan" }))
      here:close()
   end)

   it("leaves Prefect's objects of our names that are somebody else's, and says so", function()
      local here = journey.new()
      here:good { "setup" }
      here:good { "-e", [[
         local c = require "aci.setup".connect()
         local p = c.prefect
         p:put_block { slug = "string", name = "kv-url", data = { value = "https://kv-theirs.vault.azure.net" } }
         p:put_block { slug = "azure-container-instance-job", name = "aci", data = { resource_group_name = "theirs" } }
         local theirs = p:deployment("Simple Demo", "Simple Deployment")
         p:request("DELETE", "/deployments/" .. theirs.id)
         p:put_deployment { flow = "Simple Demo", name = "Simple Deployment", entrypoint = "flow.py:simple_demo",
            path = "elsewhere", description = "by hand" }]] }
      local code, plan = here:run { "teardown", "--plan" }
      assert.equal(3, code)
      assert.matches("keep     block kv%-url %(string%): its values are not of this set%-up: it stays", plan)
      assert.matches("remove   block aci%-sp", plan)
      local _, err = here:good { "teardown", "--yes", "--purge" }
      assert.matches("kept     block aci %(azure%-container%-instance%-job%)", err)
      assert.matches("kept     deployment Simple Demo/Simple Deployment: its description", err)
      assert.equal("1\t1\t1\t0\t0\n", (here:good { "-e", [[
         local p = require "aci.setup".connect().prefect
         local function there(thing) return thing and 1 or 0 end
         print(there(p:block("string", "kv-url")), there(p:block("azure-container-instance-job", "aci")),
            there(p:deployment("Simple Demo", "Simple Deployment")), there(p:block("azure", "az-storage")),
            there(p:deployment("Key Vault Demo", "Manual Deployment")))]] }))
      here:close()
   end)

   it("finds the application and the role also when the group was deleted by hand", function()
      local here = journey.new()
      here:good { "setup" }
      here:good { "-e", [[local c = require "aci.setup".connect() c.azure:delete_group(c.config.group)]] }
      here:good { "teardown", "--yes", "--purge" }
      assert.equal("0\t0\t0\t0\n", (here:good { "-e", [[
         local c = require "aci.setup".connect()
         local roles = c.azure:list(("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions"):format(
            c.config.subscription), nil, { ["$filter"] = "type eq 'CustomRole'" })
         local function there(thing) return thing and 1 or 0 end
         print(#roles, #c.graph:applications_named(c.config.principal),
            there(c.prefect:block("azure-container-instance-credentials", "aci-sp")),
            there(c.prefect:block("string", "kv-url")))]] }))
      here:good { "setup" }
      here:close()
   end)
end)
