--- A task run's row: found by what it is a run of, made with what was not said.
local json    = require "aci.json"
local objects = require "sim.prefect.objects"
local run     = require "sim.prefect.run"

local given = run.given

local taskrun = {}

--- The task run of the same call in the same flow run.
function taskrun.find(state, fields)
   for _, row in ipairs(objects.list(state, "task_run", fields.flow_run_id)) do
      if row.body.task_key == fields.task_key and row.body.dynamic_key == tostring(fields.dynamic_key) then
         return row
      end
   end
end

local function policy(fields)
   local out = { max_retries = 0, retry_delay_seconds = 0.0, retries = json.null, retry_delay = json.null,
      retry_jitter_factor = json.null }
   for name, value in pairs(given(fields) or {}) do out[name] = value end
   return out
end

-- Those of its flow run, and which one that is.
local function labels(fields, flow_run)
   local own = flow_run and run.labels({ ["prefect.flow-run.id"] = flow_run.id }, flow_run.body.labels)
   return run.labels(own or {}, fields.labels)
end

--- The body of a new one. @param flow_run the row of its flow run, or nil
function taskrun.body(fields, flow_run)
   local body = run.blank("state state_id state_type state_name cache_key cache_expiration task_version "
      .. "expected_start_time next_scheduled_start_time start_time end_time flow_run_id")
   for name, value in pairs(fields) do body[name] = value end
   body.name, body.dynamic_key = run.named(fields.name), tostring(fields.dynamic_key)
   body.tags, body.task_inputs = given(fields.tags) or json.array {},
      given(fields.task_inputs) or json.object {}
   body.empirical_policy, body.flow_run_run_count = policy(fields.empirical_policy), 0
   body.state, body.labels = json.null, labels(fields, flow_run)
   return body
end

return taskrun
