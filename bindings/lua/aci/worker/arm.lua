--- What a work pool's own ARM template adds to the container group: volumes, limits, more containers. Prefect's
-- worker deploys the template; here its one resource is evaluated and put directly, so that no deployment
-- record keeps the job's environment.

local fail     = require "aci.error"
local json     = require "aci.json"
local secret   = require "aci.secret"
local template = require "aci.template"

local arm = {}

local TYPE = "microsoft.containerinstance/containergroups"

local function refuse(format, ...)
   fail.raise { kind = "failed", code = "arm_template", message = format:format(...) }
end

local function only(value, known)
   for key in pairs(type(value) == "table" and value or {}) do
      if not known[key] then return false end
   end
   return true
end

local RESOURCE = { type = true, apiVersion = true, name = true, location = true, properties = true }
local GROUP = { containers = true, osType = true, restartPolicy = true }
local CONTAINER = { image = true, command = true, resources = true, environmentVariables = true }

--- The template of a pool as it was made says nothing that the job's own members do not say.
local function is_default(resource)
   local group = resource.properties or {}
   local containers = group.containers or {}
   local first = (containers[1] or {}).properties or {}
   return only(resource, RESOURCE) and only(group, GROUP) and #containers == 1 and only(first, CONTAINER)
      and only(first.resources, { requests = true }) and group.osType == "Linux"
end

-- Secrets don't pass through the evaluation: marks stand for them.
local function mark(value, kept)
   if secret.is(value) then
      kept[#kept + 1] = value
      return ("\1%d\1"):format(#kept)
   end
   if type(value) ~= "table" or value == json.null then return value end
   local out = json.is_array(value) and json.array {} or json.object {}
   for key, item in pairs(value) do out[key] = mark(item, kept) end
   return out
end

local function unmark(value, kept)
   if type(value) == "string" then
      local index = value:match "^\1(%d+)\1$"
      return index and kept[tonumber(index)] or value
   end
   if type(value) ~= "table" or value == json.null then return value end
   local out = json.is_array(value) and json.array {} or json.object {}
   for key, item in pairs(value) do out[key] = unmark(item, kept) end
   return out
end

-- What the worker fills in itself is no part of what is evaluated: a word may begin with "[".
local function without_own(whole)
   local first = whole.resources[1].properties.containers[1].properties
   first.command, first.environmentVariables, first.image = json.array {}, json.array {}, "image"
   return whole
end

local function parameters(whole, options)
   local given, known = {}, whole.parameters or {}
   for name, value in pairs { container_group_name = options.name, container_name = options.name,
      location = options.location } do
      if known[name] then given[name] = { value = value } end
   end
   return given
end

local function evaluated(data, options)
   local kept = {}
   local whole = without_own(mark(data.arm_template, kept))
   local plan, err = template.evaluate(whole, { subscription = data.subscription_id, any_scope = true,
      resource_group = { name = data.resource_group_name, location = options.location },
      parameters = parameters(whole, options) })
   local planned
   if plan then planned, err = plan:resource(1) end
   if not planned then refuse("the work pool's arm_template: %s", tostring(err)) end
   return unmark(planned.body, kept)
end

--- What came from secret blocks into another container's environment is a secure value there, too.
local function secure(group)
   for _, kind in ipairs { "containers", "initContainers" } do
      for _, container in ipairs(group[kind] or {}) do
         for _, variable in ipairs((container.properties or {}).environmentVariables or {}) do
            if secret.is(variable.value) then variable.value, variable.secureValue = nil, variable.value end
         end
      end
   end
end

--- The container group of a job's `arm_template`: its body, nil where the template adds nothing.
function arm.resource(data, options)
   local whole = data.arm_template
   local list = type(whole) == "table" and whole.resources
   if type(list) ~= "table" or not list[1] then return nil end
   if #list > 1 or tostring(list[1].type):lower() ~= TYPE then
      refuse("the work pool's arm_template should have one resource, a container group; this has %d", #list)
   end
   if is_default(list[1]) then return nil end
   local body = evaluated(data, options)
   secure(body.properties or {})
   return body
end

return arm
