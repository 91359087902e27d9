--- The resource group. One that was there already is used as it is, and never deleted: only a group that
-- carries our tag is ours.
local compare = require "aci.step.compare"

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

function group.read(c, thing) return c.azure:group(thing.name) end

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

function group.remove(c, thing) return c.azure:delete_group(thing.name) end

return group
