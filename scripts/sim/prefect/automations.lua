--- Automations: the local cloud has none. What Prefect 3's client asks of them whenever it deploys a flow is answered
-- as by a server that has none; Prefect 2 has them only where they are switched on.
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local version = require "sim.prefect.version"

local ROUTES = { ["DELETE /api/automations/owned-by/:resource"] = { 202, "null" },
   ["GET /api/automations/related-to/:resource"] = { 200, json.array {} },
   ["POST /api/automations/filter"] = { 200, json.array {} }, ["POST /api/automations/count"] = { 200, "0" } }

return function(prefect)
   for route, answer in pairs(ROUTES) do
      prefect:route(route, { anonymous = true, write = false }, function()
         refuse.when(version.is(2), 404, "detail", "Automations are not enabled. Please enable the "
            .. "PREFECT_EXPERIMENTAL_EVENTS and PREFECT_API_SERVICES_TRIGGERS_ENABLED settings.")
         return answer[1], answer[2], { ["content-type"] = "application/json" }
      end)
   end
end
