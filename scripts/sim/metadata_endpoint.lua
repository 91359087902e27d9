--- The instance metadata endpoint of a container group, as the group's containers see it: it asks the cloud
-- for the tokens of the group's identities. Its address is given by AZURE_POD_IDENTITY_AUTHORITY_HOST, which
-- Azure's SDKs honour in place of 169.254.169.254.
local http   = require "aci.http"
local json   = require "aci.json"
local server = require "aci.server"
local task   = require "aci.task"

local endpoint = {}

local function answer(request, status, body)
   request:respond(status, { ["content-type"] = "application/json; charset=utf-8" }, body)
end

local function refusal(description)
   return json.encode { error = "invalid_request", error_description = description }
end

--- Asks the cloud with the group's own key.
local function ask(spec, query)
   return http.request { url = "https://metadata.acihost.local/token?" .. query, method = "GET",
      headers = { ["x-group"] = spec.group, ["x-group-key"] = spec.key },
      connect_to = "127.0.0.1:" .. spec.https_port, ca_file = spec.ca_file, timeout = 10, retry = false }
end

local function handle(spec, request)
   if request.path ~= "/metadata/identity/oauth2/token" then
      return answer(request, 404, refusal "Not found")
   elseif request.headers["x-forwarded-for"] then
      return answer(request, 400, refusal "The X-Forwarded-For header is not allowed")
   elseif request.headers.metadata ~= "true" then
      return answer(request, 400, refusal "Required metadata header not specified")
   end
   local response = ask(spec, request.query or "")
   if not response then return answer(request, 500, refusal "The token service cannot be reached") end
   answer(request, response.status, response.body)
end

--- Begins to listen; gives the listener and the address for the containers' environment.
function endpoint.listen()
   local listener = assert(server.listen { host = "127.0.0.1", port = 0 })
   return listener, "http://127.0.0.1:" .. listener:port()
end

--- Serves until the task is ended. `spec`: group, key, https_port, ca_file.
function endpoint.run(spec, listener)
   for request in function() return listener:next() end do
      task.spawn(function() pcall(handle, spec, request) end)
   end
end

return endpoint
