--- What a run needs to be started: read from its deployment's infrastructure block.

local fail   = require "aci.error"
local json   = require "aci.json"
local secret = require "aci.secret"

local job = {}

local SLUG = "azure-container-instance-job"

-- The block type's own defaults.
local DEFAULTS = { entrypoint = "/opt/prefect/entrypoint.sh", cpu = 1.0, memory = 1.0,
   task_start_timeout_seconds = 240, task_watch_poll_interval = 5.0,
   image = "docker.io/prefecthq/prefect:2.20.25-python3.11" }

-- What the image runs when the block names no command: the engine, which finds its run in the environment.
local ENGINE = { "python", "-m", "prefect.engine" }

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

local function clean(data)
   local out = {}
   for key, value in pairs(data) do out[key] = given(value) end
   for key, value in pairs(DEFAULTS) do
      if out[key] == nil then out[key] = value end
   end
   return out
end

local function check(data)
   for _, key in ipairs { "subscription_id", "resource_group_name" } do
      if not data[key] then refuse(("the block has no %s"):format(key)) end
   end
   local credentials = data.aci_credentials
   if credentials and given(credentials.client_id) and not given(credentials.client_secret) then
      refuse "the block's credentials have a client id but no secret"
   end
end

--- The arguments of the process: ACI's command replaces the image's entrypoint, so that goes first.
local function command(data)
   local words = json.array {}
   for word in tostring(data.entrypoint):gmatch "%S+" do words[#words + 1] = word end
   for _, word in ipairs(data.command or ENGINE) do words[#words + 1] = word end
   return words
end

local function document_id(run, deployment)
   return given(run.infrastructure_document_id) or given(deployment.infrastructure_document_id)
end

--- Resolves a run's job.
-- @return the block's data with defaults (secrets as aci.secret) and `command`; and the deployment
function job.resolve(api, run)
   local deployment = given(run.deployment_id) and api:deployment_by_id(run.deployment_id)
   if not deployment then refuse "the run has no deployment" end
   local id = document_id(run, deployment)
   local block = id and api:block_by_id(id, { secrets = true })
   if not block then refuse "the deployment has no infrastructure block" end
   if block.block_type.slug ~= SLUG then
      refuse(("this worker runs blocks of type %s, not %s"):format(SLUG, block.block_type.slug))
   end
   for path, value in pairs(given(deployment.job_variables) or {}) do override(block.data, path, value) end
   local data = clean(block.data)
   check(data)
   data.command = command(data)
   data.subscription_id = secret.is(data.subscription_id) and secret.reveal(data.subscription_id)
      or data.subscription_id
   return data, deployment
end

return job
