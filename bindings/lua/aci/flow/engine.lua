--- Runs one flow run: proposes states, obeys the answers, reports tasks and logs. The words of messages
-- are those of Prefect's engine of the server's major (aci.flow.words), so that nobody has to learn others.

local attempt    = require "aci.flow.attempt"
local context    = require "aci.flow.context"
local events     = require "aci.flow.events"
local fail       = require "aci.error"
local json       = require "aci.json"
local parameters = require "aci.flow.parameters"
local task       = require "aci.task"
local tasks      = require "aci.flow.tasks"
local words      = require "aci.flow.words"

local engine = {}

local function completed(message)
   return { type = "COMPLETED", name = "Completed", message = message }
end

-- -------------------------------------------------------------------------------------------- tasks

-- A task run that is going on when its flow run ends must not stay "Running".
local function crash(child)
   local state = { type = "CRASHED", name = "Crashed", message = child.words.aborted }
   child.crashed(state)
   child.words.crashed(child, state)
end

local function perform(child, ...)
   local over = false
   local _ <close> = setmetatable({}, { __close = function()
      if not over then crash(child) end
   end })
   local outcome, state = context.with(child, attempt.run, child, function(result)
      return result.ok and completed() or child.words.failed("Task", result, child)
   end, ...)
   over = true
   child.words.finished(child, state)
   table.insert(child.flow_run.task_states, state)
   if outcome.ok then return table.unpack(outcome, 1, outcome.n) end
   if outcome.timed_out then child.flow_run.timeouts[outcome.error] = outcome.timed_out end
   error(outcome.error, 0)
end

local function begin(run, declared, submitted)
   run = run.flow_run or run
   local child = tasks.report(run, declared)
   run.words.created(child, submitted)
   return child
end

--- Runs a task as part of a flow run; gives what its function gives or raises what it raised.
function engine.run_task(run, declared, ...)
   return perform(begin(run, declared), ...)
end

--- Starts a task beside the flow. @return aci.task.Task
function engine.submit_task(run, declared, ...)
   local child = begin(run, declared, true)
   local started = task.spawn(perform, child, ...)
   table.insert(child.flow_run.submitted, started)
   return started
end

-- -------------------------------------------------------------------------------------------- flows

local function end_submitted(run, err)
   local gone = fail.is(err, "canceled") or fail.is(err, "interrupted")
   for _, each in ipairs(run.submitted) do
      if gone then each:cancel() else pcall(each.wait, each) end
   end
   run.submitted = {}
end

--- The flow's function, and then the tasks that it has submitted: a flow ends after them.
local function with_submitted(run, body)
   return function(...)
      local _ <close> = setmetatable({}, { __close = function(_, err) end_submitted(run, err) end })
      return body(...)
   end
end

local function conclude(run)
   return function(outcome)
      if not outcome.ok then return run.words.failed("Flow", outcome, run) end
      return run.words.succeeded(run.task_states, outcome[1]) or completed()
   end
end

--- Looks every few seconds whether somebody cancels the run, and then ends it.
local function watch(run, worker)
   while true do
      task.sleep(run.watch_every)
      local ok, now = pcall(run.api.run, run.api, run.id)
      if ok and now and attempt.STOPPING[now.state_type] then
         run.cancelled = true
         worker:cancel()
         return
      end
   end
end

-- The worker may have said so already.
local function cancelled(run)
   local state = { type = "CANCELLED", name = "Cancelled", message = run.words.stopped(run) }
   local now = run.api:run(run.id)
   if now and not run.api.is_terminal(now.state) then run.api:set_run_state(run.id, state, true) end
end

-- As often as Prefect's own engine, by its own setting; automations find dead runs by what does not come.
local HEARTBEAT = math.max(30, tonumber(os.getenv "PREFECT_FLOWS_HEARTBEAT_FREQUENCY") or 180)

local function beat(run)
   while true do
      task.sleep(HEARTBEAT)
      run.events:emit(run.events:heartbeat())
   end
end

local function supervise(run, given)
   local worker <close> = task.spawn(function()
      return select(2, attempt.run(run, conclude(run), given))
   end)
   run.worker = worker
   local watcher <close> = task.spawn(watch, run, worker)
   local heart <close> = task.spawn(run.events and beat or function() end, run) -- luacheck: ignore
   local ok, state = pcall(worker.wait, worker)
   watcher:cancel()
   if ok then return state end
   if run.cancelled then cancelled(run) return nil end
   error(state, 0)
end

--- Prefect 3 learns of tasks by events. A server that takes none (its first one is the run's heartbeat) is
-- told in the way of Prefect 2.
local function open_events(run)
   local sender = events.new(run)
   local ok, err = pcall(sender.send_now, sender, sender:heartbeat())
   if ok then return sender end
   if fail.is(err, "interrupted") then error(err, 0) end
   if fail.is(err) and (err.status == 404 or err.status == 405) then return nil end
   io.stderr:write(("acihost: Prefect did not take the run's heartbeat: %s\n"):format(tostring(err)))
   return sender
end

local function new_run(options, declared)
   local api, found = options.api, options.run
   local run = { api = api, config = options.config, id = found.id, name = found.name, declared = declared,
      flow_id = found.flow_id, deployment_id = found.deployment_id, what = "Flow", counters = {}, submitted = {},
      task_states = {}, timeouts = setmetatable({}, { __mode = "k" }), watch_every = options.watch_every or 10 }
   if found.deployment_id == json.null then run.deployment_id = nil end
   run.words = words.of(api:major())
   run.logger = api:logger { flow_run_id = found.id, echo = options.echo }
   run.events = api:major() >= 3 and open_events(run) or nil
   local body = with_submitted(run, declared.body)
   run.declared = setmetatable({ body = body }, { __index = declared })
   function run.propose(state) return api:propose_run_state(found.id, state) end
   -- What is still to be told when the flow is over.
   run.rest = {}
   function run.later(f) run.rest[#run.rest + 1] = task.spawn(pcall, f) end
   return run
end

local function close(run)
   for _, each in ipairs(run.rest) do each:wait() end
   if run.events then run.events:flush() end
   run.logger:flush()
end

-- The flow run that this process is running.
local going

--- Ends the flow run that is going on, because the process is told to end: its tasks are told of as crashed, and
-- what was logged is sent. The flow run's own state is the caller's.
-- @param seconds at most so long
-- @param state the flow run's: crashed, or somebody cancels it
function engine.abort(seconds, state)
   local run = going
   if not run or not run.worker then return end
   run.aborted = true
   run.worker:cancel()
   pcall(task.timeout, seconds, function()
      task.wait(run.worker)
      if state.type == "CRASHED" then run.words.crashed(run, state) else run.words.stopped(run) end
      close(run)
   end)
end

--- The parameters with the schema's defaults; a run whose parameters the schema refuses has failed.
local function checked(run, options)
   local given, problems = parameters.check(options.schema, options.run.parameters)
   if #problems == 0 then return given end
   local message = "Validation of flow parameters failed with error: " .. table.concat(problems, "; ")
   run.logger:error(message)
   local state = { type = "FAILED", name = "Failed", message = message }
   run.propose(state)
   return nil, state
end

--- Runs a flow for a flow run that was claimed (PENDING) or scheduled.
-- @param options `api`, `config`, `run` (the flow run), `schema` (of its parameters), `echo`
--   (function(level, message)), `version` (of the code), `watch_every` (s)
-- @param declared the flow
-- @return the last state, nil when the run was taken away; and why
function engine.run_flow(options, declared)
   local run = new_run(options, declared)
   run.api:patch_run(run.id, { flow_version = options.version,
      empirical_policy = { retries = declared.retries, retry_delay = declared.retry_delay } })
   context.set_root(run)
   going = run
   local given, state = checked(run, options)
   local ok = true
   if given then ok, state = pcall(supervise, run, given) end
   context.set_root(nil)
   going = nil
   if run.aborted then return nil, "aborted" end
   if given and ok and state then
      run.words.finished(run, state)
      run.words.ended(run, state)
   end
   close(run)
   if not ok and not attempt.is_stopped(state) then error(state, 0) end
   if ok then return state, not state and "cancelled" or nil end
   return nil, tostring(state)
end

return engine
