--- Microsoft.Storage, management plane: accounts, their keys, blob containers as resources. The blob data
-- plane (blob.lua) finds an account by `storage.account` and its keys by `storage.keys`; a blob container
-- is a resource under the account (`storage.container_id`) for both planes.
local clock    = require "aci.clock"
local crypto   = require "aci.crypto"
local json     = require "aci.json"
local provider = require "sim.provider"
local refuse   = require "sim.refuse"
local blobdata = require "sim.blobdata"
local taken    = require "sim.taken"

local storage = provider { name = "storage", namespace = "Microsoft.Storage" }

local TYPE = "Microsoft.Storage/storageAccounts"
local VERSIONS = { "2026-09-01", "2026-04-01", "2025-08-01", "2025-06-01", "2025-01-01", "2024-01-01",
   "2023-05-01",
   "2023-04-01", "2023-01-01", "2022-09-01", "2022-05-01", "2021-09-01", "2021-08-01", "2021-06-01",
      "2021-05-01",
   "2021-04-01", "2021-02-01", "2021-01-01", "2020-08-01-preview", "2019-06-01", "2019-04-01", "2018-11-01",
   "2018-07-01", "2018-02-01", "2017-10-01", "2017-06-01", "2016-12-01", "2016-05-01", "2016-01-01",
      "2015-06-15" }

local SECONDS = { create = 17 }
local SKUS = { Standard_LRS = true, Standard_GRS = true, Standard_RAGRS = true, Standard_ZRS = true,
   Premium_LRS = true, Premium_ZRS = true, Standard_GZRS = true, Standard_RAGZRS = true }
local KINDS = { Storage = true, StorageV2 = true, BlobStorage = true, FileStorage = true,
   BlockBlobStorage = true }

--- The account of a name wherever it is, or nil.
function storage.account(state, name)
   for _, row in ipairs(state:resources { type = TYPE }) do
      if row.name:lower() == name:lower() then
         return row
      end
   end
end

--- The keys of an account: array of { name, value (aci.secret) }.
function storage.keys(state, row)
   return { { name = "key1", value = state:secret(row.id, "key1") },
      { name = "key2", value = state:secret(row.id, "key2") } }
end

--- The id under which a blob container of an account is kept.
function storage.container_id(row, name)
   return row.id .. "/blobServices/default/containers/" .. name
end

local function valid_name(name)
   return #name >= 3 and #name <= 24 and name:find "^[a-z0-9]+$" ~= nil
end

local BAD_NAME = "%s is not a valid storage account name. Storage account name must be between 3 and "
   .. "24 characters in "
   .. "length and use numbers and lower-case letters only."

local WORDS = {
   minimumTlsVersion = { TLS1_0 = true, TLS1_1 = true, TLS1_2 = true, TLS1_3 = true },
   accessTier = { Hot = true, Cool = true, Cold = true, Premium = true },
   publicNetworkAccess = { Enabled = true, Disabled = true, SecuredByPerimeter = true },
}

local function must_be(words, given, name)
   refuse.unless(words[given], 400, "InvalidRequestPropertyValue",
      ("The value '%s' is not allowed for property %s."):format(tostring(given), name))
end

local function check_account(req, r)
   refuse.unless(valid_name(r.name), 400, "AccountNameInvalid", BAD_NAME:format(r.name))
   local sku = type(r.body.sku) == "table" and r.body.sku.name
   must_be(SKUS, sku or "", "sku.name")
   must_be(KINDS, r.body.kind or "", "kind")
   local properties = type(r.body.properties) == "table" and r.body.properties or {}
   for name, words in pairs(WORDS) do
      local given = properties[name]
      if given ~= nil and given ~= json.null then must_be(words, given, name) end
   end
   local other = storage.account(req.state, r.name)
   if other and not r.old then
      refuse(409, "StorageAccountInAnotherResourceGroup",
         ("The account %s is already in another resource group in this subscription."):format(r.name))
   end
   refuse.when(not r.old and taken.is(req.state, "storage", r.name), 409, "StorageAccountAlreadyTaken",
      ("The storage account named %s is already taken."):format(r.name))
end

local function endpoints(name)
   local made = {}
   for _, part in ipairs { "blob", "dfs", "file", "queue", "table" } do
      made[part] = ("https://%s.%s.core.windows.net/"):format(name, part)
   end
   made.web = ("https://%s.z16.web.core.windows.net/"):format(name)
   return made
end

local function service_encryption(now)
   return { enabled = true, keyType = "Account", lastEnabledTime = now }
end

local function stamp(time)
   return clock.iso(time or clock.now())
end

local function pick(given, old, default)
   if given ~= nil and given ~= json.null then
      return given
   elseif old ~= nil then
      return old
   end
   return default
end

local function account_body(r)
   local given = type(r.body.properties) == "table" and r.body.properties or {}
   local old = r.old and r.old.body.properties or {}
   local now = old.creationTime or stamp()
   return {
      sku = { name = r.body.sku.name, tier = r.body.sku.name:match "^%a+" }, kind = r.body.kind,
      location = r.location, tags = r.tags or json.object {}, properties = {
         keyCreationTime = old.keyCreationTime or { key1 = now, key2 = now },
         privateEndpointConnections = json.array {}, creationTime = now,
         minimumTlsVersion = pick(given.minimumTlsVersion, old.minimumTlsVersion, "TLS1_0"),
         allowBlobPublicAccess = pick(given.allowBlobPublicAccess, old.allowBlobPublicAccess,
            r.version < "2023-01-01"),
         allowSharedKeyAccess = pick(given.allowSharedKeyAccess, old.allowSharedKeyAccess),
         publicNetworkAccess = pick(given.publicNetworkAccess, old.publicNetworkAccess),
         networkAcls = pick(given.networkAcls, old.networkAcls, { bypass = "AzureServices",
            defaultAction = "Allow",
            virtualNetworkRules = json.array {}, ipRules = json.array {} }),
         supportsHttpsTrafficOnly = pick(given.supportsHttpsTrafficOnly, old.supportsHttpsTrafficOnly,
            true),
         encryption = old.encryption or { keySource = "Microsoft.Storage",
            services = { file = service_encryption(now), blob = service_encryption(now) } },
         accessTier = pick(given.accessTier, old.accessTier, "Hot"), provisioningState = "Succeeded",
         primaryEndpoints = endpoints(r.name), primaryLocation = r.location, statusOfPrimary = "available",
      },
   }
end

local function new_keys(req, r)
   for _, name in ipairs { "key1", "key2" } do
      req.state:put_secret(r.id, name, crypto.base64(crypto.random(64)))
   end
end

local function put_account(req, r)
   if r.old then
      refuse.when(r.old.busy, 409, "StorageAccountOperationInProgress",
         ("An operation is currently performing on storage account %s that requires exclusive "
            .. "access."):format(r.name))
      return 200, r:store(account_body(r)).body
   end
   new_keys(req, r)
   r:store(account_body(r), { pending = "Creating", seconds = SECONDS.create })
   local id = req.state:start_operation { kind = "Microsoft.Storage", resource = r.id,
      seconds = req.cloud:seconds(SECONDS.create) }
   return 202, nil, req.cloud:retry { ["content-type"] = "text/plain; charset=utf-8",
      Location = ("https://management.azure.com/subscriptions/%s/providers/Microsoft.Storage/locations/%s/"
      .. "asyncoperations/%s?monitor=true&api-version=%s"):format(r.subscription, r.location, id,
         r.version) }
end

storage:route("GET "
   .. "/subscriptions/:subscription/providers/Microsoft.Storage/locations/:location/asyncoperations/:id",
   {}, function(req)
   local operation = refuse.unless(req.state:operation(req.params.id), 404, "OperationNotFound",
      "The operation was not found.")
   if not operation.done then
      return 202, nil, req.cloud:retry { Location = "https://management.azure.com" .. req.target }
   end
   local row = refuse.unless(req.state:resource(operation.resource), 404, "ResourceNotFound",
      "The storage account was not found.")
   return 200, row.body
end)

local function patch_account(req, r)
   local body = r.old.body
   body.tags = type(r.body.tags) == "table" and r.body.tags or body.tags
   for name, value in pairs(type(r.body.properties) == "table" and r.body.properties or {}) do
      body.properties[name] = value
   end
   return 200, r:store(body).body, req and nil
end

local function show_keys(req, r)
   local list = json.array {}
   for index, key in ipairs(storage.keys(req.state, r.old)) do
      list[index] = { creationTime = r.old.body.properties.keyCreationTime[key.name], keyName = key.name,
         value = key.value, permissions = "FULL" }
   end
   return 200, { keys = list }
end

local function regenerate(req, r)
   local name = req:object().keyName
   must_be({ key1 = true, key2 = true }, name or "", "keyName")
   req.state:put_secret(r.id, name, crypto.base64(crypto.random(64)))
   r.old.body.properties.keyCreationTime[name] = stamp()
   r:store(r.old.body)
   return show_keys(req, r)
end

storage:type("storageAccounts", { tag_name = 128, versions = VERSIONS, check = check_account, put = put_account,
   patch = patch_account, actions = {
      ["POST listKeys"] = { write = false, run = show_keys },
      ["POST regenerateKey"] = { write = true, run = regenerate },
   } })

storage:route("POST /subscriptions/:subscription/providers/Microsoft.Storage/checkNameAvailability", {
   write = false, action = "Microsoft.Storage/checknameavailability/read",
   scope = function(req) return "/subscriptions/" .. req.params.subscription end,
}, function(req)
   local name = tostring(req:object().name)
   if not valid_name(name) then
      return 200, { nameAvailable = false, reason = "AccountNameInvalid", message = BAD_NAME:format(name) }
   elseif storage.account(req.state, name) or taken.is(req.state, "storage", name) then
      return 200, { nameAvailable = false, reason = "AlreadyExists",
         message = ("The storage account named %s is already taken."):format(name) }
   end
   return 200, { nameAvailable = true }
end)

-- The blob service and its containers.

local function container_name(name)
   return #name >= 3 and #name <= 63 and name:find "^[a-z0-9][a-z0-9-]*[a-z0-9]$" and not name:find("--",
      1, true)
      or name == "$root" or name == "$web" or name == "$logs"
end

storage:type("storageAccounts/blobServices", { versions = VERSIONS, location = false, implicit = true,
   put = function(_, r)
   local body = { properties = type(r.body.properties) == "table" and r.body.properties or json.object {} }
   return 200, r:store(body).body
end })

--- Writes a container's resource again with a changed body.
function storage.keep_container(state, id, body)
   body.id, body.name, body.type = id, id:match "[^/]+$", blobdata.CONTAINER
   return state:put_resource { id = id, type = body.type, body = body }
end

--- Makes a container; for both planes. `fields`: access ("None", "Blob", "Container"), metadata.
function storage.make_container(state, id, fields)
   return storage.keep_container(state, id, blobdata.container_body(fields))
end

local BEING_DELETED = "The container operation failed: The specified container is being deleted. Try "
   .. "operation later."

local function put_container(req, r)
   local given = type(r.body.properties) == "table" and r.body.properties or {}
   local access = given.publicAccess or "None"
   local account = req.state:resource(r.id:match "^(.*)/blobServices/")
   refuse.when(access ~= "None" and account.body.properties.allowBlobPublicAccess == false, 409,
      "PublicAccessNotPermitted", "Public access is not permitted on this storage account.")
   refuse.when(not r.old and blobdata.gone_until(req.state, r.id), 409, "ContainerOperationFailure",
      BEING_DELETED)
   local new = not r.old
   return new and 201 or 200, storage.make_container(req.state, r.id, { access = access,
      metadata = type(given.metadata) == "table" and given.metadata or nil }).body
end

storage:type("storageAccounts/blobServices/containers", { versions = VERSIONS, location = false,
   put = put_container, removed = function(cloud, row) blobdata.container_removed(cloud, row.id) end,
   check = function(_, r)
      refuse.unless(container_name(r.name), 400, "ContainerNameInvalid",
         ("The container name %s is not valid."):format(r.name))
   end })

return storage
