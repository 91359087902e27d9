--- Role definitions: the built-in ones that the set-up can meet, and the custom ones in the state.
local json = require "aci.json"

local roles = {}

roles.SCHEMA = {
   [[CREATE TABLE IF NOT EXISTS role_assignments (name TEXT PRIMARY KEY, scope TEXT NOT NULL,
      principal TEXT NOT NULL,
     principal_type TEXT NOT NULL, role TEXT NOT NULL, body TEXT NOT NULL, effective REAL NOT NULL)]],
   "CREATE INDEX IF NOT EXISTS role_assignments_principal ON role_assignments (principal)",
   [[CREATE TABLE IF NOT EXISTS role_definitions (name TEXT PRIMARY KEY, title TEXT NOT NULL,
     body TEXT NOT NULL)]],
}

roles.OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
roles.CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
roles.SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"

local COMMON = {
   "Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*", "Microsoft.Resources/deployments/*",
   "Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Support/*",
}
local VAULT_READ = {
   "Microsoft.KeyVault/checkNameAvailability/read", "Microsoft.KeyVault/deletedVaults/read",
   "Microsoft.KeyVault/locations/*/read", "Microsoft.KeyVault/vaults/*/read",
      "Microsoft.KeyVault/operations/read",
}
local BLOBS = "Microsoft.Storage/storageAccounts/blobServices/"

local function join(...)
   local all = {}
   for _, part in ipairs { ... } do
      table.move(part, 1, #part, #all + 1, all)
   end
   return all
end

-- name (GUID) = { title, actions, notActions, dataActions }
local BUILT_IN = {
   [roles.OWNER] = { "Owner", { "*" } },
   [roles.CONTRIBUTOR] = { "Contributor", { "*" }, {
      "Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write",
      "Microsoft.Authorization/elevateAccess/Action", "Microsoft.Blueprint/blueprintAssignments/write",
      "Microsoft.Blueprint/blueprintAssignments/delete", "Microsoft.Compute/galleries/share/action",
      "Microsoft.Purview/consents/write", "Microsoft.Purview/consents/delete",
      "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
         "Microsoft.Subscription/cancel/action",
      "Microsoft.Subscription/enable/action" } },
   ["acdd72a7-3385-48ef-bd42-f606fba81ae7"] = { "Reader", { "*/read" } },
   ["18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"] = { "User Access Administrator",
      { "*/read", "Microsoft.Authorization/*", "Microsoft.Support/*" } },
   ["f58310d9-a9f6-439a-9e8d-f62e7b41a168"] = { "Role Based Access Control Administrator", {
      "Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete",
         "*/read",
      "Microsoft.Support/*" } },
   ["00482a5a-887f-4fb3-b363-3b7fe8e74483"] = { "Key Vault Administrator", join(COMMON, VAULT_READ), {},
      { "Microsoft.KeyVault/vaults/*" } },
   ["b86a8fe4-44ce-4948-aee5-eccb2c155cd7"] = { "Key Vault Secrets Officer", join(COMMON, VAULT_READ), {},
      { "Microsoft.KeyVault/vaults/secrets/*" } },
   [roles.SECRETS_USER] = { "Key Vault Secrets User", {}, {}, {
      "Microsoft.KeyVault/vaults/secrets/getSecret/action",
      "Microsoft.KeyVault/vaults/secrets/readMetadata/action" } },
   ["21090545-7ca7-4776-b22c-e363652d74d2"] = { "Key Vault Reader", join({
      "Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*",
      "Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Support/*" }, VAULT_READ), {}, {
      "Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/secrets/readMetadata/action" } },
   ["f25e0fa2-a7c8-4377-a976-54943a77a395"] = { "Key Vault Contributor", join(COMMON, {
      "Microsoft.KeyVault/*" }), {
      "Microsoft.KeyVault/locations/deletedVaults/purge/action", "Microsoft.KeyVault/hsmPools/*",
      "Microsoft.KeyVault/managedHsms/*" } },
   ["b7e6dc6d-f1e8-4753-8033-0f276bb0955b"] = { "Storage Blob Data Owner", {
      BLOBS .. "containers/*", BLOBS .. "generateUserDelegationKey/action" }, {}, { BLOBS
         .. "containers/blobs/*" } },
   ["ba92f5b4-2d11-453d-a403-e96b0029c9fe"] = { "Storage Blob Data Contributor", {
      BLOBS .. "containers/delete", BLOBS .. "containers/read", BLOBS .. "containers/write",
      BLOBS .. "generateUserDelegationKey/action" }, {}, {
      BLOBS .. "containers/blobs/delete", BLOBS .. "containers/blobs/read", BLOBS
         .. "containers/blobs/write",
      BLOBS .. "containers/blobs/move/action", BLOBS .. "containers/blobs/add/action" } },
   ["2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"] = { "Storage Blob Data Reader", {
      BLOBS .. "containers/read", BLOBS .. "generateUserDelegationKey/action" }, {}, {
      BLOBS .. "containers/blobs/read" } },
   ["17d1049b-9a84-46fb-8f53-869881c3d3ab"] = { "Storage Account Contributor", join(COMMON, {
      "Microsoft.Insights/diagnosticSettings/*",
      "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
      "Microsoft.ResourceHealth/availabilityStatuses/read", "Microsoft.Storage/storageAccounts/*" }) },
   ["4d97b98b-1d4f-4787-a291-c67834d212e7"] = { "Network Contributor", join(COMMON, {
      "Microsoft.Network/*", "Microsoft.ResourceHealth/availabilityStatuses/read" }) },
   ["f1a07417-d97a-45cb-824c-7a7467783830"] = { "Managed Identity Operator", join({
      "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
      "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action" }, COMMON) },
   ["e40ec5ca-96e0-45a2-b4ff-59039f2c2b59"] = { "Managed Identity Contributor", join({
      "Microsoft.ManagedIdentity/userAssignedIdentities/read",
      "Microsoft.ManagedIdentity/userAssignedIdentities/write",
      "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
      "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
      "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
      "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/delete",
      "Microsoft.ManagedIdentity/userAssignedIdentities/revokeTokens/action" }, COMMON) },
   ["7f951dda-4ed3-4680-a7ca-43fe172d538d"] = { "AcrPull", {
      "Microsoft.ContainerRegistry/registries/pull/read" } },
   ["8311e382-0749-4cb8-b61a-304f252e45ec"] = { "AcrPush", {
      "Microsoft.ContainerRegistry/registries/pull/read",
         "Microsoft.ContainerRegistry/registries/push/write" } },
   ["5d977122-f97e-4b4d-a52f-6b43003ddb4d"] = { "Azure Container Instances Contributor Role", {
      "Microsoft.ContainerInstance/containerGroups/*", "Microsoft.Resources/deployments/*",
      "Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*",
      "Microsoft.Resources/subscriptions/resourceGroups/read" } },
}

local function built_in(name)
   local row = BUILT_IN[name]
   return row and {
      name = name, title = row[1], type = "BuiltInRole", scopes = { "/" },
      permissions = { { actions = json.array(row[2]), notActions = json.array(row[3] or {}),
         dataActions = json.array(row[4] or {}), notDataActions = json.array {} } },
   }
end

local function custom(row)
   local role = assert(json.decode(row.body))
   role.name, role.title, role.type = row.name, row.title, "CustomRole"
   return role
end

--- A role by its GUID: { name, title, type, description, scopes, permissions, ... } or nil.
function roles.find(state, name)
   local found = built_in(name)
   if found then
      return found
   end
   local row = state.db:row("SELECT * FROM role_definitions WHERE name = ?", name)
   return row and custom(row)
end

--- All roles, the built-in ones first.
function roles.all(state)
   local found = {}
   for name in pairs(BUILT_IN) do
      found[#found + 1] = built_in(name)
   end
   table.sort(found, function(a, b) return a.title < b.title end)
   for _, row in ipairs(state.db:rows "SELECT * FROM role_definitions ORDER BY title") do
      found[#found + 1] = custom(row)
   end
   return found
end

--- Writes a custom role.
function roles.save(state, role)
   state.db:run("INSERT OR REPLACE INTO role_definitions (name, title, body) VALUES (?, ?, ?)", role.name,
      role.title,
      json.encode(role))
end

function roles.delete(state, name)
   return state.db:run("DELETE FROM role_definitions WHERE name = ?", name)
end

--- Writes an assignment: name, scope, principal, principal_type, role (GUID), effective (time), and
-- optionally body (the stamps and texts that answers show).
function roles.assign(state, fields)
   state.db:run([[INSERT OR REPLACE INTO role_assignments (name, scope, principal, principal_type, role,
      body, effective)
      VALUES (?, ?, ?, ?, ?, ?, ?)]], fields.name:lower(), fields.scope, fields.principal:lower(),
      fields.principal_type, fields.role:lower(), json.encode(json.object(fields.body or {})),
         fields.effective)
end

return roles
