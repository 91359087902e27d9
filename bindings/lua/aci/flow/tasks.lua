--- The task runs of a flow run, as Prefect's engines report them. On Prefect 2 the server decides about each
-- state (retries, limits on tags); on Prefect 3 the engine decides, and tells by events which the server
-- records. `tasks.report(run, ...)` gives the task run with its `propose`.

local attempt = require "aci.flow.attempt"
local clock   = require "aci.clock"
local crypto  = require "aci.crypto"
local json    = require "aci.json"

local tasks = {}

local function task_key(declared)
   local where = debug.getinfo(declared.body, "S")
   local text = ("%s:%s:%d"):format(declared.name, where.short_src:match "[^/]*$", where.linedefined)
   return ("%s-%s"):format(declared.name, crypto.hex(crypto.sha256(text)):sub(1, 8))
end

--- The names of the function's parameters; where their values come from is not known.
local function inputs(declared)
   local named = json.object {}
   for index = 1, debug.getinfo(declared.body, "u").nparams do
      named[debug.getlocal(declared.body, index)] = json.array {}
   end
   return named
end

local function policy(declared)
   return { retries = declared.retries, retry_delay = declared.retry_delay }
end

local function counted(run, key)
   local number = run.counters[key] or 0
   run.counters[key] = number + 1
   return number
end

local function number_and_name(run, declared, key)
   local number = counted(run, key)
   return tostring(number), ("%s-%d"):format(declared.name, number)
end

--- By the server's own orchestration.
local function by_server(run, child, key)
   local number, name = number_and_name(run, child.declared, key)
   local made = run.api:create_task_run { flow_run_id = run.id, task_key = key, dynamic_key = number, name = name,
      empirical_policy = policy(child.declared), task_inputs = inputs(child.declared) }
   child.id, child.name = made.id, made.name
   child.propose = function(state) return run.api:propose_task_state(made.id, state) end
   child.crashed = function(state) run.later(function() run.api:set_task_state(made.id, state) end) end
end

local function brief(state)
   return state and { type = state.type, name = state.name, message = state.message,
      state_details = json.object(state.state_details or {}) } or nil
end

--- A state that a task run enters, as an event; the row is brought up to it.
local function enter(run, child, state)
   -- The server orders states by their times, of microseconds.
   local row, before, now = child.row, child.state, math.max(clock.now(), (child.since or 0) + 2e-6)
   if before and before.type == "RUNNING" then
      row.total_run_time = (row.total_run_time or 0) + now - child.since
   end
   if state.type == "RUNNING" then
      row.run_count = row.run_count + 1
      row.start_time = row.start_time or clock.iso(now)
   end
   if run.api.is_terminal(state) then row.end_time = clock.iso(now) end
   child.state, child.since = state, now
   local shown = {}
   for key, value in pairs(row) do shown[key] = value end
   child.event = run.events:emit { event = "prefect.task-run." .. state.name, occurred = clock.iso(now),
      follows = child.event and child.event.id,
      resource = { ["prefect.resource.id"] = "prefect.task-run." .. child.id,
         ["prefect.resource.name"] = child.name, ["prefect.run-count"] = tostring(row.run_count),
         ["prefect.state-message"] = state.message or "", ["prefect.state-name"] = state.name,
         ["prefect.state-timestamp"] = clock.iso(now), ["prefect.state-type"] = state.type,
         ["prefect.orchestration"] = "client" },
      payload = { intended = { from = before and before.type, to = state.type }, initial_state = brief(before),
         validated_state = brief(state), task_run = shown } }
   return { status = "ACCEPT", state = state }
end

--- What the server of Prefect 2 would answer: a failed state comes back while there are retries.
local function decide(run, child, state)
   if state.type == "FAILED" and child.tries <= child.declared.retries then
      local waiting = attempt.awaiting(child.declared.retry_delay)
      if child.declared.retry_delay > 0 then enter(run, child, waiting) end
      return { status = "REJECT", state = waiting }
   elseif state.type == "RUNNING" and child.tries > 0 then
      state = { type = "RUNNING", name = "Retrying" }
   end
   return enter(run, child, state)
end

local function by_events(run, child, key)
   local declared, dynamic = child.declared, crypto.uuid4()
   child.id, child.name, child.tries = crypto.uuid4(), ("%s-%s"):format(declared.name, dynamic:sub(1, 3)), 0
   child.row = { name = child.name, task_key = key, dynamic_key = dynamic, empirical_policy = policy(declared),
      tags = json.array {}, labels = json.object {}, task_inputs = inputs(declared), run_count = 0,
      flow_run_run_count = run.tries, expected_start_time = clock.iso(clock.now()) }
   enter(run, child, { type = "PENDING", name = "Pending" })
   child.propose = function(state) return decide(run, child, state) end
   child.crashed = function(state) enter(run, child, state) end
end

--- Reports a new task run.
-- @param run the flow run's
-- @param declared the task
-- @return the task run: `id`, `name`, `logger`, `propose(state)`, `crashed(state)`
function tasks.report(run, declared)
   local child = { api = run.api, config = run.config, flow_run = run, declared = declared, what = "Task",
      words = run.words }
   local report = run.events and by_events or by_server
   report(run, child, task_key(declared))
   child.logger = run.logger:child(child.id)
   return child
end

return tasks
