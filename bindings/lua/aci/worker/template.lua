--- The job of a work pool's run: the pool's base job template with the deployment's and the run's variables,
-- merged and filled in as Prefect's own workers do it.

local fail   = require "aci.error"
local json   = require "aci.json"
local render = require "aci.prefect.render"
local secret = require "aci.secret"

local template = {}

-- What a pool without a template of its own gets: each member is the variable of its name.
local MEMBERS = { "name", "command", "env", "labels", "image", "entrypoint", "image_registry", "aci_credentials",
   "subscription_id", "resource_group_name", "identities", "subnet_ids", "dns_servers", "cpu", "memory",
   "gpu_count", "gpu_sku", "stream_output", "task_start_timeout_seconds", "task_watch_poll_interval",
   "keep_container_group" }

local function refuse(format, ...)
   fail.raise { kind = "failed", code = "template", message = format:format(...) }
end

local function is_object(value)
   return type(value) == "table" and value ~= json.null and not (json.is_array(value) and value[1] ~= nil)
end

local function merged(a, b)
   local out = {}
   for _, from in ipairs { a, b } do
      for key, value in pairs(from) do out[key] = value end
   end
   return out
end

local function deep_merged(a, b)
   local out = merged(a, b)
   for key, value in pairs(a) do
      if is_object(value) and is_object(b[key]) then out[key] = deep_merged(value, b[key]) end
   end
   return out
end

local function given(value)
   return is_object(value) and value or {}
end

--- The run's job variables over the deployment's; of `env` each variable for itself.
local function overrides(deployment, run)
   local base, own = given(deployment and deployment.job_variables), given(run.job_variables)
   local out = merged(base, own)
   if is_object(base.env) and is_object(own.env) then out.env = merged(base.env, own.env) end
   return out
end

local function set_path(out, path, value)
   local parts = {}
   for part in path:gmatch "[^.]+" do parts[#parts + 1] = part end
   for i = 1, #parts - 1 do
      if not is_object(out[parts[i]]) then out[parts[i]] = {} end
      out = out[parts[i]]
   end
   out[parts[#parts]] = value
end

--- "env.NAME" names a place in a variable; a variable given whole goes before that.
local function expanded(values)
   local out = {}
   for key, value in pairs(values) do
      if key:find(".", 1, true) then set_path(out, key, value) end
   end
   for key, value in pairs(values) do
      if not key:find(".", 1, true) then
         out[key] = is_object(out[key]) and is_object(value) and deep_merged(out[key], value) or value
      end
   end
   return out
end

local function properties_of(base)
   return given(given(base.variables).properties)
end

local function defaults(base)
   local out = {}
   for name, property in pairs(properties_of(base)) do
      local value = property.default
      if value ~= nil and value ~= json.null then out[name] = value end
   end
   return out
end

local function is_secret(property)
   return type(property) == "table" and (property.format == "password" or property.writeOnly == true)
end

--- What the schema calls secret becomes one; an id is called so too, and stands in every address.
local function protect(base, values)
   for name, property in pairs(properties_of(base)) do
      local value = values[name]
      if is_secret(property) and type(value) == "string" and not name:find "_id$" then
         values[name] = secret.new(value)
      end
   end
end

local function configuration(base)
   local found = given(base.job_configuration)
   if next(found) then return merged(found, {}) end
   local out = {}
   for _, name in ipairs(MEMBERS) do out[name] = "{{ " .. name .. " }}" end
   return out
end

--- The environment: what the template says, the variable's default, what the job says; each over the one before.
local function merge_environment(config, default, values)
   if is_object(default) and next(default) then
      config.env = is_object(config.env) and merged(config.env, default) or default
   end
   if is_object(config.env) and is_object(values.env) then config.env = merged(config.env, values.env) end
end

-- A pool without variables of its own says nothing about which there are.
local function check_known(base, values)
   local declared = properties_of(base)
   return function(name)
      local first = name:match "^[^.%[]+"
      if first == "ctx" or declared[first] ~= nil or values[first] ~= nil or not next(declared) then return end
      refuse("the work pool's base job template uses {{ %s }}, which is none of its variables", name)
   end
end

--- The members of a job template, filled in; secrets are aci.secrets.
-- @param base the pool's base job template
-- @param objects `run`, `deployment`, `flow`
function template.resolve(api, base, objects)
   local values = defaults(base)
   local config, env = configuration(base), values.env
   for name, value in pairs(expanded(overrides(objects.deployment, objects.run))) do values[name] = value end
   protect(base, values)
   merge_environment(config, env, values)
   local data = render.resolve(api, config, values, { unknown = check_known(base, values) })
   if type(data.name) == "string" then
      data.name = render.resolve(api, data.name, { ctx = { flow = objects.flow, flow_run = objects.run } })
   end
   return data
end

return template
