--- From a scheduled run to its container group: the job is resolved, the run claimed, the group put. Whatever
-- happens in between, the run is either held (aci.worker.watching goes on with it), settled or given back.

local clock     = require "aci.clock"
local fail      = require "aci.error"
local json      = require "aci.json"
local operation = require "aci.operation"
local task      = require "aci.task"
local claims    = require "aci.worker.claims"
local group     = require "aci.worker.group"
local job       = require "aci.worker.job"
local patience  = require "aci.worker.patience"
local places    = require "aci.worker.places"
local reasons   = require "aci.worker.reasons"
local removing  = require "aci.worker.removing"
local view      = require "aci.worker.view"

local launching = {}

-- So long a claim may go without its group: after that the run is given back (s).
local CLAIM = 40

local function given(value)
   if value == json.null then return nil end
   return value
end

--- What a job is made of. Flows are asked for once.
function launching.objects(self, run)
   local deployment = given(run.deployment_id) and self.api:deployment_by_id(run.deployment_id)
   if not self.flows[run.flow_id] then self.flows[run.flow_id] = self.api:flow_by_id(run.flow_id) end
   return { run = run, deployment = deployment, flow = self.flows[run.flow_id],
      gone = given(run.deployment_id) ~= nil and not deployment }
end

--- What every job gets: where Prefect is, and which run it is. A claim that is not the run's own any more
-- keeps our engine from running it.
local function settings(self, run, claim)
   return { PREFECT_API_URL = self.api.url, PREFECT_API_KEY = self.config.prefect_key,
      PREFECT_API_AUTH_STRING = self.config.prefect_auth, PREFECT__FLOW_RUN_ID = run.id,
      ACIHOST_CLAIM = claim.transition }
end

local function tags(self, run, claim)
   local out = self.source:tags(run)
   out["prefect-deployment"] = given(run.deployment_id)
   out["acihost-worker"], out["acihost-claim"] = self.name, claim.transition
   out["acihost-prefect"] = self.mark
   return out
end

--- What the watching needs to know of a run; the run itself and its job are not kept.
function launching.hold(self, run, data, name, id)
   local place = places.note(self, data)
   return { id = run.id, name = run.name, group = id, container = name, place = place, azure = place.azure,
      memory = data.memory, start_timeout = data.task_start_timeout_seconds,
      every = data.task_watch_poll_interval, stream = self.stream or data.stream_output == true,
      logs_to_api = tostring((data.env or {}).PREFECT_LOGGING_TO_API_ENABLED):lower() ~= "false",
      keep = data.keep_container_group == true, since = clock.monotonic(), phase = "starting" }
end

local function is_ours(found, claim)
   return found ~= nil and (found.tags or {})["acihost-claim"] == claim.transition
end

--- One PUT, sent once: a second one would start the containers of the first again.
-- @return its operation; or nil and how long to wait
local function put(held, body)
   local url = held.azure:address(held.group)
   local response = held.azure:send("PUT", url, { json = body, retry = { tries = 1, safe = false }, timeout = 30,
      accept = { [429] = true } })
   if response.status == 429 then return nil, held.place.paces.creates:refused(response.headers) end
   held.place.paces.creates:answered(response.headers)
   return operation.new(held.azure.client, { method = "PUT", url = url }, response,
      { poll = held.azure.config.poll })
end

local function too_old(claim)
   return clock.monotonic() - claim.at > CLAIM
end

--- Makes the group. After a doubtful answer the group is looked for first.
-- @return true; false when the run is to be given back, and why
local function make(self, held, claim, body)
   while true do
      local found = patience.with(self.say, held.name, held.azure.get, held.azure, held.group)
      if is_ours(found, claim) then return true end
      if too_old(claim) then return false, "Azure did not take the container group in time" end
      if found then
         self.say("%s: group %s of an earlier start is removed first", held.name, held.container)
         removing.gone(self, held)
      end
      local ok, op, pause = pcall(put, held, body)
      if ok and op then
         held.operation = op
         return true
      end
      if not ok and not patience.passes(op) and op.code ~= "ContainerGroupTransitioning" then error(op, 0) end
      self.say("%s: %s", held.name, ok and ("Azure's quota of creates is used up for %d s"):format(pause)
         or "the group is not made yet: " .. tostring(op))
      if pause and pause > CLAIM then return false, "Azure's quota of creates is used up" end
      -- what the first PUT did may show only now
      task.sleep(pause or math.max(1, self.watch))
   end
end

local function refuse(self, run, kind, name, message)
   patience.with(self.say, run.name, self.api.propose_run_state, self.api, run.id,
      { type = kind, name = name, message = message })
   self.say("%s: %s: %s", run.name, name, message)
end

local function body_of(self, run, data, held, claim)
   return group.body(run, data, { name = held.container, settings = settings(self, run, claim),
      location = patience.with(self.say, run.name, places.location, held.place), tags = tags(self, run, claim) })
end

--- The claimed run's group. @return what is held, nil when there is nothing to hold
local function start(self, run, data, held, claim)
   patience.with(self.say, run.name, self.api.patch_run, self.api, run.id,
      { infrastructure_pid = places.pid(self, run, held.container) })
   self.say("%s: starting container group %s", run.name, held.container)
   local ok, made, why = pcall(function() return make(self, held, claim, body_of(self, run, data, held, claim)) end)
   if not ok then
      patience.rethrow(made)
      refuse(self, run, "CRASHED", "Crashed",
         "Flow run could not be submitted to infrastructure: " .. reasons.refused(made))
      return nil
   elseif not made then
      patience.with(self.say, run.name, claims.give_back, self, run, claim.state, 20, why)
      return nil
   end
   held.since = clock.monotonic()
   return held
end

local function cancel_orphan(self, run)
   self.api:set_run_state(run.id, { type = "CANCELLED", name = "Cancelled",
      message = "The run's deployment does not exist any more." }, true)
   self.say("%s: cancelled: its deployment is gone", run.name)
end

--- Resolves the run's job. @return true and its parts, or false and the error
local function prepare(self, run)
   return pcall(function()
      local objects = launching.objects(self, run)
      if objects.gone then return { gone = true } end
      local data = job.resolve(self.api, self.source, objects)
      local name, id = places.of_run(self, objects, data)
      return { data = data, held = launching.hold(self, run, data, name, id) }
   end)
end

local LIVES = { running = true, waiting = true }

-- An engine waits for its retry in its container; the run is due meanwhile, and must not be started a second time.
local function waits_for_retry(run, held)
   if run.state_name ~= "AwaitingRetry" then return false end
   local found = held.azure:get(held.group)
   return found ~= nil and LIVES[view.read(found, held.container).kind] == true
end

--- Serves a scheduled run up to its group. May take long: Azure's quota is waited for before the claim, so that
-- others can have the run meanwhile.
-- @return what is held; nil when somebody else has the run, or it could not be started; then whether it was ours
function launching.run(self, run)
   local ok, job_of = prepare(self, run)
   if not ok and (patience.passes(job_of) or not fail.is(job_of)) then error(job_of, 0) end
   if ok and job_of.gone then
      cancel_orphan(self, run)
      return nil, true
   end
   if ok and waits_for_retry(run, job_of.held) then return nil, false end
   local function draining() return self.draining end
   if ok and not job_of.held.place.paces.creates:take(run.name, draining) or self.draining then
      self.say("%s: left to others", run.name)
      return nil, false
   end
   local claim, why = claims.take(self, run)
   if not claim then
      self.say("%s: not ours (%s)", run.name, why)
      return nil, false
   end
   if not ok then
      refuse(self, run, "FAILED", "Failed", "Submission failed. " .. tostring(job_of))
      return nil, true
   end
   return start(self, run, job_of.data, job_of.held, claim), true
end

return launching
