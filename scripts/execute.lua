-- execute.lua: what a job's container runs. Fetches the deployment's code, loads the flow and runs it;
-- states and logs go to Prefect. Exits 0 also when the flow failed: the run's state says that.
local cli     = require "aci.cli"
local clock   = require "aci.clock"
local code    = require "aci.flow.code"
local config  = require "aci.config"
local crypto  = require "aci.crypto"
local engine  = require "aci.flow.engine"
local fail    = require "aci.error"
local fs      = require "aci.fs"
local prefect = require "aci.prefect"
local task    = require "aci.task"

local _, words = cli.parse(arg, {
   usage = "acihost execute.lua [FLOW_RUN_ID]: run a flow run that is scheduled, in this process",
   arguments = { "[FLOW_RUN_ID]" },
})

local run_id = os.getenv "PREFECT__FLOW_RUN_ID" or words[1]
if not run_id or not run_id:find "^%x+%-%x+%-%x+%-%x+%-%x+$" then
   fail.raise { kind = "usage", code = "run", message = run_id and ("%q is not the id of a flow run"):format(run_id)
         or "which flow run? PREFECT__FLOW_RUN_ID is not set",
      advice = "for example: acihost execute.lua 657758fa-c955-44bc-b10a-72e587d0eb7c" }
end

-- In a container group everything that matters is in the environment, on Azure and on the local cloud.
local inside = os.getenv "PREFECT__FLOW_RUN_ID" ~= nil
local settings = inside and config.load({ cloud = "azure" }, { need = { "prefect_url" }, file = false })
   or cli.notes(config.load())
-- A flow that has done its work waits for a Prefect that is away, a quarter of an hour and more.
settings.prefect_tries = 60
local api = prefect.connect(settings)

local function echo(level, message)
   io.stdout:write(("%s | %-7s | %s\n"):format(clock.iso(clock.now()):sub(12, 23), level:upper(), message))
   io.stdout:flush()
end

local function find_run()
   local run = api:run(run_id)
   if run then return run end
   fail.raise { kind = "not_found", code = "run", message = "there is no flow run " .. run_id }
end

--- A flow that cannot be loaded is a failed run, whatever state it is in.
local function not_loaded(logger, err)
   local message = "Flow could not be retrieved from deployment. " .. tostring(err)
   logger:error(message)
   logger:flush()
   api:set_run_state(run_id, { type = "FAILED", name = "Failed", message = message }, true)
end

local function load(run, logger, folder)
   local deployment = api:deployment_by_id(run.deployment_id)
   if not deployment then
      fail.raise { kind = "not_found", code = "deployment", message = "the run's deployment is gone" }
   end
   local where = code.fetch(api, settings, deployment, folder, function(text) logger:info(text) end)
   -- Flows read the files beside them by relative paths, as in Prefect's engine.
   where = where == "" and "." or where
   assert(fs.chdir(where))
   local file = deployment.entrypoint:match "^(.+):" or ""
   return code.load(assert(fs.realpath "."), deployment.entrypoint),
      crypto.hex(crypto.md5(fs.read(file) or "")), deployment.parameter_openapi_schema
end

local CANCELLED = { CANCELLING = true, CANCELLED = true }

--- Being stopped from outside is a crash: the run must not stay "Running". One that is cancelled is the worker's,
-- who ends this process for it.
local function crash_at_sigterm()
   local signal <close> = task.signal "TERM"
   task.wait(signal)
   api.tries = 3 -- whoever sent it does not wait long
   local state = { type = "CRASHED", name = "Crashed", message = "Execution was aborted by a termination signal." }
   local known, now = pcall(api.run, api, run_id)
   if known and now and CANCELLED[now.state_type] then
      state = now.state
   else
      pcall(api.set_run_state, api, run_id, state)
   end
   engine.abort(10, state)
   os.exit(143)
end

--- Why this process may not run it. A container may be started again after it failed, and a worker that was
-- thought dead may start one late: a run is run once for each claim of a worker.
local function refusal(run)
   if api.is_terminal(run.state) then return "it is over: " .. run.state.name end
   if run.state_type == "RUNNING" then return "it was started before; it is not run twice" end
   local claim, made = os.getenv "ACIHOST_CLAIM", (run.state.state_details or {}).transition_id
   if run.state_type == "PENDING" and claim and type(made) == "string" and made ~= claim then
      return "another worker has claimed it since"
   end
end

local function main()
   local run = find_run()
   local refused = refusal(run)
   if refused then return echo("info", "the run is not run here: " .. refused) end
   local logger = api:logger { flow_run_id = run.id, echo = echo }
   local folder = fs.tempdir "flow"
   local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(folder) end })
   local ok, flow, version, schema = pcall(load, run, logger, folder)
   if not ok then return not_loaded(logger, flow) end
   logger:flush()
   local state, why = engine.run_flow({ api = api, config = settings, run = run, echo = echo,
      version = version, schema = schema }, flow)
   if why == "aborted" then task.sleep(60) end -- crash_at_sigterm ends the process
   echo("info", state and ("Finished: " .. state.name) or ("Stopped: " .. tostring(why)))
end

local watcher = task.spawn(crash_at_sigterm)
main()
watcher:cancel()
