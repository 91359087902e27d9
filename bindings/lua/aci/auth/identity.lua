-- Tokens of a managed identity (azure/auth.md 2). By IDENTITY_ENDPOINT and IDENTITY_HEADER where they are set:
-- in the form of App Service and Container Apps, or in that of a Windows container group, which sets the same
-- names. Else by IMDS, which is what a Linux container group has.
local clock = require "aci.clock"
local endpoint = require "aci.auth.endpoint"
local error_ = require "aci.error"
local fault = require "aci.fault"
local json = require "aci.json"
local process = require "aci.process"
local rest = require "aci.rest"
local secret = require "aci.secret"
local task = require "aci.task"
local unavailable = require "aci.auth.unavailable"

local identity = {}

local function resource_of(scope)
   return (scope:gsub("/%.default$", ""))
end

local function trimmed(url)
   return (url:gsub("/+$", ""))
end

local function app_service(environment, which, scope)
   return {
      url = environment.IDENTITY_ENDPOINT, name = "the identity endpoint",
      query = { ["api-version"] = "2019-08-01", resource = resource_of(scope), client_id = which.client_id,
         object_id = which.principal_id, mi_res_id = which.resource_id },
      headers = { ["x-identity-header"] = secret.new(environment.IDENTITY_HEADER), metadata = "true" },
   }
end

local function windows_group(environment, which, scope)
   return {
      url = environment.IDENTITY_ENDPOINT, name = "the container group's identity endpoint",
      query = { resource = resource_of(scope), principalId = which.principal_id },
      headers = { secret = secret.new(environment.IDENTITY_HEADER) },
   }
end

local function imds(environment, which, scope)
   local host = environment.AZURE_POD_IDENTITY_AUTHORITY_HOST or "http://169.254.169.254"
   return {
      url = trimmed(host) .. "/metadata/identity/oauth2/token", name = "the metadata service",
      query = { ["api-version"] = "2018-02-01", resource = resource_of(scope), client_id = which.client_id,
         object_id = which.principal_id, msi_res_id = which.resource_id },
      headers = { metadata = "true" },
   }
end

-- The forms of request to try, in order. App Service and Windows groups cannot be told apart by their names.
local function forms_of(environment)
   if not environment.IDENTITY_ENDPOINT then return { imds } end
   if environment.IDENTITY_HEADER and not environment.IDENTITY_SERVER_THUMBPRINT then
      return { app_service, windows_group }
   end
   local kind = environment.IDENTITY_SERVER_THUMBPRINT and "Service Fabric's" or environment.IMDS_ENDPOINT
      and "Azure Arc's" or "of a kind that has no IDENTITY_HEADER"
   unavailable.raise(("IDENTITY_ENDPOINT is set, but is %s, which is not supported"):format(kind),
      "use another credential; or unset IDENTITY_ENDPOINT to ask the metadata service")
end

--- Whether this machine says that it has an identity endpoint.
function identity.announced(environment)
   environment = environment or process.environment()
   return environment.IDENTITY_ENDPOINT ~= nil or environment.AZURE_POD_IDENTITY_AUTHORITY_HOST ~= nil
end

-- Answers that mean "not yet": the endpoint is starting, updating or busy.
local function is_passing(response)
   local status = response.status
   return status == 404 or status == 410 or status == 429 or status >= 500
end

local function decoded(response)
   local value = response.body and #response.body > 0 and json.decode(response.body)
   return type(value) == "table" and value or {}
end

-- Of what is not attached: a chain goes on after it, as the SDKs' does.
local function refusal(asked, response)
   local body = decoded(response)
   local message = body.error_description or body.message or ("it answered " .. response.status)
   local missing = message:find "not found" or message:find "No User Assigned"
   local status = response.status
   return error_.new {
      kind = (status == 429 or status >= 500) and fault.kind(status) or "auth", status = status,
      code = type(body.error) == "string" and body.error or nil, method = "GET", url = asked.url,
      unavailable = status == 400 or status == 404 or status == 410,
      message = ("%s gives no token: %s"):format(asked.name, message),
      advice = missing and "attach the identity to this container group or machine, or correct client_id"
         or message:find "Multiple" and "set client_id (AZURE_CLIENT_ID) to the one that is meant" or nil,
   }
end

local function unreachable(asked, why, seconds)
   return error_.new {
      kind = "auth", code = "NoIdentityEndpoint", unavailable = true, method = "GET", url = asked.url,
      message = ("%s does not answer within %g seconds: %s"):format(asked.name, seconds, tostring(why)),
      advice = "outside Azure there is no managed identity: set tenant, client_id and client_secret "
         .. "(AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)",
   }
end

--- Asks until there is an answer that counts, for at most `seconds`: right after the start of a container
-- group the endpoint may be silent for half a minute.
local function ask(transport, asked, seconds, first_wait)
   local deadline, wait = clock.monotonic() + seconds, first_wait
   while true do
      local response, why = transport:request {
         method = "GET", url = asked.url, query = asked.query, headers = asked.headers, secret_body = true,
         retry = false, proxy = "", timeout = 30, connect_timeout = 2,
      }
      if response and not is_passing(response) then return response end
      if clock.monotonic() + wait > deadline then
         if response then return response end
         error(unreachable(asked, why, seconds), 0)
      end
      task.sleep(wait)
      wait = math.min(wait * 2, 10)
   end
end

local function expiry(body)
   local absolute = tonumber(body.expires_on)
   return absolute or clock.now() + (tonumber(body.expires_in) or 3600)
end

local function body_of(response)
   local value = #response.body > 0 and json.decode(response.body, { secrets = { "access_token", "refresh_token" } })
   return type(value) == "table" and value or {}
end

-- Whether the endpoint may not have understood the form: it refused, and not in App Service's words.
local function is_misunderstood(response)
   local status = response.status
   return (status == 400 or status == 401 or status == 403) and decoded(response).statusCode == nil
end

--- Asks in each form until one gives a token; raises what the first one said.
local function ask_forms(transport, forms, environment, options, scope)
   local first
   for index, form in ipairs(forms) do
      local asked = form(environment, options, scope)
      local response = ask(transport, asked, options.wait or 90, options.first_wait or 1)
      local body = body_of(response)
      if response.status == 200 and body.access_token then return body end
      first = first or refusal(asked, response)
      if index == 1 and not is_misunderstood(response) then break end
   end
   error(first, 0)
end

-- Docker Desktop answers in the place of a metadata service that is not there.
local function is_stand_in(response)
   return response.status == 403 and (response.body or ""):find "unreachable" ~= nil
end

--- Asks IMDS as the SDKs do before the token: without the header, and any answer counts. `seconds`: how long
-- it may be silent. Whoever has an endpoint in the environment is not asked.
function identity.probe(config, environment, seconds)
   environment = environment or process.environment()
   if identity.announced(environment) then return true end
   local transport, asked = rest.direct(config), imds(environment, {}, "https://management.azure.com")
   local deadline = clock.monotonic() + seconds
   repeat
      local response = transport:request { method = "GET", url = asked.url, query = asked.query, retry = false,
         proxy = "", timeout = 3, connect_timeout = 1 }
      if response and not is_stand_in(response) then return true end
      if clock.monotonic() < deadline then task.sleep(math.min(1, seconds)) end
   until clock.monotonic() >= deadline
   return false
end

--- The function that fetches a token for a scope: `fetch(scope) -> token, expires_on`. `options`: client_id,
-- principal_id or resource_id (which user-assigned identity), wait (seconds to keep asking a silent endpoint,
-- default 90), first_wait, environment.
function identity.source(config, options)
   local environment = options.environment or process.environment()
   local transport = rest.direct(config)
   return function(scope)
      local body = ask_forms(transport, forms_of(environment), environment, options, scope)
      return body.access_token, expiry(body), endpoint.renewal(body)
   end
end

return identity
