--- Flow runs and task runs as rows: states, the times that follow from them, and how a run is shown.
local clock   = require "aci.clock"
local crypto  = require "aci.crypto"
local json    = require "aci.json"
local objects = require "sim.prefect.objects"
local version = require "sim.prefect.version"

local run = {}

local LATE_AFTER = 15   -- seconds, as the server's late-run service

run.TYPES = { "SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED",
   "CANCELLING" }

local NAMES = { SCHEDULED = "Scheduled", PENDING = "Pending", RUNNING = "Running", COMPLETED = "Completed",
   FAILED = "Failed", CANCELLED = "Cancelled", CRASHED = "Crashed", PAUSED = "Paused",
   CANCELLING = "Cancelling" }

local TERMINAL = { COMPLETED = true, FAILED = true, CANCELLED = true, CRASHED = true }

local DETAILS = { "flow_run_id", "task_run_id", "child_flow_run_id", "scheduled_time", "cache_key",
   "cache_expiration", "pause_timeout", "pause_key", "run_input_keyset", "refresh_cache", "retriable",
   "transition_id", "task_parameters_id" }

-- What only Prefect 3 has.
local NEW_DETAILS = { "traceparent", "deployment_concurrency_lease_id" }

--- What a state in a request may hold.
local DETAIL_FIELDS = { untrackable_result = "boolean", pause_reschedule = "boolean",
   scheduled_time = "moment", cache_expiration = "moment", pause_timeout = "moment" }
for name in ("flow_run_id task_run_id child_flow_run_id transition_id task_parameters_id"):gmatch "%S+" do
   DETAIL_FIELDS[name] = "uuid"
end
for _, name in ipairs(DETAILS) do DETAIL_FIELDS[name] = DETAIL_FIELDS[name] or "any" end

run.STATE = { type = { enum = run.TYPES, required = true }, name = "string", message = "string",
   data = "any", state_details = { fields = DETAIL_FIELDS, open = true }, timestamp = "moment@2", id = "uuid@2" }

local ADJECTIVES = { "amber", "brisk", "calm", "dapper", "eager", "fancy", "gentle", "humble", "ideal",
   "jolly", "keen", "lively", "mellow", "nimble", "olive", "proud", "quiet", "rapid", "sunny", "tidy" }
local ANIMALS = { "albatross", "badger", "cormorant", "dolphin", "ermine", "falcon", "gannet", "heron",
   "ibis", "jackdaw", "kestrel", "lynx", "marten", "narwhal", "otter", "puffin", "quail", "raven", "seal",
   "tern" }

local function pick(list)
   return list[crypto.random(1):byte() % #list + 1]
end


local function given(value)
   if value == json.null then return nil end
   return value
end

run.given = given

--- The name that was said; where none was, one that nobody chose.
function run.named(name)
   if given(name) and name ~= "" then return name end
   return pick(ADJECTIVES) .. "-" .. pick(ANIMALS)
end

--- What a state of a type is called unless it is said.
function run.name_of(state_type)
   return NAMES[state_type]
end

--- Labels as Prefect 3 has them: its own, over them those that were said. Prefect 2 has none.
function run.labels(own, said)
   if version.is(2) then return nil end
   for name, value in pairs(given(said) or {}) do own[name] = value end
   return json.object(own)
end

function run.is_terminal(state_type)
   return TERMINAL[state_type] == true
end

--- Whose the states of a flow run are: its own, and of the task run that it is within another flow.
function run.owner(row)
   return { flow_run_id = row.id, task_run_id = given(row.body.parent_task_run_id) }
end

--- A state as the API shows it, from one in a request.
-- @param owner `flow_run_id`, `task_run_id`
function run.state(fields, owner)
   local details = {}
   for _, name in ipairs(DETAILS) do details[name] = json.null end
   details.untrackable_result, details.pause_reschedule = false, false
   if version.is(3) then
      details.deferred = false
      for _, name in ipairs(NEW_DETAILS) do details[name] = json.null end
   end
   for name, value in pairs(given(fields.state_details) or {}) do
      if details[name] ~= nil then details[name] = value end
   end
   for _, name in ipairs { "scheduled_time", "pause_timeout", "cache_expiration" } do
      local at = given(details[name])
      details[name] = at and objects.time(clock.parse_iso(at)) or json.null
   end
   details.flow_run_id = owner.flow_run_id or json.null
   details.task_run_id = owner.task_run_id or json.null
   if fields.type == "SCHEDULED" and not given(details.scheduled_time) then
      details.scheduled_time = objects.time()
   end
   return { id = crypto.uuid4(), type = fields.type, name = given(fields.name) or NAMES[fields.type],
      timestamp = objects.time(), message = given(fields.message) or json.null,
      data = fields.data == nil and json.null or fields.data, state_details = details }
end

local function seconds(text)
   return clock.parse_iso(text)
end

local function leave(body, now)
   local old = given(body.state)
   if old and old.type == "RUNNING" then
      body.total_run_time = body.total_run_time + math.max(0, now - seconds(old.timestamp))
   end
   return old
end

local function times(body, state, old)
   local final, was_final = TERMINAL[state.type], old and TERMINAL[old.type]
   if was_final and not final then body.end_time = json.null end
   -- what ends without having begun: Prefect 3 says that it began then, Prefect 2 that it has no end
   if final and version.is(3) and not given(body.start_time) then body.start_time = state.timestamp end
   if final and given(body.start_time) and not given(body.end_time) then body.end_time = state.timestamp end
   local scheduled = given(state.state_details.scheduled_time)
   body.next_scheduled_start_time = state.type == "SCHEDULED" and scheduled or json.null
   if not given(body.expected_start_time) then body.expected_start_time = scheduled or state.timestamp end
end

--- Puts a run into a state. The row is not saved.
function run.enter(row, state)
   local body = row.body
   local old = leave(body, seconds(state.timestamp))
   local policy = given(body.empirical_policy) or {}
   if state.type == "RUNNING" then
      -- a run that was paused goes on: it is not another try
      if not policy.resuming then body.run_count = body.run_count + 1 end
      if not given(body.start_time) then body.start_time = state.timestamp end
   end
   if policy.resuming and (state.type == "RUNNING" or TERMINAL[state.type]) then policy.resuming = false end
   times(body, state, old)
   body.state, body.state_id, body.state_type, body.state_name = state, state.id, state.type, state.name
   row.at = seconds(given(body.next_scheduled_start_time) or body.expected_start_time)
end

-- The task run that a flow within a flow is, as the flow that holds it sees it, has the same states.
local function tell_parent(state, row)
   local parent = row.kind == "flow_run" and objects.get(state, "task_run", given(row.body.parent_task_run_id))
   if not parent then return end
   local shown = assert(json.decode(json.encode(row.body.state)))
   shown.state_details.child_flow_run_id = row.id
   run.enter(parent, run.state(shown, { flow_run_id = given(parent.body.flow_run_id), task_run_id = parent.id }))
   run.save(state, parent)
end

--- Saves a run, and notes the state that it entered.
function run.save(state, row)
   local kind = row.kind .. "_state"
   if not objects.get(state, kind, row.body.state_id) then
      objects.add(state, { kind = kind, id = row.body.state_id, parent = row.id, body = row.body.state })
      tell_parent(state, row)
   end
   return objects.save(state, row)
end

local function estimates(body)
   local now, running = clock.now(), body.state_type == "RUNNING"
   body.estimated_run_time = body.total_run_time
      + (running and math.max(0, now - seconds(body.state.timestamp)) or 0)
   local expected, start = given(body.expected_start_time), given(body.start_time)
   local from = start and seconds(start) or (not TERMINAL[body.state_type] and now)
   body.estimated_start_time_delta = expected and from and math.max(0, from - seconds(expected)) or 0.0
end

local function mark_late(body)
   local due = given(body.next_scheduled_start_time)
   if body.state_name == "Scheduled" and due and clock.now() - seconds(due) > LATE_AFTER then
      body.state_name, body.state.name = "Late", "Late"
   end
end

--- A run as the API shows it.
function run.view(state, row)
   local body = row.body
   if given(body.state) then
      mark_late(body)
      estimates(body)
   end
   local queue = objects.get(state, "queue", given(body.work_queue_id))
   if row.kind == "flow_run" then
      body.work_pool_name = queue and queue.body.work_pool_name or json.null
   end
   return body
end

--- The fields of a run that nothing was said about.
function run.blank(names)
   local body = { run_count = 0, total_run_time = 0.0 }
   for name in names:gmatch "%S+" do body[name] = json.null end
   return body
end

return run
