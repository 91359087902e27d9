--- Our Azure client against the local cloud as a process of its own: real TLS, real polling, real waiting.
-- (That the cloud answers as Azure does is held by its own specs and by Microsoft's clients.)
local auth       = require "aci.auth"
local azure      = require "aci.azure"
local aci_config = require "aci.config"
local cloud      = require "tests.support.cloud"
local crypto     = require "aci.crypto"
local errors     = require "aci.error"
local graph      = require "aci.graph"
local secret     = require "aci.secret"
local task       = require "aci.task"

local CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
local ARM = "https://management.azure.com/.default"

local TEMPLATE = [[{ // with comments
   "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
   "contentVersion": "1.0.0.0",
   "parameters": {
      "vault": { "type": "string" },
      "testsecret": { "type": "securestring" },
      "prefix": { "type": "string", "defaultValue": "10.1.0.0/16" }
   },
   "resources": [
      { "type": "Microsoft.Network/virtualNetworks", "apiVersion": "2020-11-01", "name": "specnet",
        "location": "[resourceGroup().location]",
        "properties": { "addressSpace": { "addressPrefixes": ["[parameters('prefix')]"] } } },
      { "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2018-11-30",
        "name": "specid", "location": "[resourceGroup().location]" },
      { "type": "Microsoft.KeyVault/vaults", "apiVersion": "2019-09-01", "name": "[parameters('vault')]",
        "location": "[resourceGroup().location]",
        "properties": { "tenantId": "[subscription().tenantId]", "sku": { "family": "A", "name": "standard" },
           "enableRbacAuthorization": true, "accessPolicies": [] } },
      { "type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2016-10-01",
        "name": "[concat(parameters('vault'), '/testsecret')]",
        "dependsOn": ["[resourceId('Microsoft.KeyVault/vaults', parameters('vault'))]"],
        "properties": { "value": "[parameters('testsecret')]" } }
   ],
   "outputs": { "client": { "type": "string", "value": "[reference('specid').clientId]" } }
} // the end]]

local function refusal(f, ...)
   local ok, err = pcall(f, ...)
   assert.is_false(ok)
   assert.is_true(errors.is(err), tostring(err))
   return err
end

describe("our Azure client against the local cloud", function()
   local running, config, az, g

   setup(function()
      running = cloud.start()
      config = aci_config.load({ home = running.home }, { environment = {}, file = false })
      az, g = azure.connect(config), graph.connect(config)
      az:put_group()
   end)
   teardown(function()
      if running then running:stop() end
   end)

   local function declare(kind, name, body, options)
      local thing = az:resource(kind, name, body, options)
      return az:put(thing.id, thing.version, thing.body), thing
   end

   it("finds what is there, and nil for what is not", function()
      assert.equal(config.group, az:group().name)
      assert.is_nil(az:group "not-there")
      assert.is_nil(az:get(az:resource("Microsoft.Network/virtualNetworks", "not-there", {}).id))
      assert.equal("SubscriptionNotFound",
         refusal(az.get, az, "/subscriptions/" .. crypto.uuid4() .. "/resourceGroups/x").code)
   end)

   it("makes resources of each protocol and gives them finished", function()
      local location = config.location
      local kinds = {
         { "Microsoft.Network/virtualNetworks", "net1",
            { properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } } } } },
         { "Microsoft.Storage/storageAccounts", config.storage_account,
            { sku = { name = "Standard_LRS" }, kind = "StorageV2", properties = {} } },
         { "Microsoft.KeyVault/vaults", config.vault, { properties = { tenantId = config.tenant,
            sku = { family = "A", name = "standard" }, enableRbacAuthorization = true } } },
      }
      for _, kind in ipairs(kinds) do
         kind[3].location = location
         local made = declare(table.unpack(kind))
         assert.equal("Succeeded", made.properties.provisioningState, kind[1])
      end
      local identity = declare("Microsoft.ManagedIdentity/userAssignedIdentities", "id1", { location = location })
      assert.is_string(identity.properties.principalId)
      assert.is_true(secret.is(az:storage_key(config.storage_account)))
      assert.is_false((az:name_available("Microsoft.KeyVault/vaults", config.vault)))
      assert.equal(4, #az:resources())
   end)

   it("deletes, and tells what was there", function()
      local made, thing = declare("Microsoft.ManagedIdentity/userAssignedIdentities", "id2",
         { location = config.location })
      assert.equal("id2", made.name)
      assert.is_true(az:delete(thing.id))
      assert.is_nil(az:get(thing.id))
      assert.is_false(az:delete(thing.id))
   end)

   it("deploys a template, tells each resource, keeps secrets out of sight", function()
      local vault = "kv-" .. crypto.hex(crypto.random(6))
      local parameters = { vault = vault, testsecret = secret.new "hidden" }
      assert.equal("Succeeded", az:validate(nil, "spec", TEMPLATE, parameters).properties.provisioningState)
      local ended = {}
      local made = az:deploy(nil, "spec", TEMPLATE, { parameters = parameters, progress = function(resource)
         if resource.state == "Succeeded" then ended[#ended + 1] = resource.name end
      end })
      assert.equal("Succeeded", made.properties.provisioningState)
      assert.equal(4, #ended)
      assert.matches("^%x+%-", az:outputs(made).client)
      assert.is_nil(made.properties.parameters.testsecret.value)
   end)

   it("shows where a template is wrong, and what a provider refuses", function()
      local err = refusal(az.deploy, az, nil, "bad", TEMPLATE, { parameters = { vault = "kv-x" } })
      assert.same({ "InvalidTemplate", "invalid" }, { err.code, err.kind })
      assert.matches("line '6'", err.message)
      err = refusal(az.deploy, az, nil, "bad", TEMPLATE, { parameters = { vault = "kv-spec-x",
         testsecret = secret.new "s", prefix = "10.1.0.0/99" } })
      assert.equal("InvalidAddressPrefixFormat", err.code)
      assert.is_string(err.request_id)
      assert.is_nil(az:deployment(nil, "bad"))
   end)

   it("makes an application with a login that works, and a role that counts", function()
      local app = g:create_application { displayName = "spec", tags = { "acihost:spec" } }
      local principal = g:create_service_principal(app.appId)
      local password = g:add_password(app.id)
      local credential = auth.client_secret(config,
         { tenant = config.tenant, client_id = app.appId, client_secret = password.secret })
      assert.is_true(secret.is((auth.wait_until_known(credential, ARM, 30))))
      assert.equal(app.id, g:applications_tagged("acihost:spec")[1].id)

      local other = azure.connect(config, credential)
      local err = refusal(other.group, other)
      assert.equal(5, errors.exit_code(err))
      assert.matches("resourceGroups/read", err.message)
      declare("Microsoft.Authorization/roleAssignments", crypto.uuid4(), { properties = {
         principalId = principal.id, principalType = "ServicePrincipal",
         roleDefinitionId = ("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s"):format(
            config.subscription, CONTRIBUTOR),
      } }, { scope = az:group_id() })
      local works
      for _ = 1, 200 do
         works = pcall(other.group, other)
         if works then break end
         task.sleep(0.1)
      end
      assert.is_true(works)

      assert.is_true(g:remove_password(app.id, password.key_id))
      assert.is_false(g:remove_password(app.id, password.key_id))
      assert.is_true(g:delete_application(app.id))
      assert.is_true(g:purge(app.id))
      assert.is_nil(g:service_principal(app.appId))
   end)

   it("explains a wrong secret, a wrong client and a wrong tenant; exit 4", function()
      local owner = running.home and require("aci.local").owner(config)
      local function try(fields)
         local login = { tenant = owner.tenant, client_id = owner.client_id, client_secret = owner.client_secret }
         for name, value in pairs(fields) do login[name] = value end
         local credential = auth.client_secret(config, login)
         local err = refusal(credential.token, credential, ARM)
         assert.equal(4, errors.exit_code(err))
         assert.is_string(err.request_id)
         return err.code
      end
      assert.equal("AADSTS7000215", try { client_secret = secret.new "wrong" })
      assert.equal("AADSTS700016", try { client_id = crypto.uuid4() })
      assert.equal("AADSTS90002", try { tenant = crypto.uuid4() })
   end)

   it("asks for one token for many requests at once", function()
      local fetched, inner = 0, auth.credential(config)
      local credential = auth.new("counting", function(scope)
         fetched = fetched + 1
         inner:forget(scope)
         return inner:token(scope)
      end)
      local counted = azure.connect(config, credential)
      local asks = {}
      for i = 1, 20 do asks[i] = function() return counted:group().name end end
      assert.equal(20, #task.all(asks))
      assert.equal(1, fetched)
   end)

   it("deletes the group; its vault can be purged and its name taken again", function()
      assert.is_true(az:delete_group())
      assert.is_nil(az:group())
      assert.equal(config.vault, az:deleted_vault(config.vault).name)
      az:purge_vault(config.vault)
      assert.is_nil(az:deleted_vault(config.vault))
      assert.is_true((az:name_available("Microsoft.KeyVault/vaults", config.vault)))
   end)
end)
