-- From the template's resources to a flat list: copies expanded, nested children brought to the top,
-- names, types and ids computed. Bodies are evaluated later, when it is each resource's turn.
local copies = require "aci.template.copies"
local eval = require "aci.template.eval"
local fault = require "aci.template.fault"
local functions = require "aci.template.functions"
local model = require "aci.template.model"
local path = require "aci.template.path"
local tree = require "aci.template.tree"
local value = require "aci.template.value"

local resources = {}

local most, deepest = 800, 5

--- The sentence's beginning for a fault in a resource.
function resources.say(resource, text)
   return ("The template resource '%s' %s is not valid: %s.%s"):format(resource.name or "",
      fault.at(resource.place),
      text, fault.see "arm-template-expressions")
end

local function invalid(resource, text, place)
   fault.invalid(("The template resource '%s' %s is not valid. %s%s"):format(resource.name or "",
      fault.at(place or resource.place), text, fault.see "arm-template/#resources"), place or resource.place,
      resource.path)
end

--- Run f(...); faults become InvalidTemplate naming this resource.
function resources.guarded(resource, f, ...)
   return fault.dress(function(err)
      if err.bare then
         fault.invalid(err.text, resource.place, resource.path)
      end
      fault.invalid(resources.say(resource, err.text), resource.place, resource.path)
   end, f, ...)
end

local function start_value(resource, v)
   return eval.json(v, eval.inside(resource.scope, { place = "start" }))
end

-- A member that must give a string, or nil when it is left out.
local function start_string(resource, name)
   local given = resource.raw[name]
   local v = given ~= nil and start_value(resource, given) or nil
   if v ~= nil and type(v) ~= "string" then
      fault.raise("The %s property must be of type 'String'. The provided value is of type '%s'", name,
         value.type(v))
   end
   return v
end

local function own_name(resource)
   local name = resource.raw.name
   name = name and start_value(resource, name)
   if type(name) ~= "string" or name == "" then
      invalid(resource, "The name property cannot be null or empty.", value.place(resource.raw, "name"))
   end
   return name
end

local function set_name(resource, parent)
   local raw = resource.raw
   if type(raw.type) ~= "string" or tree.is_expression(raw.type) then
      invalid(resource, "The type property cannot be an expression.", value.place(raw, "type"))
   end
   resource.type, resource.name = raw.type, own_name(resource)
   if parent then
      if select(2, raw.type:gsub("/", "/")) ~= select(2, resource.name:gsub("/", "/")) then
         resource.wrong_segments = true
      end
      resource.type = parent.type .. "/" .. raw.type
      resource.name = parent.name .. "/" .. resource.name
   end
   local types, names = path.segments(resource.type), path.segments(resource.name)
   if #types ~= #names + 1 or #types < 2 or resource.wrong_segments then
      fault.invalid(("The template resource '%s' for type '%s' %s has incorrect segment lengths. A nested "
         .. "resource type "
         .. "must have identical number of segments as its resource name. A root resource type must have "
         .. "segment length one greater than its resource name.%s"):format(resource.name, resource.type,
         fault.at(resource.place),
         fault.see "arm-template/#resources"), resource.place, resource.path)
   end
end

local function deployment_scope(resource, root)
   local subscription = start_string(resource, "subscriptionId")
   local group = start_string(resource, "resourceGroup")
   if not subscription and not group then
      return root.scope
   end
   subscription = subscription or root.subscription.subscriptionId
   return "/subscriptions/" .. subscription .. (group and "/resourceGroups/" .. group or "")
end

local function scope_of(resource, parent)
   local root = resource.scope.root
   local given = start_string(resource, "scope")
   if given == nil then
      return parent and parent.base or deployment_scope(resource, root)
   elseif given == "/" then
      return ""
   elseif given:sub(1, 1) == "/" then
      return (given:gsub("/$", ""))
   end
   local name_parts = path.segments(given)
   if #name_parts < 3 or #name_parts % 2 == 0 then
      invalid(resource, ("The scope '%s' is not a valid resource id."):format(given),
         value.place(resource.raw, "scope"))
   end
   return root.scope .. "/providers/" .. given
end

local function set_id(resource, parent)
   resource.base = scope_of(resource, parent)
   if resource.type:lower() == "microsoft.resources/resourcegroups" then
      resource.id = resource.base .. "/resourceGroups/" .. resource.name
   else
      resource.id = path.join(resource.base, resource.type, resource.name)
   end
   resource.key = resource.id:lower()
end

local function set_condition(resource)
   local given = resource.raw.condition
   local condition = given == nil or start_value(resource, given)
   if type(condition) ~= "boolean" then
      fault.raise("The condition must be of type 'Boolean'. The provided value is of type '%s'",
         value.type(condition))
   end
   resource.condition = condition
end

local checked_members = { "name", "location", "tags", "sku", "kind", "plan", "identity", "zones", "scope",
   "condition",
   "dependsOn", "apiVersion", "managedBy", "extendedLocation" }

-- Functions that don't exist or may not stand here are refused before anything is evaluated.
local function validate(resource)
   for _, name in ipairs(checked_members) do
      if resource.raw[name] ~= nil then
         functions.validate_json(resource.raw[name], "start")
      end
   end
   if resource.raw.properties and not resources.is_inner(resource.raw) then
      functions.validate_json(resource.raw.properties, "properties")
   end
end

--- Is this a nested deployment whose template keeps its expressions for itself?
function resources.is_inner(raw)
   local properties = raw.properties
   if raw.type:lower() ~= "microsoft.resources/deployments" or type(properties) ~= "table" then
      return false
   end
   local options = properties.expressionEvaluationOptions
   return type(options) == "table" and type(options.scope) == "string" and options.scope:lower() == "inner"
end

local function check_deployment(resource)
   local properties = resource.raw.properties
   if resource.type:lower() ~= "microsoft.resources/deployments" then
      return
   elseif not value.is_object(properties) then
      fault.raise("The deployment must have Properties property set")
   elseif properties.template ~= nil and properties.templateLink ~= nil then
      fault.raise("The deployment must not have both 'template' and 'templateLink' properties set")
   elseif tostring(properties.mode):lower() ~= "incremental" then
      fault.raise("The mode of a nested deployment must be 'Incremental'")
   end
end

local add_all

-- One instance of one resource, and after it its children.
local function add(list, raw, fields, parent, depth)
   local resource = fields
   resource.raw, resource.parent, resource.place = raw, parent, value.place(raw)
   if type(raw.name) == "string" and not tree.is_expression(raw.name) then
      resource.name = raw.name
   end
   resources.guarded(resource, function()
      validate(resource)
      set_name(resource, parent)
      set_id(resource, parent)
      set_condition(resource)
      check_deployment(resource)
      resource.apiVersion = start_string(resource, "apiVersion")
      resource.existing = raw.existing == true or nil
   end)
   list[#list + 1] = resource
   if #list > most then
      fault.invalid(("The number of template resources limit exceeded. Limit: '%d' and actual: "
         .. "'%d'.%s"):format(most,
         #list, fault.see "arm-template"))
   end
   if raw.resources then
      add_all(list, raw.resources, { scope = resource.scope, path = resource.path .. ".resources",
         context = fields.context }, resource, depth + 1)
   end
end

local function check_copy(copy)
   if type(copy.name) ~= "string" or copy.name == "" then
      fault.raise("The copy definition must have a name")
   end
   local serial = type(copy.mode) == "string" and copy.mode:lower() == "serial"
   if copy.mode ~= nil and not serial and copy.mode:lower() ~= "parallel" then
      fault.raise("The copy mode must be 'serial' or 'parallel'")
   elseif copy.batchSize ~= nil and (not serial or math.type(copy.batchSize) ~= "integer"
      or copy.batchSize < 1) then
      fault.raise("The copy batch size must be a positive integer and needs the mode 'serial'")
   end
   return serial and (copy.batchSize or 1) or nil
end

local function add_copies(list, raw, fields, parent, depth)
   local named = { name = type(raw.name) == "string" and raw.name or "", place = value.place(raw),
      path = fields.path }
   local count, batch = resources.guarded(named, function()
      if parent then
         fault.raise("The copy element is not supported in a nested child resource")
      end
      return copies.count(raw.copy, fields.scope), check_copy(raw.copy)
   end)
   for index = 0, count - 1 do
      add(list, raw, {
         scope = copies.inside(fields.scope, raw.copy.name, index, true), path = fields.path,
            context = fields.context,
         symbol = fields.symbol, loop = { name = raw.copy.name, index = index, batch = batch },
      }, parent, depth)
   end
end

-- A resources array, or with languageVersion 2.0 an object whose names are the symbols.
function add_all(list, raws, fields, parent, depth)
   if depth > deepest then
      fault.invalid(("The template resource '%s' has children nested more than %d levels "
         .. "deep."):format(parent.name,
         deepest))
   end
   local by_symbol = value.is_object(raws)
   if type(raws) ~= "table" then
      fault.invalid(("The template resource '%s' is not valid: its resources must be an "
         .. "array."):format(parent.name))
   end
   for i, key in ipairs(by_symbol and value.names(raws) or raws) do
      local at = by_symbol and fields.path .. "." .. key or ("%s[%d]"):format(fields.path, i - 1)
      local raw = model.resource(by_symbol and raws[key] or key, at, fields.context)
      local own = { scope = fields.scope, path = at, context = fields.context, symbol = by_symbol and key
         or nil }
      if raw.copy ~= nil then
         add_copies(list, raw, own, parent, depth)
      else
         add(list, raw, own, parent, depth)
      end
   end
end

local function refuse_duplicates(list)
   local seen = {}
   for _, resource in ipairs(list) do
      if seen[resource.key] then
         fault.invalid(("The resource '%s' %s is defined multiple times in a template.%s"):format(
            path.weave(path.segments(resource.type), path.segments(resource.name)), fault.at(resource.place),
            fault.see "arm-syntax-resources"), resource.place, resource.path)
      end
      seen[resource.key] = true
   end
end

--- The template's resources as a flat list in the order of the template.
function resources.expand(template, scope, context)
   local list = {}
   add_all(list, template.resources, { scope = scope, path = context.path .. ".resources",
      context = context }, nil, 1)
   refuse_duplicates(list)
   return list
end

return resources
