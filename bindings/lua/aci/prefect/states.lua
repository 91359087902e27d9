--- States and the server's orchestration: a state is proposed, and the server's answer is what counts.
-- ACCEPT: it is the run's state now. REJECT: another one is, given in the answer. WAIT: ask again later.
-- ABORT: stop quietly; somebody else has the run or it is over.

local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local fail   = require "aci.error"
local task   = require "aci.task"

local states = {}

local TERMINAL = { COMPLETED = true, FAILED = true, CANCELLED = true, CRASHED = true }

--- True when a run in this state is over.
function states.is_terminal(state)
   return state ~= nil and TERMINAL[state.type or state] == true
end

--- A fresh transition id makes a repeated request harmless: the server knows it has seen it.
local function with_transition(state)
   local out, details = {}, {}
   for key, value in pairs(state) do out[key] = value end
   for key, value in pairs(state.state_details or {}) do details[key] = value end
   details.transition_id = details.transition_id or crypto.uuid4()
   out.state_details = details
   return out
end

--- One proposal. @return `{ status, state, details }`
function states:set_run_state(id, state, force, tries)
   return (self:request("POST", ("/flow_runs/%s/set_state"):format(id), {
      json = { state = with_transition(state), force = force or false }, tries = tries }))
end

--- One proposal for a task run.
function states:set_task_state(id, state, force, tries)
   return (self:request("POST", ("/task_runs/%s/set_state"):format(id), {
      json = { state = state, force = force or false }, tries = tries }))
end

--- Our own transition, seen again because the first answer got lost, is an accepted one.
local function settled(answer, state)
   if answer.status ~= "REJECT" or answer.state.type ~= state.type then return answer end
   local mine = state.state_details and state.state_details.transition_id
   local theirs = (answer.state.state_details or {}).transition_id
   if mine and mine == theirs then answer.status = "ACCEPT" end
   return answer
end

local PASSING = { network = true, timeout = true, throttled = true, server = true }

-- A failed run may come back as AwaitingRetry, a state that knows nothing of our transition: the same proposal once
-- more would fail the run for good. So where an answer was lost the run is looked at before anything is repeated.
local function set_failed(set, read, self, id, state)
   local try = 0
   while true do
      try = try + 1
      local ok, answer = pcall(set, self, id, state, false, 1)
      if ok then return answer end
      if not (fail.is(answer) and PASSING[answer.kind]) or try >= self.tries then error(answer, 0) end
      task.sleep(math.min(20, self.pause * 2 ^ (try - 1)) * (1 + 0.2 * math.random()))
      local now = read(self, id)
      if now and now.state and now.state.name == "AwaitingRetry" then
         return { status = "REJECT", state = now.state, details = {} }
      end
   end
end

local function propose(set, read, self, id, state)
   state = with_transition(state)
   while true do
      local answer = state.type == "FAILED" and set_failed(set, read, self, id, state) or set(self, id, state)
      answer = settled(answer, state)
      if answer.status ~= "WAIT" then return answer end
      task.sleep(answer.details.delay_seconds or 1)
   end
end

--- Proposes a state and waits where the server says WAIT.
-- @return `{ status = "ACCEPT" | "REJECT" | "ABORT", state, details }`
function states:propose_run_state(id, state)
   return propose(states.set_run_state, self.run, self, id, state)
end

--- The same for a task run.
function states:propose_task_state(id, state)
   return propose(states.set_task_state, self.task_run, self, id, state)
end

--- Seconds until a scheduled state is due, 0 when it is.
function states.due_in(state)
   local at = state.state_details and state.state_details.scheduled_time
   local when = type(at) == "string" and clock.parse_iso(at)
   return when and math.max(0, when - clock.now()) or 0
end

return states
