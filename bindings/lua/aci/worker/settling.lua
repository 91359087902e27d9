--- The end of a held run: its output is taken, its state settled, its group removed or kept.

local copying  = require "aci.worker.copying"
local patience = require "aci.worker.patience"
local reasons  = require "aci.worker.reasons"
local removing = require "aci.worker.removing"

local settling = {}

local TAIL = 1000   -- bytes of the output that a crash's message ends with

local function now_of(self, held)
   return patience.with(self.say, held.name, self.api.run, self.api, held.id)
end

-- Over, or waiting for its own next start: nothing to settle. An engine that waited for a retry is gone, though.
local function is_settled(self, run)
   if not run or self.api.is_terminal(run.state) then return true end
   return run.state_type == "PAUSED" or run.state_type == "SCHEDULED" and run.state_name ~= "AwaitingRetry"
end

--- The last lines that the container wrote.
local function last_words(held)
   local ok, answer = pcall(held.azure.get, held.azure,
      ("%s/containers/%s/logs"):format(held.group, held.container))
   local text = ok and type(answer) == "table" and type(answer.content) == "string" and answer.content or ""
   if #text > TAIL then text = "..." .. text:sub(-TAIL) end
   return text ~= "" and "\n" .. text or ""
end

local function message_of(held, how)
   if how.kind == "gone" then return "The container group was deleted while the run was going on." end
   if how.kind == "timeout" then return reasons.not_started(how, held.start_timeout) end
   if how.kind == "failed" then return reasons.failed(how, how.error) end
   return reasons.ended(how, { memory = held.memory or 1 }) .. last_words(held)
end

local function crash(self, held, how)
   local message = message_of(held, how)
   if how.kind == "timeout" or how.kind == "failed" then
      message = "Flow run could not be submitted to infrastructure: " .. message
   end
   local answer = patience.with(self.say, held.name, self.api.propose_run_state, self.api, held.id,
      { type = "CRASHED", name = "Crashed", message = message })
   if answer.status == "ACCEPT" then self.say("%s: Crashed: %s", held.name, message) end
end

local function cancel(self, held)
   removing.gone(self, held)
   patience.with(self.say, held.name, self.api.set_run_state, self.api, held.id,
      { type = "CANCELLED", name = "Cancelled", message = "The container group was deleted." }, true)
   self.say("%s: cancelled, group %s deleted", held.name, held.container)
end

--- The state of a run that has nobody any more. A late answer never overwrites what somebody decided.
-- @return was it a bad end? and: is the group gone already?
local function settle(self, held, how)
   local run = now_of(self, held)
   if run and run.state_type == "CANCELLING" then
      cancel(self, held)
      return false, true
   elseif is_settled(self, run) then
      return run ~= nil and (run.state_type == "CRASHED" or run.state_type == "FAILED"), false
   end
   crash(self, held, how)
   return true, false
end

local function take_output(self, held, how)
   if how.kind == "gone" or how.kind == "timeout" or how.kind == "failed" then return end
   local run = now_of(self, held)
   if held.stream or not is_settled(self, run) and run.state_type ~= "CANCELLING" then
      copying.finish(self, held)
   end
end

local function dispose(self, held, how, bad)
   if how.kind == "gone" then return end
   local running = how.kind ~= "ended"
   if held.keep then
      removing.keep(self, held, nil, running)
   elseif bad and self.keep_failed then
      removing.keep(self, held, self.keep_failed, running)
   else
      removing.later(self, held)
   end
end

--- Brings a held run to its end.
-- @param how how it ended: what aci.worker.view says, or `kind` "gone", "timeout", "cancelled", "over" (the
--   run is over and its container goes on)
function settling.finish(self, held, how)
   take_output(self, held, how)
   local bad, removed = settle(self, held, how)
   if not removed then dispose(self, held, how, bad) end
end

return settling
