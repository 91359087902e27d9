--- A deployment of Prefect with its flow, known by their names, compared by content. Its description says whose
-- it is.
local deployment = {}

local function description(c) return "acihost " .. c.marker end

local function marked(c, want)
   local all = {}
   for key, value in pairs(want) do all[key] = value end
   all.description = description(c)
   return all
end

function deployment.label(thing) return ("deployment %s/%s"):format(thing.want.flow, thing.want.name) end

function deployment.read(c, thing)
   thing.plan = c.prefect:deployment_plan(marked(c, thing.want))
   return thing.plan.have
end

function deployment.differs(_, thing) return thing.plan.changes end

function deployment.write(c, thing)
   return c.prefect:deployment_apply(thing.plan or c.prefect:deployment_plan(marked(c, thing.want)))
end

--- Why a teardown leaves it; nil where it goes.
function deployment.keeps(c, _, current)
   if current.description ~= description(c) then return "its description does not say that it is ours: it stays" end
end

function deployment.remove(c, thing)
   c.prefect:delete_deployment(thing.want.flow, thing.want.name)
   local flow = c.prefect:flow(thing.want.flow)
   if flow and #c.prefect:deployments { flows = { id = { any_ = { flow.id } } } } == 0 then
      c.prefect:delete_flow(thing.want.flow)
   end
   return true
end

return deployment
