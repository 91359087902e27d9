--- `POST .../set_state` for flow runs and task runs.
local crypto  = require "aci.crypto"
local check   = require "sim.prefect.check"
local run     = require "sim.prefect.run"

local orchestrate = {}

local FIELDS = { state = { fields = run.STATE, required = true }, force = "boolean" }

local function accept_all()
   return { status = "ACCEPT", details = { type = "accept_details" } }
end

-- What the rules of pausing look at the next time.
local function remember(body, verdict)
   local policy = body.empirical_policy
   if verdict.resumes then policy.resuming = true end
   if verdict.pauses then
      local key = run.given(body.state.state_details.pause_key) or crypto.uuid4()
      policy.pause_keys[#policy.pause_keys + 1] = key
   end
end

--- Judges a proposed state and enters what the verdict says.
-- @param row the run
-- @param owner ids for the state's details
-- @param judge function(body, proposed) -> verdict
-- @return status, body
function orchestrate.enter(req, row, owner, judge, proposed)
   local verdict = judge(row.body, proposed)
   local entered = verdict.status == "ACCEPT" and proposed or verdict.state
   if entered then
      run.enter(row, run.state(entered, owner))
      remember(row.body, verdict)
      run.save(req.state, row)
   end
   return entered and 201 or 200,
      { state = row.body.state, status = verdict.status, details = verdict.details }
end

--- The same for the state that a request proposes, or forces.
return setmetatable(orchestrate, { __call = function(_, req, row, owner, judge)
   local asked = check.parts(req, FIELDS)
   return orchestrate.enter(req, row, owner, asked.force == true and accept_all or judge, asked.state)
end })
