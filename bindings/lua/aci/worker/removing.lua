--- Container groups that are done with go in the background, at the pace that Azure allows, until they are
-- really gone. Some are kept for a time; a tag on the group says until when, so that the next worker knows.

local clock    = require "aci.clock"
local fail     = require "aci.error"
local task     = require "aci.task"
local patience = require "aci.worker.patience"

local removing = {}

local AT_ONCE, LONGEST = 4, 60
local TAG = "acihost-keep-until"

--- At most so many deletions at once; one that waits for its next try leaves its place to others.
local function in_turn(self, f, ...)
   while self.removers >= AT_ONCE do
      local turn = task.future()
      self.turns[#self.turns + 1] = turn
      turn:wait()
   end
   self.removers = self.removers + 1
   local ok, result, more = pcall(f, ...)
   self.removers = self.removers - 1
   local turn = table.remove(self.turns, 1)
   if turn then turn:set(true) end
   if not ok then error(result, 0) end
   return result, more
end

-- One try. @return is it gone? and else what Azure said
local function attempt(held)
   local pace = held.place.paces.deletes
   local ok, err, headers = pcall(held.azure.delete, held.azure, held.group)
   if ok then
      pace:answered(headers or {})
   else
      patience.rethrow(err)
      if fail.is(err, "throttled") then pace:refused {} end
   end
   local known, found = pcall(held.azure.get, held.azure, held.group)
   return known and not found, not ok and err or nil
end

-- What no waiting cures: somebody has to give a right back, or take a lock away.
local function is_refused(err)
   return fail.is(err, "permission") or fail.is(err) and err.code == "ScopeLocked"
end

local function tell(self, held, err)
   self.say("%s: group %s is not deleted yet: %s", held.name, held.container, tostring(err))
   if is_refused(err) and self.removing[held.group:lower()] then self.removing[held.group:lower()] = "refused" end
end

--- Deletes a group and looks until it is gone. Azure may answer that it is still being started, or with
-- anything: it is asked again, since a group that is left behind costs money.
-- @param held `name`, `azure`, `group` (its id), `container`, `place`
function removing.gone(self, held)
   local pause, told = self.watch, false
   while true do
      held.place.paces.deletes:take(held.name)
      local gone, err = in_turn(self, attempt, held)
      if gone then return end
      if err and not told then tell(self, held, err) end
      told = told or err ~= nil
      task.sleep(pause)
      pause = math.min(pause * 1.5, LONGEST)
   end
end

--- Has a group deleted in the background.
function removing.later(self, held)
   local key = held.group:lower()
   if self.removing[key] then return end
   self.removing[key] = true
   task.spawn(function()
      local ok, err = pcall(removing.gone, self, held)
      self.say("%s: group %s%s", held.name, held.container, ok and " deleted" or ": " .. tostring(err))
      self.removing[key] = nil
   end)
end

--- Is anything left to delete, but for what may not be deleted? The next worker finds that again.
function removing.busy(self)
   for _, state in pairs(self.removing) do
      if state ~= "refused" then return true end
   end
   return false
end

--- Writes tags into a group, beside those that it has.
function removing.tag(held, more)
   local found = held.azure:get(held.group)
   if not found then return false end
   local tags = {}
   for _, from in ipairs { found.tags or {}, more } do
      for name, value in pairs(from) do tags[name] = value end
   end
   held.azure:patch(held.group, nil, { tags = tags })
   return true
end

--- Until when a group is to be kept (s since 1970); nil where it is not.
function removing.kept_until(found)
   local tag = (found.tags or {})[TAG]
   if tag == "forever" then return math.huge end
   return tag and clock.parse_iso(tag)
end

--- Keeps a group: its processes end, and it goes when its time has come.
function removing.keep(self, held, seconds, running)
   local stop = running and patience.with(self.say, held.name, pcall, held.azure.post, held.azure,
      held.group .. "/stop")
   local ok, err = pcall(removing.tag, held, { [TAG] = seconds and clock.iso(clock.now() + seconds, 0) or "forever" })
   if not ok then patience.rethrow(err) end
   self.say("%s: group %s %s%s", held.name, held.container, stop and "stopped and kept" or "kept",
      not ok and ", but not marked: " .. tostring(err) or seconds and (" for %d s"):format(seconds) or "")
end

return removing
