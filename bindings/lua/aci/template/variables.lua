-- Variables: evaluated once each, at first use, in whatever order they refer to each other.
local copies = require "aci.template.copies"
local eval = require "aci.template.eval"
local fault = require "aci.template.fault"
local functions = require "aci.template.functions"
local value = require "aci.template.value"

local variables = {}

-- name -> function(scope) that evaluates it.
local function definitions(declared)
   local list = {}
   for name, v in value.members(declared) do
      if name == "copy" then
         for _, copy in ipairs(copies.variables(v)) do
            value.put(list, copy.name, function(scope)
               functions.validate_json(copy.input, "variable")
               return copies.array(copy, scope, false)
            end)
         end
      else
         value.put(list, name, function(scope)
            functions.validate_json(v, "variable")
            return eval.json(v, scope)
         end)
      end
   end
   return list
end

-- No pcall in here: variables may refer to each other 256 deep, and nested pcalls are few. `open` holds
-- the names that are being evaluated, the innermost last: the one that a fault is about.
local function resolver(list, scope, open)
   local values, busy = {}, {}
   return function(wanted)
      local define, name = value.member(list, wanted)
      if not name or values[name] ~= nil then
         return values[name]
      elseif busy[name] then
         fault.raise("Circular dependency detected on the template variable '%s'.", name)
      end
      busy[name] = true
      open[#open + 1] = name
      values[name] = define(scope)
      open[#open] = nil
      return values[name]
   end
end

--- Evaluate all variables; returns the lookup function(name) -> value | nil.
function variables.resolve(template, scope, base)
   local list = definitions(template.variables or {})
   local inside = eval.inside(scope, { place = "variable", copies = copies.object })
   local open = {}
   local lookup = resolver(list, inside, open)
   inside.variables = lookup
   for _, name in ipairs(value.names(list)) do
      fault.dress(function(err)
         local faulty = open[#open]
         fault.invalid(("The template variable '%s' is not valid: %s.%s"):format(faulty, err.text,
            fault.see "arm-template-expressions"), value.place(template.variables, faulty),
            base .. ".variables." .. faulty)
      end, lookup, name)
   end
   return lookup
end

return variables
