--- Resource providers of the subscription, registered; all at once, since each takes its time. Teardown
-- leaves them: others may use them by then.
local task = require "aci.task"

local providers = {}

function providers.label(thing) return ("%d resource providers"):format(#thing.names) end

local function missing(c, thing)
   local names, functions = {}, {}
   for index, name in ipairs(thing.names) do
      functions[index] = function() return c.azure:registration(name) end
   end
   for index, state in ipairs(task.all(functions)) do
      if state ~= "Registered" then names[#names + 1] = thing.names[index] end
   end
   return names
end

function providers.read(c, thing)
   thing.missing = missing(c, thing)
   return #thing.missing < #thing.names and { names = thing.names } or nil
end

function providers.fresh(_, thing)
   local changes = {}
   for index, name in ipairs(thing.missing) do changes[index] = { path = name, whole = "register" } end
   return changes
end

function providers.differs(c, thing) return providers.fresh(c, thing) end

function providers.write(c, thing)
   local functions = {}
   for index, name in ipairs(thing.missing) do
      functions[index] = function() c.azure:register(name) return true end
   end
   task.all(functions)
   return { names = thing.names }
end

return providers
