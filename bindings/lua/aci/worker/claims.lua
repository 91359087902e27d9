--- Who has a run. A claim is the state PENDING: the server lets only one worker enter it. Its message names the
-- worker, so that a claim whose worker died is known and given back; claims of others are left alone.

local crypto   = require "aci.crypto"
local clock    = require "aci.clock"
local json     = require "aci.json"
local patience = require "aci.worker.patience"
local task     = require "aci.task"

local claims = {}

local MARK = "Claimed by the acihost worker "

-- One attempt. The server lets a run that is over be claimed as well (its user may want it again), so who hears of
-- a run and claims it seconds later would run it twice: it is looked at just before, and before each repetition.
-- @return whether it is decided; the id of the claim's state, or nil and why not
local function attempt(self, run, state)
   local now = patience.with(self.say, run.name, self.api.run, self.api, run.id)
   local details = now and now.state_type == "PENDING" and now.state.state_details or {}
   if details.transition_id == state.state_details.transition_id then return true, now.state.id end
   if not now or now.state_type ~= "SCHEDULED" then
      return true, nil, now and "it is " .. now.state_name or "it is gone"
   end
   local ok, answer = pcall(self.api.set_run_state, self.api, run.id, state, false, 1)
   if not ok then
      if not patience.passes(answer) then error(answer, 0) end
      return false, nil, 1
   elseif answer.status == "WAIT" then
      return false, nil, answer.details.delay_seconds or 1
   elseif answer.status == "ACCEPT" then
      return true, answer.state.id
   end
   return true, nil, tostring((answer.details or {}).reason)
end

--- Claims a scheduled run.
-- @return the claim: `{ state = id of the state, transition =, at = }`; nil and why not
function claims.take(self, run)
   local transition = crypto.uuid4()
   local state = { type = "PENDING", name = "Pending", message = MARK .. self.name .. ".",
      state_details = { transition_id = transition } }
   while true do
      local decided, id, why = attempt(self, run, state)
      if decided then return id and { state = id, transition = transition, at = clock.monotonic() }, why end
      task.sleep(why)
   end
end

--- The worker that claimed a run in the state PENDING; nil where it was none of ours.
function claims.owner(run)
   local message = run.state_type == "PENDING" and type(run.state.message) == "string" and run.state.message or ""
   return message:sub(1, #MARK) == MARK and message:sub(#MARK + 1):match "^(.*)%.$" or nil
end

--- Is the claim still the run's state? Nobody else can have the run while it is.
function claims.holds(self, run_id, state_id)
   local now = patience.with(self.say, run_id, self.api.run, self.api, run_id)
   return now ~= nil and now.state_type == "PENDING" and now.state.id == state_id
end

--- Gives a claimed run back: scheduled again, somebody will take it. Only while that very claim stands.
-- @param seconds from now until it may be taken. When the claim was another worker's, somebody else may be
--   giving it back at the same moment, on the same grounds: it must not be taken again before that came to
--   nothing
-- @return true when it was given back
function claims.give_back(self, run, state_id, seconds, why)
   if not claims.holds(self, run.id, state_id) then return false end
   self.say("%s: scheduled again: %s", run.name, why)
   local answer = self.api:propose_run_state(run.id, { type = "SCHEDULED", name = "Scheduled", message = why,
      state_details = { scheduled_time = clock.iso(clock.now() + seconds) } })
   if answer.status == "ACCEPT" then self.api:patch_run(run.id, { infrastructure_pid = json.null }) end
   return answer.status == "ACCEPT"
end

return claims
