local support = require "tests.support.cloud"
local fs = require "aci.fs"
local json = require "aci.json"
local roles = require "sim.roles"

describe("deployments of the local cloud", function()
   local cloud
   local V = "2025-04-01"
   local SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
   local D = "/resourceGroups/rg/providers/Microsoft.Resources/deployments/"

   before_each(function()
      cloud = support.inside()
      cloud:prepare("rg", "Microsoft.Network", "Microsoft.KeyVault", "Microsoft.ManagedIdentity",
         "Microsoft.Storage")
   end)

   after_each(function() cloud:close() end)

   local function arm(...) return cloud:arm(...) end

   local function code(status, body)
      return { status, body and body.error and body.error.code }
   end

   local function template(resources, more)
      local made = { ["$schema"] = SCHEMA, contentVersion = "1.0.0.0", resources = json.array(resources) }
      for name, value in pairs(more or {}) do
         made[name] = value
      end
      return made
   end

   local function identity(name, more)
      local made = { type = "Microsoft.ManagedIdentity/userAssignedIdentities", apiVersion = "2023-01-31",
         name = name,
         location = "northeurope" }
      for key, value in pairs(more or {}) do
         made[key] = value
      end
      return made
   end

   local function put(name, given, parameters, token, mode)
      return arm("PUT", D .. name, V, { properties = { mode = mode or "Incremental", template = given,
         parameters = parameters } }, token)
   end

   -- Polls until the deployment has ended; gives its properties.
   local function finish(name, headers)
      local _, poll
      repeat
         _, poll = cloud:request { url = headers["azure-asyncoperation"], token = cloud.arm_token }
      until poll.status ~= "Accepted" and poll.status ~= "Running"
      return select(2, arm("GET", D .. name, V)).properties, poll
   end

   local function deploy(...)
      local status, body, headers = put(...)
      assert.equal(201, status, json.encode(body))
      return finish((...), headers)
   end

   it("carry a template out in the order of its dependencies", function()
      local order = deploy("d1", template({
         { type = "Microsoft.Network/virtualNetworks/subnets", apiVersion = "2024-05-01", name = "v/s",
            dependsOn = { "[resourceId('Microsoft.Network/virtualNetworks', 'v')]" },
            properties = { addressPrefix = "10.0.1.0/24" } },
         { type = "Microsoft.Network/virtualNetworks", apiVersion = "2024-05-01", name = "v",
            location = "northeurope",
            properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } } } },
      }, { outputs = { guid = { type = "string", value = "[reference('v').resourceGuid]" } } }))
      assert.equal("Succeeded", order.provisioningState)
      assert.equal(36, #order.outputs.guid.value)
      assert.truthy(order.outputResources[1].id:find "/virtualNetworks/v$")
      assert.truthy(order.outputResources[2].id:find "/subnets/s$")
      local operations = select(2, arm("GET", "/resourceGroups/rg/deployments/d1/operations", V)).value
      assert.equal(3, #operations)
      assert.same({ "Create", "Succeeded", "Created", "Microsoft.Network/virtualNetworks" },
         { operations[1].properties.provisioningOperation, operations[1].properties.provisioningState,
            operations[1].properties.statusCode, operations[1].properties.targetResource.resourceType })
      assert.equal("EvaluateDeploymentOutput", operations[3].properties.provisioningOperation)
      assert.is_nil(operations[3].properties.targetResource)
   end)

   it("take az's body, which is not JSON", function()
      local text = [[{"properties": {"parameters": {"n": {"value": "from-az"}}, "mode": "Incremental", template:{ // no
         "$schema":"]] .. SCHEMA .. [[", /* comment */ "contentVersion":"1.0.0.0",
         "parameters":{"n":{"type":"string"}}, "resources":[{"apiVersion":"2018-11-30",
         "type":"Microsoft.ManagedIdentity/userAssignedIdentities", "name":"[parameters('n')]",
         "location":"[resourceGroup().location]"}]}
         }}]]
      local status, _, headers = cloud:request { method = "PUT", token = cloud.arm_token, body = text,
         headers = { ["content-type"] = "application/json" },
            url = "https://management.azure.com/subscriptions/"
            .. cloud.owner.subscription .. D .. "az?api-version=" .. V }
      assert.equal(201, status)
      assert.equal("Succeeded", finish("az", headers).provisioningState)
      assert.equal(200, (arm("GET",
         "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/from-az",
         "2018-11-30")))
   end)

   it("never echo a secure value", function()
      local properties = deploy("secret", template({
         { type = "Microsoft.KeyVault/vaults", apiVersion = "2022-07-01", name = "v-deploy",
            location = "northeurope",
            properties = { tenantId = "[subscription().tenantId]", sku = { family = "A",
               name = "standard" },
               enableRbacAuthorization = true } },
         { type = "Microsoft.KeyVault/vaults/secrets", apiVersion = "2022-07-01", name = "v-deploy/s",
            dependsOn = { "v-deploy" }, properties = { value = "[parameters('p')]" } },
      }, { parameters = { p = { type = "secureString" } },
         outputs = { o = { type = "secureString", value = "[parameters('p')]" } } }), { p = {
            value = "Very-S3cret" } })
      assert.same({ type = "SecureString" }, properties.parameters.p)
      assert.same({ type = "SecureString" }, properties.outputs.o)
      assert.is_nil(json.encode(properties):find("S3cret", 1, true))
      assert.is_nil(cloud.state:secret("/subscriptions/" .. cloud.owner.subscription .. D .. "secret",
         "request"))
      local kept = require("sim.vaultsecrets").get(cloud.state, "v-deploy", "s")
      assert.equal("Very-S3cret", require("aci.secret").reveal(kept.value))
   end)

   it("refuse what the template language refuses, and keep nothing", function()
      assert.same({ 400, "InvalidTemplate" }, code(put("bad", template({}, { parameters = { p = {
         type = "string" } } }))))
      local status, body = put("bad", template { identity("idx", { dependsOn = { "nothing" } }) })
      assert.same({ 400, "InvalidTemplate" }, code(status, body))
      assert.equal("TemplateViolation", body.error.additionalInfo[1].type)
      assert.same({ 400, "InvalidRequestContent" }, code(put("bad", template { identity("idx", {
         nonsense = 1 }) })))
      assert.same({ 400, "InvalidRequestContent" }, code(put("bad", template {}, nil, nil, "Halfway")))
      assert.same({ 404, "DeploymentNotFound" }, code(arm("GET", D .. "bad", V)))
      assert.equal(404, (arm("HEAD", D .. "bad", V)))
   end)

   it("ask the providers before anything is made", function()
      local status, body = put("pre", template { identity "fine",
         { type = "Microsoft.Storage/storageAccounts", apiVersion = "2022-09-01", name = "Bad_Name",
            location = "northeurope", sku = { name = "Standard_LRS" }, kind = "StorageV2" } })
      assert.same({ 400, "InvalidTemplateDeployment" }, code(status, body))
      assert.equal("AccountNameInvalid", body.error.details[1].code)
      assert.equal(404, (arm("GET",
         "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/fine",
         "2023-01-31")))
      assert.same({ 400, "NoRegisteredProviderFound" },
         code(put("pre", template { identity("idx", { apiVersion = "2001-01-01" }) })))
      assert.same({ 400, "LocationNotAvailableForResourceType" },
         code(put("pre", template { identity("idx", { location = "atlantis" }) })))
      local unknown, words = put("pre", template { { type = "Microsoft.Compute/disks",
         apiVersion = "2023-01-01",
         name = "d", location = "northeurope" } })
      assert.same({ 501, "NotImplemented" }, code(unknown, words))
   end)

   it("act with the rights of the caller, on each resource", function()
      local client = cloud:client("deployer", "5d977122-f97e-4b4d-a52f-6b43003ddb4d",
         "/subscriptions/" .. cloud.owner.subscription .. "/resourceGroups/rg")
      local token = cloud:token("https://management.azure.com", client.id, client.secret)
      local status, body = put("mine", template { identity "idx" }, nil, token)
      assert.same({ 403, "InvalidTemplateDeployment" }, code(status, body))
      assert.truthy(body.error.message:find("Microsoft.ManagedIdentity/userAssignedIdentities/write", 1,
         true))
      local contributor = cloud:client("contributor", roles.CONTRIBUTOR,
         "/subscriptions/" .. cloud.owner.subscription .. "/resourceGroups/rg")
      token = cloud:token("https://management.azure.com", contributor.id, contributor.secret)
      assert.same({ 403, "InvalidTemplateDeployment" }, code(put("grant", template { {
         type = "Microsoft.Authorization/roleAssignments", apiVersion = "2022-04-01", name = "[guid('x')]",
         properties = { principalId = contributor.principal.id, principalType = "ServicePrincipal",
            roleDefinitionId = "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '"
               .. roles.OWNER .. "')]",
         } } }, nil, token)))
   end)

   it("fail with the tree of what failed, and keep what was made", function()
      arm("PUT", "/resourceGroups/rg/providers/Microsoft.Network/natGateways/n", "2024-05-01", {
         location = "northeurope" })
      arm("PUT", "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v1", "2024-05-01",
         { location = "northeurope", properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } },
            subnets = { { name = "s", properties = { addressPrefix = "10.0.0.0/24", natGateway = {
               id = "/subscriptions/"
               .. cloud.owner.subscription
                  .. "/resourceGroups/rg/providers/Microsoft.Network/natGateways/n" } } } } } })
      local properties, poll = deploy("fails", template { identity "kept",
         { type = "Microsoft.Network/virtualNetworks", apiVersion = "2024-05-01", name = "v2",
            location = "northeurope",
            dependsOn = { "kept" }, properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } },
               subnets = { {
               name = "s", properties = { addressPrefix = "10.0.0.0/24", natGateway = {
                  id = "[if(empty(reference('kept').clientId), '', "
                     .. "resourceId('Microsoft.Network/natGateways', 'n'))]" } } } } } } })
      assert.same({ "Failed", "Failed" }, { properties.provisioningState, poll.status })
      assert.equal("DeploymentFailed", properties.error.code)
      assert.same(properties.error, poll.error)
      assert.equal("NatGatewayCannotBeUsedBySubnetsBelongingToDifferentVirtualNetworks",
         properties.error.details[1].code)
      assert.equal(200, (arm("GET",
         "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kept",
         "2023-01-31")))
      local failed = select(2, arm("GET", "/resourceGroups/rg/deployments/fails/operations",
         V)).value[2].properties
      assert.same({ "Failed", "BadRequest" }, { failed.provisioningState, failed.statusCode })
      assert.truthy(failed.statusMessage.error.message:find("natGateways/n", 1, true))
   end)

   it("accept a role assignment that is already there under its name", function()
      local given = template { identity "who", {
         type = "Microsoft.Resources/deployments", apiVersion = "2022-09-01", name = "inner",
            dependsOn = { "who" },
         properties = { mode = "Incremental", expressionEvaluationOptions = { scope = "inner" },
            parameters = { id = { value = "[reference('who').principalId]" } },
            template = template({ { type = "Microsoft.Authorization/roleAssignments",
               apiVersion = "2022-04-01",
               name = "[guid(resourceGroup().id, parameters('id'))]", properties = {
                  principalId = "[parameters('id')]", principalType = "ServicePrincipal", roleDefinitionId =
                  "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '"
                     .. roles.SECRETS_USER .. "')]" } } },
               { parameters = { id = { type = "string" } } }) } } }
      assert.equal("Succeeded", deploy("first", given).provisioningState)
      assert.equal("Succeeded", deploy("second", given).provisioningState)
      assert.equal("Succeeded", select(2, arm("GET", D .. "inner", V)).properties.provisioningState)
   end)

   it("remove what a complete deployment does not name", function()
      deploy("one", template { identity "stays", identity "goes" })
      deploy("two", template { identity "stays" }, nil, nil, "Complete")
      local P = "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
      assert.equal(200, (arm("GET", P .. "stays", "2023-01-31")))
      assert.equal(404, (arm("GET", P .. "goes", "2023-01-31")))
   end)

   it("validate without a trace", function()
      local status, body = arm("POST", D .. "check/validate", V, { properties = { mode = "Incremental",
         template = template { identity "idx" } } })
      assert.equal(200, status)
      assert.same({ "Succeeded", "PT0S" }, { body.properties.provisioningState, body.properties.duration })
      assert.truthy(body.properties.validatedResources[1].id:find "/userAssignedIdentities/idx$")
      assert.equal(404, (arm("GET", D .. "check", V)))
      local refused, words = arm("POST", D .. "check/validate", V, { properties = { mode = "Incremental",
         template = template({}, { parameters = { p = { type = "int" } } }), parameters = { p = {
            value = "text" } } } })
      assert.same({ 400, "InvalidTemplate" }, code(refused, words))
   end)

   it("tell what they would change", function()
      local given = template { identity("idx", { tags = { a = "1" } }) }
      local function changes()
         local status, _, headers = arm("POST", D .. "w/whatIf", V, { properties = { mode = "Incremental",
            template = given } })
         assert.equal(202, status)
         return select(2, cloud:request { url = headers.location,
            token = cloud.arm_token }).properties.changes
      end
      assert.equal("Create", changes()[1].changeType)
      deploy("made", given)
      assert.equal("NoChange", changes()[1].changeType)
      given.resources[1].tags.a = "2"
      local change = changes()[1]
      assert.same({ "Modify", "tags.a", "1", "2" }, { change.changeType, change.delta[1].path,
         change.delta[1].before,
         change.delta[1].after })
   end)

   it("compare arrays element by element, look into nested deployments, hide secure values", function()
      local function changes(given, parameters)
         local _, _, headers = arm("POST", D .. "w/whatIf", V, { properties = { mode = "Incremental",
            template = given, parameters = parameters } })
         return select(2, cloud:request { url = headers.location, token = cloud.arm_token })
      end
      local function network(prefix)
         return { type = "Microsoft.Network/virtualNetworks", apiVersion = "2024-05-01", name = "v",
            location = "North Europe", properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } },
               subnets = { { name = "s", properties = { addressPrefix = prefix } } } } }
      end
      deploy("made", template { network "10.0.1.0/24" })
      assert.equal("NoChange", changes(template { network "10.0.1.0/24" }).properties.changes[1].changeType)
      local delta = changes(template { network "10.0.2.0/24" }).properties.changes[1].delta[1]
      assert.same({ "properties.subnets", "Array", "0", "properties.addressPrefix", "10.0.1.0/24" }, { delta.path,
         delta.propertyChangeType, delta.children[1].path, delta.children[1].children[1].path,
         delta.children[1].children[1].before })

      deploy("first", template { identity("idx", { tags = { t = "other" } }) })
      local within = template({ { type = "Microsoft.Resources/deployments", apiVersion = "2022-09-01",
         name = "within", properties = { mode = "Incremental", expressionEvaluationOptions = { scope = "inner" },
            parameters = { p = { value = "[parameters('p')]" } }, template = template({ identity("idx", {
               tags = { t = "[parameters('p')]" } }) }, { parameters = { p = { type = "secureString" } } }) } } },
         { parameters = { p = { type = "secureString" } } })
      local answer = changes(within, { p = { value = "hush-hush" } })
      assert.is_nil(json.encode(answer):find("hush-hush", 1, true))
      assert.same({ "Modify", "*******" }, { answer.properties.changes[1].changeType,
         answer.properties.changes[1].delta[1].after })

      local failed = changes(template({}, { parameters = { p = { type = "int" } } }))
      assert.same({ "Failed", "InvalidTemplate" }, { failed.status, failed.error.code })
   end)

   it("register the providers of a template, where the caller may", function()
      local function contributor(name, scope)
         local client = cloud:client(name, "b24988ac-6180-42a0-ab88-20f7382dd24c", scope)
         return cloud:token("https://management.azure.com", client.id, client.secret)
      end
      local group = { type = "Microsoft.ContainerInstance/containerGroups", apiVersion = "2023-05-01", name = "g",
         location = "northeurope", properties = { osType = "Linux", containers = { { name = "c",
            properties = { image = "busybox", command = { "true" }, resources = { requests = { cpu = 1,
               memoryInGB = 1 } } } } } } }
      local subscription = "/subscriptions/" .. cloud.owner.subscription
      local function state()
         return select(2, arm("GET", "/providers/Microsoft.ContainerInstance", "2021-04-01")).registrationState
      end
      local within = contributor("within", subscription .. "/resourceGroups/rg")
      assert.same({ 409, "MissingSubscriptionRegistration" }, code(put("r", template { group }, nil, within)))
      assert.equal(200, (arm("POST", D .. "r/validate", V, { properties = { mode = "Incremental",
         template = template { group } } })))
      assert.equal("NotRegistered", state())
      assert.equal("Succeeded", deploy("r", template { group }, nil,
         contributor("above", subscription)).provisioningState)
      assert.equal("Registered", state())
   end)

   it("can be canceled while they run, not replaced, listed and forgotten", function()
      local slow = support.inside { factor = 1 }
      slow:prepare("rg", "Microsoft.ManagedIdentity")
      local body = { properties = { mode = "Incremental", template = template { identity "idx" } } }
      assert.equal(201, (slow:arm("PUT", D .. "c", V, body)))
      assert.same({ 409, "DeploymentActive" }, code(slow:arm("PUT", D .. "c", V, body)))
      assert.equal(204, (slow:arm("POST", D .. "c/cancel", V)))
      assert.equal("Canceled", select(2, slow:arm("GET", D .. "c", V)).properties.provisioningState)
      assert.same({ 409, "DeploymentCannotBeCancelled" }, code(slow:arm("POST", D .. "c/cancel", V)))
      assert.equal("c", select(2, slow:arm("GET", D, V)).value[1].name)
      local status, _, headers = slow:arm("DELETE", D .. "c", V)
      assert.equal(202, status)
      assert.truthy(headers.location)
      assert.equal(404, (slow:arm("GET", D .. "c", V)))
      slow:close()
   end)

   it("read a parameter from a vault that allows it", function()
      local K = "/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v-param"
      local function vault(allowed)
         arm("PUT", K, "2022-07-01", { location = "northeurope", properties = { tenantId = cloud.owner.tenant,
            sku = { family = "A", name = "standard" }, enableRbacAuthorization = true,
            enabledForTemplateDeployment = allowed } })
      end
      vault(false)
      arm("PUT", K .. "/secrets/n", "2022-07-01", { properties = { value = "from-the-vault" } })
      local given = template({ identity "[parameters('n')]" }, { parameters = { n = { type = "secureString" } } })
      local parameters = { n = { reference = { secretName = "n",
         keyVault = { id = "/subscriptions/" .. cloud.owner.subscription .. K } } } }
      assert.same({ 400, "KeyVaultParameterReferenceAuthorizationFailed" }, code(put("p", given, parameters)))
      vault(true)
      assert.equal("Succeeded", deploy("p", given, parameters).provisioningState)
      assert.equal(200, (arm("GET", "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
         .. "from-the-vault", "2023-01-31")))
      parameters.n.reference.secretName = "none"
      assert.same({ 400, "KeyVaultParameterReferenceNotFound" }, code(put("p2", given, parameters)))
   end)

   it("say what of them is not implemented", function()
      for _, name in ipairs { "templateLink", "parametersLink", "onErrorDeployment" } do
         local status, body = arm("PUT", D .. "x", V, { properties = { mode = "Incremental", template = template {},
            [name] = { uri = "https://example.com/t.json" } } })
         assert.same({ 501, "NotImplemented" }, code(status, body))
         assert.truthy(body.error.message:find(name, 1, true))
      end
   end)

   it("refuse bad names", function()
      assert.same({ 400, "DeploymentNameLengthLimitExceeded" }, code(put(("x"):rep(65), template {})))
      assert.same({ 400, "DeploymentNameInvalidCharacters" }, code(put("a%20b", template {})))
   end)

   it("go on after the cloud was killed", function()
      local home = assert(fs.tempdir "acihost-deploy-")
      local first = support.inside { home = home, factor = 0.02 }
      first:prepare("rg", "Microsoft.ManagedIdentity")
      require("aci.task").sleep(0.15)
      local status = first:arm("PUT", D .. "d", V, { properties = { mode = "Incremental", parameters = {
         n = { value = "after" } }, template = template({ identity "before",
         identity("[parameters('n')]", { dependsOn = { "before" } }) }, { parameters = { n = {
            type = "string" } } }) } })
      assert.equal(201, status)
      first.cloud.closed = true         -- as if it were gone: nothing of it runs any more
      first.state:close()
      package.loaded["sim.deploying"].forget_plans()
      local second = support.inside { home = home, factor = 0.02 }
      local properties
      for _ = 1, 100 do
         properties = select(2, second:arm("GET", D .. "d", V)).properties
         if properties.provisioningState == "Succeeded" then
            break
         end
         require("aci.task").sleep(0.02)
      end
      assert.equal("Succeeded", properties.provisioningState)
      assert.equal(200, (second:arm("GET", "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/"
         .. "userAssignedIdentities/after", "2023-01-31")))
      second:close()
      fs.remove_tree(home)
   end)
end)
