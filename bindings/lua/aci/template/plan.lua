-- The plan: what a template comes to in one place, with the runtime part left for later.
local bodies = require "aci.template.bodies"
local eval = require "aci.template.eval"
local fault = require "aci.template.fault"
local functions = require "aci.template.functions"
local graph = require "aci.template.graph"
local model = require "aci.template.model"
local outputs = require "aci.template.outputs"
local parameters = require "aci.template.parameters"
local resources = require "aci.template.resources"
local value = require "aci.template.value"
local variables = require "aci.template.variables"

local plan = {}
plan.__index = plan

local function known_bodies(list)
   for _, resource in ipairs(list) do
      resource.late = {}
      resource.body = resources.guarded(resource, bodies.evaluate, resource, false, function(s, scope)
         table.insert(resource.late, { s, scope })
      end)
      resource.location = resource.body.location
   end
end

-- What the caller sees of a resource; dependencies on skipped ones are gone.
local function public(resource)
   local depends = value.array {}
   for _, other in ipairs(resource.waits_for) do
      if other.condition then
         depends[#depends + 1] = other.id
      end
   end
   return {
      id = resource.id, type = resource.type, name = resource.name, apiVersion = resource.apiVersion,
      location = resource.location, body = resource.body, depends = depends, condition = resource.condition,
      existing = resource.existing, symbol = resource.symbol, unknown = #resource.late > 0,
      copy = resource.loop and resource.loop.name, index = resource.loop and resource.loop.index,
      inner = resources.is_inner(resource.raw) or nil, place = resource.place, path = resource.path,
   }
end

local function validate_outputs(template, base)
   for name, output in value.members(template.outputs or {}) do
      fault.dress(function(err)
         fault.invalid(("The template output '%s' %s is not valid: %s.%s"):format(name,
            fault.at(value.place(template.outputs, name)), err.text, fault.see "arm-template-expressions"),
            value.place(template.outputs, name), base .. ".outputs." .. name)
      end, functions.validate_json, output.value or (output.copy and output.copy.input) or "", "output")
   end
end

local function scope_of(root, context, template)
   local scope = { root = root, place = "parameter", loops = {} }
   scope.functions = fault.dress(function(err)
      fault.invalid(err.text)
   end, model.functions, template, context)
   return scope
end

--- Build the plan of a template that has been read. root: see template.evaluate; context: path,
--- scope_kind, any_scope.
function plan.build(template, supplied, root, context)
   template = model.template(template, context)
   local scope = scope_of(root, context, template)
   local _, shown = parameters.resolve(template, supplied, scope, context.path)
   scope.variables = variables.resolve(template, scope, context.path)
   local list = resources.expand(template, scope, context)
   local tables = graph.new(list)
   root.find_all = function(wanted)
      return graph.lookup(tables, wanted) or {}
   end
   root.find = function(wanted)
      return root.find_all(wanted)[1]
   end
   known_bodies(list)
   graph.link(list, tables)
   validate_outputs(template, context.path)
   local self = setmetatable({ template = template, scope = scope, parameters = shown,
      ordered = graph.order(list),
      resources = {}, warnings = graph.warnings(list, tables) }, plan)
   for i, resource in ipairs(self.ordered) do
      self.resources[i] = public(resource)
   end
   return self
end

local function complete(self, i)
   local resource, entry = self.ordered[i], self.resources[i]
   entry.body = fault.dress(function(err)
      fault.final("InvalidTemplate", ("Unable to process template language expressions for resource '%s' "
         .. "%s. '%s'"):format(resource.id, fault.at(resource.place), err.text))
   end, bodies.evaluate, resource, true)
   entry.unknown = false
   return entry
end

--- Resource i with everything evaluated; its dependencies must be there. Returns the entry.
function plan:resource(i)
   local entry = self.resources[i]
   if not entry then
      error(("a plan of %d resources has no resource %s"):format(#self.resources, tostring(i)), 2)
   elseif not entry.unknown then
      return entry
   end
   return fault.answer(pcall(complete, self, i))
end

--- The outputs, when every resource is there.
function plan:outputs()
   return fault.answer(pcall(outputs.evaluate, self.template, eval.inside(self.scope, { place = "output" })))
end

return plan
