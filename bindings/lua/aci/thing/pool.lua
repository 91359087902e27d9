--- A work pool of Prefect 3. What is compared is its job template; ours has our description. One that was
-- there already is changed only where the set-up may adopt it.
local compare = require "aci.step.compare"
local differ  = require "aci.prefect.differ"
local errors  = require "aci.error"

local pool = {}

local function description(c) return "acihost " .. c.marker end

function pool.label(thing) return ("work pool %s (%s)"):format(thing.name, thing.type) end

function pool.read(c, thing)
   local found = c.prefect:work_pool(thing.name)
   if found and found.type ~= thing.type then
      errors.raise { kind = "conflict", code = "WorkPoolType",
         message = ("the work pool %s is there already, of type %s, not %s"):format(thing.name, found.type,
            thing.type), advice = "set work_pool to another name in config.lua" }
   end
   return found
end

--- What is authored and differs, told by its place; else that something else is in it.
function pool.differs(_, thing, current)
   local changes = compare.changes(thing.template, current.base_job_template)
   if #changes == 0 and not differ.same(thing.template, current.base_job_template) then
      changes[1] = { path = "base_job_template", whole = "holds more than the set-up's" }
   end
   return changes
end

function pool.foreign(c, _, current)
   if current.description ~= description(c) then return "its job template is another" end
end

function pool.write(c, thing)
   return c.prefect:put_work_pool { name = thing.name, type = thing.type, description = description(c),
      base_job_template = thing.template }
end

--- Why a teardown leaves it; nil where it goes.
function pool.keeps(c, _, current)
   if current.description ~= description(c) then return "it was there before: it stays" end
end

function pool.remove(c, thing) return c.prefect:delete_work_pool(thing.name) end

return pool
