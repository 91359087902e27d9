--- What a run needs to be started, wherever it is described: one table for blocks (aci.worker.block) and for
-- work pools (aci.worker.template), with the defaults, checked.

local fail     = require "aci.error"
local json     = require "aci.json"
local secret   = require "aci.secret"
local block    = require "aci.worker.block"
local template = require "aci.worker.template"
local words    = require "aci.worker.words"

local job = {}

-- The defaults of Prefect's own, for blocks and for pools.
local DEFAULTS = { cpu = 1.0, memory = 1.0, task_start_timeout_seconds = 240, task_watch_poll_interval = 5.0 }
local ENTRYPOINT = "/opt/prefect/entrypoint.sh"

-- What the image runs when nobody names a command: the engine, which finds its run in the environment.
local ENGINE = { block = { "python", "-m", "prefect.engine" }, pool = { "prefect", "flow-run", "execute" } }

local function refuse(format, ...)
   fail.raise { kind = "failed", code = "block", message = format:format(...) }
end

local function given(value)
   if value == json.null or value == "" then return nil end
   return value
end

-- What is in addresses, and what Azure shows anyway, may have been built from secret blocks.
local function show(data)
   for _, key in ipairs { "subscription_id", "resource_group_name", "image", "name" } do
      if secret.is(data[key]) then data[key] = secret.reveal(data[key]) end
   end
end

local NUMBERS = { "cpu", "memory", "gpu_count", "task_start_timeout_seconds", "task_watch_poll_interval" }

local function clean(data)
   local out = {}
   for key, value in pairs(data) do out[key] = given(value) end
   for key, value in pairs(DEFAULTS) do
      if out[key] == nil then out[key] = value end
   end
   for _, key in ipairs(NUMBERS) do
      if out[key] ~= nil then
         out[key] = tonumber(out[key]) or refuse("%s is no number: %s", key, tostring(out[key]))
      end
   end
   return out
end

local function check(data, what)
   for _, key in ipairs { "subscription_id", "resource_group_name" } do
      if not data[key] then refuse("the %s has no %s", what, key) end
   end
   local credentials = data.aci_credentials
   if credentials and type(credentials) ~= "table" then refuse("aci_credentials is no credentials block") end
   if credentials and given(credentials.client_id) and not given(credentials.client_secret) then
      refuse("the %s's credentials have a client id but no secret", what)
   end
   if (data.gpu_count == nil) ~= (data.gpu_sku == nil) then
      refuse "gpu_count and gpu_sku go together: one is missing"
   end
end

-- Whoever may read the group sees its command.
local function no_secret(value)
   if not secret.is(value) then return value end
   fail.raise { kind = "failed", code = "block", message = "the command holds a secret, and Azure shows commands",
      advice = "pass it in the environment (env): what comes from a secret block is a secure value there" }
end

local function list_of(value)
   if type(no_secret(value)) == "string" then return words.split(value) end
   for _, word in ipairs(value or {}) do no_secret(word) end
   return value
end

--- The arguments of the process: ACI's command replaces the image's entrypoint, so that goes first. A block
-- or template that says null has none.
local function command(data, raw, kind)
   local entry = raw.entrypoint
   if entry == nil then entry = ENTRYPOINT end
   local out = json.array(entry ~= json.null and list_of(entry) or {})
   for _, word in ipairs(list_of(data.command) or ENGINE[kind]) do out[#out + 1] = word end
   return out
end

--- The image of the server's own version; Cloud says 3.
local function image(api)
   return ("docker.io/prefecthq/prefect:%s-python3.11"):format(api:version())
end

--- Resolves a run's job.
-- @param source where the run comes from; its `pool` (function() -> the work pool) is nil for agents
-- @param objects `run`, `deployment`, `flow`
-- @return the job's data with defaults (secrets as aci.secret) and `command` as a list
function job.resolve(api, source, objects)
   local pool = source.pool and source:pool()
   if not pool and not objects.deployment then refuse("the run has no deployment") end
   local raw = pool and template.resolve(api, pool.base_job_template, objects) or block.resolve(api, objects)
   local data = clean(raw)
   show(data)
   data.image = data.image or image(api)
   check(data, pool and "work pool's job" or "block")
   data.command = command(data, raw, pool and "pool" or "block")
   return data
end

return job
