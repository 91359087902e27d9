--- The action names that a custom role may contain: what our providers, and the parts of Azure beside them
-- that role definitions of this kind mention, offer. One wrong name refuses a whole role, as in Azure.
local access = require "sim.access"

local actions = {}

-- namespace = { type = { verbs } }; "!" marks data actions.
local CONTAINER = "Microsoft.ContainerInstance/"
local LISTS = {
   ["Microsoft.ContainerInstance"] = {
      CONTAINER .. "register/action", CONTAINER .. "containerGroups/read", CONTAINER
         .. "containerGroups/write",
      CONTAINER .. "containerGroups/delete", CONTAINER .. "containerGroups/restart/action",
      CONTAINER .. "containerGroups/stop/action", CONTAINER .. "containerGroups/start/action",
      CONTAINER .. "containerGroups/containers/exec/action", CONTAINER
         .. "containerGroups/containers/attach/action",
      CONTAINER .. "containerGroups/containers/buildlogs/read", CONTAINER
         .. "containerGroups/containers/logs/read",
      CONTAINER .. "containerGroups/detectors/read", CONTAINER .. "containerGroups/operationResults/read",
      CONTAINER .. "containerGroups/outboundNetworkDependenciesEndpoints/read",
      CONTAINER .. "containerGroups/providers/Microsoft.Insights/diagnosticSettings/read",
      CONTAINER .. "containerGroups/providers/Microsoft.Insights/diagnosticSettings/write",
      CONTAINER .. "containerGroups/providers/Microsoft.Insights/metricDefinitions/read",
      CONTAINER .. "containerScaleSets/read", CONTAINER .. "locations/cachedImages/read",
      CONTAINER .. "locations/capabilities/read", CONTAINER .. "locations/operations/read",
      CONTAINER .. "locations/operationResults/read", CONTAINER .. "locations/usages/read",
      CONTAINER .. "locations/deleteVirtualNetworkOrSubnets/action", CONTAINER .. "operations/read",
      CONTAINER .. "serviceassociationlinks/delete", CONTAINER .. "containerGroupProfiles/read",
      CONTAINER .. "containerGroupProfiles/write", CONTAINER .. "containerGroupProfiles/delete",
   },
   ["Microsoft.Resources"] = {
      "Microsoft.Resources/subscriptions/read", "Microsoft.Resources/subscriptions/providers/read",
      "Microsoft.Resources/subscriptions/resources/read",
         "Microsoft.Resources/subscriptions/locations/read",
      "Microsoft.Resources/subscriptions/tagNames/read", "Microsoft.Resources/tags/read",
      "Microsoft.Resources/tags/write", "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
      "Microsoft.Resources/subscriptions/resourceGroups/read",
      "Microsoft.Resources/subscriptions/resourceGroups/write",
      "Microsoft.Resources/subscriptions/resourceGroups/delete",
         "Microsoft.Resources/subscriptions/operationresults/read",
      "Microsoft.Resources/deployments/read", "Microsoft.Resources/deployments/write",
      "Microsoft.Resources/deployments/delete", "Microsoft.Resources/deployments/cancel/action",
      "Microsoft.Resources/deployments/validate/action", "Microsoft.Resources/deployments/whatIf/action",
      "Microsoft.Resources/deployments/exportTemplate/action",
         "Microsoft.Resources/deployments/operations/read",
      "Microsoft.Resources/deployments/operationstatuses/read",
   },
   ["Microsoft.Network"] = {
      "Microsoft.Network/register/action", "Microsoft.Network/virtualNetworks/read",
      "Microsoft.Network/virtualNetworks/write", "Microsoft.Network/virtualNetworks/delete",
      "Microsoft.Network/virtualNetworks/subnets/read", "Microsoft.Network/virtualNetworks/subnets/write",
      "Microsoft.Network/virtualNetworks/subnets/delete",
         "Microsoft.Network/virtualNetworks/subnets/join/action",
      "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
      "Microsoft.Network/natGateways/read", "Microsoft.Network/natGateways/write",
      "Microsoft.Network/natGateways/delete", "Microsoft.Network/natGateways/join/action",
      "Microsoft.Network/publicIPAddresses/read", "Microsoft.Network/publicIPAddresses/write",
      "Microsoft.Network/publicIPAddresses/delete", "Microsoft.Network/publicIPAddresses/join/action",
      "Microsoft.Network/locations/operations/read", "Microsoft.Network/locations/operationResults/read",
      "Microsoft.Network/networkProfiles/read", "Microsoft.Network/networkProfiles/write",
      "Microsoft.Network/networkProfiles/delete", "Microsoft.Network/networkSecurityGroups/read",
      "Microsoft.Network/networkSecurityGroups/join/action", "Microsoft.Network/routeTables/join/action",
   },
   ["Microsoft.ManagedIdentity"] = {
      "Microsoft.ManagedIdentity/register/action", "Microsoft.ManagedIdentity/userAssignedIdentities/read",
      "Microsoft.ManagedIdentity/userAssignedIdentities/write",
      "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
      "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
      "Microsoft.ManagedIdentity/userAssignedIdentities/listAssociatedResources/action",
      "Microsoft.ManagedIdentity/userAssignedIdentities/revokeTokens/action",
      "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
      "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
      "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/delete",
   },
   ["Microsoft.KeyVault"] = {
      "Microsoft.KeyVault/register/action", "Microsoft.KeyVault/vaults/read",
         "Microsoft.KeyVault/vaults/write",
      "Microsoft.KeyVault/vaults/delete", "Microsoft.KeyVault/vaults/deploy/action",
      "Microsoft.KeyVault/vaults/accessPolicies/write", "Microsoft.KeyVault/vaults/secrets/read",
      "Microsoft.KeyVault/vaults/secrets/write", "Microsoft.KeyVault/deletedVaults/read",
      "Microsoft.KeyVault/locations/deletedVaults/read",
         "Microsoft.KeyVault/locations/deletedVaults/purge/action",
      "Microsoft.KeyVault/locations/operationResults/read", "Microsoft.KeyVault/checkNameAvailability/read",
      "Microsoft.KeyVault/operations/read", "!Microsoft.KeyVault/vaults/secrets/getSecret/action",
      "!Microsoft.KeyVault/vaults/secrets/setSecret/action",
         "!Microsoft.KeyVault/vaults/secrets/readMetadata/action",
      "!Microsoft.KeyVault/vaults/secrets/delete", "!Microsoft.KeyVault/vaults/secrets/update/action",
      "!Microsoft.KeyVault/vaults/secrets/recover/action",
         "!Microsoft.KeyVault/vaults/secrets/purge/action",
      "!Microsoft.KeyVault/vaults/secrets/backup/action",
         "!Microsoft.KeyVault/vaults/secrets/restore/action",
   },
   ["Microsoft.Storage"] = {
      "Microsoft.Storage/register/action", "Microsoft.Storage/storageAccounts/read",
      "Microsoft.Storage/storageAccounts/write", "Microsoft.Storage/storageAccounts/delete",
      "Microsoft.Storage/storageAccounts/listKeys/action",
         "Microsoft.Storage/storageAccounts/regeneratekey/action",
      "Microsoft.Storage/checknameavailability/read", "Microsoft.Storage/storageAccounts/blobServices/read",
      "Microsoft.Storage/storageAccounts/blobServices/write",
      "Microsoft.Storage/storageAccounts/blobServices/containers/read",
      "Microsoft.Storage/storageAccounts/blobServices/containers/write",
      "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
      "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
      "Microsoft.Storage/storageAccounts/fileServices/shares/read",
      "Microsoft.Storage/storageAccounts/fileServices/shares/write",
      "!Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
      "!Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
      "!Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
      "!Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
      "!Microsoft.Storage/storageAccounts/blobServices/containers/blobs/move/action",
   },
   ["Microsoft.Authorization"] = {
      "Microsoft.Authorization/roleAssignments/read", "Microsoft.Authorization/roleAssignments/write",
      "Microsoft.Authorization/roleAssignments/delete", "Microsoft.Authorization/roleDefinitions/read",
      "Microsoft.Authorization/roleDefinitions/write", "Microsoft.Authorization/roleDefinitions/delete",
      "Microsoft.Authorization/permissions/read", "Microsoft.Authorization/locks/read",
   },
   ["Microsoft.ContainerRegistry"] = {
      "Microsoft.ContainerRegistry/register/action", "Microsoft.ContainerRegistry/checkNameAvailability/read",
      "Microsoft.ContainerRegistry/registries/read", "Microsoft.ContainerRegistry/registries/write",
      "Microsoft.ContainerRegistry/registries/delete",
      "Microsoft.ContainerRegistry/registries/listCredentials/action",
      "Microsoft.ContainerRegistry/registries/pull/read", "Microsoft.ContainerRegistry/registries/push/write",
      "Microsoft.ContainerRegistry/registries/artifacts/delete",
   },
   ["Microsoft.Insights"] = { "Microsoft.Insights/alertRules/read", "Microsoft.Insights/alertRules/write" },
   ["Microsoft.OperationalInsights"] = { "Microsoft.OperationalInsights/workspaces/read",
      "Microsoft.OperationalInsights/workspaces/sharedKeys/action" },
   ["Microsoft.Support"] = { "Microsoft.Support/supportTickets/read",
      "Microsoft.Support/supportTickets/write" },
}

local function matches(list, text, data)
   for _, name in ipairs(list) do
      local is_data = name:sub(1, 1) == "!"
      local bare = is_data and name:sub(2) or name
      if is_data == data and access.covers({ text }, bare) then
         return true
      end
   end
   return false
end

--- Whether an action or a pattern of actions names something.
-- @param data true for data actions
-- @return known, namespace_known
function actions.known(text, data)
   local namespace = text:match "^([^/*]+)/"
   if not namespace then
      return text == "*" or text:sub(1, 2) == "*/", true
   end
   for name, list in pairs(LISTS) do
      if name:lower() == namespace:lower() then
         return matches(list, text, data), true
      end
   end
   return false, false
end

return actions
