--- Deployments: an upsert by flow and name; a queue that is named exists from then on.
local clock   = require "aci.clock"
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local launch  = require "sim.prefect.launch"
local objects = require "sim.prefect.objects"
local parameters = require "sim.prefect.parameters"
local queue   = require "sim.prefect.queue"
local related = require "sim.prefect.related"
local run     = require "sim.prefect.run"
local schedules = require "sim.prefect.schedules"
local variables = require "sim.prefect.jobvariables"
local version = require "sim.prefect.version"

local CONCURRENCY = { collision_strategy = { enum = { "ENQUEUE", "CANCEL_NEW" }, required = true },
   grace_period_seconds = "integer" }

local CREATE = { name = "deployment_name!", flow_id = "uuid!", version = "string", description = "string",
   tags = "strings", parameters = "object", entrypoint = "string", path = "string",
   parameter_openapi_schema = "object", enforce_parameter_schema = "boolean", work_queue_name = "string",
   work_pool_name = "string", storage_document_id = "uuid", infrastructure_document_id = "uuid",
   job_variables = "object", infra_overrides = "object@2", pull_steps = "objects", paused = "boolean",
   schedules = "array", is_schedule_active = "boolean@2", schedule = "object@2", manifest_path = "string@2",
   labels = "object@3", concurrency_limit = { type = "integer", above = 0, only = 3 },
   concurrency_options = { fields = CONCURRENCY, only = 3, open = true }, global_concurrency_limit_id = "uuid@3",
   version_info = { fields = { type = "string!", version = "string" }, open = true, only = 3 } }

local UPDATE = { version = "string", description = "string", tags = "strings", parameters = "object",
   entrypoint = "string", path = "string", enforce_parameter_schema = "boolean", paused = "boolean",
   work_queue_name = "string", work_pool_name = "string", storage_document_id = "uuid",
   infrastructure_document_id = "uuid", job_variables = "object", infra_overrides = "object@2",
   manifest_path = "string@2", schedule = "object@2", schedules = "array", is_schedule_active = "boolean@2" }
for _, name in ipairs { "concurrency_limit", "concurrency_options", "global_concurrency_limit_id", "version_info" } do
   UPDATE[name] = CREATE[name]
end
UPDATE.parameter_openapi_schema, UPDATE.pull_steps = "object@3", "objects@3"

local KINDS = { "deployments", "flows", "flow_runs", "task_runs", "work_pools", "work_pool_queues" }

local SORTS = { "CREATED_DESC", "UPDATED_DESC", "NAME_ASC", "NAME_DESC", default = "NAME_ASC" }

local function given(value)
   if value == json.null then return nil end
   return value
end

local ONLY = { [2] = "infra_overrides schedule is_schedule_active manifest_path",
   [3] = "job_variables work_queue_id labels concurrency_limit global_concurrency_limit concurrency_options" }

-- A queue's polling is the deployment's readiness; Prefect 2 shows the old name of job_variables.
local function view(state, row)
   local body = row.body
   body.infra_overrides, body.work_queue_id = body.job_variables, body.queue_id_ or json.null
   local served = body.queue_id_ and objects.get(state, "queue", body.queue_id_)
   local polled = served and given(served.body.last_polled)
   body.last_polled = polled or json.null
   body.status = polled and clock.now() - clock.parse_iso(polled) <= queue.READY_FOR and "READY"
      or "NOT_READY"
   body.work_pool_name = served and served.body.work_pool_name or json.null
   body.queue_id_ = nil
   body.is_schedule_active = not body.paused
   body.schedule = body.schedules[1] and body.schedules[1].schedule or json.null
   return version.only(body, ONLY)
end

--- What an unset field is.
local function defaults()
   local body = { parameters = json.object {}, job_variables = json.object {}, tags = json.array {},
      schedules = json.array {}, paused = false,
      enforce_parameter_schema = version.is(3) }
   for _, key in ipairs { "version", "description", "schedule", "work_queue_name", "pull_steps", "path",
      "entrypoint", "parameter_openapi_schema", "manifest_path", "storage_document_id",
      "infrastructure_document_id", "created_by", "updated_by", "concurrency_limit",
      "global_concurrency_limit", "concurrency_options" } do
      body[key] = json.null
   end
   if version.is(3) then body.pull_steps, body.parameter_openapi_schema = json.array {}, json.object {} end
   return body
end

local function check_block(state, id, what)
   if not given(id) then return end
   refuse.unless(objects.get(state, "block_document", id), 409, "detail", ("Error creating deployment. "
      .. "Could not find %s block with id: %s. This usually occurs when applying a deployment specification "
      .. "that was built against a different Prefect database / workspace."):format(what, id))
end

local function check_variables(body)
   local old, new = given(body.infra_overrides), given(body.job_variables)
   if old and new and json.encode(old) ~= json.encode(new) then
      check.root("The `infra_overrides` field has been renamed to `job_variables`."
         .. "Use one of these fields, but not both.", body)
   end
   body.job_variables, body.infra_overrides = new or old, nil
end

-- A setting of old that says the opposite of another one.
local function check_pausing(fields)
   local active = given(fields.is_schedule_active)
   if given(fields.paused) == nil and active ~= nil then fields.paused = not active end
   fields.is_schedule_active = nil
end

local function set_queue(state, body, fields)
   local pool, name = given(fields.work_pool_name), given(fields.work_queue_name)
   body.work_pool_name = nil
   if not pool and not name then return end
   local served = queue.ensure(state, name, pool)
   body.queue_id_, body.work_queue_name = served.id, served.body.name
end

local function fill(state, body, fields)
   check_pausing(fields)
   for key, value in pairs(fields) do body[key] = value end
   body.version_info = nil
   schedules.refuse_active(body)
   set_queue(state, body, fields)
   return body
end

-- As Prefect 3's model does, so that parameters are not kept where they are not said.
local function with_parameters(body)
   if version.is(3) and body.parameters == nil then body.parameters = json.object {} end
end

-- The parameters that a deployment has of its own need not be all, but what they are they must be.
local function check_parameters(body, faults)
   schedules.check(body, faults)
   local enforce = body.enforce_parameter_schema
   if enforce == nil then enforce = version.is(3) end
   local fault = #faults == 0 and enforce and parameters.fault(body.parameter_openapi_schema,
      given(body.parameters) or {}, {})
   if not fault then return end
   if version.is(3) then return check.whole(faults, fault, body) end
   check.add(faults, "parameters", "value", body.parameters, fault)
end

local function upsert(req)
   local fields, state = check.body(req, CREATE, check_parameters, with_parameters), req.state
   check_variables(fields)
   refuse.unless(objects.get(state, "flow", fields.flow_id), 409, "detail", "Data integrity conflict. This "
      .. "usually means a unique or foreign key constraint was violated. See server logs for details.")
   variables.check_deployment(state, fields.work_pool_name, fields.job_variables)
   check_block(state, fields.storage_document_id, "storage")
   check_block(state, fields.infrastructure_document_id, "infrastructure")
   local row = objects.find(state, "deployment", fields.name, fields.flow_id)
   fields.labels = run.labels({ ["prefect.flow.id"] = fields.flow_id }, fields.labels)
   if row then
      -- Prefect 3 keeps what is not said
      local body = fill(state, version.pick(defaults(), row.body), fields)
      body.id, body.created = row.id, row.body.created
      body.schedules = given(fields.schedules) and schedules.kept(fields.schedules, row.id) or body.schedules
      row.body = body
      return 200, view(state, objects.save(state, row))
   end
   local added = objects.add(state, { kind = "deployment", parent = fields.flow_id,
      body = fill(state, defaults(), fields) })
   added.body.schedules = schedules.kept(given(fields.schedules), added.id)
   return 201, view(state, objects.save(state, added))
end

local function one(req)
   return refuse.unless(objects.get(req.state, "deployment", check.id(req)), 404, "detail",
      "Deployment not found")
end

local UPDATE_REFUSED = "Error updating deployment: "

local function check_change(state, row, fields)
   local pool = given(fields.work_pool_name)
   refuse.when(pool and not objects.find(state, "pool", pool), 500, "exception", "Internal Server Error")
   local enforce = given(fields.enforce_parameter_schema)
   if enforce == nil then enforce = row.body.enforce_parameter_schema end
   local schema = given(row.body.parameter_openapi_schema)
   refuse.when(enforce and not schema, 409, "detail", UPDATE_REFUSED .. "Cannot update parameters because parameter "
      .. "schema enforcement is enabled and the deployment does not have a valid parameter schema.")
   local fault = enforce and parameters.fault(schema, given(fields.parameters) or row.body.parameters,
      { nullable = true })
   refuse.when(fault, 409, "detail", UPDATE_REFUSED .. tostring(fault))
   for _, name in ipairs { "storage_document_id", "infrastructure_document_id" } do
      local id = given(fields[name])
      refuse.when(id and not objects.get(state, "block_document", id), 409, "detail", "Data integrity conflict. "
         .. "This usually means a unique or foreign key constraint was violated. See server logs for details.")
   end
end

local function change(req)
   local fields = check.body(req, UPDATE, schedules.check)
   local row = refuse.unless(objects.get(req.state, "deployment", check.id(req)), 404, "detail",
      "Deployment not found.")
   check_variables(fields)
   check_change(req.state, row, fields)
   variables.check_deployment(req.state, fields.work_pool_name, fields.job_variables, true)
   fill(req.state, row.body, fields)
   if given(fields.schedules) then row.body.schedules = schedules.kept(fields.schedules, row.id) end
   objects.save(req.state, row)
   return 204
end

local function by_name(req)
   local flow = objects.find(req.state, "flow", req.params.flow)
   local row = flow and objects.find(req.state, "deployment", req.params.name, flow.id)
   return 200, view(req.state, refuse.unless(row, 404, "detail", "Deployment not found"))
end

local function matching(req, asked)
   local found = {}
   for _, row in ipairs(objects.list(req.state, "deployment")) do
      local queue_id = row.body.queue_id_
      local body = view(req.state, row)
      if related.deployment(req.state, body, asked, queue_id) then found[#found + 1] = body end
   end
   return found
end

local function pause(value)
   return function(req)
      check.path_id(req)
      local row = one(req)
      row.body.paused = value
      objects.save(req.state, row)
      return 200, "null", { ["content-type"] = "application/json" }
   end
end

-- Its runs that have not begun go with it.
local function delete(req)
   local row, state = one(req), req.state
   for _, each in ipairs(objects.in_state(state, "flow_run", "SCHEDULED")) do
      if each.body.deployment_id == row.id then
         objects.delete_under(state, "flow_run_state", each.id)
         objects.delete(state, "flow_run", each.id)
      end
   end
   objects.delete(state, "deployment", row.id)
   return 204
end

-- The local cloud keeps no active schedules, but it can say so.
local function show_schedules(req)
   local row = refuse.unless(objects.get(req.state, "deployment", check.id(req)), 404, "detail",
      "Deployment not found.")
   return 200, json.array(row.body.schedules)
end

return function(prefect)
   prefect:route("POST /api/deployments", { anonymous = true }, upsert)
   prefect:route("GET /api/deployments/name/:flow/:name", { anonymous = true }, by_name)
   prefect:route("GET /api/deployments/:id", { anonymous = true }, function(req)
      return 200, view(req.state, one(req))
   end)
   prefect:route("PATCH /api/deployments/:id", { anonymous = true }, change)
   prefect:route("DELETE /api/deployments/:id", { anonymous = true }, delete)
   prefect:route("POST /api/deployments/:id/pause_deployment", { anonymous = true }, pause(true))
   prefect:route("POST /api/deployments/:id/resume_deployment", { anonymous = true }, pause(false))
   prefect:route("POST /api/deployments/:id/set_schedule_inactive", { anonymous = true, only = 2 }, pause(true))
   prefect:route("POST /api/deployments/:id/set_schedule_active", { anonymous = true, only = 2 }, pause(false))
   prefect:route("GET /api/deployments/:id/schedules", { anonymous = true }, show_schedules)
   prefect:route("POST /api/deployments/filter", { anonymous = true, write = false }, function(req)
      local asked = filters.read(req, KINDS, SORTS)
      return 200, filters.page(matching(req, asked), asked)
   end)
   prefect:route("POST /api/deployments/count", { anonymous = true, write = false }, function(req)
      return related.count(#matching(req, filters.read(req, KINDS)))
   end)
   prefect:route("POST /api/deployments/:id/create_flow_run", { anonymous = true }, function(req)
      return launch.from_deployment(req, one(req))
   end)
end
