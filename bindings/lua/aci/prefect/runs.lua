--- Flow runs and task runs.

local crypto = require "aci.crypto"
local json   = require "aci.json"

local runs = {}

--- Starts a run of a deployment.
-- @param options fields of `create_flow_run` (parameters, name, tags, state, ...). Without an idempotency
--   key one is made: a repeated request must not start a second run.
function runs:create_run(deployment_id, options)
   local body = { idempotency_key = crypto.uuid4() }
   for key, value in pairs(options or {}) do body[key] = value end
   if body.parameters then body.parameters = json.object(body.parameters) end
   return (self:request("POST", ("/deployments/%s/create_flow_run"):format(deployment_id), { json = body }))
end

--- A flow run; nil where there is none.
function runs:run(id)
   return (self:request("GET", "/flow_runs/" .. id, { missing = true }))
end

--- The flow runs that a filter lets through, newest first unless `sort` says otherwise.
-- @param filter body of `POST /flow_runs/filter`
-- @param max at most so many
function runs:runs(filter, max)
   local body = { sort = "EXPECTED_START_TIME_DESC" }
   for key, value in pairs(filter or {}) do body[key] = value end
   return self:pages("/flow_runs/filter", body, max)
end

--- Changes a run's own fields (infrastructure_pid, flow_version, empirical_policy, ...).
function runs:patch_run(id, fields)
   self:request("PATCH", "/flow_runs/" .. id, { json = fields })
end

function runs:delete_run(id)
   local _, status = self:request("DELETE", "/flow_runs/" .. id, { missing = true })
   return status ~= 404
end

--- Makes a task run, or finds the one of the same run, task key and dynamic key.
function runs:create_task_run(fields)
   local body = { tags = json.array {}, task_inputs = json.object {}, state = { type = "PENDING" } }
   for key, value in pairs(fields) do body[key] = value end
   return (self:request("POST", "/task_runs/", { json = body }))
end

function runs:task_run(id)
   return (self:request("GET", "/task_runs/" .. id, { missing = true }))
end

--- Makes an artifact: `type`, `data`, and optionally `key`, `description`, `flow_run_id`, `task_run_id`.
function runs:create_artifact(fields)
   return (self:request("POST", "/artifacts/", { json = fields }))
end

--- Changes an artifact's data or description.
function runs:patch_artifact(id, fields)
   self:request("PATCH", "/artifacts/" .. id, { json = fields })
end

--- The task runs of a flow run.
function runs:task_runs(flow_run_id)
   return self:pages("/task_runs/filter", { flow_runs = { id = { any_ = { flow_run_id } } } })
end

return runs
