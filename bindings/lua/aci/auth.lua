-- Credentials: tokens for the services of Azure, cached in memory, and Shared Key for storage. Which login is
-- used: the script's own (`config.credential`), else the client secret in the settings (from Azure's or the
-- original's environment names), else the managed identity of this machine or container group.
local clock = require "aci.clock"
local codes = require "aci.auth.codes"
local error_ = require "aci.error"
local fault = require "aci.fault"
local identity = require "aci.auth.identity"
local json = require "aci.json"
local rest = require "aci.rest"
local secret = require "aci.secret"
local shared_key = require "aci.auth.shared_key"
local task = require "aci.task"

local auth = {}

local Credential = {}
Credential.__index = Credential

--- A credential from a function `fetch(scope) -> token, expires_on`. `name` is what errors and -v call it.
function auth.new(name, fetch)
   return setmetatable({ name = name, fetch = fetch, cache = {}, flights = {} }, Credential)
end

local function is_fresh(entry)
   return entry ~= nil and clock.now() < entry.renew
end

-- Renewed five minutes before its end; a short token when a quarter of its life is left.
local function remember(self, scope, token, expires_on)
   local left = expires_on - clock.now()
   self.cache[scope] = { token = token, expires_on = expires_on, taken = clock.now(),
      renew = expires_on - math.min(300, left / 4) }
end

-- The fetch runs as a task of its own: it goes on when the one who asked first is cancelled.
local function launch(self, scope)
   local flight = task.future()
   self.flights[scope] = flight
   task.spawn(function()
      local ok, token, expires_on = pcall(self.fetch, scope)
      self.flights[scope] = nil
      if not ok then return flight:fail(token) end
      remember(self, scope, token, expires_on)
      flight:set(token, expires_on)
   end)
   return flight
end

--- A token for a scope ("https://vault.azure.net/.default") and when it ends (epoch seconds). However many
-- tasks ask at once, one request is made. The token is a secret. Raises kind auth.
function Credential:token(scope)
   local entry = self.cache[scope]
   if is_fresh(entry) then return entry.token, entry.expires_on end
   return (self.flights[scope] or launch(self, scope)):wait()
end

--- Forgets the token of a scope, because a service refused it. True when a new one may be better: one that
-- was taken within the last minute is refused for another reason than its age.
function Credential:forget(scope)
   local entry = self.cache[scope]
   self.cache[scope] = nil
   return entry ~= nil and clock.now() - entry.taken > 60
end

function Credential:__tostring()
   return "credential: " .. self.name
end

local function first_line(text)
   return (text:match "^[^\r\n]*")
end

--- The error of a refused token request: what it means, what to do, Azure's own words.
local function token_error(response, url)
   local body = json.decode(fault.text(response) or "")
   body = type(body) == "table" and body or {}
   local text = first_line(body.error_description or "")
   local number = (body.error_codes or {})[1] or tonumber(text:match "^AADSTS(%d+)")
   local known = codes[math.tointeger(number) or 0]
   local passing = response.status == 429 or response.status >= 500
   return error_.new {
      kind = passing and fault.kind(response.status) or "auth", status = response.status,
      code = number and ("AADSTS%d"):format(number) or body.error, method = "POST", url = url,
      request_id = body.trace_id or response.headers["x-ms-request-id"],
      message = ("%s: %s"):format(known and known[1] or "the sign-in was refused",
         text ~= "" and text or "status " .. response.status),
      advice = known and known[2] or nil,
   }
end

local function secret_source(config, login)
   local transport = rest.transport(config)
   local url = ("%s/%s/oauth2/v2.0/token"):format(config.authority, login.tenant)
   return function(scope)
      local response, why = transport:request {
         method = "POST", url = url, secret_body = true, retry = { tries = 5, max_wait = 30, safe = true },
         headers = { accept = "application/json" },
         form = { grant_type = "client_credentials", client_id = login.client_id,
            client_secret = login.client_secret, scope = scope },
      }
      if not response then error(why, 0) end
      if response.status ~= 200 then error(token_error(response, url), 0) end
      local body = json.decode(response.body) or {}
      if not body.access_token then error(token_error(response, url), 0) end
      return secret.new(body.access_token), clock.now() + (tonumber(body.expires_in) or 3600)
   end
end

--- The login of an application by its secret. `login`: tenant, client_id, client_secret (a secret).
function auth.client_secret(config, login)
   return auth.new("application " .. login.client_id, secret_source(config, login))
end

--- The managed identity of this machine or container group. `options`: client_id (which user-assigned one),
-- wait (seconds to keep asking an endpoint that is silent; default 90), environment.
function auth.managed_identity(config, options)
   return auth.new("managed identity", identity.source(config, options or {}))
end

--- The credential that the settings give. On the local cloud that is its built-in owner's, unless the
-- settings hold a login of its tenant.
function auth.credential(config)
   require("aci.local").settle(config)
   if config.credential then return config.credential end
   if config.client_id and config.client_secret and config.tenant then
      config.credential = auth.client_secret(config, config)
   else
      config.credential = auth.managed_identity(config,
         { client_id = config.client_id, wait = identity.announced() and 90 or 6 })
   end
   return config.credential
end

-- A new application or secret takes a while to be known everywhere: these answers may pass.
local not_yet_known = { AADSTS7000215 = true, AADSTS700016 = true }

--- Waits until the login of a new application or secret works; gives its first token. Raises the sign-in's
-- error after `seconds` (default 120), and at once for one that waiting does not mend.
function auth.wait_until_known(credential, scope, seconds)
   local deadline, pause = clock.monotonic() + (seconds or 120), 0.25
   while true do
      local ok, token, expires_on = pcall(credential.token, credential, scope)
      if ok then return token, expires_on end
      local err = token
      if not error_.is(err, "auth") or not not_yet_known[err.code] or clock.monotonic() > deadline then
         error(err, 0)
      end
      task.sleep(pause)
      pause = math.min(pause * 1.6, 5)
   end
end

auth.shared_key = shared_key.new

return auth
