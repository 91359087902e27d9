--- A block document of Prefect, known by type and name, compared by content.
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

function block.remove(c, thing) return c.prefect:delete_block(thing.slug, thing.name) end

return block
