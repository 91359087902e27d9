--- The resource group. One that was there already is used as it is, and never deleted: only a group that
-- carries our tag is ours.
local group = {}

function group.label(thing) return "resource group " .. thing.name end

function group.read(c, thing) return c.azure:group(thing.name) end

function group.differs() return {} end

function group.write(c, thing)
   return c.azure:put_group(thing.name, thing.location, { acihost = c.marker })
end

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
