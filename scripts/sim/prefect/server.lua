--- What the API says of itself.
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local faults  = require "sim.prefect.faults"
local guard   = require "sim.prefect.guard"
local version = require "sim.prefect.version"

local JSON = { ["content-type"] = "application/json" }

local function token(req)
   refuse.unless(req.cloud.prefect_csrf, 422, "detail", "CSRF protection is disabled.")
   local list = {}
   if not req.query.client then
      faults.add(list, json.array { "query", "client" }, "missing")
      faults.refuse(list)
   end
   return 200, guard.token(req.state, req.query.client)
end

return function(prefect)
   prefect:route("GET /api/health", { anonymous = true }, function() return 200, "true", JSON end)
   prefect:route("GET /api/ready", { anonymous = true }, function() return 200, { message = "OK" } end)
   prefect:route("GET /api/hello", { anonymous = true }, function() return 200, json.encode "\u{1F44B}", JSON end)
   prefect:route("GET /api/admin/version", { anonymous = true }, function()
      return 200, json.encode(version.name()), JSON
   end)
   prefect:route("GET /api/admin/storage", { anonymous = true, only = 3 }, function()
      return 200, { default_result_storage_block_id = json.null }
   end)
   prefect:route("GET /api/csrf-token", { anonymous = true }, token)
end
