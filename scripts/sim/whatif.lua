--- What a deployment would change: what the template says against what is there. Only what the template
-- says is compared; what the provider adds is not a change. Values of secure parameters are hidden.
local json      = require "aci.json"
local secret    = require "aci.secret"
local locations = require "sim.locations"
local planning  = require "sim.planning"
local refuse    = require "sim.refuse"
local registry  = require "sim.registry"

local whatif = {}

local AUTHORED = { "location", "tags", "sku", "kind", "identity", "zones", "properties" }
local HIDDEN   = "*******"

local function is_array(value)
   return json.is_array(value) or (type(value) == "table" and #value > 0)
end

local function is_object(value)
   return type(value) == "table" and value ~= json.null and not is_array(value)
end

-- Nothing that a template could mean: null, {} and [] are as good as left out.
local function is_nothing(value)
   return value == nil or value == json.null or (type(value) == "table" and next(value) == nil)
end

-- Ids and locations have many spellings.
local function plain(value)
   if type(value) == "string" then
      return value:lower():find "^/subscriptions/" and value:lower() or locations.exists(value)
         and locations.short(value) or value
   end
   return value
end

local compare

local function sorted_names(object)
   local names = {}
   for name in pairs(object) do
      names[#names + 1] = name
   end
   table.sort(names)
   return names
end

local function compare_objects(path, before, after, delta)
   for _, name in ipairs(sorted_names(after)) do
      compare(path == "" and name or path .. "." .. name, before[name], after[name], delta)
   end
end

local function all_named(list)
   for _, item in ipairs(list) do
      if not (is_object(item) and type(item.name) == "string") then
         return false
      end
   end
   return true
end

-- Which elements of two arrays are the same thing: those of one name, else those in one place.
local function matches(before, after)
   local found, taken = {}, {}
   local by_name = all_named(before) and all_named(after)
   for index, item in ipairs(after) do
      for at, other in ipairs(before) do
         if (by_name and other.name:lower() == item.name:lower()) or (not by_name and at == index) then
            found[index], taken[at] = other, true
         end
      end
   end
   return found, taken
end

-- The change of one element: several differences are its children.
local function element(index, before, after, children)
   if before == nil then
      children[#children + 1] = { path = tostring(index), propertyChangeType = "Create", after = after }
      return
   end
   local inner = json.array {}
   compare("", before, after, inner)
   if #inner > 0 and inner[1].path == "" then
      inner[1].path = tostring(index)
      children[#children + 1] = inner[1]
   elseif #inner > 0 then
      children[#children + 1] = { path = tostring(index), propertyChangeType = "Modify", children = inner }
   end
end

local function compare_arrays(path, before, after, delta)
   local found, taken = matches(before, after)
   local children = json.array {}
   for index, item in ipairs(after) do
      element(index - 1, found[index], item, children)
   end
   for index, item in ipairs(before) do
      if not taken[index] then
         children[#children + 1] = { path = tostring(index - 1), propertyChangeType = "Delete",
            before = item }
      end
   end
   if #children > 0 then
      delta[#delta + 1] = { path = path, propertyChangeType = "Array", children = children }
   end
end

-- The differences below a path, as what-if lists them.
function compare(path, before, after, delta)
   if is_nothing(before) and is_nothing(after) then
      return
   elseif before == nil then
      delta[#delta + 1] = { path = path, propertyChangeType = "Create", after = after }
   elseif is_object(after) and is_object(before) then
      compare_objects(path, before, after, delta)
   elseif is_array(after) and is_array(before) then
      compare_arrays(path, before, after, delta)
   elseif plain(before) ~= plain(after) then
      delta[#delta + 1] = { path = path, propertyChangeType = "Modify", before = before, after = after }
   end
end

local function collect_texts(value, into)
   value = secret.is(value) and secret.reveal(value) or value
   if type(value) == "string" and value ~= "" then
      into[#into + 1] = value
   elseif type(value) == "table" then
      for _, item in pairs(value) do
         collect_texts(item, into)
      end
   end
end

-- The texts that a plan got as secure parameters, longest first.
local function secure_texts(plan)
   local texts = {}
   for name, shown in pairs(plan.parameters) do
      if shown.type:find "^Secure" then
         collect_texts(plan.scope.parameters(name), texts)
      end
   end
   table.sort(texts, function(a, b) return #a > #b end)
   return texts
end

-- Shorter texts are hidden only where they are the whole value: they are in too many others.
local SHORT = 4

local function hide(value, texts)
   if type(value) == "string" then
      for _, text in ipairs(texts) do
         if value == text or (#text >= SHORT and value:find(text, 1, true)) then
            return HIDDEN
         end
      end
      return value
   elseif type(value) ~= "table" or value == json.null then
      return secret.is(value) and HIDDEN or value
   end
   local shown = is_array(value) and json.array {} or {}
   for name, item in pairs(value) do
      shown[name] = hide(item, texts)
   end
   return shown
end

local function authored(body)
   local kept = {}
   for _, name in ipairs(AUTHORED) do
      kept[name] = body[name]
   end
   return kept
end

local function change_of(req, resource, texts)
   local row = req.state:resource(resource.id)
   local definition = registry.types[resource.type:lower()]
   if not row then
      return { resourceId = resource.id, changeType = definition and "Create" or "Deploy" }
   elseif resource.unknown or not definition then
      return { resourceId = resource.id, changeType = "Deploy" }
   end
   local delta = json.array {}
   compare("", definition.show and definition.show(req, row) or row.body, authored(resource.body), delta)
   return { resourceId = row.id, changeType = #delta > 0 and "Modify" or "NoChange",
      delta = #delta > 0 and hide(delta, texts) or nil }
end

-- The plan of a deployment within, where all it needs is known already.
local function plan_within(req, resource)
   local properties = resource.body.properties
   if resource.unknown or type(properties) ~= "table" or type(properties.template) ~= "table" then
      return nil
   end
   local ok, plan = pcall(planning.plan, req.cloud, { id = resource.id, name = resource.name,
      properties = properties, caller = req.caller, correlation = req.id, started = req.state:now() })
   if not ok and not refuse.is(plan) then
      error(plan, 0)
   end
   return ok and plan or nil
end

local function add_changes(req, plan, changes)
   local texts = secure_texts(plan)
   for _, resource in ipairs(plan.resources) do
      if resource.condition and not resource.existing then
         local within = resource.type:lower() == "microsoft.resources/deployments"
            and plan_within(req, resource)
         if within then
            add_changes(req, within, changes)
         else
            changes[#changes + 1] = change_of(req, resource, texts)
         end
      end
   end
   return changes
end

--- The changes of a plan, with those that stay as they are.
function whatif.changes(req, plan)
   return add_changes(req, plan, json.array {})
end

return whatif
