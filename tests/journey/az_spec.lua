--- az 2.91, unmodified and with its own addresses, on one local cloud, from login to the last delete.
local clock   = require "aci.clock"
local fs      = require "aci.fs"
local json    = require "aci.json"
local journey = require "tests.support.journey"
local peers   = require "tests.support.peers"
local tool    = require "tests.support.az"

local LOOPS   = "tests/journey/loops.json"
local ACIHOST = "scripts/templates/acihost.json"
local SECRET  = "a value that nobody prints"

describe("az", function()
   local place, az, owner, group_scope

   setup(function()
      if not peers.path "az" then return end
      place = journey.new()
      place:good { "sim", "start", "--clock", "0.001" }
      az = tool.open(place, "az")
      owner = tool.exported(place)
      group_scope = "/subscriptions/" .. owner.AZURE_SUBSCRIPTION_ID .. "/resourceGroups/"
   end)
   teardown(function()
      if place then place:close() end
   end)

   local function check(name, body)
      it(name, function()
         if not az then pending "vendor/peers az installs az" return end
         body()
      end)
   end

   local function says(text, ...)
      for _, part in ipairs { ... } do
         assert(text:find(part, 1, true), ("%q is not in:\n%s"):format(part, text))
      end
   end

   local function says_nothing_of(text, ...)
      for _, part in ipairs { ... } do
         assert(not text:find(part, 1, true), ("%q is in:\n%s"):format(part, text))
      end
   end

   -- Logging in.

   check("says what is wrong with a secret, an application", function()
      local login = "login --service-principal --tenant " .. owner.AZURE_TENANT_ID
      says((az:refused(login, "-u", owner.AZURE_CLIENT_ID, "-p", "wrong")), "AADSTS7000215",
         "Invalid client secret provided")
      says((az:refused(login, "-u", "11111111-1111-1111-1111-111111111111", "-p", "x")), "AADSTS700016")
   end)

   check("logs in as a service principal and sees the subscription", function()
      az:login(owner.AZURE_CLIENT_ID, owner.AZURE_CLIENT_SECRET, owner.AZURE_TENANT_ID)
      local shown = az:json "account show"
      assert.same({ owner.AZURE_SUBSCRIPTION_ID, owner.AZURE_TENANT_ID, "Enabled", "servicePrincipal" },
         { shown.id, shown.tenantId, shown.state, shown.user.type })
      assert.equal(1, #az:json "account list")
   end)

   check("is refused with a token for something else", function()
      says((az:refused("rest --url /subscriptions?api-version=2022-12-01 --resource https://vault.azure.net")),
         "InvalidAuthenticationTokenAudience", "wrong audience or resource 'https://vault.azure.net'")
      says((az:refused("rest --url https://graph.microsoft.com/v1.0/applications "
         .. "--resource https://management.azure.com/")), "InvalidAuthenticationToken", "Invalid audience.")
   end)

   -- Resource groups.

   check("makes, shows, lists and misses groups", function()
      local made = az:json "group create -n loops -l northeurope --tags a=b"
      assert.same({ group_scope .. "loops", "Succeeded", { a = "b" } },
         { made.id, made.properties.provisioningState, made.tags })
      assert.equal("northeurope", az:json("group show -n LOOPS").location)
      assert.same({ "loops" }, az:json "group list --query [].name")
      local message, code = az:refused "group show -n nowhere"
      says(message, "(ResourceGroupNotFound) Resource group 'nowhere' could not be found.")
      assert.equal(3, code)
      says((az:refused "group create -n loops -l westeurope"), "InvalidResourceGroupLocation")
   end)

   -- Templates.

   local LOOP = "-g loops -n d1 -f " .. LOOPS .. " -p prefix=Ab"

   check("validates a template with comments, loops, children and a nested deployment", function()
      local properties = az:json("deployment group validate " .. LOOP, "note=" .. SECRET).properties
      assert.same({ "Succeeded", "PT0S" }, { properties.provisioningState, properties.duration })
      assert.same({ type = "SecureString" }, properties.parameters.note)
      assert.same({ type = "Int", value = 3 }, properties.parameters.count)
   end)

   check("tells what a template would make", function()
      local out = az:text("deployment group what-if " .. LOOP, "note=" .. SECRET)
      says(out, "+ Microsoft.ManagedIdentity/userAssignedIdentities/Ab-id-3",
         "+ Microsoft.Network/virtualNetworks/ab-net/subnets/child",
         "+ Microsoft.ManagedIdentity/userAssignedIdentities/Ab-nested", "Resource changes: 6 to create.")
      says_nothing_of(out, SECRET, "Ab-extra")
      assert.same({}, az:json "resource list -g loops")
   end)

   check("deploys it and gives its outputs, not the secure ones", function()
      local made = az:json("deployment group create " .. LOOP, "note=" .. SECRET)
      local outputs = made.properties.outputs
      assert.same({ "Succeeded", { "Ab-id-1", "Ab-id-2", "Ab-id-3" }, 3, "a line\nbreak;[[bracket;it's" },
         { made.properties.provisioningState, outputs.names.value, outputs.subnets.value, outputs.text.value })
      assert.same({ type = "SecureString" }, outputs.note)
      assert.is_nil(outputs.extra)
      assert.equal(outputs.nested.value, az:json "identity show -g loops -n Ab-nested --query clientId")
      says_nothing_of(json.encode(made), SECRET)
   end)

   check("shows the deployment, its operations, and both in lists", function()
      local shown = az:json "deployment group show -g loops -n d1 --query properties"
      assert.equal("Succeeded", shown.provisioningState)
      assert.same({ type = "SecureString" }, shown.parameters.note)
      local operations = az:json "deployment operation group list -g loops -n d1 --query [].properties"
      local kinds = {}
      for index, one in ipairs(operations) do
         assert.equal("Succeeded", one.provisioningState)
         kinds[index] = one.targetResource ~= json.null and one.targetResource.resourceName or one.provisioningOperation
      end
      assert.same({ "Ab-id-1", "Ab-id-2", "Ab-id-3", "ab-net", "ab-net/child", "within",
         "EvaluateDeploymentOutput" }, kinds)
      local names = az:json "deployment group list -g loops --query [].name"
      table.sort(names)
      assert.same({ "d1", "within" }, names)
   end)

   check("tells what another deployment would change, element by element", function()
      local out = az:text("deployment group what-if " .. LOOP .. " count=2 with-extra=true", "note=" .. SECRET)
      says(out, "+ Microsoft.ManagedIdentity/userAssignedIdentities/Ab-extra",
         '~ properties.addressPrefix: "10.1.2.0/24" => "10.1.1.0/24"', "= Microsoft.ManagedIdentity/"
         .. "userAssignedIdentities/Ab-nested", "Resource changes: 1 to create, 2 to modify, 3 no change.")
   end)

   check("carries the other one out: the condition holds, the loop is shorter", function()
      local outputs = az:json("deployment group create " .. LOOP
         .. " count=2 with-extra=true --query properties.outputs")
      assert.same({ { "Ab-id-1", "Ab-id-2" }, 2, 36 }, { outputs.names.value, outputs.subnets.value,
         #outputs.extra.value })
      assert.same({ "inner0", "child" }, az:json("network vnet subnet list -g loops --vnet-name ab-net "
         .. "--query sort_by([],&addressPrefix)[].name"))
   end)

   check("is told where a template or its values are wrong", function()
      for _, command in ipairs { "validate", "what-if", "create" } do
         says((az:refused("deployment group " .. command .. " " .. LOOP .. " count=9")), "InvalidTemplate",
            "The provided value for the template parameter 'count'", "less than or equal to '5'")
      end
      says((az:refused "deployment group show -g loops -n none"), "DeploymentNotFound")
   end)

   check("forgets a deployment, and deletes a group with all it holds", function()
      az:text "deployment group delete -g loops -n d1"
      says((az:refused "deployment group show -g loops -n d1"), "DeploymentNotFound")
      az:text "group delete -n loops --yes"
      assert.equal("false\n", az:text "group exists -n loops")
   end)

   -- Our own template, and what stands then.

   local function parameters()
      local path = place.home .. "/parameters.json"
      assert(fs.write(path, json.encode { parameters = {
         keyvaultname = { value = "az-journey" }, testsecret = { value = SECRET },
         ["prefect-api-url"] = { value = owner.PREFECT_API_URL },
         ["prefect-api-key"] = { value = "pnu_journey" }, ["agent-image"] = { value = "busybox:latest" },
         ["agent-command"] = { value = { "/bin/sh", "-c", "echo agent of $PREFECT_API_KEY; sleep 300" } } } }))
      return "-g aci-rg -n acihost -f " .. ACIHOST .. " -p @" .. path
   end

   check("deploys acihost's own template", function()
      az:text "group create -n aci-rg -l northeurope"
      local given = parameters()
      assert.equal('"Succeeded"\n', az:text("deployment group validate " .. given
         .. " --query properties.provisioningState"))
      local before = az:text("deployment group what-if " .. given)
      says(before, "Resource changes: 10 to create, 1 to deploy.")
      local outputs = az:json("deployment group create " .. given .. " --query properties.outputs")
      assert.equal("https://az-journey.vault.azure.net/", outputs.vaultUri.value)
      says(outputs.containerIPv4Address.value, "10.0.0.")
      local after = az:text("deployment group what-if " .. given)
      says(after, "= Microsoft.Network/virtualNetworks/orinet", "= Microsoft.KeyVault/vaults/az-journey",
         '+ properties.value: "*******"')
      says_nothing_of(before .. after, SECRET, "pnu_journey")
   end)

   check("sees what was made", function()
      local kinds = az:json "resource list -g aci-rg --query [].type"
      table.sort(kinds)
      assert.same({ "Microsoft.ContainerInstance/containerGroups", "Microsoft.KeyVault/vaults",
         "Microsoft.ManagedIdentity/userAssignedIdentities", "Microsoft.Network/natGateways",
         "Microsoft.Network/publicIPAddresses", "Microsoft.Network/virtualNetworks" }, kinds)
      assert.same({ "orinet", { "10.0.0.0/16" }, "agentnet" }, az:json("network vnet list -g aci-rg --query "
         .. "[0].[name,addressSpace.addressPrefixes,subnets[0].name]"))
      local vault = az:json "keyvault show -n az-journey --query properties"
      assert.same({ true, 7, "standard" }, { vault.enableRbacAuthorization, vault.softDeleteRetentionInDays,
         vault.sku.name })
      assert.same({ "Running", json.null }, az:json("container show -g aci-rg -n prefect-agent --query "
         .. "[instanceView.state,containers[0].environmentVariables[1].value]"))
      says(az:text "container logs -g aci-rg -n prefect-agent", "agent of pnu_journey")
   end)

   check("makes a way out of a network, piece by piece", function()
      az:text "network public-ip create -g aci-rg -n own-ip -l northeurope --sku Standard"
      az:text "network nat gateway create -g aci-rg -n own-nat -l northeurope --public-ip-addresses own-ip"
      az:text("network vnet create -g aci-rg -n own-net -l northeurope --address-prefixes 10.9.0.0/16 "
         .. "--subnet-name inner --subnet-prefixes 10.9.0.0/24")
      az:text("network vnet subnet update -g aci-rg --vnet-name own-net -n inner --nat-gateway own-nat "
         .. "--delegations Microsoft.ContainerInstance/containerGroups")
      says((az:refused "network nat gateway delete -g aci-rg -n own-nat"), "CannotDeleteNatGatewayAssociatedToSubnet")
   end)

   check("takes that way out away, as setup tells it", function()
      az:text "network vnet subnet update -g aci-rg --vnet-name own-net -n inner --remove natGateway"
      az:text "network nat gateway delete -g aci-rg -n own-nat"
      az:text "network public-ip delete -g aci-rg -n own-ip"
      assert.same({ json.null }, az:json("network vnet subnet show -g aci-rg --vnet-name own-net -n inner --query "
         .. "[natGateway]"))
   end)

   -- Secrets.

   check("reads secrets only with a role for them", function()
      says((az:refused "keyvault secret show --vault-name az-journey -n testsecret"), "ForbiddenByRbac")
      az:text("role assignment create --scope " .. group_scope .. "aci-rg --assignee " .. owner.AZURE_CLIENT_ID,
         "--role", "Key Vault Secrets Officer")
      assert.equal(SECRET, az:json "keyvault secret show --vault-name az-journey -n testsecret --query value")
   end)

   check("sets, lists and deletes secrets", function()
      local made = az:json("keyvault secret set --vault-name az-journey -n made --tags a=b", "--value",
         "by az")
      says(made.id, "https://az-journey.vault.azure.net/secrets/made/")
      assert.same({ "by az", "b" }, { made.value, made.tags.a })
      assert.same({ "made", "prefect-api-key", "prefect-api-url", "testsecret" },
         az:json "keyvault secret list --vault-name az-journey --query sort([].name)")
      assert.equal(1, #az:json "keyvault secret list-versions --vault-name az-journey -n made")
      az:text "keyvault secret delete --vault-name az-journey -n made"
      says((az:refused "keyvault secret show --vault-name az-journey -n made"), "SecretNotFound")
   end)

   check("makes, deletes and recovers a vault without half a minute between two looks", function()
      local began = clock.monotonic()
      assert.equal("https://az-second.vault.azure.net/", az:json("keyvault create -g aci-rg -n az-second "
         .. "-l northeurope --query properties.vaultUri"))
      says((az:refused("rest --url https://az-second.vault.azure.net/secrets?api-version=7.4 "
         .. "--resource https://management.azure.com/")), "AKV10022: Invalid audience.")
      az:text "keyvault delete -n az-second"
      says((az:refused "keyvault create -g aci-rg -n az-second -l northeurope"), "ConflictError")
      az:text "keyvault recover -n az-second -l northeurope"
      az:text "keyvault delete -n az-second"
      az:text "keyvault purge -n az-second -l northeurope"
      assert.is_true(clock.monotonic() - began < 25)
   end)

   -- Containers.

   check("runs a container group, reads its log and ends it", function()
      az:text "identity create -g aci-rg -n own -l northeurope"
      local made = az:json("container create -g aci-rg -n job --image busybox --os-type Linux --cpu 1 --memory 1 "
         .. "--restart-policy Never --environment-variables GREETING=hei --secure-environment-variables HIDDEN=x "
         .. "--assign-identity " .. group_scope .. "aci-rg/providers/Microsoft.ManagedIdentity/"
         .. "userAssignedIdentities/own", "--command-line", "/bin/sh -c 'echo $GREETING $HIDDEN; exit 3'")
      assert.same({ "Succeeded", "UserAssigned", json.null }, { made.provisioningState, made.identity.type,
         made.containers[1].environmentVariables[2].value })
      local shown = journey.eventually(10, function()
         local now = az:json "container show -g aci-rg -n job"
         return now.containers[1].instanceView.currentState.state == "Terminated" and now
      end)
      assert.equal(3, shown.containers[1].instanceView.currentState.exitCode)
      says(az:text "container logs -g aci-rg -n job", "hei x")
      assert.same({ "job", "prefect-agent" }, az:json "container list -g aci-rg --query sort([].name)")
      az:text "container delete -g aci-rg -n job --yes"
      says((az:refused "container show -g aci-rg -n job"), "(ResourceNotFound)", "containerGroups/job")
   end)

   -- Directory and roles.

   local principal

   check("makes a service principal for a role", function()
      principal = az:json("ad sp create-for-rbac -n az-journey --role Contributor --scopes "
         .. group_scope .. "aci-rg")
      assert.equal(owner.AZURE_TENANT_ID, principal.tenant)
      assert.same({ principal.appId }, az:json "ad app list --display-name az-journey --query [].appId")
      local shown = az:json("ad sp show --id " .. principal.appId)
      assert.same({ "az-journey", "Application" }, { shown.displayName, shown.servicePrincipalType })
      says((az:refused "ad app list --show-mine"), "/me request is only valid with delegated authentication flow.")
      says((az:refused "ad sp show --id 11111111-1111-1111-1111-111111111111"), "does not exist")
   end)

   check("gives a principal another password", function()
      local old = principal.password
      principal.password = az:json("ad sp credential reset --id " .. principal.appId .. " --query password")
      assert.not_equal(old, principal.password)
   end)

   check("lists, makes and deletes role assignments", function()
      local mine = "role assignment list --all --query [].roleDefinitionName --assignee " .. principal.appId
      assert.same({ "Contributor" }, az:json(mine))
      local made = az:json("role assignment create --scope " .. group_scope
         .. "aci-rg --role Reader --assignee " .. principal.appId)
      assert.same({ "ServicePrincipal", group_scope .. "aci-rg" }, { made.principalType, made.scope })
      az:text("role assignment delete --ids " .. made.id)
      assert.same({ "Contributor" }, az:json(mine))
   end)

   check("makes a role of its own and finds the built-in ones", function()
      local path = place.home .. "/role.json"
      local role = assert(json.decode(assert(fs.read "scripts/templates/role.json"), { comments = true }))
      assert(fs.write(path, json.encode { Name = role.roleName, Description = role.description,
         Actions = role.permissions[1].actions, AssignableScopes = { group_scope .. "aci-rg" } }))
      local made = az:json("role definition create --role-definition @" .. path)
      assert.same({ "CustomRole", role.permissions[1].actions }, { made.roleType, made.permissions[1].actions })
      assert.same({ role.roleName }, az:json "role definition list --custom-role-only --query [].roleName")
      az:text("role definition delete -n", role.roleName)
      assert.same({ { "*/read" } }, az:json "role definition list -n Reader --query [].permissions[0].actions")
   end)

   check("is refused where another principal has no role", function()
      local other = tool.open(place, "az-other")
      journey.eventually(10, function()
         return pcall(other.login, other, principal.appId, principal.password, principal.tenant)
      end)
      local message = other:refused "group create -n more -l northeurope"
      says(message, "(AuthorizationFailed)", principal.appId, "does not have authorization to perform action "
         .. "'Microsoft.Resources/subscriptions/resourcegroups/write'", group_scope:gsub("Groups/$", "groups/")
         .. "more")
      az:text "group create -n hidden -l northeurope"
      assert.same({ "aci-rg" }, other:json "group list --query [].name")
      says((other:refused "container list -g hidden"), "'Microsoft.ContainerInstance/containerGroups/read'",
         group_scope .. "hidden/providers/Microsoft.ContainerInstance")
      says((other:refused("role assignment create --role Owner --assignee-principal-type ServicePrincipal "
         .. "--assignee-object-id 11111111-1111-1111-1111-111111111111 --scope " .. group_scope .. "aci-rg")),
         "(AuthorizationFailed)", "'Microsoft.Authorization/roleAssignments/write'")
   end)

   -- Storage.

   check("must register a provider before it writes to it", function()
      says((az:refused "storage account create -g aci-rg -n azjourney -l northeurope"),
         "(MissingSubscriptionRegistration)", "'Microsoft.Storage'")
      az:text "provider register -n Microsoft.Storage" -- its --wait would look only every ten seconds
      journey.eventually(10, function()
         return az:json "provider show -n Microsoft.Storage --query registrationState" == "Registered"
      end)
   end)

   check("makes a storage account and reads its keys", function()
      assert.is_true(az:json "storage account check-name -n azjourney --query nameAvailable")
      local made = az:json "storage account create -g aci-rg -n azjourney -l northeurope --sku Standard_LRS"
      assert.same({ "Succeeded", "https://azjourney.blob.core.windows.net/" }, { made.provisioningState,
         made.primaryEndpoints.blob })
      assert.equal("AlreadyExists", az:json "storage account check-name -n azjourney --query reason")
      says((az:refused "storage account create -g aci-rg -n Bad_Name -l northeurope"), "(AccountNameInvalid)")
      local keys = az:json "storage account keys list -g aci-rg -n azjourney"
      assert.same({ "key1", "key2" }, { keys[1].keyName, keys[2].keyName })
      az.environment.AZURE_STORAGE_ACCOUNT, az.environment.AZURE_STORAGE_KEY = "azjourney", keys[1].value
   end)

   check("uploads, lists, downloads and deletes blobs", function()
      assert.is_true(az:json "storage container create -n flows --query created")
      local from, to, name = place.home .. "/up", place.home .. "/down", "a folder/hei %20+\u{e9}.txt"
      assert(fs.write(from, "hei verden"))
      local upload = { "storage blob upload -c flows --no-progress", "-f", from, "-n", name }
      az:text(table.unpack(upload))
      says((az:refused(table.unpack(upload))), "BlobAlreadyExists")
      assert.same({ name }, az:json "storage blob list -c flows --query [].name")
      az:text("storage blob download -c flows --no-progress", "-n", name, "-f", to)
      assert.equal("hei verden", fs.read(to))
      az:text("storage blob delete -c flows", "-n", name)
      assert.is_false(az:json("storage blob exists -c flows --query exists", "-n", name))
   end)

   check("is refused with a wrong key, and with a token but no role for data", function()
      az.environment.AZURE_STORAGE_KEY = "d3Jvbmc="
      says((az:refused "storage blob list -c flows"), "Authentication failure")
      az.environment.AZURE_STORAGE_KEY = nil
      says((az:refused "storage blob list -c flows --auth-mode login"), "You do not have the required permissions",
         "Storage Blob Data Reader")
   end)

   -- The end.

   check("deletes the group; the vault can be seen deleted, and purged", function()
      az:text "group delete -n aci-rg --yes"
      says((az:refused "group show -n aci-rg"), "ResourceGroupNotFound")
      assert.same({ "az-journey" }, az:json "keyvault list-deleted --query [].name")
      az:text "keyvault purge -n az-journey -l northeurope"
      assert.same({}, az:json "keyvault list-deleted")
   end)

   check("asked for nothing that the local cloud does not play", function()
      local odd, count = {}, 0
      for line in (place:good { "sim", "requests" }):gmatch "[^\n]+" do
         local request = assert(json.decode(line))
         count = count + 1
         if request.status >= 500 then
            odd[#odd + 1] = ("%d %s %s%s"):format(request.status, request.method, request.host, request.path)
         end
      end
      assert.same({}, odd)
      assert.is_true(count > 150)
   end)
end)
