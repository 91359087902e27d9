--- Container groups that are done with go in the background, at the pace that Azure allows, until they are
-- really gone. Some are kept for a time; a tag on the group says until when, so that the next worker knows.

local clock    = require "aci.clock"
local task     = require "aci.task"
local patience = require "aci.worker.patience"

local removing = {}

local AT_ONCE, LONGEST = 4, 60
local TAG = "acihost-keep-until"

--- Deletes a group and looks until it is gone. Azure may answer that it is still being started, or with
-- anything: it is asked again, since a group that is left behind costs money.
-- @param held `name`, `azure`, `group` (its id), `container`, `place`
function removing.gone(self, held)
   local pause, told = self.watch, false
   held.place.paces.deletes:take(held.name)
   while true do
      local ok, err = pcall(held.azure.delete, held.azure, held.group)
      if not ok then patience.rethrow(err) end
      local known, found = pcall(held.azure.get, held.azure, held.group)
      if known and not found then return end
      if not ok and not told then
         self.say("%s: group %s is not deleted yet: %s", held.name, held.container, tostring(err))
         told = true
      end
      task.sleep(pause)
      pause = math.min(pause * 1.5, LONGEST)
   end
end

local function work(self)
   while self.doomed[1] do
      local held = table.remove(self.doomed, 1)
      local ok, err = pcall(removing.gone, self, held)
      if ok then
         self.say("%s: group %s deleted", held.name, held.container)
      else
         self.say("%s: group %s: %s", held.name, held.container, tostring(err))
      end
      self.removing[held.group:lower()] = nil
   end
   self.removers = self.removers - 1
end

--- Has a group deleted in the background.
function removing.later(self, held)
   local key = held.group:lower()
   if self.removing[key] then return end
   self.removing[key] = true
   self.doomed[#self.doomed + 1] = held
   if self.removers >= AT_ONCE then return end
   self.removers = self.removers + 1
   task.spawn(work, self)
end

--- Is anything left to delete?
function removing.busy(self)
   return next(self.removing) ~= nil
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
