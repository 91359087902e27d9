-- The type checks that the function files share, and their wording.
local fault = require "aci.template.fault"
local value = require "aci.template.value"

local expect = {}

--- The one parameter (or each of several) has this type, named as the service names it.
function expect.type(call, v, wanted)
   local kind = value.type(v)
   if kind ~= wanted then
      fault.raise("The template language function '%s' expects its parameter to be of type '%s'. "
         .. "The provided value is of type '%s'.", call.name, wanted, kind)
   end
   return v
end

local ordinals = { "first", "second", "third", "fourth" }

--- Parameter number i has this type; `label` is what the sentence calls the type.
function expect.nth(call, args, i, wanted, label)
   local kind = value.type(args[i])
   if kind ~= wanted then
      fault.raise("The template language function '%s' expects its %s parameter to be of type '%s'. "
         .. "The provided value is of type '%s'.", call.name, ordinals[i] or tostring(i), label or wanted,
         kind)
   end
   return args[i]
end

--- A fault whose sentence begins as most do.
function expect.raise(call, text, ...)
   fault.raise("The template language function '" .. call.name .. "' " .. text, ...)
end

return expect
