--- Runs one flow run: proposes states, obeys the answers, reports tasks and logs. The words of messages
-- are those of Prefect 2's engine, so that nobody has to learn others.

local crypto  = require "aci.crypto"
local json    = require "aci.json"
local task    = require "aci.task"
local fail    = require "aci.error"
local context = require "aci.flow.context"

local engine = {}

-- What ends a run that the server took away from us (cancelled, or somebody else has it).
local Stopped = { __name = "aci.flow.stopped", __tostring = function(self) return self.reason end }

local function stop(reason)
   error(setmetatable({ reason = reason or "the run is over" }, Stopped), 0)
end

local function is_stopped(err)
   return getmetatable(err) == Stopped
end

local function is_ours(err)
   return is_stopped(err) or fail.is(err, "interrupted") or fail.is(err, "canceled")
end

--- The traceback of what the flow's author wrote: without our own frames.
local function trace(err)
   local kept = { tostring(err) }
   for line in debug.traceback("", 3):gmatch "\n\t([^\n]+)" do
      local ours = line:find "^aci/" or line:find "/lua/aci/" or line:find "^%[C%]"
         or line:find("(...tail calls...)", 1, true)
      if not ours then kept[#kept + 1] = "   " .. line end
   end
   return table.concat(kept, "\n")
end

local function with_trace(err)
   if is_ours(err) then return { error = err } end
   return { error = err, trace = trace(err) }
end

--- Calls the body, within its timeout.
-- @return `{ ok = true, ... }` or `{ error =, trace = }`
local function call(body, timeout, ...)
   local arguments = table.pack(...)
   local function guarded()
      local results = table.pack(xpcall(body, with_trace, table.unpack(arguments, 1, arguments.n)))
      if not results[1] then return results[2] end
      return { ok = true, n = results.n - 1, table.unpack(results, 2, results.n) }
   end
   if not timeout then return guarded() end
   local run = context.current()
   local ok, outcome = pcall(task.timeout, timeout, function() return context.with(run, guarded) end)
   if ok then return outcome end
   if fail.is(outcome, "timeout") then return { error = outcome, timed_out = timeout } end
   return { error = outcome }
end

local function completed(message)
   return { type = "COMPLETED", name = "Completed", message = message }
end

-- Prefect's own words, dot and no dot.
local EXCEPTION = { Flow = "Flow run encountered an exception. %s",
   Task = "Task run encountered an exception %s" }

--- The failed state of a run, "Flow" or "Task".
local function failed(what, outcome)
   if outcome.timed_out then
      return { type = "FAILED", name = "TimedOut",
         message = ("%s run exceeded timeout of %g seconds"):format(what, outcome.timed_out) }
   end
   return { type = "FAILED", name = "Failed",
      message = EXCEPTION[what]:format(tostring(outcome.error)) }
end

local function finished(logger, state)
   local said = type(state.message) == "string" and ("'%s'"):format(state.message) or ""
   logger:log(state.type == "COMPLETED" and "info" or "error",
      ("Finished in state %s(%s)"):format(state.name, said))
end

local STOPPING = { CANCELLING = true, CANCELLED = true, PAUSED = true }

--- Enters RUNNING, waiting where the server says so.
local function enter_running(propose)
   while true do
      local answer = propose { type = "RUNNING", name = "Running" }
      if answer.status == "ACCEPT" then return end
      if answer.status == "ABORT" then stop(answer.details.reason) end
      if STOPPING[answer.state.type] or answer.state.type ~= "SCHEDULED" then
         stop("the run is " .. answer.state.name)
      end
      task.sleep(math.max(0.05, require("aci.prefect.states").due_in(answer.state)))
   end
end

--- An error that a task has logged in full is not told again by the flow that it passed through.
local function log_exception(run, outcome)
   local top = run.flow_run or run
   local known = top.told == outcome.error
   top.told = outcome.error
   run.logger:error("Encountered exception during execution:\n"
      .. (known and "the error of the task above" or outcome.trace))
end

--- Runs the body until the server takes its last state: a failed one may come back as AwaitingRetry.
-- @param run `logger`, `propose` (function), `declared` (the flow or task), `what` ("Flow" or "Task")
-- @param conclude function(outcome) -> the state to propose
local function attempts(run, conclude, ...)
   while true do
      enter_running(run.propose)
      local outcome = call(run.declared.body, run.declared.timeout, ...)
      if outcome.error ~= nil and is_ours(outcome.error) then error(outcome.error, 0) end
      if outcome.trace then log_exception(run, outcome) end
      local state = conclude(outcome)
      local answer = run.propose(state)
      if answer.status == "ABORT" then stop(answer.details.reason) end
      if answer.status == "ACCEPT" then return outcome, answer.state end
      if answer.state.name ~= "AwaitingRetry" then stop("the run is " .. answer.state.name) end
      run.logger:info(("Received non-final state 'AwaitingRetry' when proposing final state '%s' and will "
         .. "attempt to run again..."):format(state.name))
      task.sleep(require("aci.prefect.states").due_in(answer.state))
   end
end

-- -------------------------------------------------------------------------------------------- tasks

local function task_key(declared)
   local where = debug.getinfo(declared.body, "S")
   local text = ("%s:%s:%d"):format(declared.name, where.short_src:match "[^/]*$", where.linedefined)
   return ("%s-%s"):format(declared.name, crypto.hex(crypto.sha256(text)):sub(1, 8))
end

local function register_task(run, declared)
   local key = task_key(declared)
   local number = run.counters[key] or 0
   run.counters[key] = number + 1
   return run.api:create_task_run {
      flow_run_id = run.id, task_key = key, dynamic_key = tostring(number),
      name = ("%s-%d"):format(declared.name, number),
      empirical_policy = { retries = declared.retries, retry_delay = declared.retry_delay },
   }
end

--- Runs a task as part of a flow run; gives what its function gives or raises what it raised.
function engine.run_task(run, declared, ...)
   run = run.flow_run or run
   local made = register_task(run, declared)
   run.logger:info(("Created task run '%s' for task '%s'"):format(made.name, declared.name))
   run.logger:info(("Executing '%s' immediately..."):format(made.name))
   local child = { api = run.api, config = run.config, id = made.id, flow_run = run, declared = declared,
      logger = run.logger:child(made.id) }
   child.propose = function(state) return run.api:propose_task_state(made.id, state) end
   local outcome, state = context.with(child, attempts, child, function(result)
      return result.ok and completed() or failed("Task", result)
   end, ...)
   finished(child.logger, state)
   table.insert(run.task_states, state)
   if outcome.ok then return table.unpack(outcome, 1, outcome.n) end
   error(outcome.error, 0)
end

-- -------------------------------------------------------------------------------------------- flows

--- A flow that gives nothing is what its tasks are.
local function from_tasks(states)
   local bad = 0
   for _, state in ipairs(states) do
      if state.type ~= "COMPLETED" then bad = bad + 1 end
   end
   if bad > 0 then
      return { type = "FAILED", name = "Failed", message = ("%d/%d states failed."):format(bad, #states) }
   end
   return completed(#states > 0 and "All states completed." or nil)
end

local function conclude(run)
   return function(outcome)
      if not outcome.ok then return failed("Flow", outcome) end
      if outcome[1] == nil then return from_tasks(run.task_states) end
      return completed()
   end
end

--- Looks every few seconds whether somebody cancels the run, and then ends it.
local function watch(run, worker)
   while true do
      task.sleep(run.watch_every)
      local ok, now = pcall(run.api.run, run.api, run.id)
      if ok and now and STOPPING[now.state_type] then
         run.cancelled = true
         worker:cancel()
         return
      end
   end
end

local function cancelled(run)
   run.logger:warning "The run was cancelled."
   run.api:set_run_state(run.id, { type = "CANCELLED", name = "Cancelled",
      message = "The run was cancelled." }, true)
end

local function supervise(run, parameters)
   local worker <close> = task.spawn(function()
      return select(2, attempts(run, conclude(run), parameters))
   end)
   local watcher <close> = task.spawn(watch, run, worker)
   local ok, state = pcall(worker.wait, worker)
   watcher:cancel()
   if ok then return state end
   if run.cancelled then cancelled(run) return nil end
   error(state, 0)
end

local function new_run(options, declared)
   local api, found = options.api, options.run
   local run = { api = api, config = options.config, id = found.id, declared = declared, counters = {},
      task_states = {}, watch_every = options.watch_every or 10 }
   run.logger = api:logger { flow_run_id = found.id, echo = options.echo }
   run.propose = function(state) return api:propose_run_state(found.id, state) end
   return run
end

--- Runs a flow for a flow run that was claimed (PENDING) or scheduled.
-- @param options `api`, `config`, `run` (the flow run), `echo` (function(level, message)), `watch_every` (s)
-- @param declared the flow
-- @return the last state, nil when the run was taken away; and why
function engine.run_flow(options, declared)
   local run = new_run(options, declared)
   run.api:patch_run(run.id, { flow_version = options.version,
      empirical_policy = { retries = declared.retries, retry_delay = declared.retry_delay } })
   context.set_root(run)
   local parameters = json.object(options.run.parameters or {})
   local ok, state = pcall(supervise, run, parameters)
   context.set_root(nil)
   if ok and state then finished(run.logger, state) end
   run.logger:flush()
   if not ok and not is_stopped(state) then error(state, 0) end
   if ok then return state, not state and "cancelled" or nil end
   return nil, tostring(state)
end

return engine
