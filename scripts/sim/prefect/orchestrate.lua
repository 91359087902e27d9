--- `POST .../set_state` for flow runs and task runs.
local check   = require "sim.prefect.check"
local run     = require "sim.prefect.run"

local FIELDS = { state = { fields = run.STATE, required = true }, force = "boolean" }

local function accept_all()
   return { status = "ACCEPT", details = { type = "accept_details" } }
end

--- Judges the proposed state and enters what the verdict says.
-- @param row the run
-- @param owner ids for the state's details
-- @param judge function(body, proposed) -> verdict
-- @return status, body
return function(req, row, owner, judge)
   local asked = check.parts(req, FIELDS)
   local forced = asked.force == true
   local verdict = (forced and accept_all or judge)(row.body, asked.state)
   local entered = verdict.status == "ACCEPT" and asked.state or verdict.state
   if entered then
      run.enter(row, run.state(entered, owner))
      run.save(req.state, row)
   end
   return entered and 201 or 200,
      { state = row.body.state, status = verdict.status, details = verdict.details }
end
