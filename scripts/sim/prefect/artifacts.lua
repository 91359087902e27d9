--- Artifacts: what runs leave for people to look at.
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"

local SORTS = { "CREATED_DESC", "UPDATED_DESC", "ID_DESC", "KEY_DESC", "KEY_ASC" }

local CREATE = { key = "artifact_key", type = "string", description = "string", data = "any",
   metadata_ = "object", flow_run_id = "uuid", task_run_id = "uuid" }

local function create(req)
   local body = check.body(req, CREATE)
   for name in pairs(CREATE) do
      if body[name] == nil then body[name] = json.null end
   end
   return 201, objects.add(req.state, { kind = "artifact", name = body.key, body = body }).body
end

local function one(req)
   return refuse.unless(objects.get(req.state, "artifact", check.id(req)), 404, "detail", "Artifact not found.")
end

local function change(req)
   local body, row = check.body(req, { data = "any", description = "string", metadata_ = "object" }), one(req)
   for name, value in pairs(body) do row.body[name] = value end
   objects.save(req.state, row)
   return 204
end

local function latest(req)
   local found
   for _, row in ipairs(objects.list(req.state, "artifact")) do
      if row.body.key == req.params.key then found = row end
   end
   return 200, refuse.unless(found, 404, "detail", "Artifact not found.").body
end

local function matching(req, asked)
   local found = {}
   for _, row in ipairs(objects.list(req.state, "artifact")) do
      if filters.match(row.body, asked.artifacts or {}) then found[#found + 1] = row.body end
   end
   return found
end

return function(prefect)
   prefect:route("POST /api/artifacts", { anonymous = true }, create)
   prefect:route("GET /api/artifacts/:id", { anonymous = true }, function(req) return 200, one(req).body end)
   prefect:route("PATCH /api/artifacts/:id", { anonymous = true }, change)
   prefect:route("DELETE /api/artifacts/:id", { anonymous = true }, function(req)
      objects.delete(req.state, "artifact", one(req).id)
      return 204
   end)
   prefect:route("GET /api/artifacts/:key/latest", { anonymous = true }, latest)
   prefect:route("POST /api/artifacts/filter", { anonymous = true, write = false }, function(req)
      local asked = filters.read(req, { "artifacts" }, SORTS)
      return 200, filters.page(matching(req, asked), asked)
   end)
   prefect:route("POST /api/artifacts/count", { anonymous = true, write = false }, function(req)
      return 200, tostring(#matching(req, filters.read(req, { "artifacts" }))),
         { ["content-type"] = "application/json" }
   end)
end
