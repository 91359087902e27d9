--- Serves one flow run: claims it, starts its container group, waits for its end, settles the run and
-- deletes the group. scripts/worker.lua decides which runs and how many at once.

local auth   = require "aci.auth"
local azure  = require "aci.azure"
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local fail   = require "aci.error"
local group  = require "aci.worker.group"
local job    = require "aci.worker.job"
local json   = require "aci.json"
local task   = require "aci.task"

local worker = {}

local Worker = {}
Worker.__index = Worker

--- Makes a worker.
-- @param options `api` (aci.prefect), `config`, `say` (function(format, ...)), `watch` (s: how often the
--   group is looked at; default the block's own interval), `connect` (function(config, login) -> ARM client)
function worker.new(options)
   return setmetatable({ api = options.api, config = options.config, watch = options.watch,
      say = options.say or function() end, connect = options.connect or worker.connect, clouds = {} }, Worker)
end

local function given(value)
   if value == json.null then return nil end
   return value
end

--- What every job gets: where Prefect is, and which run it is.
local function settings(self, run)
   return {
      PREFECT_API_URL = self.api.url, PREFECT_API_KEY = self.config.prefect_key,
      PREFECT_API_AUTH_STRING = self.config.prefect_auth, PREFECT__FLOW_RUN_ID = run.id,
   }
end

--- The ARM client of a login (a credentials block's data); without one, of the settings' own.
function worker.connect(config, login)
   if not given(login.client_id) then return azure.connect(config) end
   return azure.connect(config, auth.client_secret(config, { tenant = login.tenant_id,
      client_id = login.client_id, client_secret = login.client_secret }))
end

--- The ARM client of a job: as the block's principal, in the block's subscription. Kept while the login
-- stays the same, so that its token is.
local function cloud(self, data)
   local login = data.aci_credentials or {}
   local value = given(login.client_secret)
   local key = table.concat({ data.subscription_id, tostring(given(login.client_id)),
      value and crypto.sha256(value) or "" }, "\0")
   if not self.clouds[key] then
      local config = setmetatable({ subscription = data.subscription_id }, { __index = self.config })
      self.clouds[key] = self.connect(config, login)
   end
   return self.clouds[key]
end

local function propose(self, run, kind, message)
   local names = { FAILED = "Failed", CRASHED = "Crashed", CANCELLED = "Cancelled" }
   local answer = self.api:propose_run_state(run.id, { type = kind, name = names[kind], message = message })
   if answer.status == "ACCEPT" then self.say("%s: %s: %s", run.name, names[kind], message) end
   return answer
end

--- Somebody cancels the run: the group goes, and the run is told.
local function cancel(self, run)
   self.api:set_run_state(run.id, { type = "CANCELLED", name = "Cancelled",
      message = "The container group was deleted." }, true)
   self.say("%s: cancelled", run.name)
end

local function location(az, data)
   local found = az:group(data.resource_group_name)
   if not found then
      fail.raise { kind = "not_found", code = "ResourceGroupNotFound",
         message = ("there is no resource group %s"):format(data.resource_group_name) }
   end
   return found.location
end

local function launch(self, run, data, place)
   place.azure = cloud(self, data)
   local body = group.body(run, data, { name = place.name, location = location(place.azure, data),
      settings = settings(self, run) })
   place.started = true
   task.timeout(data.task_start_timeout_seconds, place.azure.put, place.azure, place.id, nil, body)
   self.api:patch_run(run.id, { infrastructure_pid = place.name })
end

-- One look at a run: is it over, and how (see watch).
local function look(self, run, place)
   local found = place.azure:get(place.id)
   if not found then return true, nil end
   local code, why = group.ended(found)
   if code then return true, code, why end
   local now = self.api:run(run.id)
   if not now or now.state_type == "CANCELLING" then return true, "cancelled" end
   return false
end

-- Azure or Prefect being away does not end a run; so long they may be (s).
local PATIENCE = 600
local passing = { network = true, timeout = true, throttled = true, server = true }

--- Waits for the container's end. @return its exit code and why, nil when the group is gone; or "cancelled"
local function watch(self, run, data, place)
   local every, seen = self.watch or data.task_watch_poll_interval, clock.monotonic()
   while true do
      local ok, over, code, why = pcall(look, self, run, place)
      if ok and over then return code, why end
      if ok then
         seen = clock.monotonic()
      elseif not (fail.is(over) and passing[over.kind]) or clock.monotonic() - seen > PATIENCE then
         error(over, 0)
      else
         self.say("%s: could not be looked at, goes on: %s", run.name, tostring(over))
      end
      task.sleep(every)
   end
end

--- A run whose process is over must be over too; a late answer never overwrites a user's cancel.
local function settle(self, run, place, code, why)
   local now = self.api:run(run.id)
   if not now or self.api.is_terminal(now.state) then return end
   if now.state_type == "CANCELLING" then return cancel(self, run) end
   if code == nil then
      return propose(self, run, "CRASHED", "The container group was deleted while the run was going on.")
   end
   local said = group.tail(place.azure, place.id, place.name)
   local message = code ~= 0 and ("Flow run infrastructure exited with non-zero status code %d."):format(code)
      or "The container ended without reporting a final state."
   propose(self, run, "CRASHED", message .. (why and " (" .. why .. ")" or "")
      .. (said ~= "" and "\n" .. said or ""))
end

-- A group that is still being started cannot be deleted yet; left behind it would cost money.
local TRANSITION = 300

local function delete_group(self, run, place)
   if not place.started then return end
   local deadline, ok, err = clock.monotonic() + TRANSITION
   repeat
      if err then task.sleep(self.watch or 10) end
      ok, err = pcall(place.azure.delete, place.azure, place.id)
      local wait = not ok and fail.is(err) and err.code == "ContainerGroupTransitioning"
   until not wait or clock.monotonic() > deadline
   if ok then self.say("%s: group %s deleted", run.name, place.name)
   else self.say("%s: group %s could not be deleted: %s", run.name, place.name, tostring(err)) end
end

local function failed_start(self, run, err)
   if fail.is(err, "interrupted") or fail.is(err, "canceled") then error(err, 0) end
   propose(self, run, "CRASHED", "Flow run could not be submitted to infrastructure: " .. tostring(err)
      .. (fail.is(err) and err.advice and "; " .. err.advice or ""))
end

local function follow(self, run, data, place)
   local ok, code, why = pcall(watch, self, run, data, place)
   if not ok then
      self.say("%s: an error occurred while monitoring the run: %s", run.name, tostring(code))
      error(code, 0)
   elseif code == "cancelled" then
      cancel(self, run)
   else
      settle(self, run, place, code, why)
   end
end

local function place_of(run, data)
   local name = group.name(run, data)
   return { name = name, id = group.id(data, name) }
end

local function work(self, run, data)
   local place = place_of(run, data)
   local name = place.name
   local _ <close> = setmetatable({}, { __close = function() delete_group(self, run, place) end })
   self.say("%s: starting container group %s", run.name, name)
   local ok, err = pcall(launch, self, run, data, place)
   if not ok then return failed_start(self, run, err) end
   self.say("%s: running", run.name)
   follow(self, run, data, place)
end

--- Serves a run from claim to end. False when somebody else has it.
function Worker:serve(run)
   local claim = self.api:propose_run_state(run.id, { type = "PENDING", name = "Pending" })
   if claim.status ~= "ACCEPT" then
      self.say("%s: not ours (%s)", run.name, tostring((claim.details or {}).reason))
      return false
   end
   local ok, data = pcall(job.resolve, self.api, run)
   if not ok then
      if not fail.is(data) then error(data, 0) end
      propose(self, run, "FAILED", "Submission failed. " .. tostring(data))
      return true
   end
   work(self, run, data)
   return true
end

--- The runs of a queue that somebody has claimed and that have not ended.
function Worker:begun(queue_name)
   return self.api:runs { flow_runs = { work_queue_name = { any_ = { queue_name } },
      state = { type = { any_ = { "PENDING", "RUNNING", "CANCELLING" } } } } }
end

-- A claim is followed by its container group within seconds.
local CLAIM_IS_OLD = 60

--- Claimed and nothing after it: the worker died in between. Scheduled again, somebody will take it.
local function give_back(self, run)
   local claimed = self.api.time(run.state.timestamp)
   if run.state_type ~= "PENDING" or not claimed or clock.now() - claimed < CLAIM_IS_OLD then return false end
   self.say("%s: claimed and never started; scheduled again", run.name)
   self.api:propose_run_state(run.id, { type = "SCHEDULED", name = "Scheduled",
      message = "The worker that had claimed the run is gone." })
   return true
end

--- Takes up a run that another worker has begun, which may be gone: its group has the same name for every
-- worker. Two that follow one group do no harm.
-- @return false when there is nothing to take up
function Worker:adopt(run)
   local ok, data = pcall(job.resolve, self.api, run)
   if not ok then return false end
   local place = place_of(run, data)
   place.azure = cloud(self, data)
   if not place.azure:get(place.id) then return give_back(self, run) end
   place.started = true
   self.say("%s: taken up, group %s", run.name, place.name)
   local _ <close> = setmetatable({}, { __close = function() delete_group(self, run, place) end })
   follow(self, run, data, place)
   return true
end

return worker
