--- The orchestration of 2.20: what becomes of a proposed state. Each rule gives nothing (the next one
-- decides) or a verdict.
local clock   = require "aci.clock"
local json    = require "aci.json"
local objects = require "sim.prefect.objects"
local run     = require "sim.prefect.run"
local version = require "sim.prefect.version"

local rules = {}

local given = run.given

local function abort(reason)
   return { status = "ABORT", details = { type = "abort_details", reason = reason } }
end

local function reject(reason, state)
   return { status = "REJECT", details = { type = "reject_details", reason = reason }, state = state }
end

local function wait(reason, seconds)
   return { status = "WAIT",
      details = { type = "wait_details", reason = reason, delay_seconds = math.ceil(seconds) } }
end

local function transition(state)
   return given((given(state.state_details) or {}).transition_id)
end

--- The same transition a second time: its first answer got lost.
local function seen_before(body, proposed)
   local id = transition(proposed)
   if id and id == transition(body.state) then
      return reject "This run has already made this state transition."
   end
end

local AFTER_THE_END = { CANCELLING = true, PAUSED = true, CRASHED = true }

--- True for a run that completed with a result that is kept.
local function kept_result(body)
   local data = given(body.state.data)
   return body.state_type == "COMPLETED" and type(data) == "table" and next(data) ~= nil
      and data.type ~= "unpersisted"
end

local function over(body, proposed)
   if not run.is_terminal(body.state_type) then return nil end
   if AFTER_THE_END[proposed.type] then
      return abort(("Run is already in terminal state %s."):format(body.state_type))
   end
   if kept_result(body) and not run.is_terminal(proposed.type) then return reject "Run is already COMPLETED." end
   if proposed.type == "SCHEDULED" and body.state_type ~= "CANCELLED" and not given(body.deployment_id) then
      return abort "Cannot reschedule a run without an associated deployment."
   end
end

local function listed(list, wanted)
   for _, each in ipairs(list) do
      if each == wanted then return true end
   end
   return false
end

--- A pause has a key, so that the flow that runs through it again does not stop there again.
local function pausing(body, proposed)
   if proposed.type ~= "PAUSED" then return nil end
   local verb, details = proposed.name == "Suspended" and "suspend" or "pause", given(proposed.state_details) or {}
   if body.state_type ~= "RUNNING" then
      return reject(("Cannot %s flows that are not currently running."):format(verb))
   elseif listed(body.empirical_policy.pause_keys, given(details.pause_key)) then
      return reject(("This %s has already fired."):format(verb))
   elseif details.pause_reschedule == true and given(body.parent_task_run_id) then
      return abort(("Cannot %s subflows."):format(verb))
   elseif details.pause_reschedule == true and not given(body.deployment_id) then
      return abort(("Cannot %s flows without a deployment."):format(verb))
   end
end

local LEAVES_PAUSE = { RUNNING = true, SCHEDULED = true, COMPLETED = true, FAILED = true, CANCELLED = true,
   CRASHED = true }

--- A paused run goes on, ends, or was paused for too long.
local function resuming(body, proposed)
   if body.state_type ~= "PAUSED" then return nil end
   local cancels = version.is(3) and proposed.type == "CANCELLING"
   if not LEAVES_PAUSE[proposed.type] and not cancels then
      return reject(("This run cannot transition to the StateType.%s state from the StateType.PAUSED state.")
         :format(proposed.type))
   end
   local ends = given(body.state.state_details.pause_timeout)
   if ends and clock.parse_iso(ends) < clock.now() and not cancels then
      local called = given(proposed.name) or run.name_of(proposed.type)
      return reject("The flow run pause has timed out and can no longer resume.", { type = "FAILED",
         message = ("The flow was %s and never resumed."):format(called:lower()) })
   end
end

local function cancelling(body, proposed)
   -- Prefect 3 lets a run that is cancelled begin anew
   if (body.state_type == "CANCELLING" or version.is(2) and body.state_type == "CANCELLED")
      and proposed.type ~= "CANCELLED" then
      return reject "Cannot transition flows that are cancelling to a state other than Cancelled."
   end
end

local function nothing_to_cancel(body, proposed)
   if proposed.type == "CANCELLING" and body.state_type == "SCHEDULED"
      and not given(body.infrastructure_pid) then
      return reject("Scheduled flow run has no infrastructure to terminate.",
         { type = "CANCELLED", name = "Cancelled" })
   end
end

local CLAIMED = { PENDING = true, RUNNING = true, CANCELLING = true, CANCELLED = true }

--- The lock between agents: only one of them gets a run into PENDING.
local function claimed(body, proposed)
   if proposed.type == "PENDING" and CLAIMED[body.state_type] then
      return abort(("This run is in a %s state and cannot transition to a PENDING state."):format(
         body.state_type))
   end
end

local function too_early(body, proposed)
   if proposed.type ~= "RUNNING" then return nil end
   local at = given(body.state.state_details.scheduled_time)
   local left = at and clock.parse_iso(at) - clock.now() or 0
   if left > 0 then return wait("Scheduled time is in the future", left) end
end

--- A failed run with retries left is scheduled again.
local function retry(body, proposed)
   if proposed.type ~= "FAILED" or body.state_type ~= "RUNNING" then return nil end
   local policy = body.empirical_policy
   local retries = given(policy.retries) or policy.max_retries or 0
   if body.run_count > retries then
      if version.is(3) and policy.retry_type then policy.retry_type = json.null end
      return nil
   end
   local delay = given(policy.retry_delay) or given(policy.retry_delay_seconds) or 0
   if type(delay) == "table" then delay = delay[math.min(body.run_count, #delay)] or 0 end
   -- only a flow run's policy has it
   if policy.retry_type ~= nil then policy.retry_type = "in_process" end
   return reject("Retrying", { type = "SCHEDULED", name = "AwaitingRetry", message = proposed.message,
      state_details = { scheduled_time = objects.time(clock.now() + delay) } })
end

local FLOW_RULES = { seen_before, over, cancelling, nothing_to_cancel, pausing, resuming, claimed, too_early, retry }

--- What becomes of a flow run's proposed state.
-- @return `{ status, details, state = what to enter instead }`
function rules.flow(body, proposed)
   for _, rule in ipairs(FLOW_RULES) do
      local verdict = rule(body, proposed)
      if verdict then return verdict end
   end
   if proposed.type == "PENDING" and body.state_type == "SCHEDULED" then
      -- the claim keeps the time at which the run may start
      proposed.state_details = given(proposed.state_details) or {}
      proposed.state_details.scheduled_time = body.state.state_details.scheduled_time
   end
   return { status = "ACCEPT", details = { type = "accept_details" }, resumes = body.state_type == "PAUSED",
      pauses = proposed.type == "PAUSED" }
end

local function task_over(body, proposed)
   if not run.is_terminal(body.state_type) then return nil end
   if AFTER_THE_END[proposed.type] then return abort(("Run is already %s."):format(body.state_type)) end
   if kept_result(body) then return reject "This run is already completed." end
end

-- What a task run that begins is called where it began before.
local function rename(body, proposed, flow_run)
   if proposed.type ~= "RUNNING" then return end
   local flow_again = flow_run and (body.flow_run_run_count or 0) < flow_run.run_count
   if body.run_count > 0 then
      proposed.name = body.state_name == "AwaitingRetry" and "Retrying" or "Rerunning"
   elseif run.is_terminal(body.state_type) and flow_again then
      proposed.name = "Retrying"
   end
end

--- What becomes of a task run's proposed state. @param flow_run the body of its flow run, or nil
function rules.task(body, proposed, flow_run)
   if proposed.type == "RUNNING" and flow_run and flow_run.state_type ~= "RUNNING" then
      return abort "The enclosing flow must be running to begin task execution."
   end
   local verdict = task_over(body, proposed) or too_early(body, proposed) or retry(body, proposed)
   if verdict then return verdict end
   -- what begins anew after its end has all its tries again
   if run.is_terminal(body.state_type) and not run.is_terminal(proposed.type) then body.run_count = 0 end
   rename(body, proposed, flow_run)
   if proposed.type == "RUNNING" and flow_run then body.flow_run_run_count = flow_run.run_count end
   return { status = "ACCEPT", details = { type = "accept_details" } }
end

return rules
