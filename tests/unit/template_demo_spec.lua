-- The template of the set-up, and one with the habits of the original's (2023): comments between the
-- elements of arrays, hyphens in parameter names, variables in another letter case than declared, old api
-- versions, references by id without a version.
local template = require "aci.template"
local fs = require "aci.fs"

describe("our own template", function()
   local text = assert(fs.read "scripts/templates/acihost.json")

   local function ours(values)
      values.keyvaultname, values.testsecret = "kv-abc", "t"
      values["prefect-api-url"] = "http://127.0.0.1/api"
      return assert(template.evaluate(assert(template.read(text)), {
         subscription = { subscriptionId = "s", tenantId = "t" }, parameters = template.arguments(values),
         resource_group = { name = "aci-rg", location = "northeurope" },
         reference = function() return { principalId = "p-1" } end,
      }))
   end

   local function found(plan, name)
      for i, r in ipairs(plan.resources) do
         if r.name == name then
            return r, i
         end
      end
   end

   it("makes the original's resources and no unknown warning", function()
      local plan = ours {}
      assert.equal(11, #plan.resources)
      assert.same({}, plan.warnings)
      for _, name in ipairs { "orinet", "orinet/agentnet", "orionid", "kv-abc", "kv-abc/testsecret",
         "prefect-agent" } do
         assert.truthy(found(plan, name), name)
      end
      local container = found(plan, "prefect-agent").body.properties.containers[1].properties
      assert.same({ "prefect", "agent", "start", "-q", "armaci" }, container.command)
      assert.equal("radbrt/orion_agent:latest", container.image)
      assert.equal(1, #container.environmentVariables)
   end)

   it("leaves the NAT gateway out when asked", function()
      local plan = ours { ["nat-gateway"] = false }
      assert.is_false(found(plan, "orinet-nat").condition)
      assert.is_nil(found(plan, "orinet/agentnet").body.properties.natGateway)
      assert.equal(1, #found(plan, "orinet/agentnet").depends)
   end)

   it("starts Prefect's own image through its entry point", function()
      local plan = ours { ["agent-packages"] = "prefect-azure==0.3.11", ["prefect-api-key"] = "k" }
      local container = found(plan, "prefect-agent").body.properties.containers[1].properties
      assert.equal("/opt/prefect/entrypoint.sh", container.command[4])
      assert.equal(3, #container.environmentVariables)
   end)

   it("gives the agent the login of a Prefect server that asks for one", function()
      local container = found(ours { ["prefect-api-auth"] = "admin:pw" }, "prefect-agent").body.properties
         .containers[1].properties
      assert.equal("PREFECT_API_AUTH_STRING", container.environmentVariables[2].name)
      assert.equal("admin:pw", container.environmentVariables[2].secureValue)
   end)

   it("names the role assignment after the principal", function()
      local plan = ours {}
      local _, i = found(plan, "orionid-vault-access")
      local properties = assert(plan:resource(i)).body.properties
      local inner = assert(template.evaluate(properties.template, { subscription = "s",
         resource_group = "aci-rg",
         parameters = properties.parameters }))
      local scope = "/subscriptions/s/resourceGroups/aci-rg/providers/Microsoft.KeyVault/vaults/kv-abc"
      local role = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/"
         .. "4633458b-17de-408a-b874-0445c86b69e6"
      assert.equal(template.guid(scope, "p-1", role), inner.resources[1].name)
      assert.equal(scope .. "/providers/Microsoft.Authorization/roleAssignments/" .. inner.resources[1].name,
         inner.resources[1].id)
   end)
end)

describe("a template like the original's", function()
   local text = [[{
      "$schema": "http://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json",
      "contentVersion": "1.0.0.0",
      "parameters": {
         "location": {"type": "string", "defaultValue": "[resourceGroup().location]"},
         "api-key": {"type": "string"} // plain
      },
      "variables": {"identityName": "me", "subnetName": "inner", "netName": "outer",
         "role": "[concat('/subscriptions/', subscription().subscriptionId,
            '/providers/Microsoft.Authorization/roleDefinitions/', 'b86a8fe4')]"},
      "resources": [
         {"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2018-11-30",
            "name": "[variables('IDENTITYNAME')]", "location": "[parameters('location')]"},
         // {"type": "Microsoft.Storage/storageAccounts"},
         {"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2020-11-01",
            "name": "[variables('netname')]",
            "location": "[parameters('LOCATION')]",
               "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}},
         {"type": "Microsoft.Network/virtualNetworks/subnets", "apiVersion": "2020-11-01",
            "name": "[concat(variables('netName'), '/', variables('subnetname'))]",
            "dependsOn": ["[resourceId('Microsoft.Network/VirtualNetworks', variables('netName'))]"],
            "properties": {"addressPrefix": "10.0.0.0/24"}},
         {"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2020-04-01-preview",
            "name": "[guid(variables('identityName'), variables('role'), resourceGroup().id)]",
            "dependsOn": ["[variables('identityName')]"],
            "properties": {"roleDefinitionId": "[variables('role')]", "principalType": "ServicePrincipal",
               "principalId": "[reference(resourceId('Microsoft.ManagedIdentity/userAssignedIdentities',
                  variables('identityName')), '2018-11-30').principalId]"}},
         {"type": "Microsoft.ContainerInstance/containerGroups", "apiVersion": "2021-07-01", "name": "agent",
            "location": "[parameters('location')]",
            "dependsOn": ["[resourceId('Microsoft.Network/virtualNetworks/subnets', variables('netName'),
               variables('subnetName'))]"],
            "properties": {"containers": [{"name": "c", "properties": {"environmentVariables": [
               {"name": "KEY", "secureValue": "[parameters('Api-Key')]"}]}}]}}
      ],
      "outputs": {"containerIPv4Address": {"type": "string",
         "value": "[reference(resourceId('Microsoft.ContainerInstance/containerGroups',
            'agent')).ipAddress.ip]"}}
   }]]

   local state = {
      agent = { ipAddress = { ip = "10.0.0.4" } }, me = { principalId = "p-1" },
   }
   local asked = {}

   local plan = assert(template.evaluate(assert(template.read(text)), {
      subscription = "s", resource_group = { name = "aci-rg", location = "northeurope" },
      parameters = template.arguments { ["api-key"] = "k" },
      reference = function(id, version)
         asked[#asked + 1] = version
         return state[id:match "[^/]+$"]
      end,
   }))

   it("is deployed in the right order", function()
      local position = {}
      for i, r in ipairs(plan.resources) do
         position[r.name] = i
      end
      assert.equal(5, #plan.resources)
      assert.is_true(position.outer < position["outer/inner"])
      assert.is_true(position["outer/inner"] < position.agent)
      assert.same({}, plan.warnings)
   end)

   it("asks with the version it names, or with the resource's own", function()
      for i, r in ipairs(plan.resources) do
         local complete = assert(plan:resource(i))
         if r.type:find "roleAssignments" then
            assert.equal("p-1", complete.body.properties.principalId)
            assert.equal(template.guid("me",
               "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/b86a8fe4",
               "/subscriptions/s/resourceGroups/aci-rg"), r.name)
         end
      end
      assert.same({ type = "String", value = "10.0.0.4" }, assert(plan:outputs()).containerIPv4Address)
      assert.same({ "2018-11-30", "2021-07-01" }, asked)
   end)
end)
