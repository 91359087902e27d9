--- Flow runs.
local json        = require "aci.json"
local refuse      = require "sim.refuse"
local check       = require "sim.prefect.check"
local filters     = require "sim.prefect.filters"
local launch      = require "sim.prefect.launch"
local objects     = require "sim.prefect.objects"
local related     = require "sim.prefect.related"
local orchestrate = require "sim.prefect.orchestrate"
local rules       = require "sim.prefect.rules"
local run         = require "sim.prefect.run"

local UPDATE = { name = "string", flow_version = "string", parameters = "object", tags = "array",
   empirical_policy = { fields = launch.POLICY, open = true }, infrastructure_pid = "string", job_variables = "object" }

local SORTS = { "ID_DESC", "START_TIME_ASC", "START_TIME_DESC", "EXPECTED_START_TIME_ASC",
   "EXPECTED_START_TIME_DESC", "NAME_ASC", "NAME_DESC", "NEXT_SCHEDULED_START_TIME_ASC", "END_TIME_DESC",
   default = "ID_DESC" }

local KINDS = { "flow_runs", "flows", "deployments", "task_runs", "work_pools", "work_pool_queues" }

local function one(req)
   return refuse.unless(objects.get(req.state, "flow_run", check.id(req)), 404, "detail",
      "Flow run not found")
end

local function change(req)
   local body, row = check.body(req, UPDATE), one(req)
   refuse.when(run.given(body.job_variables) and row.body.state_type ~= "SCHEDULED", 400, "detail",
      ("Job variables for a flow run in state %s cannot be updated"):format(row.body.state_type))
   if body.name ~= nil then body.name = run.named(body.name) end
   for key, value in pairs(body) do row.body[key] = value end
   if body.empirical_policy then row.body.empirical_policy = launch.policy(body.empirical_policy) end
   objects.save(req.state, row)
   return 204
end

--- Labels are added to those that are there.
local function label(req)
   local row = one(req)
   row.body.labels = run.labels(row.body.labels or {}, req:json())
   objects.save(req.state, row)
   return 204
end

local function set_state(req)
   local id = check.id(req)
   local row = refuse.unless(objects.get(req.state, "flow_run", id), 404, "exception",
      ("Flow run with id %s not found"):format(id))
   return orchestrate(req, row, run.owner(row), rules.flow)
end

--- A paused run goes on, at once or (suspended) when it is next picked up.
local function resume(req)
   check.body(req, { run_input = "object" })
   local row = refuse.unless(objects.get(req.state, "flow_run", check.id(req)), 500, "exception",
      "Internal Server Error")
   if row.body.state_type ~= "PAUSED" then
      return 200, { state = json.null, status = "ABORT", details = { type = "abort_details",
         reason = "Cannot resume a flow run that is not paused." } }
   end
   local suspended = row.body.state.state_details.pause_reschedule
   return orchestrate.enter(req, row, run.owner(row), rules.flow, suspended
      and { type = "SCHEDULED", name = "Resuming" } or { type = "RUNNING" })
end

local function delete(req)
   local row = one(req)
   for _, each in ipairs(objects.list(req.state, "task_run", row.id)) do
      objects.delete_under(req.state, "task_run_state", each.id)
      objects.delete(req.state, "task_run", each.id)
   end
   objects.delete_under(req.state, "log", row.id)
   objects.delete_under(req.state, "flow_run_state", row.id)
   objects.delete(req.state, "flow_run", row.id)
   return 204
end

local function matching(req, asked)
   local found = {}
   for _, row in ipairs(objects.list(req.state, "flow_run")) do
      local body = run.view(req.state, row)
      if related.flow_run(req.state, body, asked) then found[#found + 1] = body end
   end
   return found
end

return function(prefect)
   prefect:route("POST /api/flow_runs", { anonymous = true }, launch.of_flow)
   prefect:route("GET /api/flow_runs/:id", { anonymous = true }, function(req)
      return 200, run.view(req.state, one(req))
   end)
   prefect:route("PATCH /api/flow_runs/:id", { anonymous = true }, change)
   prefect:route("PATCH /api/flow_runs/:id/labels", { anonymous = true, only = 3 }, label)
   prefect:route("DELETE /api/flow_runs/:id", { anonymous = true }, delete)
   prefect:route("POST /api/flow_runs/:id/set_state", { anonymous = true }, set_state)
   prefect:route("POST /api/flow_runs/:id/resume", { anonymous = true }, resume)
   prefect:route("POST /api/flow_runs/filter", { anonymous = true, write = false }, function(req)
      local asked = filters.read(req, KINDS, SORTS)
      return 200, filters.page(matching(req, asked), asked)
   end)
   prefect:route("POST /api/flow_runs/count", { anonymous = true, write = false }, function(req)
      return related.count(#matching(req, filters.read(req, KINDS)))
   end)
end
