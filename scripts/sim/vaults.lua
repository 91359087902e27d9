--- Microsoft.KeyVault, management plane: vaults, their soft deletion, access policies, secrets as children.
-- The data plane (keyvault.lua) finds a vault by `vaults.find`.
local clock        = require "aci.clock"
local json         = require "aci.json"
local provider     = require "sim.provider"
local refuse       = require "sim.refuse"
local taken        = require "sim.taken"
local vaultsecrets = require "sim.vaultsecrets"

local vaults = provider { name = "vaults", namespace = "Microsoft.KeyVault", schema = {
   [[CREATE TABLE IF NOT EXISTS deleted_vaults (name TEXT PRIMARY KEY, location TEXT NOT NULL,
      body TEXT NOT NULL,
     deleted REAL NOT NULL, purge_at REAL NOT NULL)]], table.unpack(vaultsecrets.SCHEMA) } }

local TYPE = "Microsoft.KeyVault/vaults"
local VERSIONS = { "2026-05-15", "2026-02-01", "2025-05-01", "2024-12-01-preview", "2024-11-01",
   "2024-04-01-preview",
   "2023-07-01", "2023-02-01", "2022-11-01", "2022-07-01", "2021-11-01-preview", "2021-10-01",
      "2021-06-01-preview",
   "2021-04-01-preview", "2020-04-01-preview", "2019-09-01", "2018-02-14", "2018-02-14-preview",
      "2016-10-01",
   "2015-06-01" }

local SECONDS = { create = 20 }
local DAY = 86400

--- The vault of a name, or nil.
function vaults.find(state, name)
   for _, row in ipairs(state:resources { type = TYPE }) do
      if row.name:lower() == name:lower() then
         return row
      end
   end
end

--- The deleted vault of a name: { name, location, body, deleted, purge_at } or nil.
function vaults.find_deleted(state, name)
   local row = state.db:row("SELECT * FROM deleted_vaults WHERE name = ?", name:lower())
   if row then
      row.body = assert(json.decode(row.body))
   end
   return row
end

local function valid_name(name)
   return name:find "^%a[%w-]*%w$" and #name >= 3 and #name <= 24 and not name:find("--", 1, true)
end

local BAD_NAME = "The vault name '%s' is invalid. A vault's name must be between 3-24 alphanumeric "
   .. "characters. The name must begin with a letter, end with a letter or digit, and not contain "
   .. "consecutive hyphens. Follow this link for more information: "
   .. "https://go.microsoft.com/fwlink/?linkid=2147742"
local IN_USE = "The vault name '%s' is already in use. Vault names are globally unique so it is "
   .. "possible that the name is already taken. If you are sure that the vault name was not taken then "
   .. "it is possible that a vault with the same name was recently deleted but not purged after being "
   .. "placed in a recoverable state. If the vault is in a recoverable state then the vault will need "
   .. "to be purged before reusing the name. For more information about VaultAlreadyExists, soft "
   .. "delete and purging a vault follow this link https://go.microsoft.com/fwlink/?linkid=2147740."
local DELETED = "A vault with the same name already exists in deleted state. You need to either "
   .. "recover or purge existing key vault. Follow this link "
   .. "https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete."
local NO_WAY_BACK = "The property \"%s\" %s"

local function bad(message, ...)
   refuse(400, "BadRequest", message:format(...))
end

local function check_name(req, r, recover)
   refuse.unless(valid_name(r.name), 400, "VaultNameNotValid", BAD_NAME:format(r.name))
   if r.old then
      return
   end
   local deleted = vaults.find_deleted(req.state, r.name)
   if recover then
      refuse.unless(deleted and deleted.location == r.location, 404, "SoftDeletedVaultDoesNotExist",
         ("A soft deleted vault with the given name %s does not exist in location %s."):format(r.name,
            r.location))
      return
   end
   refuse.when(deleted, 409, "ConflictError", DELETED)
   refuse.when(vaults.find(req.state, r.name) or taken.is(req.state, "vault", r.name), 409,
      "VaultAlreadyExists",
      IN_USE:format(r.name))
end

local SECRETS = { all = true, get = true, list = true, set = true, delete = true, backup = true, restore = true,
   recover = true, purge = true }

local function check_permissions(permissions)
   local secrets = permissions.secrets
   for _, name in ipairs(type(secrets) == "table" and secrets or {}) do
      if type(name) ~= "string" or not SECRETS[name:lower()] then
         bad("An invalid value was provided for 'permissions.secrets': '%s'.", tostring(name))
      end
   end
end

local function check_policies(req, given)
   local tenant = req.state:setting "tenant"
   if type(given) == "table" and next(given) ~= nil and not json.is_array(given) then
      bad "An invalid value was provided for 'accessPolicies'."
   end
   for _, policy in ipairs(type(given) == "table" and given or {}) do
      if type(policy) ~= "table" or type(policy.tenantId) ~= "string" or type(policy.objectId) ~= "string"
         or type(policy.permissions) ~= "table" then
         bad "An access policy needs objectId, tenantId and permissions."
      elseif (policy.tenantId or ""):lower() ~= tenant then
         bad("An invalid value was provided for 'accessPolicies': the tenant '%s' is not the vault's "
            .. "tenant.",
            tostring(policy.tenantId))
      end
      check_permissions(policy.permissions)
   end
end

local function check_one_way(given, old)
   if given.enableSoftDelete == false then
      bad(NO_WAY_BACK, "enableSoftDelete", "can be set to false only for creating new vault. Enabling "
         .. "the 'soft "
         .. "delete' functionality is an irreversible action.")
   end
   if given.enablePurgeProtection == false then
      bad(NO_WAY_BACK, "enablePurgeProtection", "cannot be set to false. Enabling the purge protection "
         .. "for a vault is "
         .. "an irreversible action.")
   end
   local days = given.softDeleteRetentionInDays
   if days and days ~= json.null then
      if math.type(days) ~= "integer" or days < 7 or days > 90 then
         bad("The property \"softDeleteRetentionInDays\" must be between 7 and 90.")
      elseif old and old.softDeleteRetentionInDays ~= days then
         bad("The property \"softDeleteRetentionInDays\" has been set already and it can't be modified.")
      end
   end
end

local function check_vault(req, r)
   local given = type(r.body.properties) == "table" and r.body.properties
      or bad "The property 'properties' is required."
   local mode = given.createMode
   if mode ~= nil and mode ~= json.null and mode ~= "default" and mode ~= "recover" then
      bad "An invalid value was provided for 'createMode'."
   end
   local recover = mode == "recover"
   check_name(req, r, recover)
   local sku = type(given.sku) == "table" and given.sku or {}
   if type(given.tenantId) ~= "string" then
      bad "The parameter tenantId is required."
   elseif given.tenantId:lower() ~= req.state:setting "tenant" then
      bad("An invalid value was provided for 'tenantId'.")
   elseif sku.family ~= "A" or (sku.name ~= "standard" and sku.name ~= "premium") then
      bad("An invalid value was provided for 'sku'.")
   end
   local rbac = given.enableRbacAuthorization
   local old = r.old and r.old.body.properties
   if not recover and not old and type(given.accessPolicies) ~= "table" and rbac ~= true
      and not (rbac == nil and r.version >= "2026-02-01") then
      bad "The parameter accessPolicies is required."
   end
   check_policies(req, given.accessPolicies)
   check_one_way(given, old)
end

local COPIED = { "sku", "enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment",
   "enableRbacAuthorization", "enablePurgeProtection", "publicNetworkAccess", "networkAcls" }

local function value_or(given, old)
   if given ~= nil and given ~= json.null then
      return given
   end
   return old
end

local function properties_of(req, r)
   local given, old = r.body.properties, r.old and r.old.body.properties or {}
   local made = { tenantId = req.state:setting "tenant", provisioningState = "Succeeded",
      enableSoftDelete = true, vaultUri = ("https://%s.vault.azure.net/"):format(r.name:lower()),
      softDeleteRetentionInDays = old.softDeleteRetentionInDays
         or value_or(given.softDeleteRetentionInDays, 90),
      accessPolicies = json.array(type(given.accessPolicies) == "table" and given.accessPolicies or {}) }
   for _, name in ipairs(COPIED) do
      made[name] = value_or(given[name], old[name])
   end
   made.publicNetworkAccess = made.publicNetworkAccess or "Enabled"
   made.enabledForDeployment = made.enabledForDeployment or false
   if not r.old and made.enableRbacAuthorization == nil and r.version >= "2026-02-01" then
      made.enableRbacAuthorization = true
   end
   return made
end

local function system_data(req, old)
   local now = clock.iso(clock.now())
   return { createdBy = old and old.createdBy or req.caller.appid, createdByType = "Application",
      createdAt = old and old.createdAt or now, lastModifiedBy = req.caller.appid,
      lastModifiedByType = "Application", lastModifiedAt = now }
end

-- While its name is being registered a vault shows its address without the final slash.
local function show(_, row)
   if row.busy then
      row.body.properties.vaultUri = row.body.properties.vaultUri:gsub("/$", "")
   end
   return row.body
end

--- The vault comes back with its secrets, on the management plane too.
local function recover(req, r)
   local deleted = vaults.find_deleted(req.state, r.name)
   req.state.db:run("DELETE FROM deleted_vaults WHERE name = ?", r.name:lower())
   local row = r:store(deleted.body, { pending = "RegisteringDns", seconds = SECONDS.create })
   for _, newest in ipairs(vaultsecrets.list(req.state, r.name)) do
      vaults.keep_secret(req.state, { id = r.id, name = r.name, body = deleted.body }, newest.known.shown, newest)
   end
   return 200, show(req, row)
end

local function put_vault(req, r)
   if r.body.properties.createMode == "recover" and not r.old then
      return recover(req, r)
   end
   local body = { location = r.location, tags = r.tags or json.object {}, properties = properties_of(req,
      r),
      systemData = system_data(req, r.old and r.old.body.systemData) }
   local new = not r.old
   return 200, show(req, r:store(body, new and { pending = "RegisteringDns", seconds = SECONDS.create }
      or nil))
end

local function patch_vault(req, r)
   local body, given = r.old.body, type(r.body.properties) == "table" and r.body.properties or {}
   check_policies(req, given.accessPolicies)
   check_one_way(given, body.properties)
   body.tags = type(r.body.tags) == "table" and r.body.tags or body.tags
   for _, name in ipairs(COPIED) do
      body.properties[name] = value_or(given[name], body.properties[name])
   end
   body.properties.accessPolicies = value_or(given.accessPolicies, body.properties.accessPolicies)
   return 200, r:store(body).body
end

local function removed(cloud, row)
   local now, days = cloud.state:now(), row.body.properties.softDeleteRetentionInDays or 90
   local purge_at = now + days * DAY
   cloud.state.db:run([[INSERT OR REPLACE INTO deleted_vaults (name, location, body, deleted, purge_at)
      VALUES (?, ?, ?, ?, ?)]], row.name:lower(), row.body.location, json.encode(row.body), now, purge_at)
   cloud.state:later("vault-purge", days * DAY, { name = row.name:lower(), deleted = now })
end

vaults:job("vault-purge", function(cloud, data)
   local row = vaults.find_deleted(cloud.state, data.name)
   if row and row.deleted == data.deleted then
      cloud.state.db:run("DELETE FROM deleted_vaults WHERE name = ?", data.name)
      vaultsecrets.purge(cloud.state, data.name)
   end
end)

local function policy_key(policy)
   return (policy.objectId or "") .. "/" .. (policy.applicationId or "")
end

-- accessPolicies/add, replace, remove.
local function change_policies(req, r)
   local how, given = req.params.operation:lower(), req:object()
   local list = type(given.properties) == "table" and given.properties.accessPolicies or {}
   check_policies(req, list)
   refuse.unless(how == "add" or how == "replace" or how == "remove", 400, "BadRequest",
      "Unknown operation.")
   local kept, touched = json.array {}, {}
   for _, policy in ipairs(list) do
      touched[policy_key(policy)] = true
   end
   for _, policy in ipairs(how == "replace" and {} or r.old.body.properties.accessPolicies) do
      if not touched[policy_key(policy)] then
         kept[#kept + 1] = policy
      end
   end
   table.move(how == "remove" and {} or list, 1, how == "remove" and 0 or #list, #kept + 1, kept)
   r.old.body.properties.accessPolicies = kept
   r:store(r.old.body)
   return 200, { id = r.id .. "/accessPolicies/", type = "Microsoft.KeyVault/vaults/accessPolicies",
      properties = { accessPolicies = kept } }
end

vaults:type("vaults", { versions = VERSIONS, check = check_vault, put = put_vault, patch = patch_vault,
   show = show,
   removed = removed, actions = { ["PUT accessPolicies/:operation"] = { action = "accessPolicies/write",
      scope = function(req) return (req.path:gsub("/[^/]+/[^/]+/*$", "")) end, run = change_policies } } })

-- Secrets as children: written by the rights of the management plane, their value never comes back.

local function show_secret(_, row)
   return row.body
end

--- Writes what ARM shows of a secret: of its newest version, whichever plane made it. Gives the body.
function vaults.keep_secret(state, vault, shown, row)
   local id, uri = vault.id .. "/secrets/" .. shown, ("https://%s.vault.azure.net/secrets/%s"):format(
      vault.name:lower(), shown)
   local body = { id = id, name = shown, type = TYPE .. "/secrets", location = vault.body.location,
      tags = row.tags, properties = {
         contentType = row.content_type, secretUri = uri, secretUriWithVersion = uri .. "/" .. row.version,
         attributes = { enabled = row.enabled, created = row.created, updated = row.updated, nbf = row.nbf,
            exp = row.exp } } }
   state:put_resource { id = id, type = body.type, name = shown, body = body }
   return body
end

local KEPT_NAME = "Secret %s is currently in a deleted but recoverable state, and its name cannot be reused; "
   .. "in this state, the secret can only be recovered or purged."

local function put_secret(req, r)
   local given = type(r.body.properties) == "table" and r.body.properties or {}
   local attributes = type(given.attributes) == "table" and given.attributes or {}
   local vault = req.state:resource(r.parent)
   local known = vaultsecrets.name(req.state, vault.name, r.name)
   refuse.when(known and known.standing ~= "live", 409, "Conflict", KEPT_NAME:format(r.name))
   local added = vaultsecrets.add(req.state, vault.name, r.name, { value = given.value, tags = r.tags,
      content_type = value_or(given.contentType), enabled = attributes.enabled,
         nbf = value_or(attributes.nbf),
      exp = value_or(attributes.exp) })
   local new = not r.old
   return new and 201 or 200, vaults.keep_secret(req.state, vault, r.name, added)
end

vaults:type("vaults/secrets", { versions = VERSIONS, location = false, show = show_secret, put = put_secret,
   check = function(_, r)
      refuse.unless(#r.name <= 127 and r.name:find "^[%w-]+$", 400, "BadRequest",
         ("The secret name '%s' is invalid."):format(r.name))
      local given = type(r.body.properties) == "table" and r.body.properties or {}
      refuse.unless(type(given.value) == "string", 400, "BadRequest", "The parameter value is required.")
   end })

-- Deleted vaults.

local function deleted_body(row)
   local subscription = row.body.id:match "^/subscriptions/[^/]+"
   return { id = ("%s/providers/Microsoft.KeyVault/locations/%s/deletedVaults/%s"):format(subscription,
      row.location, row.body.name), name = row.body.name, type = "Microsoft.KeyVault/deletedVaults",
         properties = {
         vaultId = row.body.id, location = row.location, tags = row.body.tags,
         deletionDate = clock.iso(row.deleted):gsub("%.%d+Z$", "Z"),
         scheduledPurgeDate = clock.iso(row.purge_at):gsub("%.%d+Z$", "Z"),
         purgeProtectionEnabled = row.body.properties.enablePurgeProtection } }
end

local function of_subscription(req)
   return "/subscriptions/" .. req.params.subscription
end

vaults:route("GET /subscriptions/:subscription/providers/Microsoft.KeyVault/deletedVaults", {
   action = "Microsoft.KeyVault/deletedVaults/read", scope = of_subscription }, function(req)
   local value = json.array {}
   for _, row in ipairs(req.state.db:rows "SELECT name FROM deleted_vaults ORDER BY name") do
      value[#value + 1] = deleted_body(vaults.find_deleted(req.state, row.name))
   end
   return 200, { value = value }
end)

-- Managed HSMs: az looks for them wherever it looks for vaults. There are none.
for _, path in ipairs { "/providers/Microsoft.KeyVault/managedHSMs", "/providers/Microsoft.KeyVault/deletedManagedHSMs",
   "/resourceGroups/:group/providers/Microsoft.KeyVault/managedHSMs" } do
   vaults:route("GET /subscriptions/:subscription" .. path, {}, function()
      return 200, { value = json.array {} }
   end)
end

local ONE = "/subscriptions/:subscription/providers/Microsoft.KeyVault/locations/:location/deletedVaults"
   .. "/:vault"

local function must_be_deleted(req)
   local row = vaults.find_deleted(req.state, req.params.vault)
   return refuse.unless(row and row.location == req.params.location:lower() and row, 404,
      "DeletedVaultNotFound",
      ("The specified deleted vault '%s' does not exist."):format(req.params.vault))
end

vaults:route("GET " .. ONE, { action = "Microsoft.KeyVault/locations/deletedVaults/read",
   scope = of_subscription },
   function(req)
   return 200, deleted_body(must_be_deleted(req))
end)

vaults:route("POST " .. ONE .. "/purge", {
   action = "Microsoft.KeyVault/locations/deletedVaults/purge/action",
   scope = of_subscription }, function(req)
   local row = must_be_deleted(req)
   refuse.when(row.body.properties.enablePurgeProtection, 409, "MethodNotAllowed",
      "Operation 'DeletedVaultPurge' is not allowed.")
   req.state.db:run("DELETE FROM deleted_vaults WHERE name = ?", row.name)
   vaultsecrets.purge(req.state, row.name)
   local id = req.state:start_operation { kind = "vault-purge-result", resource = row.name,
      seconds = req.cloud:seconds(5) }
   return 202, nil, req.cloud:retry { Location = ("https://management.azure.com/subscriptions/%s/providers/"
      .. "Microsoft.KeyVault/locations/%s/operationResults/%s?api-version=%s"):format(req.params.subscription,
      row.location, id, req.query["api-version"]) }
end)

vaults:route("POST /subscriptions/:subscription/providers/Microsoft.KeyVault/checkNameAvailability", {
   write = false, action = "Microsoft.KeyVault/checkNameAvailability/read", scope = of_subscription },
      function(req)
   local name = tostring(req:object().name)
   if not valid_name(name) then
      return 200, { nameAvailable = false, reason = "AccountNameInvalid", message = BAD_NAME:format(name) }
   elseif vaults.find(req.state, name) or vaults.find_deleted(req.state, name)
      or taken.is(req.state, "vault", name) then
      return 200, { nameAvailable = false, reason = "AlreadyExists", message = IN_USE:format(name) }
   end
   return 200, { nameAvailable = true }
end)

return vaults
