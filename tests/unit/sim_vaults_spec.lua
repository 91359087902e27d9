local support = require "tests.support.cloud"

describe("vaults of the local cloud", function()
   local cloud
   local K = "/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/"
   local V = "2022-07-01"

   before_each(function()
      cloud = support.inside()
      cloud:prepare("rg", "Microsoft.KeyVault")
   end)

   after_each(function() cloud:close() end)

   local function arm(...) return cloud:arm(...) end

   local function code(status, body)
      return { status, body and body.error and body.error.code }
   end

   local function vault(name, changes, version)
      local properties = { tenantId = cloud.owner.tenant, sku = { family = "A", name = "standard" },
         enableRbacAuthorization = true }
      for key, value in pairs(changes or {}) do
         properties[key] = value
      end
      return arm("PUT", K .. name, version or V, { location = "northeurope", properties = properties })
   end

   it("are made with what was never set left out", function()
      local status, body = vault "vault-one"
      assert.equal(200, status)
      assert.equal("https://vault-one.vault.azure.net/",
         select(2, arm("GET", K .. "vault-one", V)).properties.vaultUri)
      assert.is_true(body.properties.enableSoftDelete)
      assert.equal(90, body.properties.softDeleteRetentionInDays)
      assert.is_nil(body.properties.enablePurgeProtection)
      assert.equal(cloud.owner.client_id, body.systemData.createdBy)
   end)

   it("show their address without a slash while it is being registered", function()
      local slow = support.inside { factor = 1 }
      slow:prepare("rg", "Microsoft.KeyVault")
      local _, body = slow:arm("PUT", K .. "vault-one", V, { location = "northeurope", properties = {
         tenantId = slow.owner.tenant, sku = { family = "A", name = "standard" },
            enableRbacAuthorization = true } })
      assert.same({ "RegisteringDns", "https://vault-one.vault.azure.net" },
         { body.properties.provisioningState, body.properties.vaultUri })
      slow:close()
   end)

   it("use roles by default from 2026-02-01 on", function()
      local _, newer = arm("PUT", K .. "newer", "2026-02-01", { location = "northeurope", properties = {
         tenantId = cloud.owner.tenant, sku = { family = "A", name = "standard" } } })
      assert.is_true(newer.properties.enableRbacAuthorization)
      assert.same({ 400, "BadRequest" }, code(arm("PUT", K .. "older", V, { location = "northeurope",
         properties = {
         tenantId = cloud.owner.tenant, sku = { family = "A", name = "standard" } } })))
   end)

   it("refuse bad names and bad properties", function()
      for _, name in ipairs { "ab", "1abc", "a--b", "ends-", ("x"):rep(25), "under_score" } do
         assert.same({ 400, "VaultNameNotValid" }, code(vault(name)), name)
      end
      assert.same({ 400, "BadRequest" }, code(vault("v-bad", {
         tenantId = "00000000-0000-0000-0000-000000000000" })))
      assert.same({ 400, "BadRequest" }, code(vault("v-bad", { sku = { family = "B",
         name = "standard" } })))
      assert.same({ 400, "BadRequest" }, code(vault("v-bad", { softDeleteRetentionInDays = 5 })))
      assert.same({ 400, "BadRequest" }, code(vault("v-bad", { enableSoftDelete = false })))
      vault("v-good", { softDeleteRetentionInDays = 7 })
      assert.same({ 400, "BadRequest" }, code(vault("v-good", { softDeleteRetentionInDays = 8 })))
   end)

   it("keep a deleted name until it is purged", function()
      vault "v-gone"
      assert.equal(200, (arm("DELETE", K .. "v-gone", V)))
      assert.equal(204, (arm("DELETE", K .. "v-gone", V)))
      assert.same({ 409, "ConflictError" }, code(vault "v-gone"))
      local place = "/providers/Microsoft.KeyVault/locations/northeurope/deletedVaults/v-gone"
      local status, body = arm("GET", place, V)
      assert.equal(200, status)
      assert.truthy(body.properties.vaultId:find("/vaults/v-gone", 1, true))
      assert.equal("v-gone", select(2, arm("GET", "/providers/Microsoft.KeyVault/deletedVaults",
         V)).value[1].name)
      local purged, _, headers = arm("POST", place .. "/purge", V)
      assert.equal(202, purged)
      assert.not_equal(202, (cloud:request { url = headers.location, token = cloud.arm_token }))
      assert.same({ 404, "DeletedVaultNotFound" }, code(arm("GET", place, V)))
      assert.equal(200, (vault "v-gone"))
   end)

   it("come back with what they were when they are recovered", function()
      vault("v-back", { enabledForTemplateDeployment = true })
      local _, made = arm("PUT", K .. "v-back/secrets/kept", V, { properties = { value = "secret-value" } })
      arm("DELETE", K .. "v-back", V)
      local status, body = vault("v-back", { createMode = "recover" })
      assert.equal(200, status)
      assert.is_true(body.properties.enabledForTemplateDeployment)
      local kept = require("sim.vaultsecrets").get(cloud.state, "v-back", "kept")
      assert.equal("secret-value", require("aci.secret").reveal(kept.value))
      local _, shown = arm("GET", K .. "v-back/secrets/kept", V)
      assert.equal(made.properties.secretUriWithVersion, shown.properties.secretUriWithVersion)
      assert.same({ 404, "SoftDeletedVaultDoesNotExist" }, code(vault("v-never", {
         createMode = "recover" })))
   end)

   it("are soft-deleted with their group", function()
      vault "v-group"
      arm("DELETE", "/resourceGroups/rg", V:gsub("2022%-07%-01", "2021-04-01"))
      for _ = 1, 3 do
         cloud.cloud:run_due()
      end
      assert.equal("v-group", select(2, arm("GET", "/providers/Microsoft.KeyVault/deletedVaults",
         V)).value[1].name)
   end)

   it("do not purge what is protected", function()
      vault("v-safe", { enablePurgeProtection = true })
      assert.same({ 400, "BadRequest" }, code(vault("v-safe", { enablePurgeProtection = false })))
      arm("DELETE", K .. "v-safe", V)
      assert.same({ 409, "MethodNotAllowed" },
         code(arm("POST", "/providers/Microsoft.KeyVault/locations/northeurope/deletedVaults/v-safe/purge", V)))
   end)

   it("refuse names that somebody else has", function()
      require("sim.taken").mark(cloud.state, "vault", "v-taken")
      assert.same({ 409, "VaultAlreadyExists" }, code(vault "v-taken"))
      local _, answer = arm("POST", "/providers/Microsoft.KeyVault/checkNameAvailability", V,
         { name = "v-taken", type = "Microsoft.KeyVault/vaults" })
      assert.same({ false, "AlreadyExists" }, { answer.nameAvailable, answer.reason })
   end)

   it("take secrets as children and never show them", function()
      vault "v-secrets"
      local status, body = arm("PUT", K .. "v-secrets/secrets/testsecret", "2016-10-01",
         { properties = { value = "Sup3r-secret", contentType = "text" } })
      assert.equal(201, status)
      assert.is_nil(require("aci.json").encode(body):find("Sup3r", 1, true))
      assert.truthy(body.properties.secretUriWithVersion:find "/secrets/testsecret/%x+$")
      local again, second = arm("PUT", K .. "v-secrets/secrets/testsecret", V, { properties = {
         value = "Sup3r-secret" } })
      assert.equal(200, again)
      assert.not_equal(body.properties.secretUriWithVersion, second.properties.secretUriWithVersion)
      assert.same({ 400, "BadRequest" }, code(arm("PUT", K .. "v-secrets/secrets/a_b", V, { properties = {
         value = "x" } })))
      assert.same({ 400, "BadRequest" }, code(arm("PUT", K .. "v-secrets/secrets/empty", V, {
         properties = {} })))
      assert.equal(1, #select(2, arm("GET", K .. "v-secrets/secrets", V)).value)
   end)

   it("change access policies one by one", function()
      vault("v-policies", { enableRbacAuthorization = false,
         accessPolicies = require("aci.json").array {} })
      local function policies(how, object)
         return select(2, arm("PUT", K .. "v-policies/accessPolicies/" .. how, V, { properties = {
            accessPolicies = { {
            tenantId = cloud.owner.tenant, objectId = object, permissions = { secrets = {
               "get" } } } } } }))
            .properties.accessPolicies
      end
      assert.equal(1, #policies("add", "a"))
      assert.equal(2, #policies("add", "b"))
      assert.equal(1, #policies("remove", "a"))
      assert.equal("c", policies("replace", "c")[1].objectId)
      assert.equal(1, #select(2, arm("GET", K .. "v-policies", V)).properties.accessPolicies)
   end)
end)
