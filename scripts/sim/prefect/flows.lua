--- Flows: known by name, made by an upsert.
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"
local related = require "sim.prefect.related"
local version = require "sim.prefect.version"

local KINDS = { "flows", "deployments", "flow_runs", "task_runs", "work_pools" }

local SORTS = { "CREATED_DESC", "UPDATED_DESC", "NAME_ASC", "NAME_DESC", default = "NAME_ASC" }

local function one(req)
   return refuse.unless(objects.get(req.state, "flow", check.id(req)), 404, "detail", "Flow not found")
end

local function create(req)
   local body = check.body(req, { name = "name!", tags = "strings", labels = "object@3" })
   local there = objects.find(req.state, "flow", body.name)
   if there then return 200, there.body end
   return 201, objects.add(req.state, { kind = "flow", body = {
      name = body.name, tags = body.tags or json.array {},
      labels = version.pick(nil, body.labels or json.object {}) } }).body
end

local function delete(req)
   local flow, state = one(req), req.state
   objects.delete_under(state, "deployment", flow.id)
   for _, run in ipairs(objects.list(state, "flow_run", flow.id)) do
      objects.delete_under(state, "task_run", run.id)
      objects.delete(state, "flow_run", run.id)
   end
   objects.delete(state, "flow", flow.id)
   return 204
end

local function matching(req, asked)
   local found = {}
   for _, row in ipairs(objects.list(req.state, "flow")) do
      if related.flow(req.state, row.body, asked) then found[#found + 1] = row.body end
   end
   return found
end

return function(prefect)
   prefect:route("POST /api/flows", { anonymous = true }, create)
   prefect:route("GET /api/flows/name/:name", { anonymous = true }, function(req)
      return 200, refuse.unless(objects.find(req.state, "flow", req.params.name), 404, "detail",
         "Flow not found").body
   end)
   prefect:route("GET /api/flows/:id", { anonymous = true }, function(req) return 200, one(req).body end)
   prefect:route("PATCH /api/flows/:id", { anonymous = true }, function(req)
      local body, row = check.body(req, { tags = "array" }), one(req)
      row.body.tags = body.tags or row.body.tags
      objects.save(req.state, row)
      return 204
   end)
   prefect:route("DELETE /api/flows/:id", { anonymous = true }, delete)
   prefect:route("POST /api/flows/filter", { anonymous = true, write = false }, function(req)
      local asked = filters.read(req, KINDS, SORTS)
      return 200, filters.page(matching(req, asked), asked)
   end)
   prefect:route("POST /api/flows/count", { anonymous = true, write = false }, function(req)
      return related.count(#matching(req, filters.read(req, KINDS)))
   end)
end
