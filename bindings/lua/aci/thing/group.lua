--- The resource group. One that was there already is used as it is, and never deleted: only a group that
-- carries our tag is ours.
local clock = require "aci.clock"
local compare = require "aci.step.compare"
local task = require "aci.task"

local group = {}

--- Our tag and those of the settings; tags that others gave stay.
local function tags(c, current)
   local all = {}
   for _, each in ipairs { (current or {}).tags or {}, c.config.tags or {}, { acihost = c.marker } } do
      for name, value in pairs(each) do all[name] = value end
   end
   return all
end

function group.label(thing) return "resource group " .. thing.name end

local function going(current)
   return current ~= nil and (current.properties or {}).provisioningState == "Deleting"
end

--- A group that is going (a teardown was interrupted) is waited for, at most half an hour: it can be seen, but
-- nothing can be made in it.
function group.read(c, thing)
   local current = c.azure:group(thing.name)
   if not going(current) then return current end
   io.stderr:write(("the resource group %s is being deleted: waiting until it is gone\n"):format(thing.name))
   local deadline = clock.monotonic() + 1800
   while going(current) and clock.monotonic() < deadline do
      task.sleep((c.config.poll or { first = 2 }).first)
      current = c.azure:group(thing.name)
   end
   return current
end

function group.differs(c, _, current)
   return group.ours(c, current) and compare.changes({ tags = tags(c, current) }, current) or {}
end

function group.write(c, thing, current)
   return c.azure:put_group(thing.name, (current or thing).location, tags(c, current))
end

--- A new tag leaves the group what it is.
function group.stays() return true end

--- Ours to delete with everything in it?
function group.ours(c, current)
   return (current.tags or {}).acihost == c.marker
end

--- Why a teardown leaves it; nil where it goes.
function group.keeps(c, _, current)
   if not group.ours(c, current) then return "it was there before: it stays" end
end

--- Azure takes minutes for it.
group.slow = true

function group.remove(c, thing) return c.azure:delete_group(thing.name) end

return group
