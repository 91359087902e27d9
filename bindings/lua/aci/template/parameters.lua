-- Parameters: what was supplied, defaults, and the rules the template sets for them.
local eval = require "aci.template.eval"
local fault = require "aci.template.fault"
local functions = require "aci.template.functions"
local text = require "aci.template.text"
local types = require "aci.template.types"
local value = require "aci.template.value"

local parameters = {}

local function refuse_unknown(declared, supplied)
   local unknown = {}
   for _, name in ipairs(value.names(supplied)) do
      if value.member(declared, name) == nil then
         unknown[#unknown + 1] = name
      end
   end
   if #unknown > 0 then
      fault.invalid(("The template parameters '%s' in the parameters file are not valid; they are not "
         .. "present in the "
         .. "original template and can therefore not be provided at deployment time. The only supported "
         .. "parameters for this template are '%s'.%s"):format(table.concat(unknown, ", "),
         table.concat(value.names(declared), ", "), fault.see "arm-deploy/#parameter-file"))
   end
end

-- { value = ... } or { reference = ... } of the request -> the value, or nil for "not given".
local function supplied_value(name, given, root)
   if given == nil then
      return nil
   elseif not value.is_object(given) or (given.value == nil and given.reference == nil) then
      fault.final("InvalidRequestContent", ("The request content was invalid and could not be deserialized: "
         .. "the parameter '%s' must be an object with the member 'value' or 'reference'."):format(name))
   elseif given.value ~= nil then
      return given.value
   elseif not root.secret then
      fault.invalid(("The template parameter '%s' is a Key Vault reference, which is not supported "
         .. "here."):format(name))
   end
   local found, err = root.secret(given.reference, name)
   if found == nil then
      fault.final(err and err.code or "KeyVaultParameterReferenceNotFound", err and err.message
         or ("The specified Key Vault reference of the parameter '%s' was not found."):format(name))
   end
   return found
end

local function is_allowed(v, list)
   for _, allowed in ipairs(list) do
      if value.same(v, allowed) then
         return true
      end
   end
   return false
end

local function shown(list)
   local out = {}
   for i, v in ipairs(list) do
      out[i] = value.text(v) or value.json(v)
   end
   return table.concat(out, ",")
end

local function check_allowed(p, v)
   local list = p.declared.allowedValues
   local fine = is_allowed(v, list)
   if not fine and value.is_array(v) then
      fine = true -- an array may be any choice from the list
      for _, element in ipairs(v) do
         fine = fine and is_allowed(element, list)
      end
   end
   if fine then
      return
   elseif p.secure then
      fault.invalid(("The provided value for the template parameter '%s' %s is not valid. The parameter "
         .. "value is not "
         .. "part of the allowed value(s).%s"):format(p.name, fault.at(p.place), p.see), p.place, p.path)
   end
   fault.invalid(("The provided value '%s' for the template parameter '%s' %s is not valid. The parameter "
      .. "value is not "
      .. "part of the allowed value(s): '%s'.%s"):format(value.text(v) or value.json(v), p.name,
      fault.at(p.place),
      shown(list), p.see), p.place, p.path)
end

-- One bound: the measure of the value, the bound's name, and which side it must be on.
local function check_bound(p, measure, name, subject, below)
   local bound = p.declared[name]
   if bound == nil or (below and measure <= bound) or (not below and measure >= bound) then
      return
   end
   fault.invalid(("The provided value for the template parameter '%s' %s is not valid. %s of the value "
      .. "should be %s than "
      .. "or equal to '%d'.%s"):format(p.name, fault.at(p.place), subject, below and "less" or "greater",
      bound, p.see),
      p.place, p.path)
end

local function measure_of(v)
   if type(v) == "string" then
      return text.length(v)
   elseif value.is_object(v) then
      return #value.names(v)
   end
   return #v
end

local function check_rules(p, v)
   if p.declared.allowedValues then
      check_allowed(p, v)
   end
   if math.type(v) == "integer" then
      check_bound(p, v, "maxValue", "Value", true)
      check_bound(p, v, "minValue", "Value", false)
   elseif type(v) ~= "boolean" then
      check_bound(p, measure_of(v), "maxLength", "Length", true)
      check_bound(p, measure_of(v), "minLength", "Length", false)
   end
end

local function missing(p)
   fault.invalid(("The value for the template parameter '%s' %s is not provided.%s"):format(p.name,
      fault.at(p.place),
      fault.see "arm-create-parameter-file"), p.place, p.path)
end

-- p.doing says what a fault of the evaluator would be about.
local function default_of(p, scope)
   p.doing = "default"
   functions.validate_json(p.declared.defaultValue, "parameter")
   return eval.json(p.declared.defaultValue, scope)
end

local function resolve(p, given, scope)
   local v = given
   if (v == nil or v == value.null) and p.declared.defaultValue ~= nil then
      v = default_of(p, scope)
   end
   if (v == nil or v == value.null) and p.declared.nullable == true then
      return value.null
   elseif v == nil then
      missing(p)
   end
   p.doing = "type"
   types.check(p.declared.type, v)
   check_rules(p, v)
   return v
end

local function explain(p, err)
   local why = err.text
   if p and p.doing == "default" then
      why = ("The template parameter '%s' %s is not valid: %s.%s"):format(p.name, fault.at(p.place), why,
         fault.see "arm-template-expressions")
   end
   fault.invalid(why, p and p.place, p and p.path)
end

-- "#/definitions/x" stands for the members of that definition.
local function follow(declared, template)
   local name = declared["$ref"] and declared["$ref"]:match "^#/definitions/(.+)$"
   local definition = name and template.definitions and template.definitions[name]
   if declared["$ref"] and not definition then
      fault.invalid(("The template definition '%s' is not found."):format(declared["$ref"]))
   end
   return definition and setmetatable({}, { __index = function(_, key)
      local own = declared[key]
      return own ~= nil and own or follow(definition, template)[key]
   end }) or declared
end

local function describe(template, name, base)
   local declared = follow(template.parameters[name], template)
   return {
      name = name, declared = declared, secure = types.is_secure(declared.type),
      place = value.place(template.parameters, name), path = base .. ".parameters." .. name,
      see = fault.see "arm-template/#parameters",
   }
end

-- As with variables: no pcall inside, `open` tells which parameter a fault is about.
local function resolver(template, supplied, scope, base, open)
   local values, busy = {}, {}
   return function(wanted)
      local _, name = value.member(template.parameters, wanted)
      if not name or values[name] ~= nil then
         return values[name]
      elseif busy[name] then
         fault.raise("Circular dependency detected on the template parameter '%s'.", name)
      end
      busy[name] = true
      local given = supplied_value(name, value.member(supplied, name), scope.root)
      open[#open + 1] = describe(template, name, base)
      values[name] = resolve(open[#open], given, scope)
      open[#open] = nil
      return values[name]
   end
end

--- Resolve every parameter. Returns the lookup function(name) -> value | nil and, for the answer of
--- a deployment, name -> { type, value } with secure values left out.
function parameters.resolve(template, supplied, scope, base)
   supplied = supplied or {}
   refuse_unknown(template.parameters, supplied)
   local open = {}
   local lookup = resolver(template, supplied, scope, base, open)
   scope.parameters = lookup
   local answer = {}
   for _, name in ipairs(value.names(template.parameters)) do
      local kind = types.named(follow(template.parameters[name], template).type)
      local v = fault.dress(function(err)
         explain(open[#open], err)
      end, lookup, name)
      local entry = value.object("type", kind.shown)
      value.put(answer, name, kind.secure and entry or value.put(entry, "value", v))
   end
   return lookup, answer
end

return parameters
