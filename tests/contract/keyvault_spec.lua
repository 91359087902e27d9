--- Our Key Vault client against the local cloud as a process of its own: roles, versions, soft delete.
local auth       = require "aci.auth"
local azure      = require "aci.azure"
local aci_config = require "aci.config"
local cloud      = require "tests.support.cloud"
local crypto     = require "aci.crypto"
local errors     = require "aci.error"
local graph      = require "aci.graph"
local keyvault   = require "aci.keyvault"
local secret     = require "aci.secret"
local task       = require "aci.task"

local OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"

local function refusal(f, ...)
   local ok, err = pcall(f, ...)
   assert.is_false(ok)
   assert.is_true(errors.is(err), tostring(err))
   return err
end

--- Calls f until it does not raise: a role takes a while to count.
local function until_allowed(f)
   local ok, result
   for _ = 1, 200 do
      ok, result = pcall(f)
      if ok then return result end
      assert.is_true(errors.is(result, "permission"), tostring(result))
      task.sleep(0.1)
   end
   error(result, 0)
end

describe("our Key Vault client against the local cloud", function()
   local running, config, az, vault, resource

   setup(function()
      running = cloud.start()
      config = aci_config.load({ home = running.home }, { environment = {}, file = false })
      az = azure.connect(config)
      az:put_group()
      resource = az:resource("Microsoft.KeyVault/vaults", config.vault, {
         location = config.location,
         properties = { tenantId = config.tenant, sku = { family = "A", name = "standard" },
            enableRbacAuthorization = true },
      })
      az:put(resource.id, resource.version, resource.body)
      vault = keyvault.connect(config)
   end)
   teardown(function()
      if running then running:stop() end
   end)

   it("is refused without a data role, owner or not, and told which one; exit 5", function()
      local err = refusal(vault.secret, vault, "testsecret")
      assert.same({ "permission", "ForbiddenByRbac", 403 }, { err.kind, err.code, err.status })
      assert.equal(5, errors.exit_code(err))
      assert.matches("Key Vault Secrets User", err.advice)
      assert.is_string(err.request_id)
   end)

   it("works once the role counts", function()
      local me = graph.connect(config):service_principal(config.client_id)
      local grant = az:resource("Microsoft.Authorization/roleAssignments", crypto.uuid4(), { properties = {
         principalId = me.id, principalType = "ServicePrincipal",
         roleDefinitionId = ("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s"):format(
            config.subscription, OFFICER),
      } }, { scope = resource.id })
      az:put(grant.id, grant.version, grant.body)
      assert.same({}, until_allowed(function() return vault:list() end))
   end)

   it("keeps values, each with a version of its own", function()
      local first = vault:set("testsecret", "Super5ecret!", { content_type = "text/plain", tags = { a = "b" } })
      local second = vault:set("testsecret", secret.new "g\u{e4}nzlich \"neu\"\n")
      assert.not_equal(first.version, second.version)
      local now = vault:secret "testsecret"
      assert.equal(second.version, now.version)
      assert.equal("g\u{e4}nzlich \"neu\"\n", secret.reveal(now.value))
      local old = vault:secret("testsecret", first.version)
      assert.same({ "Super5ecret!", "text/plain", "b" }, { secret.reveal(old.value), old.content_type, old.tags.a })
      vault:set("empty", "")
      assert.equal("", secret.reveal(vault:secret("empty").value))
   end)

   it("reads what ARM has put in, and keeps names without regard to case", function()
      local put = az:resource("Microsoft.KeyVault/vaults/secrets", config.vault .. "/From-Arm",
         { properties = { value = secret.new "by arm" } })
      assert.is_nil(az:put(put.id, put.version, put.body).properties.value)
      assert.equal("by arm", secret.reveal(vault:secret("from-arm").value))
   end)

   it("tells what is absent", function()
      local err = refusal(vault.secret, vault, "nothing")
      assert.same({ "not_found", "SecretNotFound" }, { err.kind, err.code })
      assert.is_nil(vault:find "nothing")
      assert.is_false(vault:delete "nothing")
      assert.is_false(vault:purge "nothing")
      assert.equal("not_found", refusal(vault.secret, vault, "testsecret", ("0"):rep(32)).kind)
   end)

   it("refuses a name that is none, and a value that is too long", function()
      assert.equal("invalid", refusal(vault.set, vault, "bad_name", "x").kind)
      assert.equal("invalid", refusal(vault.set, vault, "long", ("x"):rep(25601)).kind)
   end)

   it("lists through pages, names without values", function()
      for i = 1, 30 do vault:set(("many-%02d"):format(i), "x") end
      local seen = {}
      for _, item in ipairs(vault:list()) do
         assert.is_nil(item.value)
         seen[item.name] = true
      end
      assert.is_true(seen["many-01"] and seen["many-30"] and seen.testsecret)
   end)

   it("deletes softly, recovers, purges", function()
      vault:set("gone", "1")
      assert.is_true(vault:delete "gone")
      assert.is_nil(vault:find "gone")
      local err = refusal(vault.set, vault, "gone", "2")
      assert.same({ "conflict", "ObjectIsDeletedButRecoverable" }, { err.kind, err.code })
      assert.matches("recover", err.advice)
      vault:recover "gone"
      assert.equal("1", secret.reveal(vault:secret("gone").value))
      assert.is_true(vault:delete "gone")
      assert.equal("gone", vault:deleted()[1].name)
      assert.is_true(vault:purge "gone")
      assert.same({}, vault:deleted())
      vault:set("gone", "3")
   end)

   it("says when the token is for something else", function()
      local wrong = auth.new("wrong audience", function()
         return auth.credential(config):token "https://management.azure.com/.default"
      end)
      local stranger = keyvault.connect(config, config.vault, wrong)
      local err = refusal(stranger.secret, stranger, "testsecret")
      assert.equal(4, errors.exit_code(err))
      assert.matches("AKV10022", err.message)
   end)
end)
