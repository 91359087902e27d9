-- Tokens of a managed identity: by IDENTITY_ENDPOINT and IDENTITY_HEADER where they are set (App Service,
-- Container Apps, the groups of the local cloud), else by IMDS, which is what a Linux container group has.
local clock = require "aci.clock"
local error_ = require "aci.error"
local json = require "aci.json"
local process = require "aci.process"
local rest = require "aci.rest"
local secret = require "aci.secret"
local task = require "aci.task"

local identity = {}

local function resource_of(scope)
   return (scope:gsub("/%.default$", ""))
end

local function app_service(environment, client_id, scope)
   return {
      url = environment.IDENTITY_ENDPOINT, name = "the identity endpoint",
      query = { ["api-version"] = "2019-08-01", resource = resource_of(scope), client_id = client_id },
      headers = { ["x-identity-header"] = secret.new(environment.IDENTITY_HEADER), metadata = "true" },
   }
end

local function imds(environment, client_id, scope)
   local host = environment.AZURE_POD_IDENTITY_AUTHORITY_HOST or "http://169.254.169.254"
   return {
      url = host:gsub("/+$", "") .. "/metadata/identity/oauth2/token", name = "the metadata service",
      query = { ["api-version"] = "2018-02-01", resource = resource_of(scope), client_id = client_id },
      headers = { metadata = "true" },
   }
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

local function refusal(asked, response)
   local body = decoded(response)
   local message = body.error_description or body.message or ("it answered " .. response.status)
   local missing = message:find "not found" or message:find "No User Assigned"
   return error_.new {
      kind = "auth", code = type(body.error) == "string" and body.error or nil, status = response.status,
      method = "GET", url = asked.url,
      message = ("%s gives no token: %s"):format(asked.name, message),
      advice = missing and "attach the identity to this container group or machine, or correct client_id"
         or message:find "Multiple" and "set client_id (AZURE_CLIENT_ID) to the one that is meant" or nil,
   }
end

local function unreachable(asked, why, seconds)
   return error_.new {
      kind = "auth", code = "NoIdentityEndpoint", method = "GET", url = asked.url,
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

--- The function that fetches a token for a scope: `fetch(scope) -> token, expires_on`. `options`: client_id
-- (a user-assigned identity), wait (seconds to keep asking a silent endpoint, default 90), first_wait.
function identity.source(config, options)
   local environment = options.environment or process.environment()
   local form = environment.IDENTITY_ENDPOINT and environment.IDENTITY_HEADER and app_service or imds
   local transport = rest.direct(config)
   return function(scope)
      local asked = form(environment, options.client_id, scope)
      local response = ask(transport, asked, options.wait or 90, options.first_wait or 1)
      local body = decoded(response)
      if response.status ~= 200 or not body.access_token then error(refusal(asked, response), 0) end
      return secret.new(body.access_token), expiry(body)
   end
end

return identity
