--- Task runs.
local refuse      = require "sim.refuse"
local check       = require "sim.prefect.check"
local filters     = require "sim.prefect.filters"
local objects     = require "sim.prefect.objects"
local related     = require "sim.prefect.related"
local orchestrate = require "sim.prefect.orchestrate"
local rules       = require "sim.prefect.rules"
local run         = require "sim.prefect.run"
local taskrun     = require "sim.prefect.taskrun"

local given = run.given

local POLICY = { max_retries = "integer", retry_delay_seconds = "number", retries = "integer",
   retry_delay = "any", retry_jitter_factor = "number" }

local CREATE = { id = "uuid", flow_run_id = "uuid", task_key = "string!", dynamic_key = "string!",
   name = "string", task_version = "string", tags = "array", empirical_policy = { fields = POLICY, open = true },
   task_inputs = "object", state = { fields = run.STATE }, cache_key = "string", cache_expiration = "time",
   labels = "object@3" }

local SORTS = { "ID_DESC", "EXPECTED_START_TIME_ASC", "EXPECTED_START_TIME_DESC", "NAME_ASC", "NAME_DESC",
   "NEXT_SCHEDULED_START_TIME_ASC", "END_TIME_DESC", default = "ID_DESC" }

local KINDS = { "task_runs", "flow_runs", "flows", "deployments" }

local function create(req)
   local fields, state = check.body(req, CREATE), req.state
   local flow_run = objects.get(state, "flow_run", given(fields.flow_run_id))
   refuse.when(given(fields.flow_run_id) and not flow_run, 409, "detail", "Data integrity conflict. This usually "
      .. "means a unique or foreign key constraint was violated. See server logs for details.")
   local there = flow_run and taskrun.find(state, fields)
   if there then return 200, run.view(state, there) end
   local row = objects.add(state, { kind = "task_run", parent = flow_run and flow_run.id, id = given(fields.id),
      body = taskrun.body(fields, flow_run) })
   run.enter(row, run.state(given(fields.state) or { type = "PENDING" },
      { flow_run_id = flow_run and flow_run.id, task_run_id = row.id }))
   return 201, run.view(state, run.save(state, row))
end

local function one(req, message)
   return refuse.unless(objects.get(req.state, "task_run", check.id(req)), 404, "detail",
      message or "Task not found")
end

local function delete(req)
   local row = one(req)
   objects.delete_under(req.state, "task_run_state", row.id)
   objects.delete(req.state, "task_run", row.id)
   return 204
end

local function set_state(req)
   local id = check.id(req)
   local row = refuse.unless(objects.get(req.state, "task_run", id), 404, "exception",
      ("Task run with id %s not found"):format(id))
   local flow_run = objects.get(req.state, "flow_run", given(row.body.flow_run_id))
   return orchestrate(req, row, { flow_run_id = given(row.body.flow_run_id), task_run_id = row.id },
      function(body, proposed)
         return rules.task(body, proposed, flow_run and flow_run.body)
      end)
end

local function matching(req, asked)
   local found = {}
   for _, row in ipairs(objects.list(req.state, "task_run")) do
      local body = run.view(req.state, row)
      if related.task_run(req.state, body, asked) then found[#found + 1] = body end
   end
   return found
end

return function(prefect)
   prefect:route("POST /api/task_runs", { anonymous = true }, create)
   prefect:route("GET /api/task_runs/:id", { anonymous = true }, function(req)
      return 200, run.view(req.state, one(req))
   end)
   prefect:route("PATCH /api/task_runs/:id", { anonymous = true }, function(req)
      local body, row = check.body(req, { name = "string" }), one(req, "Task run not found")
      row.body.name = body.name or row.body.name
      objects.save(req.state, row)
      return 204
   end)
   prefect:route("DELETE /api/task_runs/:id", { anonymous = true }, delete)
   prefect:route("POST /api/task_runs/:id/set_state", { anonymous = true }, set_state)
   prefect:route("POST /api/task_runs/filter", { anonymous = true, write = false }, function(req)
      local asked = filters.read(req, KINDS, SORTS)
      return 200, filters.page(matching(req, asked), asked)
   end)
   prefect:route("POST /api/task_runs/count", { anonymous = true, write = false }, function(req)
      return related.count(#matching(req, filters.read(req, KINDS)))
   end)
end
