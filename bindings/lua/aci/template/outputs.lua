-- Outputs, evaluated when all resources are there.
local copies = require "aci.template.copies"
local eval = require "aci.template.eval"
local fault = require "aci.template.fault"
local types = require "aci.template.types"
local value = require "aci.template.value"

local outputs = {}

local function is_wanted(output, scope)
   local condition = output.condition
   if condition == nil then
      return true
   end
   condition = eval.json(condition, eval.inside(scope, { place = "start" }))
   if type(condition) ~= "boolean" then
      fault.raise("The condition must be of type 'Boolean'. The provided value is of type '%s'.",
         value.type(condition))
   end
   return condition
end

local function value_of(output, scope)
   if (output.value ~= nil) == (output.copy ~= nil) then
      fault.raise("The output must have either the property 'value' or the property 'copy'.")
   elseif output.copy ~= nil then
      return copies.array(output.copy, scope, true)
   end
   return eval.json(output.value, scope)
end

local function evaluate(output, scope)
   if not is_wanted(output, scope) then
      return nil
   end
   local v = value_of(output, scope)
   if v == value.null and output.nullable == true then
      return value.object("type", types.named(output.type).shown, "value", v)
   end
   types.check(output.type, v, "output")
   local entry = value.object("type", types.named(output.type).shown)
   return types.is_secure(output.type) and entry or value.put(entry, "value", v)
end

local function failed(faults)
   local names = {}
   for i, one in ipairs(faults) do
      names[i] = one.target
   end
   fault.final("DeploymentOutputEvaluationFailed", ("Unable to evaluate template outputs: '%s'. Please see "
      .. "error details "
      .. "and deployment operations.%s"):format(table.concat(names, ","), fault.see "arm-debug"),
      { details = faults })
end

--- name -> { type, value } of a template's outputs; faults of all outputs are reported together.
function outputs.evaluate(template, scope)
   local found, faults = {}, {}
   local inside = eval.inside(scope, { place = "output" })
   for name, output in value.members(template.outputs or {}) do
      local ok, entry = pcall(evaluate, output, inside)
      if ok and entry then
         value.put(found, name, entry)
      elseif not ok and not fault.is(entry) then
         error(entry, 0)
      elseif not ok then
         faults[#faults + 1] = { code = entry.code or "DeploymentOutputEvaluationFailed", target = name,
            message = entry.code and entry.text
               or ("The template output '%s' is not valid: %s."):format(name, entry.text) }
      end
   end
   if #faults > 0 then
      failed(faults)
   end
   return found
end

return outputs
