--- Watches the held runs, hundreds of them on one loop. One question to Prefect tells which runs are over or
-- being cancelled, one list for each resource group which groups are there; a group itself is read while it
-- starts, when its run is over, and now and then.

local clock    = require "aci.clock"
local json     = require "aci.json"
local task     = require "aci.task"
local copying  = require "aci.worker.copying"
local patience = require "aci.worker.patience"
local places   = require "aci.worker.places"
local settling = require "aci.worker.settling"
local view     = require "aci.worker.view"

local watching = {}

local ASKED = 100          -- runs in one question
local READS = 4            -- groups read in a second, at most
local AT_ONCE = 8
local LINGER = 60          -- s that a container may go on after its run is over
local LISTED = 15          -- s between two lists

local function each_slice(list, size)
   local from = 1 - size
   return function()
      from = from + size
      if list[from] == nil then return nil end
      return table.move(list, from, math.min(#list, from + size - 1), 1, {})
   end
end

--- Takes a run up for watching.
function watching.add(self, held)
   held.next_look = 0
   self.held[held.id] = held
end

function watching.count(self)
   local count = 0
   for _ in pairs(self.held) do count = count + 1 end
   return count
end

--- Ends the watching: the rest happens beside it.
local function finish(self, held, how)
   if held.ending then return end
   held.ending = true
   task.spawn(function()
      while held.looking do task.sleep(0.05) end
      local ok, err = pcall(settling.finish, self, held, how)
      if not ok then self.say("%s: could not be settled: %s", held.name, tostring(err)) end
      -- not settled: the next look at what was begun takes it up again
      self.held[held.id] = nil
      if held.done then held.done:set(true) end
   end)
end

watching.finish = finish

local OVER = { "COMPLETED", "FAILED", "CRASHED", "CANCELLED", "CANCELLING" }

local function note_state(self, held, run)
   if run.state_type == "CANCELLING" then
      finish(self, held, { kind = "cancelled", events = {} })
   elseif not held.over then
      held.over, held.next_look = clock.monotonic(), 0
   end
end

--- Which of the held runs are over, or are to be cancelled.
local function ask_prefect(self)
   local ids = {}
   for id, held in pairs(self.held) do
      if not held.ending and not held.over then ids[#ids + 1] = id end
   end
   for slice in each_slice(ids, ASKED) do
      local found = self.api:runs { flow_runs = { id = { any_ = json.array(slice) },
         state = { type = { any_ = OVER } } } }
      for _, run in ipairs(found) do
         if self.held[run.id] then note_state(self, self.held[run.id], run) end
      end
   end
end

--- A run that somebody deleted has no use for its group.
local function ask_deleted(self)
   for id, held in pairs(self.held) do
      if not held.ending and clock.monotonic() - (held.asked or held.since) > 300 then
         held.asked = clock.monotonic()
         if not self.api:run(id) then
            self.say("%s: the run was deleted", held.name)
            finish(self, held, { kind = "over", events = {} })
         end
      end
   end
end

local function by_place(self)
   local found = {}
   for _, held in pairs(self.held) do
      if not held.ending then
         found[held.place] = found[held.place] or {}
         table.insert(found[held.place], held)
      end
   end
   return found
end

--- What a list tells of a held group: that it is not there (to be confirmed), that its provisioning failed,
-- or that another worker has taken it over.
local function compare(self, held, listed)
   if not listed then
      held.next_look = 0
      return
   end
   local owner = (listed.tags or {})["acihost-worker"]
   if owner and owner ~= self.name and held.adopted ~= owner and held.listed then
      self.say("%s: the worker %s has it now", held.name, owner)
      self.held[held.id] = nil
      return
   end
   held.listed = true
   if (listed.properties or {}).provisioningState == "Failed" then held.next_look = 0 end
end

local function ask_lists(self)
   local now = clock.monotonic()
   for place, list in pairs(by_place(self)) do
      local due = not place.listed or now - place.listed >= math.min(LISTED, self.watch * 5)
      if due and #list > 1 then
         place.listed = now
         local there = places.list(place)
         for _, held in ipairs(list) do
            -- what was put while the list was made may not be in it
            if held.since < now and self.held[held.id] then compare(self, held, there[held.container:lower()]) end
         end
      end
   end
end

--- Seconds between two looks at one group: what its job says, more where many are watched.
local function interval(self, held)
   local every = math.min(held.every, self.watch)
   if held.phase == "starting" or held.over or (held.missed or 0) > 0 then return every end
   return math.max(self.every or held.every, watching.count(self) / READS)
end

local function operation_error(held)
   local operation = held.operation
   if not operation or operation:done() then return nil end
   local ok, err = pcall(operation.poll, operation)
   return not ok and err or nil
end

local function absent(self, held)
   held.missed = (held.missed or 0) + 1
   if held.missed >= 2 then finish(self, held, { kind = "gone", events = {} }) end
end

--- A group that Azure moves shows a container that waits, and then one that began later: it is a new one.
local function note_move(self, held, seen)
   if seen.kind == "waiting" and held.phase == "running" then
      held.phase, held.since = "starting", clock.monotonic()
      self.say("%s: its container waits to be started again", held.name)
   elseif seen.kind == "running" then
      held.began = held.began or seen.began
      if seen.began ~= held.began then seen.kind = "restarted" end
   end
end

local function judge(self, held, seen)
   local now = clock.monotonic()
   note_move(self, held, seen)
   if seen.kind == "ended" or seen.kind == "restarted" then
      finish(self, held, seen)
   elseif seen.kind == "failed" then
      seen.error = operation_error(held)
      finish(self, held, seen)
   elseif held.over and now - held.over > LINGER then
      self.say("%s: the run is over, its container is not; it is ended", held.name)
      finish(self, held, { kind = "over", events = seen.events })
   elseif seen.kind == "running" and held.phase == "starting" then
      held.phase, held.operation = "running", nil
      self.say("%s: running", held.name)
   elseif seen.kind == "waiting" and held.phase == "starting" and now - held.since > held.start_timeout then
      seen.kind = "timeout"
      finish(self, held, seen)
   end
end

local function look(self, held)
   local found = held.azure:get(held.group)
   if not found then return absent(self, held) end
   held.missed = 0
   local seen = view.read(found, held.container)
   if held.stream and (seen.kind == "running" or held.over) then copying.look(self, held) end
   judge(self, held, seen)
end

local function complain(self, held, err)
   if clock.monotonic() - (held.told or -60) < 60 then return end
   held.told = clock.monotonic()
   self.say("%s: could not be looked at, goes on: %s", held.name, tostring(err))
end

local function start_look(self, held)
   held.looking = true
   self.looks = self.looks + 1
   task.spawn(function()
      local ok, err = pcall(look, self, held)
      held.looking, self.looks = false, self.looks - 1
      held.next_look = math.max(held.next_look, clock.monotonic() + interval(self, held))
      if not ok then complain(self, held, err) end
   end)
end

--- Groups whose turn it is, those that wait longest first.
local function looks(self)
   local now, due = clock.monotonic(), {}
   for _, held in pairs(self.held) do
      if not held.ending and not held.looking and held.next_look <= now then due[#due + 1] = held end
   end
   table.sort(due, function(a, b) return a.next_look < b.next_look end)
   for _, held in ipairs(due) do
      if self.looks >= AT_ONCE then return end
      start_look(self, held)
   end
end

local function part(self, what, f)
   local ok, err = pcall(f, self)
   if ok then
      self.failing[what] = nil
      return
   end
   patience.rethrow(err)
   if not self.failing[what] then self.say("%s: %s; goes on", what, tostring(err)) end
   self.failing[what] = true
end

--- One round over everything that is held.
function watching.tick(self)
   if not next(self.held) then return end
   part(self, "the runs' states", ask_prefect)
   part(self, "the lists of groups", ask_lists)
   looks(self)
   part(self, "deleted runs", ask_deleted)
end

return watching
