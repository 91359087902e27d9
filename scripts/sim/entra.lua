--- Entra: the token endpoint and the discovery documents.
local crypto      = require "aci.crypto"
local json        = require "aci.json"
local assertions  = require "sim.assertions"
local devicelogin = require "sim.devicelogin"
local directory   = require "sim.directory"
local refuse      = require "sim.refuse"
local service     = require "sim.service"
local tokens      = require "sim.tokens"
local words       = require "sim.entrawords"

local HOSTS = { "login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net" }

local schema = table.move(devicelogin.SCHEMA, 1, #devicelogin.SCHEMA, #directory.SCHEMA + 1,
   table.move(directory.SCHEMA, 1, #directory.SCHEMA, 1, {}))

local entra = service {
   name = "entra", host = HOSTS, schema = schema, error = words.shape,
   headers = function(req)
      return { ["cache-control"] = "no-store, no-cache", pragma = "no-cache", ["x-ms-request-id"] = req.id,
         ["content-type"] = "application/json; charset=utf-8" }
   end,
}

local deny = words.deny

local SHARED = { common = true, organizations = true, consumers = true }

local function check_tenant(req)
   local tenant = req.params.tenant
   if SHARED[tenant:lower()] or tenant:lower() == tokens.tenant(req.state)
      or tenant:lower() == "local.onmicrosoft.com" then
      return
   end
   if not tenant:find "^%x+%-%x+%-%x+%-%x+%-%x+$" and not tenant:find "^[%w-]+%.[%w.-]+$" then
      deny(req, 900023, tenant)
   end
   deny(req, 90002, tenant)
end

local function form_of(req)
   local kind = req.headers["content-type"] or ""
   return kind:lower():find("application/x-www-form-urlencoded", 1, true) and req:form() or {}
end

local function check_form(req)
   local form = form_of(req)
   for _, name in ipairs { "grant_type", "client_id" } do
      if name == "client_id" and req.headers.authorization then
         local pair = crypto.unbase64(req.headers.authorization:match "^[Bb]asic%s+(%S+)$" or "") or ""
         form.client_id, form.client_secret = pair:match "^([^:]*):(.*)$"
      end
      words.need(req, form, name)
   end
   return form
end

-- The application and its principal, as far as replication has brought them here.
local function find_client(req, client_id)
   local app = directory.by_app(req.state, client_id, "application")
   local principal = app and directory.by_app(req.state, client_id, "servicePrincipal")
   if not (principal and directory.visible(req.state, app) and directory.visible(req.state, principal)) then
      deny(req, 700016, client_id)
   end
   return app, principal
end

-- Checks what the client proves itself with; gives its name in a token (appidacr).
local function check_client(req, form, app)
   if form.client_assertion then
      assertions.check(req, form, app)
      return "2"
   elseif (form.client_secret or "") == "" then
      deny(req, 7000216)
   end
   local standing = directory.check_password(req.state, app, form.client_secret)
   if standing ~= "good" then
      deny(req, standing == "expired" and 7000222 or 7000215, app.appId)
   end
   return "1"
end

local RESOURCES = {
   ["https://management.azure.com"] = true, ["https://management.core.windows.net"] = true,
   ["https://graph.microsoft.com"] = true, ["https://vault.azure.net"] = true,
   ["https://storage.azure.com"] = true, ["https://containerregistry.azure.net"] = true,
}
local function known(resource)
   local bare = resource:lower():gsub("/$", "")
   return RESOURCES[bare] or bare:find "^https://[%w-]+%.blob%.core%.windows%.net$" ~= nil
end

-- The resource that a scope names; one and a known one.
local function resource_of(req, scope)
   local resource
   for part in scope:gmatch "%S+" do
      local name = part:match "^(.*)/%.default$"
      if name and resource then
         deny(req, 70011, scope)
      elseif name then
         resource = name
      elseif part ~= "openid" and part ~= "profile" and part ~= "offline_access" then
         deny(req, 1002012, part)
      end
   end
   if not resource then
      deny(req, 1002012, scope)
   elseif not known(resource) then
      deny(req, 500011, resource)
   end
   return resource
end

local NOT_PLAYED = { password = true, authorization_code = true,
   ["urn:ietf:params:oauth:grant-type:jwt-bearer"] = true }

local function refuse_grant(req, grant)
   if NOT_PLAYED[grant] then
      refuse(501, "not_implemented", ("The local cloud does not implement the grant type '%s'."):format(grant))
   end
   deny(req, 70003, grant)
end

-- A client-credentials token for a resource (`v1`: named as such) or a scope.
local function of_client(req, form, v1)
   local wanted = words.need(req, form, v1 and "resource" or "scope")
   local app, principal = find_client(req, form.client_id)
   local proof = check_client(req, form, app)
   local audience = v1 and wanted or resource_of(req, wanted)
   if not known(audience) then
      deny(req, 500011, audience)
   end
   req.caller = { appid = app.appId, oid = principal.id }
   local claims = { aud = audience, appid = app.appId, oid = principal.id, appidacr = proof }
   if audience:find("graph.microsoft.com", 1, true) and #principal.appRoles > 0 then
      claims.roles = principal.appRoles
   end
   return tokens.issue(req.state, claims)
end

local function answer(token, claims)
   local left = claims.exp - claims.iat
   return { token_type = "Bearer", expires_in = left, ext_expires_in = left, access_token = token }
end

-- Only public clients sign users in here; an application of the tenant would have to prove itself.
local function check_public(req, client)
   if client ~= devicelogin.CLIENT then
      find_client(req, client)
      deny(req, 7000218)
   end
   return client
end

-- The answer to a user's sign-in: with a refresh token and an id token where they were asked for.
local function of_user(req, form, scope)
   local state, client = req.state, form.client_id
   local resource = resource_of(req, scope)
   local body = answer(tokens.issue(state, devicelogin.claims(state, client, resource)))
   body.scope = ("%s/user_impersonation %s/.default"):format(resource, resource)
   if scope:find "offline_access" then
      body.refresh_token = devicelogin.refresh_token(state, client)
   end
   if scope:find "openid" then
      body.id_token = devicelogin.id_token(state, client)
   end
   body.client_info = form.client_info and devicelogin.client_info(state) or nil
   return 200, body
end

local grants = {}

function grants.client_credentials(req, form)
   return 200, answer(of_client(req, form))
end

grants["urn:ietf:params:oauth:grant-type:device_code"] = function(req, form)
   local client = check_public(req, form.client_id)
   return of_user(req, form, devicelogin.redeem(req, client, words.need(req, form, "device_code")))
end

function grants.refresh_token(req, form)
   local client = check_public(req, form.client_id)
   devicelogin.check_refresh(req, client, words.need(req, form, "refresh_token"))
   return of_user(req, form, words.need(req, form, "scope"))
end

entra:route("POST /:tenant/oauth2/v2.0/token", { anonymous = true, write = false }, function(req)
   check_tenant(req)
   local form = check_form(req)
   return (grants[form.grant_type] or refuse_grant)(req, grants[form.grant_type] and form or form.grant_type)
end)

entra:route("POST /:tenant/oauth2/token", { anonymous = true, write = false }, function(req)
   check_tenant(req)
   local form = check_form(req)
   if form.grant_type ~= "client_credentials" then
      refuse_grant(req, form.grant_type)
   end
   local token, claims = of_client(req, form, true)
   local left = tostring(claims.exp - claims.iat)
   return 200, { token_type = "Bearer", expires_in = left, ext_expires_in = left, access_token = token,
      expires_on = tostring(claims.exp), not_before = tostring(claims.nbf), resource = claims.aud }
end)

entra:route("POST /:tenant/oauth2/v2.0/devicecode", { anonymous = true, write = false }, function(req)
   check_tenant(req)
   local form = form_of(req)
   local client, scope = words.need(req, form, "client_id"), words.need(req, form, "scope")
   check_public(req, client)
   resource_of(req, scope)
   return 200, devicelogin.begin(req, client, scope)
end)

local function discovery(req)
   check_tenant(req)
   local host = "https://" .. req.host
   local base = host .. "/" .. req.params.tenant
   return 200, {
      token_endpoint = base .. "/oauth2/v2.0/token",
      token_endpoint_auth_methods_supported = json.array {
         "client_secret_post", "private_key_jwt", "client_secret_basic" },
      jwks_uri = base .. "/discovery/v2.0/keys",
      authorization_endpoint = base .. "/oauth2/v2.0/authorize",
      device_authorization_endpoint = base .. "/oauth2/v2.0/devicecode",
      end_session_endpoint = base .. "/oauth2/v2.0/logout",
      issuer = host .. "/" .. tokens.tenant(req.state) .. "/v2.0",
      userinfo_endpoint = "https://graph.microsoft.com/oidc/userinfo",
      response_modes_supported = json.array { "query", "fragment", "form_post" },
      response_types_supported = json.array { "code", "id_token", "code id_token", "id_token token" },
      subject_types_supported = json.array { "pairwise" },
      id_token_signing_alg_values_supported = json.array { "RS256" },
      scopes_supported = json.array { "openid", "profile", "email", "offline_access" },
      tenant_region_scope = json.null, cloud_instance_name = "microsoftonline.com",
      cloud_graph_host_name = "graph.windows.net", msgraph_host = "graph.microsoft.com",
   }
end

entra:route("GET /:tenant/v2.0/.well-known/openid-configuration", { anonymous = true }, discovery)
entra:route("GET /:tenant/.well-known/openid-configuration", { anonymous = true }, discovery)

local function key_set(req)
   check_tenant(req)
   return 200, tokens.key_set(req.state)
end

entra:route("GET /:tenant/discovery/v2.0/keys", { anonymous = true }, key_set)
entra:route("GET /:tenant/discovery/keys", { anonymous = true }, key_set)

local ALIASES = { "login.microsoftonline.com", "login.windows.net", "login.microsoft.com",
   "sts.windows.net" }

entra:route("GET /:tenant/discovery/instance", { anonymous = true }, function(req)
   local endpoint = req.query.authorization_endpoint or ""
   local host, tenant = endpoint:match "^https://([^/]+)/([^/]+)"
   local ours = false
   for _, name in ipairs(ALIASES) do
      ours = ours or name == host
   end
   if not ours then
      deny(req, 50049)
   end
   return 200, {
      tenant_discovery_endpoint = "https://" .. host .. "/" .. tenant
         .. "/v2.0/.well-known/openid-configuration",
      ["api-version"] = "1.1",
      metadata = json.array { { preferred_network = "login.microsoftonline.com",
         preferred_cache = "login.windows.net", aliases = json.array(ALIASES) } },
   }
end)

return entra
