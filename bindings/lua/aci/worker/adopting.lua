--- What workers have begun and did not bring to its end: looked for at the start, and again and again, in
-- Prefect (runs that are claimed, going on or being cancelled) and in Azure (groups with our tags).

local clock     = require "aci.clock"
local json      = require "aci.json"
local claims    = require "aci.worker.claims"
local copying   = require "aci.worker.copying"
local group     = require "aci.worker.group"
local job       = require "aci.worker.job"
local launching = require "aci.worker.launching"
local patience  = require "aci.worker.patience"
local places    = require "aci.worker.places"
local removing  = require "aci.worker.removing"
local watching  = require "aci.worker.watching"
local workers   = require "aci.worker.workers"

local adopting = {}

local UNKNOWN = 90   -- s that a worker nobody knows is waited for
local GRACE = 120    -- s that a group without a run is left alone

--- Seconds since a thing was seen first; what is not seen any more is forgotten (see forget).
local function seen_for(self, key)
   local first = self.seen[key] or { at = clock.monotonic() }
   self.seen[key], first.round = first, self.round
   return clock.monotonic() - first.at
end

local function forget(self)
   for key, first in pairs(self.seen) do
      if first.round ~= self.round then self.seen[key] = nil end
   end
end

--- May a thing of that worker be taken up? What a living one has is left to it.
local function is_free(self, alive, owner, key)
   local lives = alive(owner)
   if lives == nil then return seen_for(self, key) >= self.unknown end
   return not lives
end

--- Takes a living group over: its tag says so to the others, the last one who wrote it has it.
local function take_over(self, held, found)
   local owner = (found.tags or {})["acihost-worker"]
   if owner ~= self.name then
      removing.tag(held, { ["acihost-worker"] = self.name })
      held.adopted = owner
   end
   held.phase = "starting"
   if held.stream then copying.begin(held, true) end
   watching.add(self, held)
   self.say("%s: taken up, group %s", held.name, held.container)
end

local function is_busy(self, run)
   return self.held[run.id] or self.starting[run.id]
end

--- The run's group as its job and its infrastructure_pid name it. @return what would be held
local function locate(self, run)
   local objects = launching.objects(self, run)
   local data = job.resolve(self.api, self.source, objects)
   local name = places.name_in(run.infrastructure_pid) or places.of_run(self, objects, data)
   return launching.hold(self, run, data, name, group.id(data, name))
end

local function settle_gone(self, held)
   held.since = clock.monotonic()
   watching.add(self, held)
   watching.finish(self, held, { kind = "gone", events = {} })
end

-- Claimed, and there is no group: the claimer died, or is about to make it.
local function stale(self, run, alive)
   local owner = claims.owner(run)
   if not owner or not is_free(self, alive, owner, run.state.id) then return false end
   return claims.give_back(self, run, run.state.id, owner == self.name and 0 or 20,
      "the worker that had claimed the run is gone")
end

--- A run without a group. Only those that a worker of ours has begun (it writes the group's name first).
local function without_group(self, run, held, alive)
   if run.state_type == "PENDING" then return stale(self, run, alive) end
   local ours = places.name_in(run.infrastructure_pid) ~= nil
   if run.state_type == "CANCELLING" then
      settle_gone(self, held)
      return true
   end
   if not ours or seen_for(self, run.id) < self.twice then return false end
   settle_gone(self, held)
   return true
end

--- One run that somebody has begun.
-- @return true when it was taken up, given back or settled
function adopting.run(self, run, alive)
   if is_busy(self, run) then return false end
   alive = alive or workers.alive(self)
   local ok, held = pcall(locate, self, run)
   if not ok then
      if patience.passes(held) then error(held, 0) end
      return false
   end
   if self.removing[held.group:lower()] then return false end
   local found = held.azure:get(held.group)
   if not found then return without_group(self, run, held, alive) end
   local owner = (found.tags or {})["acihost-worker"]
   -- one that Prefect's own agent started is only ended for it
   if not owner and run.state_type ~= "CANCELLING" then return false end
   if run.state_type ~= "CANCELLING" and not is_free(self, alive, owner, run.id) then return false end
   take_over(self, held, found)
   return true
end

local function each_begun(self, alive)
   for _, run in ipairs(self.source:begun()) do
      local ok, err = pcall(adopting.run, self, run, alive)
      if not ok then
         patience.rethrow(err)
         self.say("%s: could not be taken up yet: %s", run.name, tostring(err))
      end
   end
end

-- ------------------------------------------------------------------------------- groups without runs

local OPEN = { PENDING = true, RUNNING = true, CANCELLING = true, PAUSED = true }

-- An engine that waits for a retry does so in its container.
local function is_open(run)
   return OPEN[run.state_type] or run.state_name == "AwaitingRetry"
end

local function runs_by_id(self, ids)
   local found = {}
   for from = 1, #ids, 100 do
      local slice = json.array(table.move(ids, from, math.min(#ids, from + 99), 1, {}))
      for _, run in ipairs(self.api:runs { flow_runs = { id = { any_ = slice } } }) do found[run.id] = run end
   end
   return found
end

--- Is a tagged group of no use any more? A run that this server does not know may be another server's.
local function is_orphan(self, found, run)
   local kept = removing.kept_until(found)
   if kept then return clock.now() > kept end
   if run then return not is_open(run) end
   return found.tags["acihost-prefect"] == self.mark
end

-- A run that ended while nobody watched: its output is still in its group, and is copied before that goes.
local function take_last_output(self, found, run)
   if not run or removing.kept_until(found) then return false end
   local ok, held = pcall(locate, self, run)
   if not ok then
      if patience.passes(held) then error(held, 0) end
      return false
   end
   if not held.stream or held.group:lower() ~= found.id:lower() then return false end
   take_over(self, held, found)
   return true
end

local function sweep_group(self, place, found, run, alive)
   local held = { name = found.tags["prefect-flow-run"], azure = place.azure, place = place, group = found.id,
      container = found.name }
   local key, owner = found.id:lower(), found.tags["acihost-worker"]
   if self.removing[key] or run and is_busy(self, run) or not is_orphan(self, found, run) then return end
   local mine, kept = owner == self.name, removing.kept_until(found)
   if not mine and owner and not is_free(self, alive, owner, key) then return end
   if not mine and not kept and seen_for(self, key) < self.grace then return end
   if take_last_output(self, found, run) then return end
   self.say("%s: group %s is removed: %s", run and run.name or held.name, found.name,
      kept and "it was kept long enough" or "its run is over")
   removing.later(self, held)
end

local function sweep_place(self, place, alive)
   local tagged, ids = {}, {}
   for _, found in pairs(places.list(place)) do
      local id = (found.tags or {})["prefect-flow-run"]
      if id and found.tags["acihost-worker"] then
         tagged[#tagged + 1] = found
         ids[#ids + 1] = id
      end
   end
   if #ids == 0 then return end
   local runs = runs_by_id(self, ids)
   for _, found in ipairs(tagged) do
      sweep_group(self, place, found, runs[found.tags["prefect-flow-run"]], alive)
   end
end

--- Where the queue's or the pool's deployments have their groups.
local function learn_places(self)
   if self.learnt and clock.monotonic() - self.learnt < 600 then return end
   for _, objects in ipairs(self.source:examples()) do
      local ok, err = pcall(function()
         places.note(self, job.resolve(self.api, self.source, objects))
      end)
      if not ok then patience.rethrow(err) end
   end
   self.learnt = clock.monotonic()
end

--- One look at everything that was begun.
function adopting.round(self)
   self.round = (self.round or 0) + 1
   local alive = workers.alive(self)
   each_begun(self, alive)
   learn_places(self)
   for _, place in pairs(self.places) do
      local ok, err = pcall(sweep_place, self, place, alive)
      if not ok then
         patience.rethrow(err)
         self.say("the groups of %s could not be listed: %s", place.path, tostring(err))
      end
   end
   forget(self)
end

adopting.GRACE, adopting.UNKNOWN = GRACE, UNKNOWN
return adopting
