-- Credentials: tokens for the services of Azure, cached in memory, and Shared Key for storage. Which login is
-- used: the script's own (`config.credential`), else the first of the chain (`aci.auth.chain`) that this machine
-- offers. Each kind of login is a file in auth/.
local azure_cli = require "aci.auth.azure_cli"
local certificate = require "aci.auth.certificate"
local chain = require "aci.auth.chain"
local client_secret = require "aci.auth.client_secret"
local clock = require "aci.clock"
local device_code = require "aci.auth.device_code"
local error_ = require "aci.error"
local federated = require "aci.auth.federated"
local identity = require "aci.auth.identity"
local shared_key = require "aci.auth.shared_key"
local task = require "aci.task"
local unavailable = require "aci.auth.unavailable"

local auth = {}

local Credential = {}
Credential.__index = Credential

--- A credential from a function `fetch(scope) -> token, expires_on [, renew_on]`. `name` is what errors and -v
-- call it.
function auth.new(name, fetch)
   return setmetatable({ name = name, fetch = fetch, cache = {}, flights = {} }, Credential)
end

local function is_fresh(entry)
   return entry ~= nil and clock.now() < entry.renew
end

-- Renewed five minutes before its end; a short token when a quarter of its life is left; sooner where the service
-- says so (refresh_in).
local function remember(self, scope, token, expires_on, renew_on)
   local left = expires_on - clock.now()
   self.cache[scope] = { token = token, expires_on = expires_on, taken = clock.now(),
      renew = math.min(expires_on - math.min(300, left / 4), renew_on or math.huge) }
end

-- The fetch runs as a task of its own: it goes on when the one who asked first is cancelled.
local function launch(self, scope)
   local flight = task.future()
   self.flights[scope] = flight
   task.spawn(function()
      local ok, token, expires_on, renew_on = pcall(self.fetch, scope)
      self.flights[scope] = nil
      if not ok then return flight:fail(token) end
      remember(self, scope, token, expires_on, renew_on)
      flight:set(token, expires_on)
   end)
   return flight
end

-- Nobody refused the login, but nobody gave a token: the one that is held serves until its end.
local function is_passing(err)
   return error_.is(err, "network") or error_.is(err, "timeout") or error_.is(err, "server")
      or error_.is(err, "throttled") or unavailable.is(err)
end

-- How long the token that is held serves after a renewal failed, before it is tried again.
local PAUSE = 30

--- A token for a scope ("https://vault.azure.net/.default") and when it ends (epoch seconds). However many
-- tasks ask at once, one request is made. The token is a secret. Raises kind auth.
function Credential:token(scope)
   local entry = self.cache[scope]
   if is_fresh(entry) then return entry.token, entry.expires_on end
   local ok, token, ends = pcall(function() return (self.flights[scope] or launch(self, scope)):wait() end)
   if ok then return token, ends end
   if entry and is_passing(token) and clock.now() < entry.expires_on - 10 then
      entry.renew = math.min(clock.now() + PAUSE, entry.expires_on - 10)
      return entry.token, entry.expires_on
   end
   error(token, 0)
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

--- The login of an application by its secret. `login`: tenant, client_id, client_secret (a secret).
function auth.client_secret(config, login)
   return auth.new("application " .. login.client_id, client_secret.source(config, login))
end

--- The login of an application by its certificate. `login`: tenant, client_id, certificate (the path of a PEM or
-- PKCS#12 file), password (a secret), send_chain, algorithm ("PS256"; "RS256" as older clients).
function auth.client_certificate(config, login)
   return auth.new(("application %s by certificate"):format(login.client_id), certificate.source(config, login))
end

--- The login of an application by the token of an issuer that it trusts. `login`: tenant, client_id, token_file.
function auth.workload_identity(config, login)
   return auth.new(("application %s by federated token"):format(login.client_id), federated.source(config, login))
end

--- The managed identity of this machine or container group. `options`: client_id, principal_id or resource_id
-- (which user-assigned one), wait (seconds to keep asking an endpoint that is silent; default 90), environment.
function auth.managed_identity(config, options)
   return auth.new("managed identity", identity.source(config, options or {}))
end

--- Whoever is signed in with `az login`. `options`: tenant.
function auth.azure_cli(config, options)
   return auth.new("az", azure_cli.source(config, options or {}))
end

--- A person who enters a code in a browser. `options`: tenant, client_id, show(message, code, address).
function auth.device_code(config, options)
   return auth.new("device code", device_code.source(config, options or {}))
end

--- The first credential that this machine offers, in the order of Azure's SDKs; the setting credentials
-- (AZURE_TOKEN_CREDENTIALS) leaves some of them or one. `options`: environment, wait (seconds for a silent
-- metadata service; by default 6 where nothing else can come, 60 where client_id names an identity).
function auth.chain(config, options)
   local made
   options = options or {}
   local fetch, kept = chain.source(config, { environment = options.environment, wait = options.wait,
      found = function(name) made.name = name end })
   made = auth.new("the first of " .. chain.names(kept), fetch)
   return made
end

--- The credential that the settings give. On the local cloud that is its built-in owner's, unless the
-- settings hold a login of its tenant.
function auth.credential(config)
   require("aci.local").settle(config)
   if config.credential then return config.credential end
   if config.client_id and config.client_secret and config.tenant and not config.credentials then
      config.credential = auth.client_secret(config, config)
   else
      config.credential = auth.chain(config)
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
