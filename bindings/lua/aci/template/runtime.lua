-- reference, references, list*, resourceInfo: what only a running deployment can answer. The plan
-- is asked for the target (root.find), the caller's callbacks for its state.
local eval = require "aci.template.eval"
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"
local path = require "aci.template.path"
local value = require "aci.template.value"

local runtime = {}

local places = { properties = true, output = true }

local function find(call, name)
   return call.scope.root.find and call.scope.root.find(name)
end

-- The full id and the template's own resource, if it is one, that a name or an id means.
local function target(call, name)
   local resource = find(call, name)
   if resource then
      return resource.id, resource
   elseif name:sub(1, 1) == "/" then
      return name, nil
   end
   fault.raise("The template reference '%s' is not valid: could not find template resource or resource copy "
      .. "with this name.%s", name, fault.see "arm-template-expressions/#reference")
end

local function wants_full(args, call)
   for i = 3, args.n do
      if type(args[i]) == "string" and args[i]:lower() == "full" then
         return true
      end
   end
   local last = args.n > 2 and expect.nth(call, args, 3, "String")
   if last then
      expect.raise(call, "expects its third parameter to be 'Full'. The provided value is '%s'.", last)
   end
   return false
end

-- In the 2.0 language 'Full' may follow the symbolic name directly.
local function reference_arguments(args, call)
   local second = args.n > 1 and expect.nth(call, args, 2, "String")
   if second and second:lower() == "full" then
      return nil, true
   end
   return second or nil, wants_full(args, call)
end

local function dress(body, id, resource, version)
   local out = {}
   for name, v in value.members(body) do
      value.put(out, name, v)
   end
   local _, kind, name = path.split(id)
   value.put(out, "apiVersion", version)
   value.put(out, "referenceApiVersion", version)
   value.put(out, "subscriptionId", id:match "^/subscriptions/([^/]+)" or value.null)
   value.put(out, "resourceGroupName", id:match "/[rR]esource[gG]roups/([^/]+)" or value.null)
   value.put(out, "resourceId", path.weave(path.segments(kind), path.segments(name)))
   value.put(out, "condition", resource == nil or resource.condition)
   value.put(out, "isConditionTrue", resource == nil or resource.condition)
   value.put(out, "isTemplateResource", resource ~= nil)
   value.put(out, "isAction", false)
   value.put(out, "provisioningOperation", resource and not resource.existing and "Create" or "Read")
   return out
end

-- What a callback could not answer ends the deployment with the service's own error.
local function answered(result, err, call, id)
   if result ~= nil then
      return result
   elseif type(err) == "table" then
      fault.final(err.code or "ResourceNotFound", err.message, { details = err.details })
   end
   fault.raise("The template function '%s' found no resource '%s'.", call.name, id)
end

local function read(call, id, resource, version, full)
   local root = call.scope.root
   if call.scope.defer then
      error(eval.deferred, 0)
   elseif not version then
      fault.raise("The resource '%s' is not defined in the template.%s", id,
         fault.see "arm-template-expressions")
   elseif not root.reference then
      fault.raise("The template function '%s' is not expected at this location.", call.name)
   end
   local result, err = root.reference(id, version, full, resource)
   result = answered(result, err, call, id)
   return full and dress(result, id, resource, version) or result
end

runtime.reference = { min = 1, max = 3, places = places, run = function(args, call)
   local id, resource = target(call, expect.nth(call, args, 1, "String"))
   local version, full = reference_arguments(args, call)
   return read(call, id, resource, version or resource and resource.apiVersion, full)
end }

runtime.references = { min = 1, max = 2, places = places, run = function(args, call)
   local name = expect.nth(call, args, 1, "String")
   local _, full = reference_arguments(args, call)
   local list = value.array {}
   for _, resource in ipairs(call.scope.root.find_all and call.scope.root.find_all(name) or {}) do
      if resource.condition then
         list[#list + 1] = read(call, resource.id, resource, resource.apiVersion, full)
      end
   end
   return list
end }

runtime["list*"] = { min = 2, max = 3, places = places, run = function(args, call)
   local id = target(call, expect.nth(call, args, 1, "String"))
   local version, root = expect.nth(call, args, 2, "String"), call.scope.root
   if call.scope.defer then
      error(eval.deferred, 0)
   elseif not root.list then
      fault.raise("The template function '%s' is not expected at this location.", call.name)
   end
   local result, err = root.list(id, call.name, version, args[3])
   return answered(result, err, call, id)
end }

runtime.resourceInfo = { min = 1, max = 1, run = function(args, call)
   local resource = find(call, expect.type(call, args[1], "String"))
   if not resource then
      target(call, args[1])
   end
   return value.object("id", resource.id, "name", resource.name, "type", resource.type,
      "apiVersion", resource.apiVersion)
end }

return runtime
