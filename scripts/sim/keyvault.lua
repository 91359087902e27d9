--- Key Vault, data plane: secrets with their versions, soft delete, recovery. The vaults themselves are
-- resources of the management plane (vaults.lua); what is kept is in vaultsecrets.lua.
local crypto       = require "aci.crypto"
local json         = require "aci.json"
local access       = require "sim.access"
local refuse       = require "sim.refuse"
local service      = require "sim.service"
local url          = require "sim.url"
local input        = require "sim.vaultinput"
local vaults       = require "sim.vaults"
local vaultsecrets = require "sim.vaultsecrets"
local words        = require "sim.vaultwords"

local VERSIONS = {}
for version in ("7.0 7.1 7.2 7.3 7.4 7.5 7.6 2025-07-01 2026-04-01"):gmatch "%S+" do
   VERSIONS[version] = true
end

local DELAY = 10        -- of Azure's seconds until a deletion, a recovery or a purge is through
local DAY = 86400
local MOST = { page = 25, name = 127 }
local ACTION = "Microsoft.KeyVault/vaults/secrets/"

local keyvault = service { name = "keyvault", host = "*.vault.azure.net", audience = words.AUDIENCES,
   error = words.error, headers = words.headers, malformed = words.malformed,
   unauthorized = words.unauthorized }

-- Rights.

local function policy_allows(req, permission)
   for _, policy in ipairs(req.vault.body.properties.accessPolicies or {}) do
      if (policy.objectId or ""):lower() == req.caller.oid:lower() and not policy.applicationId then
         for _, given in ipairs(policy.permissions.secrets or {}) do
            if given:lower() == permission or given:lower() == "all" then
               return true
            end
         end
      end
   end
   return false
end

local function authorize(req, right)
   if not req.vault.body.properties.enableRbacAuthorization then
      return policy_allows(req, right.permission) or words.no_policy(req, right.permission)
   end
   local scope = req.params.name and req.vault.id .. "/secrets/" .. req.params.name or req.vault.id
   local action = ACTION .. right.action
   return access.allowed(req.state, req.caller, action, scope, true) or words.no_role(req, action, scope)
end

local function check_version(req)
   local version = req.query["api-version"]
   if not version or version == "" then
      words.bad "The api-version query parameter is missing."
   elseif not VERSIONS[version] then
      words.bad("The specified version (%s) is not recognized. Consider using the latest supported version "
         .. "(2026-04-01).", version)
   end
end

local function check_name(name)
   if name and not (name:find "^[%w-]+$" and #name <= MOST.name) then
      words.bad("The request URI contains an invalid name: %s", name)
   end
end

local function check_network(req)
   local properties = req.vault.body.properties
   if properties.publicNetworkAccess == "Disabled"
      or type(properties.networkAcls) == "table" and properties.networkAcls.defaultAction == "Deny" then
      words.firewall(req)
   end
end

function keyvault.before(req, route)
   req.vault = refuse.unless(vaults.find(req.state, req.label), 404, "VaultNotFound",
      ("The local cloud has no vault named %s; on Azure its address would not resolve."):format(req.label))
   if route.right then
      check_version(req)
      check_name(req.params.name)
      check_network(req)
      authorize(req, route.right)
   end
end

-- Bundles.

local function recovery_level(vault)
   local properties = vault.body.properties
   local days = properties.softDeleteRetentionInDays or 90
   return (days < 90 and "CustomizedRecoverable" or "Recoverable")
      .. (properties.enablePurgeProtection and "" or "+Purgeable"), days
end

local function address(req, folder, name, version)
   return ("https://%s/%s/%s%s"):format(req.host, folder, name, version and "/" .. version or "")
end

-- What every answer about a version has. `options`: value (with it), bare (the id without the version).
local function bundle(req, row, options)
   local level, days = recovery_level(req.vault)
   local known = row.known or vaultsecrets.name(req.state, req.vault.name, row.name)
   return {
      id = address(req, "secrets", known.shown, not options.bare and row.version or nil),
      value = options.value and row.value or nil, contentType = row.content_type,
      tags = row.tags and json.object(row.tags) or nil,
      attributes = { enabled = row.enabled, created = row.created, updated = row.updated, nbf = row.nbf,
         exp = row.exp, recoveryLevel = level, recoverableDays = days },
   }
end

local function deleted_bundle(req, row, options)
   local known = vaultsecrets.name(req.state, req.vault.name, row.name)
   row.known = known
   local body = bundle(req, row, options)
   body.recoveryId = address(req, "deletedsecrets", known.shown)
   body.deletedDate, body.scheduledPurgeDate = math.floor(known.deleted), math.floor(known.purge_at)
   return body
end

local NOT_FOUND = "A secret with (name/id) %s was not found in this key vault. If you recently deleted this "
   .. "secret you may be able to recover it using the correct recovery command. For help resolving this "
   .. "issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"

local function find(req)
   local name, version = req.params.name, req.params.version
   return refuse.unless(vaultsecrets.get(req.state, req.vault.name, name, version), 404, "SecretNotFound",
      NOT_FOUND:format(version and name .. "/" .. version or name))
end

local function standing(req)
   local known = vaultsecrets.name(req.state, req.vault.name, req.params.name)
   return known and known.standing
end

local function find_deleted(req)
   refuse.unless(standing(req) == "deleted", 404, "SecretNotFound", "Deleted Secret not found: "
      .. req.params.name)
   return vaultsecrets.any(req.state, req.vault.name, req.params.name)
end

-- Refuses what has to wait for a deletion or a recovery.
local function not_on_the_way(req)
   local now, name = standing(req), req.params.name
   if now == "deleting" or now == "purging" then
      words.refuse(409, "Conflict", "ObjectIsBeingDeleted", "Secret is currently being deleted.")
   elseif now == "recovering" then
      words.refuse(409, "Conflict", "ObjectIsBeingRecovered",
         ("Secret %s is currently being recovered and cannot be re-created; retry later."):format(name))
   elseif now == "deleted" then
      words.refuse(409, "Conflict", "ObjectIsDeletedButRecoverable", ("Secret %s is currently in a deleted "
         .. "but recoverable state, and its name cannot be reused; in this state, the secret can only be "
         .. "recovered or purged."):format(name))
   end
end

-- Secrets.

-- What the management plane shows follows the newest version.
local function keep(req, row)
   local newest = vaultsecrets.any(req.state, req.vault.name, row.name)
   local known = vaultsecrets.name(req.state, req.vault.name, row.name)
   vaults.keep_secret(req.state, req.vault, known.shown, newest)
   return row
end

local SET = { right = { action = "setSecret/action", permission = "set" } }

keyvault:route("PUT /secrets/:name", SET, function(req)
   local fields = input.read(req)
   input.check_value(fields.value)
   input.check_order(fields.nbf, fields.exp)
   not_on_the_way(req)
   local row = vaultsecrets.add(req.state, req.vault.name, req.params.name, fields)
   return 200, bundle(req, keep(req, row), { value = true })
end)

local function show(req)
   local row = find(req)
   if not row.enabled then
      words.refuse(403, "Forbidden", "SecretDisabled", "Operation get is not allowed on a disabled secret.")
   end
   return 200, bundle(req, row, { value = true })
end

local GET = { right = { action = "getSecret/action", permission = "get" } }
keyvault:route("GET /secrets/:name", GET, show)
keyvault:route("GET /secrets/:name/:version", GET, show)

local function update(req)
   not_on_the_way(req)
   local row, fields = find(req), input.read(req)
   for _, name in ipairs { "content_type", "tags", "enabled", "nbf", "exp" } do
      if fields[name] ~= nil then
         row[name] = fields[name]
      end
   end
   input.check_order(row.nbf, row.exp)
   return 200, bundle(req, keep(req, vaultsecrets.update(req.state, row)), {})
end

local UPDATE = { right = { action = "update/action", permission = "set" } }
keyvault:route("PATCH /secrets/:name", UPDATE, update)
keyvault:route("PATCH /secrets/:name/:version", UPDATE, update)

local DELETE = { right = { action = "delete", permission = "delete" } }

keyvault:route("DELETE /secrets/:name", DELETE, function(req)
   local row = find(req)
   req.state:delete_resource(req.vault.id .. "/secrets/" .. row.name)
   local _, days = recovery_level(req.vault)
   local now = req.state:now()
   vaultsecrets.move(req.state, req.vault.name, row.name, "deleting", req.cloud:seconds(DELAY),
      { deleted = now, purge_at = now + days * DAY })
   return 200, deleted_bundle(req, row, {})
end)

-- Lists.

local function page_size(req)
   local text = req.query.maxresults
   local size = text and math.tointeger(tonumber(text)) or not text and MOST.page
   if not size or size < 1 or size > MOST.page then
      words.bad("Invalid Secret Identifier: maxresults must be a number from 1 to %d, not '%s'.", MOST.page,
         tostring(text))
   end
   return size
end

local function next_link(req, size, token)
   local encoded = crypto.base64url(json.encode(token))
   return ("https://%s:443%s?api-version=%s&$skiptoken=%s&maxresults=%d"):format(req.host,
      req.raw_path, url.escape(req.query["api-version"]), encoded, size)
end

local function read_token(req)
   local text = req.query["$skiptoken"]
   if not text then
      return {}
   end
   local bytes = crypto.unbase64url(text)
   local token = bytes and json.decode(bytes)
   if type(token) ~= "table" or type(token.NextMarker) ~= "string" then
      words.bad "The $skiptoken is not one of this list."
   end
   return token
end

-- A page of rows; `key` orders them. Real pages may be empty and still not the last: with the setting
-- "keyvault.empty-pages", and where answers are as recorded, the first one is.
local function page(req, rows, key, show_row)
   local size, token, value = page_size(req), read_token(req), json.array {}
   local empty = not token.NextMarker and #rows > 0
      and (req.cloud.strict or req.state:setting "keyvault.empty-pages" == "1")
   if empty then
      return 200, { value = value, nextLink = next_link(req, size, { NextMarker = key(rows[1]) }) }
   end
   local reached = token.NextMarker == nil
   for _, row in ipairs(rows) do
      reached = reached or key(row) == token.NextMarker
      if reached and #value == size then
         return 200, { value = value, nextLink = next_link(req, size, { NextMarker = key(row) }) }
      elseif reached then
         value[#value + 1] = show_row(row)
      end
   end
   return 200, { value = value, nextLink = json.null }
end

local function by_name(row)
   return row.name
end

local LIST = { right = { action = "readMetadata/action", permission = "list" } }

keyvault:route("GET /secrets", LIST, function(req)
   return page(req, vaultsecrets.list(req.state, req.vault.name), by_name, function(row)
      return bundle(req, row, { bare = true })
   end)
end)

keyvault:route("GET /secrets/:name/versions", LIST, function(req)
   local rows = vaultsecrets.versions(req.state, req.vault.name, req.params.name)
   return page(req, rows, function(row) return row.version end, function(row) return bundle(req, row, {}) end)
end)

keyvault:route("GET /deletedsecrets", LIST, function(req)
   return page(req, vaultsecrets.list(req.state, req.vault.name, "deleted"), by_name, function(row)
      return deleted_bundle(req, row, { bare = true })
   end)
end)

-- Deleted secrets.

local GET_DELETED = { right = { action = "readMetadata/action", permission = "get" } }
local RECOVER = { right = { action = "recover/action", permission = "recover" } }
local PURGE = { right = { action = "purge/action", permission = "purge" } }

keyvault:route("GET /deletedsecrets/:name", GET_DELETED, function(req)
   return 200, deleted_bundle(req, find_deleted(req), {})
end)

keyvault:route("POST /deletedsecrets/:name/recover", RECOVER, function(req)
   if standing(req) ~= "deleted" then
      refuse.when(standing(req) == "live" or not standing(req), 404, "SecretNotFound", "Deleted Secret not "
         .. "found: " .. req.params.name)
      not_on_the_way(req)
   end
   local row = find_deleted(req)
   vaultsecrets.move(req.state, req.vault.name, row.name, "recovering", req.cloud:seconds(DELAY))
   return 200, bundle(req, keep(req, row), {})
end)

keyvault:route("DELETE /deletedsecrets/:name", PURGE, function(req)
   if standing(req) == "deleting" or standing(req) == "recovering" then
      not_on_the_way(req)
   end
   local row = find_deleted(req)
   if req.vault.body.properties.enablePurgeProtection then
      words.refuse(403, "Forbidden", "ForbiddenByPolicy", "Operation \"purge\" is not allowed because purge "
         .. "protection is enabled for this vault. Key Vault service will automatically purge it after the "
         .. "retention period has passed.")
   end
   vaultsecrets.move(req.state, req.vault.name, row.name, "purging", req.cloud:seconds(DELAY))
   return 204
end)

-- Without a name there is only reading. (No right is asked: it is refused to everybody.)
keyvault:route("PUT|POST|PATCH|DELETE /secrets", {}, function(req)
   refuse(405, "MethodNotAllowed", ("HTTP %s not allowed"):format(req.method))
end)

return keyvault
