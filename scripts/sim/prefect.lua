--- The Prefect API (as 2.20.25 or 3.8.8 answers it), on the plain listener below /api. One file per area in
-- sim/prefect/; what a file answers and refuses is held by tests/contract/prefect_spec.lua, which runs
-- against real servers too.
local faults  = require "sim.prefect.faults"
local guard   = require "sim.prefect.guard"
local service = require "sim.service"
local refuse  = require "sim.refuse"
local objects = require "sim.prefect.objects"
local version = require "sim.prefect.version"

-- A model's refusal says "exception_message", a route's own says "detail".
local function words(status, code, message)
   if status == 500 then return { exception_message = "Internal Server Error" } end
   return { [code == "exception" and "exception_message" or "detail"] = message }
end

local prefect = service {
   name = "prefect", plain = true, schema = objects.schema, error = words,
   headers = function(_, status) return { ["content-type"] = status ~= 204 and "application/json" or nil } end,
   malformed = function(err, req) faults.malformed(err, req:text()) end,
   before = function(req, route)
      version.speak(req.cloud)
      if not route.socket then guard(req) end
      guard.version(req)
      if route.only and not version.is(route.only) then req.service.missing(req) end
   end,
   missing = function(req)
      if not req.path:find "^/api/" then refuse(404, "NotFound", "Not Found") end
      version.speak(req.cloud)
      guard(req)
      refuse(501, "NotImplemented", ("The local cloud does not implement %s %s of the Prefect API.")
         :format(req.method, req.path))
   end,
}

for _, area in ipairs { "server", "blocks", "flows", "deployments", "queues", "pools", "workers", "runs",
   "tasks", "states", "logs", "variables", "artifacts", "events", "sockets", "automations", "limits", "collections" } do
   require("sim.prefect." .. area)(prefect)
end

function prefect.start(cloud)
   version.speak(cloud)
   cloud.state:atomically(require("sim.prefect.catalogue").register, cloud.state)
end

return prefect
