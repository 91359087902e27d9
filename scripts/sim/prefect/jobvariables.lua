--- Job variables against the template of the work pool that they are for.
local json       = require "aci.json"
local objects    = require "sim.prefect.objects"
local parameters = require "sim.prefect.parameters"
local refuse     = require "sim.refuse"

local jobvariables = {}

local function given(value)
   if value == json.null then return nil end
   return value
end

local function schema_of(pool)
   local template = pool and given(pool.body.base_job_template)
   return template and given(template.variables)
end

local function defaults(schema)
   local values = {}
   for name, property in pairs(given(schema.properties) or {}) do
      values[name] = type(property) == "table" and property.default or nil
   end
   return values
end

local function fault_of(schema, values, required)
   return parameters.fault(schema, values, { required = required, nullable = true })
end

-- As the server's language shows an error.
local function represented(fault)
   local reason = fault:match "Failure reason: (.*)$"
   local quote = reason:find("'", 1, true) and '"' or "'"
   return "<ValidationError: " .. quote .. reason .. quote .. ">"
end

--- Refuses those of a deployment; not all that is required need be there yet. A change says it in other words.
-- @param name of the pool; nil: none is named, then nothing is checked, as on the server
function jobvariables.check_deployment(state, name, values, changes)
   local schema = schema_of(given(name) and objects.find(state, "pool", name))
   local fault = schema and given(values) and fault_of(schema, values)
   if not fault then return end
   refuse.when(changes, 409, "detail", "Error creating deployment: " .. represented(fault))
   refuse(422, "detail", "Error creating deployment: " .. fault)
end

--- Refuses those that a run has from its pool, its deployment and itself.
function jobvariables.check_run(state, deployment, fields)
   local served = deployment.queue_id_ and objects.get(state, "queue", deployment.queue_id_)
   local schema = served and schema_of(objects.get(state, "pool", served.body.work_pool_id))
   if not schema then return end
   local values = defaults(schema)
   for _, source in ipairs { deployment.job_variables, fields.job_variables or json.null } do
      for name, value in pairs(given(source) or {}) do values[name] = value end
   end
   local fault = fault_of(schema, values, true)
   refuse.when(fault, 422, "detail", "Error creating flow run: " .. tostring(fault))
end

return jobvariables
