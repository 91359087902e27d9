--- The managed-identity endpoint of a container group, as the group's containers see it: it asks the cloud for
-- the tokens of the group's identities. Containers find it by AZURE_POD_IDENTITY_AUTHORITY_HOST, which Azure's
-- SDKs honour in place of 169.254.169.254. Two other forms are served where `spec.header` gives their key: App
-- Service's at /msi/token, and that of Windows container groups at /windows/token.
local crypto = require "aci.crypto"
local http   = require "aci.http"
local json   = require "aci.json"
local server = require "aci.server"
local task   = require "aci.task"

local endpoint = {}

local function answer(request, status, body)
   request:respond(status, { ["content-type"] = "application/json; charset=utf-8" }, body)
end

local function refusal(description, code)
   return json.encode { error = code or "invalid_request", error_description = description }
end

--- Asks the cloud with the group's own key.
local function ask(spec, query)
   local response = http.request { url = "https://metadata.acihost.local/token?" .. query, method = "GET",
      headers = { ["x-group"] = spec.group, ["x-group-key"] = spec.key },
      connect_to = "127.0.0.1:" .. spec.https_port, ca_file = spec.ca_file, timeout = 10, retry = false }
   if not response then return 500, refusal "The token service cannot be reached" end
   return response.status, response.body
end

local forms = {}

-- IMDS.
forms["/metadata/identity/oauth2/token"] = function(spec, request)
   if request.headers["x-forwarded-for"] then
      return 400, refusal "The X-Forwarded-For header is not allowed"
   elseif request.headers.metadata ~= "true" then
      return 400, refusal("Required metadata header not specified", "bad_request_102")
   end
   return ask(spec, request.query or "")
end

local function is_key(spec, given)
   return spec.header ~= nil and crypto.equal(given or "", spec.header)
end

local NONE = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."

local function app_service_refusal(status, message)
   return status, json.encode { statusCode = status, message = message }
end

forms["/msi/token"] = function(spec, request)
   local query = request.query or ""
   if not is_key(spec, request.headers["x-identity-header"]) then
      return app_service_refusal(401, "The X-IDENTITY-HEADER is missing or wrong.")
   elseif not query:find "api%-version=2019%-08%-01" then
      return app_service_refusal(400, "The api-version is not supported.")
   end
   local status, body = ask(spec, query)
   if status ~= 200 then return app_service_refusal(status, NONE) end
   local all = json.decode(body)
   return 200, json.encode { access_token = all.access_token, expires_on = all.expires_on,
      resource = all.resource, token_type = all.token_type, client_id = all.client_id }
end

forms["/windows/token"] = function(spec, request)
   if not is_key(spec, request.headers.secret) then return 401, refusal "The secret is missing or wrong" end
   local query = (request.query or ""):gsub("principalId=", "object_id=")
   return ask(spec, query .. "&api-version=2018-02-01")
end

local function handle(spec, request)
   local form = forms[request.path]
   if not form then return answer(request, 404, refusal "Not found") end
   answer(request, form(spec, request))
end

--- Begins to listen; gives the listener and the address for the containers' environment.
function endpoint.listen()
   local listener = assert(server.listen { host = "127.0.0.1", port = 0 })
   return listener, "http://127.0.0.1:" .. listener:port()
end

--- Serves until the task is ended. `spec`: group, key, https_port, ca_file, and header for the other forms.
function endpoint.run(spec, listener)
   for request in function() return listener:next() end do
      task.spawn(function() pcall(handle, spec, request) end)
   end
end

return endpoint
