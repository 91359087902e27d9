--- The Prefect 2 API (as 2.20.25 answers it), on the plain listener below /api. One file per area in
-- sim/prefect/; what a file answers and refuses is held by tests/contract/prefect_spec.lua, which runs
-- against a real server too.
local json    = require "aci.json"
local service = require "sim.service"
local refuse  = require "sim.refuse"
local objects = require "sim.prefect.objects"

-- A model's refusal says "exception_message", a route's own says "detail".
local function words(status, code, message)
   if status == 500 then return { exception_message = "Internal Server Error" } end
   return { [code == "exception" and "exception_message" or "detail"] = message }
end

local prefect = service {
   name = "prefect", plain = true, schema = objects.schema, error = words,
   headers = function(_, status) return { ["content-type"] = status ~= 204 and "application/json" or nil } end,
   malformed = function(err)
      refuse.with { status = 422, body = {
         exception_message = "Invalid request received.", request_body = json.null,
         exception_detail = json.array { {
            loc = json.array { "body" }, type = "value_error.jsondecode",
            msg = "the body is not JSON: " .. tostring(err.message or err) } } } }
   end,
   missing = function(req)
      if not req.path:find "^/api/" then refuse(404, "NotFound", "Not Found") end
      refuse(501, "NotImplemented", ("The local cloud does not implement %s %s of the Prefect API.")
         :format(req.method, req.path))
   end,
}

for _, area in ipairs { "server", "blocks", "flows", "deployments", "queues", "pools", "runs", "tasks",
   "logs", "variables" } do
   require("sim.prefect." .. area)(prefect)
end

function prefect.start(cloud)
   cloud.state:atomically(require("sim.prefect.catalogue").register, cloud.state)
end

return prefect
