-- The secrets of a Key Vault. The scope of a vault in the settings' domain is known, so no challenge round is made;
-- a 401 challenge is read all the same: it may name another tenant (said in the error) or another resource of the
-- same domain. A vault by an address elsewhere is asked first, and gets a token only for a domain that it is in.
local clock = require "aci.clock"
local error_ = require "aci.error"
local fault = require "aci.fault"
local http = require "aci.http"
local rest = require "aci.rest"
local rules = require "aci.config.rules"
local secret = require "aci.secret"
local task = require "aci.task"

local keyvault = {}

-- The oldest version that every client and vault of today shares.
keyvault.VERSION = "7.4"

local Vault = {}
Vault.__index = Vault
Vault.__tostring = function(self) return "Key Vault: " .. self.url end

local function host_of(url)
   return url and url:match "^https://([^/?#]+)"
end

--- Whether a host is below a domain; ports count, but for 443.
local function is_below(host, domain)
   domain = "." .. domain:lower():gsub(":443$", "")
   return host:lower():gsub(":443$", ""):sub(-#domain) == domain
end

--- "kv-orion" or "https://kv-orion.vault.azure.net" as an address.
local function address_of(config, name)
   local host, rest_of_it = name:match "^https://([^/?#]+)(.*)$"
   if host then
      if host:find "@" or not rest_of_it:find "^/*$" then
         error_.raise { kind = "usage", code = "InvalidSetting",
            message = ("the vault's address %s has more in it than a host"):format(fault.bare_url(name)) }
      end
      return "https://" .. host
   end
   local good, why = rules.vault(name)
   if not good then
      error_.raise { kind = "usage", code = "InvalidSetting",
         message = ("the vault name %q %s"):format(name, why) }
   end
   return ("https://%s.%s"):format(name:lower(), config.vault_suffix)
end

--- A client of a vault by its name (default the settings' vault) or its address. `credential` defaults to
-- the settings'. Raises kind usage for a name that cannot be a vault's.
function keyvault.connect(config, name, credential)
   require("aci.local").settle(config)
   local url = address_of(config, name or config.vault)
   return setmetatable({
      url = url, name = url:match "^https://([^./]+)", config = config,
      scope_known = is_below(host_of(url), config.vault_suffix),
      client = rest.client(config, {
         base = url, name = "Key Vault", scope = ("https://%s/.default"):format(config.vault_suffix),
         credential = credential or require("aci.auth").credential(config),
      }),
   }, Vault)
end

--- The parts of `WWW-Authenticate: Bearer authorization="https://login/TENANT", resource="https://..."`.
local function challenge_of(response)
   for _, asked in ipairs(http.challenges(response.headers["www-authenticate"] or "")) do
      local parts = asked.parameters
      local authority = parts.authorization or parts.authorization_uri or ""
      if asked.scheme == "bearer" then
         return { resource = parts.resource or (parts.scope or ""):gsub("/%.default$", ""),
            tenant = authority:match "^https://[^/]+/([^/?]+)" }
      end
   end
end

--- A token may go only to a service of the domain that it is for: the vault's host has to end in a dot and
-- the host of the challenge's resource. Gives its scope.
local function check_resource(self, challenge)
   local wanted, host = host_of(challenge.resource), host_of(self.url)
   if wanted and is_below(host, wanted) then return challenge.resource:gsub("/+$", "") .. "/.default" end
   error_.raise { kind = "auth", code = "ChallengeMismatch", url = self.url,
      message = ("%s asks for a token for %s, which is not its domain; none was sent"):format(
         host, challenge.resource or "nothing") }
end

local function wrong_tenant(self, challenge)
   local ours = self.config.tenant
   if not challenge or not challenge.tenant or not ours or challenge.tenant:lower() == ours:lower() then
      return nil
   end
   return { advice = ("the vault belongs to tenant %s, the sign-in is of %s: set tenant, client_id and "
      .. "client_secret of that one"):format(challenge.tenant, ours) }
end

--- Asks a vault outside of the settings' domain, showing no token, which one it wants.
local function ask_scope(self)
   local response = rest.client(self.config, { base = self.url, name = "Key Vault" }):send { method = "GET",
      url = "/secrets?api-version=" .. keyvault.VERSION, accept = { [401] = true } }
   local challenge = response.status == 401 and challenge_of(response)
   if not challenge then
      error_.raise { kind = "auth", code = "NoChallenge", url = self.url,
         message = ("%s does not say which token it wants; none was sent"):format(host_of(self.url)),
         advice = "is it a key vault?" }
   end
   self.client.scope, self.scope_known = check_resource(self, challenge), true
end

--- Sends a request; follows a challenge once.
local function send(self, request)
   if not self.scope_known then ask_scope(self) end
   request.accept = request.accept or {}
   request.accept[401] = true
   local response = self.client:send(request)
   if response.status ~= 401 then return response end
   local challenge = challenge_of(response)
   if challenge then
      local scope = check_resource(self, challenge)
      if scope ~= self.client.scope then
         self.client.scope = scope
         response = self.client:send(request)
      end
   end
   if response.status == 401 then
      self.client:refuse(request, response, wrong_tenant(self, challenge))
   end
   return response
end

local function path(kind, name, version)
   return ("/%s/%s%s?api-version=%s"):format(kind, http.escape(name), version and "/" .. version or "",
      keyvault.VERSION)
end

--- {value = secret, id, name, version, attributes, tags, contentType} from the service's bundle.
local function bundle(data)
   local name, version = data.id:match "/secrets/([^/]+)/?([^/]*)$"
   return {
      value = data.value and secret.new(data.value) or nil, id = data.id, name = name,
      version = version ~= "" and version or nil, attributes = data.attributes or {}, tags = data.tags or {},
      content_type = data.contentType,
   }
end

--- The secret of a name, its newest version or `version`: `{value (a secret), id, name, version,
-- attributes, tags, content_type}`. Raises kind not_found, permission (no role; the advice names it) or auth.
function Vault:secret(name, version)
   local request = { method = "GET", url = path("secrets", name, version), secret_body = true }
   return bundle(send(self, request).data)
end

--- The same, or nil where there is no such secret.
function Vault:find(name, version)
   local request = { method = "GET", url = path("secrets", name, version), secret_body = true,
      accept = { [404] = true } }
   local response = send(self, request)
   if response.status == 404 then return nil end
   return bundle(response.data)
end

--- All items of a list through its pages; each page may be challenged, so aci.rest's pages() does not do.
local function pages(self, kind, shape)
   local items = {}
   local url = ("/%s?api-version=%s&maxresults=25"):format(kind, keyvault.VERSION)
   while url do
      local data = send(self, { method = "GET", url = url }).data
      for _, item in ipairs(data.value or {}) do items[#items + 1] = shape(item) end
      url = type(data.nextLink) == "string" and data.nextLink ~= "" and data.nextLink or nil
   end
   return items
end

--- All secrets, without their values.
function Vault:list()
   return pages(self, "secrets", bundle)
end

--- The deleted secrets that can be recovered or purged: `{name, id, recovery, deleted, purge}`.
function Vault:deleted()
   return pages(self, "deletedsecrets", function(item)
      return { id = item.id, name = item.id:match "/secrets/([^/]+)", recovery = item.recoveryId,
         deleted = item.deletedDate, purge = item.scheduledPurgeDate }
   end)
end

--- Asks until `done()` is true; deletion and recovery go on after their answer.
local function wait_until(self, what, done)
   local deadline, pause = clock.monotonic() + 120, (self.config.poll or { first = 0.5 }).first
   while not done() do
      if clock.monotonic() > deadline then
         error_.raise { kind = "timeout", code = "OperationTimeout", url = self.url,
            message = what .. " is not done after 120 seconds" }
      end
      task.sleep(pause)
      pause = math.min(pause * 1.5, 5)
   end
end

local function status_of(self, kind, name)
   -- Whoever may not look is told so; then nothing more can be known (the SDKs take that for done too).
   return send(self, { method = "GET", url = path(kind, name), accept = { [404] = true, [403] = true },
      secret_body = true }).status
end

--- Deletes a secret and waits until it is among the deleted ones. True when it was there.
function Vault:delete(name)
   local response = send(self, { method = "DELETE", url = path("secrets", name), accept = { [404] = true } })
   if response.status == 404 then return false end
   wait_until(self, "the deletion of " .. name, function()
      return status_of(self, "deletedsecrets", name) ~= 404
   end)
   return true
end

--- Brings a deleted secret back and waits until it can be read.
function Vault:recover(name)
   send(self, { method = "POST", url = ("/deletedsecrets/%s/recover?api-version=%s"):format(
      http.escape(name), keyvault.VERSION) })
   wait_until(self, "the recovery of " .. name, function()
      return status_of(self, "secrets", name) ~= 404
   end)
end

local passing = { ObjectIsBeingDeleted = true, ObjectIsBeingRecovered = true }

local function is_busy(response)
   for _, cause in ipairs(fault.causes(fault.text(response))) do
      if passing[cause.inner] or passing[cause.code] then return true end
   end
   return false
end

--- Sends a request that may come while an earlier deletion, purge or recovery still goes on: then it is tried
-- again. Raises other conflicts.
local function send_when_free(self, what, request)
   local response
   request.accept = request.accept or {}
   request.accept[409] = true
   wait_until(self, what, function()
      response = send(self, request)
      return response.status ~= 409 or not is_busy(response)
   end)
   if response.status == 409 then self.client:refuse(request, response) end
   return response
end

--- Sets a secret: always a new version. `options`: content_type, tags, attributes. Gives what secret() gives.
function Vault:set(name, value, options)
   options = options or {}
   return bundle(send_when_free(self, "setting " .. name, {
      method = "PUT", url = path("secrets", name), secret_body = true,
      json = { value = secret.is(value) and value or secret.new(value), contentType = options.content_type,
         tags = options.tags, attributes = options.attributes },
   }).data)
end

--- Purges a deleted secret for good. True when there was one.
function Vault:purge(name)
   return send_when_free(self, "the purge of " .. name, { method = "DELETE",
      url = path("deletedsecrets", name), accept = { [404] = true } }).status ~= 404
end

return keyvault
