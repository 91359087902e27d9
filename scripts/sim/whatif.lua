--- What a deployment would change: what the template says against what is there. Only what the template
-- says is compared; what the provider adds is not a change.
local json     = require "aci.json"
local registry = require "sim.registry"

local whatif = {}

local AUTHORED = { "location", "tags", "sku", "kind", "identity", "zones", "properties" }

local function is_object(value)
   return type(value) == "table" and value ~= json.null and not json.is_array(value)
end

local function plain(value)
   return type(value) == "table" and json.encode(value) or value
end

-- The differences below a path, as what-if lists them.
local function compare(path, before, after, delta)
   if is_object(after) and is_object(before) then
      local names = {}
      for name in pairs(after) do
         names[#names + 1] = name
      end
      table.sort(names)
      for _, name in ipairs(names) do
         compare(path == "" and name or path .. "." .. name, before[name], after[name], delta)
      end
   elseif before == nil then
      delta[#delta + 1] = { path = path, propertyChangeType = "Create", after = after }
   elseif plain(before) ~= plain(after) then
      delta[#delta + 1] = { path = path, propertyChangeType = "Modify", before = before, after = after }
   end
end

local function authored(body)
   local kept = {}
   for _, name in ipairs(AUTHORED) do
      kept[name] = body[name]
   end
   return kept
end

local function change_of(req, resource)
   local row = req.state:resource(resource.id)
   local definition = registry.types[resource.type:lower()]
   if not row then
      return { resourceId = resource.id, changeType = definition and "Create" or "Deploy" }
   elseif resource.unknown then
      return { resourceId = resource.id, changeType = "Deploy" }
   end
   local shown = definition and definition.show and definition.show(req, row) or row.body
   local delta = json.array {}
   compare("", shown, authored(resource.body), delta)
   return { resourceId = row.id, changeType = #delta > 0 and "Modify" or "NoChange", delta = #delta > 0
      and delta or nil }
end

--- The changes of a plan, with those that stay as they are.
function whatif.changes(req, plan)
   local changes = json.array {}
   for _, resource in ipairs(plan.resources) do
      if resource.condition and not resource.existing then
         changes[#changes + 1] = change_of(req, resource)
      end
   end
   return changes
end

return whatif
