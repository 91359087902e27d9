--- A block document of Prefect, known by type and name, compared by content. Blocks have no place for a mark:
-- a teardown takes those whose values are this set-up's (`thing.ours(data)`, secrets as aci.secret).
local block = {}

function block.label(thing) return ("block %s (%s)"):format(thing.name, thing.slug) end

function block.read(c, thing)
   thing.plan = c.prefect:block_plan { slug = thing.slug, name = thing.name, data = thing.data }
   return thing.plan.have
end

function block.differs(_, thing) return thing.plan.changes end

function block.write(c, thing)
   local plan = thing.plan or c.prefect:block_plan { slug = thing.slug, name = thing.name, data = thing.data }
   return c.prefect:block_apply(plan)
end

--- Why a teardown leaves it; nil where it goes.
function block.keeps(_, thing, current)
   if thing.ours and not thing.ours(current.data) then return "its values are not of this set-up: it stays" end
end

function block.remove(c, thing) return c.prefect:delete_block(thing.slug, thing.name) end

return block
