-- Methods of the ARM client for what every set-up needs: groups, providers, storage keys.
local error_ = require "aci.error"
local clock = require "aci.clock"
local secret = require "aci.secret"
local task = require "aci.task"

local helpers = {}

--- The id of a resource group (default the settings').
function helpers:group_id(name)
   return ("/subscriptions/%s/resourceGroups/%s"):format(self.subscription, name or self.config.group)
end

--- The resource group, or nil.
function helpers:group(name)
   return self:get(self:group_id(name))
end

--- Makes a resource group or changes its tags.
function helpers:put_group(name, location, tags)
   return self:put(self:group_id(name), nil, { location = location or self.config.location, tags = tags })
end

--- Deletes a group with all that is in it, and waits. True when it was there.
function helpers:delete_group(name, options)
   return (self:delete(self:group_id(name), nil, options))
end

--- All groups of the subscription.
function helpers:groups()
   return self:list "resourcegroups"
end

--- The resources of a group, without their properties.
function helpers:resources(name)
   return self:list(self:group_id(name) .. "/resources")
end

--- How a provider is registered: "Registered", "Registering", "NotRegistered", ...
function helpers:registration(namespace)
   local provider = self:get("providers/" .. namespace, "2022-09-01")
   return provider and provider.registrationState
end

--- Registers a provider in the subscription and waits until it is. True when it was not before.
function helpers:register(namespace, seconds)
   if self:registration(namespace) == "Registered" then return false end
   local deadline = clock.monotonic() + (seconds or 600)
   self:post(("providers/%s/register"):format(namespace), "2022-09-01", nil, { safe = true })
   local pause = (self.config.poll or { first = 2 }).first
   while self:registration(namespace) ~= "Registered" do
      if clock.monotonic() > deadline then
         error_.raise { kind = "timeout", code = "RegistrationTimeout",
            message = ("the provider %s is not registered after %d s"):format(namespace, seconds or 600),
            advice = "Azure goes on with it: run the same command again in some minutes" }
      end
      task.sleep(pause)
   end
   return true
end

local function refused_keys(account)
   error_.raise { kind = "permission", code = "KeyBasedAuthenticationNotPermitted",
      message = ("the storage account %s refuses account keys (allowSharedKeyAccess is false)"):format(
         account.name),
      advice = "set properties.allowSharedKeyAccess = true on the account, or give the caller Storage Blob "
         .. "Data Contributor and connect to Blob with a credential; Prefect 2's Azure block needs the key" }
end

local function account_id(self, account)
   if type(account) == "table" then return account.id end
   if account:find "/" then return account end
   return self:group_id() .. "/providers/Microsoft.Storage/storageAccounts/" .. account
end

--- The keys of a storage account (a resource, an id or a name in the settings' group): an array of secrets.
function helpers:storage_keys(account)
   local properties = type(account) == "table" and (account.properties or (account.body or {}).properties)
   if properties and properties.allowSharedKeyAccess == false then refused_keys(account) end
   local answer = self:post(account_id(self, account) .. "/listKeys", nil, nil,
      { safe = true, secret_body = true })
   local keys = {}
   for index, key in ipairs(answer.keys) do keys[index] = secret.new(key.value) end
   return keys
end

--- The first of them.
function helpers:storage_key(account)
   return self:storage_keys(account)[1]
end

--- Whether a worldwide name is free: `kind` is "Microsoft.Storage/storageAccounts" or
-- "Microsoft.KeyVault/vaults". Gives true, or false and the service's message.
function helpers:name_available(kind, name)
   local answer = self:post(("providers/%s/checkNameAvailability"):format(kind:match "^[^/]+"), nil,
      { name = name, type = kind }, { safe = true })
   return answer.nameAvailable, answer.message
end

--- The deleted vault of that name which still can be recovered or purged, or nil.
function helpers:deleted_vault(name, location)
   return self:get(("providers/Microsoft.KeyVault/locations/%s/deletedVaults/%s"):format(
      location or self.config.location, name))
end

--- Takes a deleted vault back, with its secrets. Roles that were given on it are not.
function helpers:recover_vault(id, location)
   return self:put(id, nil, { location = location, properties = { tenantId = self.config.tenant,
      sku = { family = "A", name = "standard" }, createMode = "recover" } })
end

--- Purges a deleted vault, so that its name can be taken again.
function helpers:purge_vault(name, location)
   return self:post(("providers/Microsoft.KeyVault/locations/%s/deletedVaults/%s/purge"):format(
      location or self.config.location, name))
end

return helpers
