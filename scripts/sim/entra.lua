--- Entra: the token endpoint and the discovery documents.
local clock     = require "aci.clock"
local crypto    = require "aci.crypto"
local json      = require "aci.json"
local directory = require "sim.directory"
local refuse    = require "sim.refuse"
local service   = require "sim.service"
local tokens    = require "sim.tokens"

local HOSTS = { "login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net" }

-- The words of the token endpoint: an AADSTS number, the client's correlation id, a stamp.
local function shape(_, code, message, refusal)
   local now = clock.iso(clock.now()):gsub("T", " "):gsub("%.%d+Z$", "Z")
   local trace, correlation = crypto.uuid4(), refusal.correlation or crypto.uuid4()
   local number = refusal.number
   if not number then
      return { error = code, error_description = message }
   end
   local text = ("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s"):format(
      number, message, trace, correlation, now)
   return { error = code, error_description = text, error_codes = json.array { number }, timestamp = now,
      trace_id = trace, correlation_id = correlation,
      error_uri = "https://login.microsoftonline.com/error?code=" .. number }
end

local entra = service {
   name = "entra", host = HOSTS, schema = directory.SCHEMA, error = shape,
   headers = function(req)
      return { ["cache-control"] = "no-store, no-cache", pragma = "no-cache", ["x-ms-request-id"] = req.id,
         ["content-type"] = "application/json; charset=utf-8" }
   end,
}

local STATUS = { invalid_client = 401 }

local function deny(req, number, code, message, ...)
   local asked = req.headers["client-request-id"]
   if asked and not asked:find "^%x+%-%x+%-%x+%-%x+%-%x+$" then
      asked = nil
   end
   refuse.with { status = STATUS[code] or 400, code = code, number = number, message = message:format(...),
      correlation = asked }
end

local NO_TENANT = "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are "
   .. "signing into the "
   .. "correct cloud. Check with your subscription administrator, this may happen if there are no active "
   .. "subscriptions for the tenant."
local ODD_TENANT = "Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external "
   .. "domain."
local SHARED = { common = true, organizations = true, consumers = true }

local function check_tenant(req)
   local tenant = req.params.tenant
   if SHARED[tenant:lower()] or tenant:lower() == tokens.tenant(req.state)
      or tenant:lower() == "local.onmicrosoft.com" then
      return
   end
   if not tenant:find "^%x+%-%x+%-%x+%-%x+%-%x+$" and not tenant:find "^[%w-]+%.[%w.-]+$" then
      deny(req, 900023, "invalid_request", ODD_TENANT, tenant)
   end
   deny(req, 90002, "invalid_tenant", NO_TENANT, tenant)
end

local function check_form(req)
   local kind = req.headers["content-type"] or ""
   local form = kind:lower():find("application/x-www-form-urlencoded", 1, true) and req:form() or {}
   for _, name in ipairs { "grant_type", "client_id" } do
      if name == "client_id" and req.headers.authorization then
         local pair = crypto.unbase64(req.headers.authorization:match "^[Bb]asic%s+(%S+)$" or "") or ""
         form.client_id, form.client_secret = pair:match "^([^:]*):(.*)$"
      end
      if (form[name] or "") == "" then
         deny(req, 900144, "invalid_request",
            "The request body must contain the following parameter: '%s'.", name)
      end
   end
   return form
end

local NO_APP = "Application with identifier '%s' was not found in the directory 'Local cloud'. This "
   .. "can happen if the "
   .. "application has not been installed by the administrator of the tenant or consented to by any "
   .. "user in the "
   .. "tenant. You may have sent your authentication request to the wrong tenant."

-- The application and its principal, as far as replication has brought them here.
local function find_client(req, client_id)
   local app = directory.by_app(req.state, client_id, "application")
   local principal = app and directory.by_app(req.state, client_id, "servicePrincipal")
   if not (principal and directory.visible(req.state, app) and directory.visible(req.state, principal)) then
      deny(req, 700016, "unauthorized_client", NO_APP, client_id)
   end
   return app, principal
end

local WRONG = "Invalid client secret provided. Ensure the secret being sent in the request is the "
   .. "client secret "
   .. "value, not the client secret ID, for a secret added to app '%s'."
local OLD = "The provided client secret keys for app '%s' are expired. Visit the Azure portal to "
   .. "create new keys for "
   .. "your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added "
   .. "security: "
   .. "https://aka.ms/certCreds."
local NO_SECRET = "'client_assertion', 'client_secret' or 'request' is required for the "
   .. "'client_credentials' grant type."

local function check_secret(req, form, app)
   if form.client_assertion then
      deny(req, 700027, "invalid_client",
         "The certificate with identifier used to sign the client assertion is not "
         .. "registered on application. [Reason - The key was not found.]")
   elseif (form.client_secret or "") == "" then
      deny(req, 7000216, "invalid_client", NO_SECRET)
   end
   local standing = directory.check_password(req.state, app, form.client_secret)
   if standing == "expired" then
      deny(req, 7000222, "invalid_client", OLD, app.appId)
   elseif standing ~= "good" then
      deny(req, 7000215, "invalid_client", WRONG, app.appId)
   end
end

local RESOURCES = {
   ["https://management.azure.com"] = true, ["https://management.core.windows.net"] = true,
   ["https://graph.microsoft.com"] = true, ["https://vault.azure.net"] = true,
   ["https://storage.azure.com"] = true, ["https://containerregistry.azure.net"] = true,
}
local NO_RESOURCE = "The resource principal named %s was not found in the tenant named Local cloud. "
   .. "This can happen if "
   .. "the application has not been installed by the administrator of the tenant or consented to by "
   .. "any user in the "
   .. "tenant. You might have sent your authentication request to the wrong tenant."
local NOT_DEFAULT = "The provided value for scope %s is not valid. Client credential flows must have a "
   .. "scope value with "
   .. "/.default suffixed to the resource identifier (application ID URI)."

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
         deny(req, 70011, "invalid_scope",
            "The provided value for the input parameter 'scope' is not valid. The scope "
            .. "%s is not valid.", scope)
      elseif name then
         resource = name
      elseif part ~= "openid" and part ~= "profile" and part ~= "offline_access" then
         deny(req, 1002012, "invalid_scope", NOT_DEFAULT, part)
      end
   end
   if not resource then
      deny(req, 1002012, "invalid_scope", NOT_DEFAULT, scope)
   elseif not known(resource) then
      deny(req, 500011, "invalid_resource", NO_RESOURCE, resource)
   end
   return resource
end

local OF_USERS = { refresh_token = true, password = true, authorization_code = true,
   ["urn:ietf:params:oauth:grant-type:device_code"] = true, ["urn:ietf:params:oauth:grant-type:jwt-bearer"] = true }

-- Nobody but applications can log in here: the other grants exist, but are not played.
local function check_grant(req, grant)
   if OF_USERS[grant] then
      refuse(501, "not_implemented", ("The local cloud does not implement the grant type '%s'."):format(grant))
   elseif grant ~= "client_credentials" then
      deny(req, 70003, "unsupported_grant_type", "The app requested an unsupported grant type '%s'.", grant)
   end
end

-- The claims of a client-credentials token for a resource.
local function grant(req, resource)
   check_tenant(req)
   local form = check_form(req)
   check_grant(req, form.grant_type)
   local wanted = resource and form.resource or form.scope
   if (wanted or "") == "" then
      deny(req, 900144, "invalid_request", "The request body must contain the following parameter: '%s'.",
         resource and "resource" or "scope")
   end
   local app, principal = find_client(req, form.client_id)
   check_secret(req, form, app)
   local audience = resource and wanted or resource_of(req, wanted)
   if not known(audience) then
      deny(req, 500011, "invalid_resource", NO_RESOURCE, audience)
   end
   req.caller = { appid = app.appId, oid = principal.id }
   local claims = { aud = audience, appid = app.appId, oid = principal.id }
   if audience:find("graph.microsoft.com", 1, true) and #principal.appRoles > 0 then
      claims.roles = principal.appRoles
   end
   return tokens.issue(req.state, claims)
end

entra:route("POST /:tenant/oauth2/v2.0/token", { anonymous = true, write = false }, function(req)
   local token, claims = grant(req)
   local left = claims.exp - claims.iat
   return 200, { token_type = "Bearer", expires_in = left, ext_expires_in = left, access_token = token }
end)

entra:route("POST /:tenant/oauth2/token", { anonymous = true, write = false }, function(req)
   local token, claims = grant(req, true)
   local left = tostring(claims.exp - claims.iat)
   return 200, { token_type = "Bearer", expires_in = left, ext_expires_in = left, access_token = token,
      expires_on = tostring(claims.exp), not_before = tostring(claims.nbf), resource = claims.aud }
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
      deny(req, 50049, "invalid_instance", "Unknown or invalid instance.")
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
