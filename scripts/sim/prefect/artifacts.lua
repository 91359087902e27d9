--- Artifacts: what runs leave for people to look at; and of each key the newest, which is an object of its own.
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"
local related = require "sim.prefect.related"

local SORTS = { "CREATED_DESC", "UPDATED_DESC", "ID_DESC", "KEY_DESC", "KEY_ASC", default = "ID_DESC" }

local KINDS = { "artifacts", "flow_runs", "task_runs", "flows", "deployments" }

local CREATE = { key = "artifact_key", type = "string", description = "string", data = "any",
   metadata_ = "object", flow_run_id = "uuid", task_run_id = "uuid" }

-- The newest of a key shows what its artifact does, under an id of its own.
local function show_newest(state, artifact)
   local key = artifact.body.key
   if key == json.null then return end
   local row = objects.find(state, "newest_artifact", key)
   local body = { latest_id = artifact.id }
   for name in pairs(CREATE) do body[name] = artifact.body[name] end
   if not row then return objects.add(state, { kind = "newest_artifact", name = key, body = body }) end
   for name, value in pairs(body) do row.body[name] = value end
   objects.save(state, row)
end

local function create(req)
   local body = check.body(req, CREATE)
   for name in pairs(CREATE) do
      if body[name] == nil then body[name] = json.null end
   end
   local made = objects.add(req.state, { kind = "artifact", name = body.key, body = body })
   show_newest(req.state, made)
   return 201, made.body
end

local function one(req)
   return refuse.unless(objects.get(req.state, "artifact", check.id(req)), 404, "detail", "Artifact not found.")
end

local function newest(state, artifact)
   local row = objects.find(state, "newest_artifact", artifact.body.key)
   return row and row.body.latest_id == artifact.id and row
end

local function change(req)
   local body, row = check.body(req, { data = "any", description = "string", metadata_ = "object" }), one(req)
   for name, value in pairs(body) do row.body[name] = value end
   objects.save(req.state, row)
   if newest(req.state, row) then show_newest(req.state, row) end
   return 204
end

-- The one before it is the newest of its key then.
local function delete(req)
   local row, state = one(req), req.state
   local shown, before = newest(state, row), nil
   objects.delete(state, "artifact", row.id)
   for _, each in ipairs(shown and objects.list(state, "artifact") or {}) do
      if each.body.key == row.body.key then before = each end
   end
   if before then show_newest(state, before) elseif shown then objects.delete(state, "newest_artifact", shown.id) end
   return 204
end

local function latest(req)
   local row = refuse.unless(objects.find(req.state, "newest_artifact", req.params.key), 404, "detail",
      "Artifact not found.")
   row.body.latest_id = nil
   return 200, row.body
end

local function matching(req, kind, asked)
   local found = {}
   for _, row in ipairs(objects.list(req.state, kind)) do
      if related.artifact(req.state, row.body, asked) then found[#found + 1] = row.body end
   end
   return found
end

local function lists(prefect, path, kind)
   prefect:route("POST " .. path .. "/filter", { anonymous = true, write = false }, function(req)
      local asked = filters.read(req, KINDS, SORTS)
      return 200, filters.page(matching(req, kind, asked), asked)
   end)
   prefect:route("POST " .. path .. "/count", { anonymous = true, write = false }, function(req)
      return related.count(#matching(req, kind, filters.read(req, KINDS)))
   end)
end

return function(prefect)
   prefect:route("POST /api/artifacts", { anonymous = true }, create)
   prefect:route("GET /api/artifacts/:id", { anonymous = true }, function(req) return 200, one(req).body end)
   prefect:route("PATCH /api/artifacts/:id", { anonymous = true }, change)
   prefect:route("DELETE /api/artifacts/:id", { anonymous = true }, delete)
   prefect:route("GET /api/artifacts/:key/latest", { anonymous = true }, latest)
   lists(prefect, "/api/artifacts", "artifact")
   lists(prefect, "/api/artifacts/latest", "newest_artifact")
end
