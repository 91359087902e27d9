--- The job of an agent's run: the deployment's infrastructure block, with what the deployment overrides.

local fail = require "aci.error"
local json = require "aci.json"

local block = {}

local SLUG = "azure-container-instance-job"

local function refuse(message)
   fail.raise { kind = "failed", code = "block", message = message }
end

local function given(value)
   if value == json.null or value == "" then return nil end
   return value
end

--- "env.NAME" = value: a deployment's job_variables name places in the block's data.
local function override(data, path, value)
   local parts = {}
   for part in path:gmatch "[^.]+" do parts[#parts + 1] = part end
   for i = 1, #parts - 1 do
      if type(data[parts[i]]) ~= "table" then data[parts[i]] = {} end
      data = data[parts[i]]
   end
   data[parts[#parts]] = value
end

--- The block's data. @param objects `run`, `deployment`
function block.resolve(api, objects)
   local id = given(objects.run.infrastructure_document_id)
      or given(objects.deployment.infrastructure_document_id)
   local found = id and api:block_by_id(id, { secrets = true })
   if not found then refuse "the deployment has no infrastructure block" end
   if found.block_type.slug ~= SLUG then
      refuse(("this worker runs blocks of type %s, not %s"):format(SLUG, found.block_type.slug))
   end
   for path, value in pairs(given(objects.deployment.job_variables) or {}) do override(found.data, path, value) end
   return found.data
end

return block
