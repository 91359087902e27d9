--- Who may do what in a registry: Entra's token exchanged for the registry's refresh token, that (or a password)
-- for an access token of some repositories, and the challenge that says so. Where a role is missing the token has
-- fewer actions, as Azure's has; the refusal comes with the request that lacks one.
local clock      = require "aci.clock"
local crypto     = require "aci.crypto"
local json       = require "aci.json"
local secret     = require "aci.secret"
local access     = require "sim.access"
local directory  = require "sim.directory"
local refuse     = require "sim.refuse"
local registries = require "sim.containerregistry"
local tokens     = require "sim.tokens"
local url        = require "sim.url"
local words      = require "sim.words"

local acrtokens = {}

local ISSUER = "Azure Container Registry"
local AUDIENCE = "https://containerregistry.azure.net"
local REFRESH, ACCESS = 10800, 4500
local NOBODY = "00000000-0000-0000-0000-000000000000"
local RIGHTS = { pull = "pull/read", push = "push/write", delete = "artifacts/delete" }

--- True where a principal (its object id) may do one of a registry's actions.
function acrtokens.allowed(state, registry, principal, action)
   local right = RIGHTS[action]
   return right ~= nil and access.allowed(state, { oid = principal },
      "Microsoft.ContainerRegistry/registries/" .. right, registry.id)
end

local function challenge(req, scope, problem)
   local text = ('Bearer realm="https://%s/oauth2/token",service="%s"'):format(req.host, req.host)
   if scope then text = text .. (',scope="%s"'):format(scope) end
   return text .. (problem and (',error="%s"'):format(problem) or "")
end

local function detail_of(scope)
   local list = json.array {}
   for name, actions in (scope or ""):gmatch "repository:([^:]+):(%S+)" do
      for action in actions:gmatch "[^,]+" do
         list[#list + 1] = { Type = "repository", Class = "", Name = name, Action = action }
      end
   end
   return #list > 0 and list or json.null
end

--- 401 with the challenge for a scope (nil: any token will do).
function acrtokens.unauthorized(req, scope, problem)
   refuse.with { status = 401, code = "UNAUTHORIZED", detail = detail_of(scope),
      message = "authentication required, visit https://aka.ms/acr/authorization for more information.",
      headers = { ["WWW-Authenticate"] = challenge(req, scope, problem) } }
end

local function grants(claims, scope)
   for kind, name, actions in (scope or ""):gmatch "(%a+):([^:%s]+):(%S+)" do
      local found = {}
      for _, entry in ipairs(claims.access or {}) do
         local same = entry.type == kind and entry.name == name
         for _, action in ipairs(same and entry.actions or {}) do found[action] = true end
      end
      for action in actions:gmatch "[^,]+" do
         if not found[action] then return false end
      end
   end
   return true
end

-- A token of this registry that still holds, or nil.
local function own_token(req, text, grant)
   local claims = tokens.read(req.state, text)
   local good = claims and claims.iss == ISSUER and claims.aud == req.host and claims.grant_type == grant
      and claims.exp > clock.now()
   return good and claims or nil
end

--- Refuses a request whose Bearer token does not grant the scope.
function acrtokens.check(req, scope)
   local header = req.headers.authorization
   if not header then acrtokens.unauthorized(req, scope) end
   local text = (secret.is(header) and secret.reveal(header) or header):match "^[Bb]earer%s+(%S+)$"
   local claims = text and own_token(req, text, "access_token")
   if not claims then acrtokens.unauthorized(req, scope, "invalid_token") end
   if not grants(claims, scope) then acrtokens.unauthorized(req, scope, "insufficient_scope") end
   req.caller = { oid = claims.sub, appid = claims.sub }
end

local function sign(req, claims, seconds)
   local now = math.floor(clock.now())
   claims.iss, claims.aud, claims.jti, claims.version = ISSUER, req.host, crypto.uuid4(), "1.0"
   claims.nbf, claims.iat, claims.exp = now - 900, now, now + seconds
   return tokens.sign(req.state, claims)
end

local function refused(message)
   refuse.with { status = 401, code = "UNAUTHORIZED", message = message or "authentication required" }
end

local function armed(req)
   return req.registry.body.properties.policies.azureADAuthenticationAsArmPolicy.status == "enabled"
end

-- The claims of Entra's token, where it is for registries (or for ARM, while the policy allows that).
local function entra_claims(req, text)
   local claims = text and tokens.read(req.state, text)
   local fits = claims and claims.aud == AUDIENCE
   for _, name in ipairs(claims and armed(req) and words.AUDIENCES or {}) do fits = fits or claims.aud == name end
   local good = fits and claims.exp > clock.now() and claims.tid == tokens.tenant(req.state)
   return good and claims or refused "the access token is not for this registry or has expired"
end

local function check_service(req, service)
   refuse.unless(service == req.host, 400, "UNSUPPORTED", "The service is not this registry: " .. (service or ""))
end

--- POST /oauth2/exchange.
function acrtokens.exchange(req)
   local form = req:form()
   refuse.unless(form.grant_type == "access_token", 400, "UNSUPPORTED",
      "The grant type is not supported: " .. (form.grant_type or ""))
   check_service(req, form.service)
   local claims = entra_claims(req, form.access_token)
   refuse.when(form.tenant and form.tenant ~= claims.tid, 401, "UNAUTHORIZED", "The token is of another tenant.")
   return 200, { refresh_token = sign(req, { grant_type = "refresh_token", sub = claims.oid, tenant = claims.tid,
      permissions = { actions = json.array {}, notActions = json.array {} } }, REFRESH) }
end

local function is_admin(req, user, password)
   if user:lower() ~= req.registry.name:lower() then return false end
   for _, known in ipairs(registries.passwords(req.state, req.registry) or {}) do
      if secret.equal(secret.new(password), secret.is(known) and known or secret.new(known)) then return true end
   end
   return false
end

-- Who a user name and a password are: an object id, or "admin".
local function by_password(req, user, password)
   if user == NOBODY then
      local claims = own_token(req, password, "refresh_token")
      return claims and claims.sub
   elseif is_admin(req, user, password) then
      return "admin"
   end
   local app = directory.by_app(req.state, user, "application")
   local principal = app and directory.by_app(req.state, user, "servicePrincipal")
   return principal and directory.check_password(req.state, app, password) == "good" and principal.id
end

--- Who a login of a container group or a client is in a registry, without a request of theirs: an object id,
-- "admin", or nil.
function acrtokens.login(state, registry, user, password)
   local host = registry.name:lower() .. ".azurecr.io"
   return by_password({ state = state, registry = registry, host = host }, user, password) or nil
end

-- Who may pull may list the repositories: registry:catalog:*.
local function allowed(req, who, action, kind)
   if kind == "registry" then action = action == "*" and "pull" or "" end
   return who == "admin" or acrtokens.allowed(req.state, req.registry, who, action)
end

local function granted(req, who, scopes)
   local list = json.array {}
   for _, scope in ipairs(scopes) do
      for kind, name, actions in scope:gmatch "(%a+):([^:%s]+):(%S+)" do
         local entry = { type = kind, name = name, actions = json.array {} }
         for action in actions:gmatch "[^,]+" do
            if allowed(req, who, action, kind) then entry.actions[#entry.actions + 1] = action end
         end
         list[#list + 1] = entry
      end
   end
   return list
end

-- Every value of a repeated field.
local function values(text, name)
   local list = {}
   for key, value in (text or ""):gmatch "([^&=]+)=([^&]*)" do
      if key == name then list[#list + 1] = url.unescape((value:gsub("%+", " "))) end
   end
   return list
end

local function access_token(req, who, scopes)
   if not who then refused() end
   return 200, { access_token = sign(req, { grant_type = "access_token", sub = who,
      access = granted(req, who, scopes) }, ACCESS) }
end

--- POST /oauth2/token.
function acrtokens.token(req)
   local form = req:form()
   check_service(req, form.service)
   local who
   if form.grant_type == "refresh_token" then
      local claims = form.refresh_token and own_token(req, form.refresh_token, "refresh_token")
      who = claims and claims.sub
   elseif form.grant_type == "password" then
      who = by_password(req, form.username or "", form.password or "")
   else
      refuse(400, "UNSUPPORTED", "The grant type is not supported: " .. (form.grant_type or ""))
   end
   return access_token(req, who, values(req:text(), "scope"))
end

--- GET /oauth2/token, with a user and a password.
function acrtokens.token_by_basic(req)
   check_service(req, req.query.service)
   local header = req.headers.authorization or ""
   local given = crypto.unbase64((secret.is(header) and secret.reveal(header) or header):match "^[Bb]asic%s+(%S+)$"
      or "")
   local user, password = (given or ""):match "^([^:]*):(.*)$"
   return access_token(req, user and by_password(req, user, password), values(req.raw_query, "scope"))
end

return acrtokens
