--- What the API says of itself.
local json   = require "aci.json"
local refuse = require "sim.refuse"

local JSON = { ["content-type"] = "application/json" }

return function(prefect)
   prefect:route("GET /api/health", { anonymous = true }, function() return 200, "true", JSON end)
   prefect:route("GET /api/ready", { anonymous = true }, function() return 200, { message = "OK" } end)
   prefect:route("GET /api/hello", { anonymous = true }, function() return 200, json.encode "👋", JSON end)
   prefect:route("GET /api/admin/version", { anonymous = true }, function()
      return 200, json.encode "2.20.25", JSON
   end)
   prefect:route("GET /api/csrf-token", { anonymous = true }, function()
      refuse(422, "detail", "CSRF protection is disabled.")
   end)
end
