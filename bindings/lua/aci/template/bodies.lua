-- What is sent for a resource: every member but those that are the engine's own.
local copies = require "aci.template.copies"
local eval = require "aci.template.eval"
local resources = require "aci.template.resources"
local value = require "aci.template.value"

local bodies = {}

local engine = {}
for name in ("type apiVersion name dependsOn condition copy scope comments metadata resources subscriptionId "
   .. "resourceGroup existing import extension @options asserts"):gmatch "%S+" do
   engine[name:lower()] = true
end

-- Of an inner nested deployment only the template itself stays as it is written.
local function inner_properties(properties, scope)
   local out = {}
   for name, v in value.members(properties) do
      value.put(out, name, name:lower() == "template" and v or eval.json(v, scope))
   end
   return out
end

local function properties_of(resource, scope)
   local properties = resource.raw.properties
   if resources.is_inner(resource.raw) then
      return inner_properties(properties, scope)
   end
   return eval.json(properties, scope)
end

--- The body of a resource. Without `late` runtime expressions stay as they are written, and
--- note(expression, scope) is called for each of them.
function bodies.evaluate(resource, late, note)
   local start = eval.inside(resource.scope, { place = "start" })
   local inside = eval.inside(resource.scope, {
      place = "properties", copies = copies.object, defer = not late, on_deferred = note,
   })
   local body = {}
   for name, v in value.members(resource.raw) do
      if name:lower() == "properties" then
         value.put(body, "properties", properties_of(resource, inside))
      elseif not engine[name:lower()] then
         value.put(body, name, eval.json(v, start))
      end
   end
   return body
end

return bodies
