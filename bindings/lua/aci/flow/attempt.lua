--- One run of a flow's or task's function, until the server (or who stands for it) takes its last state.

local clock   = require "aci.clock"
local context = require "aci.flow.context"
local fail    = require "aci.error"
local states  = require "aci.prefect.states"
local task    = require "aci.task"

local attempt = {}

-- What ends a run that the server took away from us (cancelled, or somebody else has it).
local Stopped = { __name = "aci.flow.stopped", __tostring = function(self) return self.reason end }

local function stop(reason)
   error(setmetatable({ reason = reason or "the run is over" }, Stopped), 0)
end

function attempt.is_stopped(err)
   return getmetatable(err) == Stopped
end

local function is_ours(err)
   return attempt.is_stopped(err) or fail.is(err, "interrupted") or fail.is(err, "canceled")
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
-- @return `{ ok = true, ... }` or `{ error =, trace =, timed_out = }`
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
   return { error = outcome, timed_out = fail.is(outcome, "timeout") and timeout or nil }
end

local STOPPING = { CANCELLING = true, CANCELLED = true, PAUSED = true }

--- States of a run that somebody ends or holds.
attempt.STOPPING = STOPPING

--- Enters RUNNING, waiting where the server says so.
local function enter_running(propose)
   while true do
      local answer = propose { type = "RUNNING", name = "Running" }
      if answer.status == "ACCEPT" then return answer.state end
      if answer.status == "ABORT" then stop(answer.details.reason) end
      if STOPPING[answer.state.type] or answer.state.type ~= "SCHEDULED" then
         stop("the run is " .. answer.state.name)
      end
      task.sleep(math.max(0.05, states.due_in(answer.state)))
   end
end

--- Runs the body until its last state is taken: a failed one may come back as AwaitingRetry.
-- @param run `logger`, `propose` (function), `declared` (the flow or task), `what` ("Flow" or "Task"),
--   `words` (aci.flow.words), `tries` (how often it has been tried; kept here)
-- @param conclude function(outcome) -> the state to propose
-- @return the outcome, and the last state
function attempt.run(run, conclude, ...)
   run.tries = 0
   while true do
      enter_running(run.propose)
      run.tries = run.tries + 1
      run.words.began(run)
      local outcome = call(run.declared.body, run.declared.timeout, ...)
      if outcome.error ~= nil and is_ours(outcome.error) then error(outcome.error, 0) end
      if not outcome.ok then run.words.caught(run, outcome) end
      local state = conclude(outcome)
      local answer = run.propose(state)
      if answer.status == "ABORT" then stop(answer.details.reason) end
      if answer.status == "ACCEPT" then return outcome, answer.state end
      if answer.state.name ~= "AwaitingRetry" then stop("the run is " .. answer.state.name) end
      run.words.again(run, state)
      task.sleep(states.due_in(answer.state))
   end
end

--- A scheduled state as the server gives one for a retry.
function attempt.awaiting(delay)
   return { type = "SCHEDULED", name = "AwaitingRetry",
      state_details = { scheduled_time = clock.iso(clock.now() + delay) } }
end

return attempt
