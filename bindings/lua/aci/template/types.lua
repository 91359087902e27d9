-- The declared types of parameters, outputs and user functions' parameters.
local fault = require "aci.template.fault"
local value = require "aci.template.value"

local types = {}

-- declared name in lower case -> how answers print it, which values it takes, what messages expect
local known = {
   string = { shown = "String", takes = { String = true, SecureString = true }, expected = "String, Uri" },
   securestring = { shown = "SecureString", takes = { String = true, SecureString = true },
      expected = "String, Uri", secure = true },
   int = { shown = "Int", takes = { Integer = true }, expected = "Integer" },
   bool = { shown = "Bool", takes = { Boolean = true }, expected = "Boolean" },
   object = { shown = "Object", takes = { Object = true }, expected = "Object" },
   secureobject = { shown = "SecureObject", takes = { Object = true }, expected = "Object", secure = true },
   array = { shown = "Array", takes = { Array = true }, expected = "Array" },
}

--- The description of a declared type, or a fault.
function types.named(name)
   local found = type(name) == "string" and known[name:lower()]
   if not found then
      fault.final("InvalidRequestContent", ("The request content was invalid and could not be deserialized: "
         .. "'Error converting value \"%s\" to type "
         .. "'Azure.Deployments.Core.Entities.TemplateParameterType'.'."):format(
         type(name) == "string" and name or value.json(name)))
   end
   return found
end

--- Is this type one whose values are never shown?
function types.is_secure(name)
   return types.named(name).secure == true
end

--- A fault when v is not of the declared type. `what` is "parameter" or "output".
function types.check(name, v, what)
   local wanted, actual = types.named(name), value.type(v)
   if wanted.takes[actual] then
      return
   end
   local tail = what == "output" and fault.see("arm-template/#outputs"):sub(2)
      or fault.see "resource-manager-parameter-files"
   fault.raise("Template %s JToken type is not valid. Expected '%s'. Actual '%s'.%s", what or "parameter",
      wanted.expected, actual, tail)
end

return types
