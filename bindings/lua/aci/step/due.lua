--- A template with only those of its resources that are to be deployed: the others get `condition: false`, which
-- leaves what is there alone and what others refer to in reach. So one changed tag is not a new version of every
-- secret.
local due = {}

local function copy(value)
   if type(value) ~= "table" or getmetatable(value) == "aci.secret" then return value end
   local made = setmetatable({}, getmetatable(value))
   for key, inner in pairs(value) do made[key] = copy(inner) end
   return made
end

-- The source of a resource by its path, ".resources[1].resources[0]" or ".resources.symbol".
local function find(tpl, path)
   local at = tpl
   for index, name in path:gmatch "%.resources%[?%.?(%d*)([%w_]*)%]?" do
      at = at.resources[index ~= "" and tonumber(index) + 1 or name]
   end
   return at
end

--- Which resources of a plan are due, by their index: `state(index)` gives "missing", "differs" or nil. What
-- depends on a missing one is due with it; what depends on a changed one is not.
function due.indexes(plan, state)
   local found, gone = {}, {}
   for index, resource in ipairs(plan.resources) do
      if state(index) then found[index] = true end
      if state(index) == "missing" then gone[resource.id:lower()] = true end
   end
   local more
   repeat
      more = false
      for index, resource in ipairs(plan.resources) do
         for _, id in ipairs(not gone[resource.id:lower()] and resource.depends or {}) do
            if gone[id:lower()] then
               found[index], gone[resource.id:lower()], more = true, true, true
               break
            end
         end
      end
   until not more
   return found
end

--- The template for those indexes, without outputs: they could refer to what is not deployed. `tpl` is what
-- aci.template.read gave; nil where all of it is due.
function due.reduced(tpl, plan, indexes)
   local made, less = copy(tpl), {}
   for index, resource in ipairs(plan.resources) do
      -- Copies have one source: where one is due, all are.
      if indexes[index] then less[resource.path] = false
      elseif resource.condition and less[resource.path] == nil then less[resource.path] = true end
   end
   local any = false
   for path, out in pairs(less) do
      if out then find(made, path:gsub("^properties%.template", "")).condition, any = false, true end
   end
   if not any then return nil end
   made.outputs = nil
   return made
end

return due
