--- What the SDKs' journeys find on a local cloud: a group with a vault and a storage account, the roles of the data
-- for the cloud's owner, and another application without any role.
local azure   = require "aci.azure"
local config_ = require "aci.config"
local crypto  = require "aci.crypto"
local graph   = require "aci.graph"
local secret  = require "aci.secret"
local tool    = require "tests.support.az"

local OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
local CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

local function assign(az, scope, role, principal)
   local id = ("%s/providers/Microsoft.Authorization/roleAssignments/%s"):format(scope, crypto.uuid4())
   az:put(id, "2022-04-01", { properties = { principalId = principal, principalType = "ServicePrincipal",
      roleDefinitionId = ("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s"):format(
         az.config.subscription, role) } })
end

local function put(az, kind, name, body)
   local resource = az:resource(kind, name, body)
   az:put(resource.id, resource.version, resource.body)
   return resource
end

local function add_stranger(directory, environment)
   local stranger = directory:create_application { displayName = "stranger" }
   directory:create_service_principal(stranger.appId)
   environment.SPEC_STRANGER_ID = stranger.appId
   environment.SPEC_STRANGER_SECRET = secret.reveal(directory:add_password(stranger.id).secret)
end

--- @param place a journey whose cloud runs or may be started
-- @param ... namespaces to register besides those of the vault and the account
-- @return { environment (what `sim env --secret` prints, SPEC_ACCOUNT_KEY, SPEC_STRANGER_ID and _SECRET), config }
return function(place, ...)
   local environment = tool.exported(place)
   local config = config_.load({ home = place.environment.ACIHOST_HOME }, { environment = {}, file = false })
   local az = azure.connect(config)
   for _, namespace in ipairs { "Microsoft.KeyVault", "Microsoft.Storage", ... } do az:register(namespace) end
   az:put_group()
   local account = put(az, "Microsoft.Storage/storageAccounts", config.storage_account, {
      location = config.location, kind = "StorageV2", sku = { name = "Standard_LRS" }, properties = {} })
   local vault = put(az, "Microsoft.KeyVault/vaults", config.vault, { location = config.location,
      properties = { tenantId = config.tenant, sku = { family = "A", name = "standard" },
         enableRbacAuthorization = true } })
   local directory = graph.connect(config)
   local owner = directory:service_principal(environment.AZURE_CLIENT_ID)
   assign(az, vault.id, OFFICER, owner.id)
   assign(az, account.id, CONTRIBUTOR, owner.id)
   add_stranger(directory, environment)
   environment.SPEC_ACCOUNT_KEY = secret.reveal(az:storage_key(account))
   return { environment = environment, config = config }
end
