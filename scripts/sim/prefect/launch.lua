--- New flow runs, of a deployment or of a flow alone.
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local objects = require "sim.prefect.objects"
local parameters = require "sim.prefect.parameters"
local queue   = require "sim.prefect.queue"
local run     = require "sim.prefect.run"
local variables = require "sim.prefect.jobvariables"
local version = require "sim.prefect.version"

local launch = {}

local given = run.given

local POLICY = { max_retries = "integer", retry_delay_seconds = "number", retries = "integer",
   retry_delay = "integer", pause_keys = "array", resuming = "boolean", retry_type = "string" }

local COMMON = { state = { fields = run.STATE }, name = "string", parameters = "object", context = "object",
   infrastructure_document_id = "uuid", empirical_policy = { fields = POLICY, open = true }, tags = "strings",
   idempotency_key = "string", parent_task_run_id = "uuid", work_queue_name = "string",
   job_variables = "object", labels = "object@3" }

local FROM_DEPLOYMENT = { enforce_parameter_schema = "boolean" }
local OF_FLOW = { flow_id = "uuid!", flow_version = "string", deployment_id = "uuid",
   deployment_version = "string@2", infrastructure_pid = "string@2", work_pool_name = "string@3" }
for name, rule in pairs(COMMON) do FROM_DEPLOYMENT[name], OF_FLOW[name] = rule, rule end

launch.POLICY = POLICY

--- The retry policy with what was not said.
function launch.policy(fields)
   local policy = { max_retries = 0, retry_delay_seconds = 0.0, retries = json.null, retry_delay = json.null,
      pause_keys = json.array {}, resuming = false, retry_type = json.null }
   for name, value in pairs(given(fields) or {}) do
      if POLICY[name] then policy[name] = value end
   end
   return policy
end

local function union(a, b)
   local out, seen = json.array {}, {}
   for _, list in ipairs { a or {}, b or {} } do
      for _, tag in ipairs(list) do
         if not seen[tag] then
            seen[tag] = true
            out[#out + 1] = tag
         end
      end
   end
   return out
end

local function merge(a, b)
   local out = json.object {}
   for key, value in pairs(given(a) or {}) do out[key] = value end
   for key, value in pairs(given(b) or {}) do out[key] = value end
   return out
end

local function is_keyed(fields)
   return given(fields.idempotency_key) ~= nil and fields.idempotency_key ~= ""
end

local function repeated(state, flow_id, fields)
   if not is_keyed(fields) then return nil end
   for _, row in ipairs(objects.list(state, "flow_run", flow_id)) do
      if row.body.idempotency_key == fields.idempotency_key then return row end
   end
end

local function add(state, body, first)
   local parent = given(body.parent_task_run_id)
   refuse.when(parent and not objects.get(state, "task_run", parent), 409, "detail", "Data integrity conflict. This "
      .. "usually means a unique or foreign key constraint was violated. See server logs for details.")
   body.name = run.named(body.name)
   local row = objects.add(state, { kind = "flow_run", parent = body.flow_id, body = body })
   run.enter(row, run.state(first, run.owner(row)))
   return run.save(state, row)
end

local function new_body(fields)
   local body = run.blank("state state_id state_type state_name deployment_id deployment_version "
      .. "work_queue_id work_queue_name flow_version idempotency_key parent_task_run_id expected_start_time "
      .. "next_scheduled_start_time start_time end_time infrastructure_document_id infrastructure_pid "
      .. "created_by work_pool_id work_pool_name")
   for _, name in ipairs { "name", "idempotency_key", "parent_task_run_id", "infrastructure_document_id",
      "flow_version", "infrastructure_pid" } do
      body[name] = fields[name] or body[name]
   end
   body.parameters, body.context = given(fields.parameters) or json.object {},
      given(fields.context) or json.object {}
   body.tags, body.auto_scheduled = given(fields.tags) or json.array {}, false
   body.job_variables = given(fields.job_variables) or json.object {}
   body.empirical_policy = launch.policy(fields.empirical_policy)
   return body
end

local function set_queue(state, body, deployment, name)
   local id = deployment.body.queue_id_
   local served = id and objects.get(state, "queue", id)
   if given(name) then served = queue.ensure(state, name, served and served.body.work_pool_name) end
   if not served then return end
   body.work_queue_id, body.work_queue_name = served.id, served.body.name
   body.work_pool_id, body.work_pool_name = served.body.work_pool_id, served.body.work_pool_name
end

--- `POST /deployments/{id}/create_flow_run`
function launch.from_deployment(req, deployment)
   local fields, state, of = check.body(req, FROM_DEPLOYMENT), req.state, deployment.body
   local values = merge(of.parameters, fields.parameters)
   local enforce = given(fields.enforce_parameter_schema)
   if enforce == nil then enforce = of.enforce_parameter_schema end
   local fault = enforce and parameters.fault(of.parameter_openapi_schema, values, { required = true, nullable = true })
   refuse.when(fault, 409, "detail", "Error creating flow run: " .. tostring(fault))
   variables.check_run(state, of, fields)
   local there = repeated(state, of.flow_id, fields)
   if there then return 200, run.view(state, there) end
   local body = new_body(fields)
   body.flow_id, body.deployment_id, body.deployment_version = of.flow_id, deployment.id, of.version
   body.parameters, body.tags = values, union(of.tags, given(fields.tags))
   body.labels = run.labels({ ["prefect.flow.id"] = of.flow_id, ["prefect.deployment.id"] = deployment.id },
      fields.labels)
   -- Prefect 2's insert by key leaves out what was not said
   if version.is(2) and is_keyed(fields) then body.job_variables = fields.job_variables or json.null end
   set_queue(state, body, deployment, fields.work_queue_name)
   return 201, run.view(state, add(state, body, given(fields.state) or { type = "SCHEDULED" }))
end

--- `POST /flow_runs/`
function launch.of_flow(req)
   local fields, state = check.body(req, OF_FLOW), req.state
   refuse.unless(objects.get(state, "flow", fields.flow_id), 409, "detail", "Data integrity conflict. This "
      .. "usually means a unique or foreign key constraint was violated. See server logs for details.")
   local there = repeated(state, fields.flow_id, fields)
   if there then return 200, run.view(state, there) end
   local body = new_body(fields)
   body.flow_id, body.deployment_id = fields.flow_id, fields.deployment_id or json.null
   body.labels = run.labels({ ["prefect.flow.id"] = fields.flow_id }, fields.labels)
   return 201, run.view(state, add(state, body, given(fields.state) or { type = "PENDING" }))
end

return launch
