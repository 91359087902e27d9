-- run.lua "FLOW/DEPLOYMENT": starts a run, follows its states and logs, and exits by its outcome.
-- Exits 7 when nobody asks the work queue for runs.
local cli     = require "aci.cli"
local clock   = require "aci.clock"
local config  = require "aci.config"
local fail    = require "aci.error"
local nearest = require "aci.nearest"
local prefect = require "aci.prefect"
local task    = require "aci.task"
local typed   = require "aci.flow.typed"

local options, names = cli.parse(arg, {
   usage = "acihost run.lua [options] FLOW/DEPLOYMENT: start a run and follow it",
   arguments = { "FLOW/DEPLOYMENT" },
   options = {
      parameter = { short = "p", value = "NAME=VALUE", many = true, help = "a parameter of the flow" },
      ["job-variable"] = { short = "j", value = "NAME=VALUE", many = true,
         help = "a variable of the work pool for this run: image=..., env.NAME=..." },
      wait      = { value = "SECONDS", number = true, least = 0,
         help = "how long an agent is waited for (default 30)" },
   },
})

local LEVELS = { [10] = "DEBUG", [20] = "INFO", [30] = "WARNING", [40] = "ERROR", [50] = "CRITICAL" }

local api = prefect.connect(cli.notes(config.load { cloud = options.cloud }))

--- The deployment's work pool, which its job variables are of.
local function pool_of(deployment)
   local name = deployment.work_pool_name
   local pool = type(name) == "string" and name ~= "default-agent-pool" and api:work_pool(name)
   return pool or fail.raise { kind = "usage", code = "job_variable",
      message = ("the deployment %q runs in no work pool: its runs have no job variables"):format(deployment.name) }
end

local function say(format, ...)
   io.stderr:write(format:format(...), "\n")
end

local function all_names()
   local flows, all = {}, {}
   for _, each in ipairs(api:deployments()) do
      flows[each.flow_id] = flows[each.flow_id] or api:flow_by_id(each.flow_id)
      all[#all + 1] = flows[each.flow_id].name .. "/" .. each.name
   end
   return all
end

local function find()
   local deployment = api:deployment(names[1])
   if deployment then return deployment end
   local meant = nearest(names[1], all_names())
   fail.raise { kind = "not_found", code = "deployment",
      message = ("there is no deployment %q"):format(names[1]),
      advice = meant and ("did you mean %q?"):format(meant)
         or "acihost status.lua lists them; acihost setup.lua makes those of the demo" }
end

--- An agent asks every few seconds; a queue that nobody has asked for a minute has none.
local function served(deployment)
   local queue = type(deployment.work_queue_name) == "string"
      and api:queue(deployment.work_queue_name, type(deployment.work_pool_name) == "string"
         and deployment.work_pool_name or nil)
   local idle = queue and api:queue_idle(queue)
   return idle ~= nil and idle ~= false and idle < 60
end

--- Who is waited for, and how one is started.
local function missing(deployment)
   local pool, queue = deployment.work_pool_name, tostring(deployment.work_queue_name)
   if type(pool) ~= "string" or pool == "default-agent-pool" then
      return "an agent of the work queue " .. queue, "nobody asks the work queue " .. queue .. " for runs",
         "start an agent: acihost worker.lua -q " .. queue
   end
   return "a worker of the work pool " .. pool, "nobody asks the work pool " .. pool .. " for runs",
      "start a worker: acihost worker.lua --pool " .. pool
end

local function need_agent(deployment)
   local whom, message, advice = missing(deployment)
   local begun, told = clock.monotonic(), false
   local deadline = begun + (options.wait or 30)
   while not served(deployment) do
      if not told and clock.monotonic() > begun + 2 then
         say("waiting for %s", whom)
         told = true
      end
      if clock.monotonic() > deadline then
         fail.raise { kind = "timeout", code = "no_agent", message = message, advice = advice }
      end
      task.sleep(1)
   end
end

local last, ended = "", false

local function show(entry)
   last = entry.message
   ended = ended or (entry.name == "prefect.flow_runs" and last:find "^Finished in state" ~= nil)
   say("%s | %-7s | %s", entry.timestamp:sub(12, 23), LEVELS[math.tointeger(entry.level)] or entry.level,
      entry.message)
end

local function show_state(run, before)
   if run.state.id == before then return before end
   local message = type(run.state.message) == "string" and run.state.message or ""
   local told = message == "" or last:find(message, 1, true)
   say("%s | %-7s | %s%s", run.state.timestamp:sub(12, 23), "STATE", run.state.name,
      told and "" or ": " .. message)
   return run.state.id
end

--- The last lines come a moment after the last state.
local function last_lines(tail)
   for _ = 1, 6 do
      for _, entry in ipairs(tail()) do show(entry) end
      if ended then return end
      task.sleep(0.4)
   end
end

local function waits(run)
   return run.state_name == "Scheduled" or run.state_name == "Late"
end

--- Says once whom a run waits for that is not taken at once.
local function waiting_note(deployment)
   local begun, told = clock.monotonic(), false
   return function(run)
      if told or not waits(run) or clock.monotonic() < begun + 3 then return end
      told = true
      say("waiting for %s to take it", (missing(deployment)))
   end
end

--- The agent may have ended since: a run that nobody has taken by then is left to whoever comes.
local function still_served(deployment, run, deadline)
   if not waits(run) or clock.monotonic() < deadline or served(deployment) then return end
   local _, message, advice = missing(deployment)
   fail.raise { kind = "timeout", code = "no_agent", message = message,
      advice = ("%s; the run %s stays scheduled"):format(advice, run.name) }
end

local function follow(id, deployment)
   local tail, state = api:log_tail(id), nil
   local deadline, note = clock.monotonic() + (options.wait or 30), waiting_note(deployment)
   while true do
      local run = api:run(id)
      if not run then fail.raise { kind = "not_found", code = "run", message = "the run was deleted" } end
      for _, entry in ipairs(tail()) do show(entry) end
      state = show_state(run, state)
      if api.is_terminal(run.state) then
         if run.state_type == "COMPLETED" or run.state_type == "FAILED" then last_lines(tail) end
         return run
      end
      note(run)
      still_served(deployment, run, deadline)
      task.sleep(1)
   end
end

local deployment = find()
local given = typed.parameters(options.parameter, deployment)
local wanted = options["job-variable"]
local variables = wanted and typed.job_variables(wanted, pool_of(deployment))
need_agent(deployment)
local started = api:create_run(deployment.id, { parameters = given, job_variables = variables })
say("flow run %s (%s)", started.name, started.id)
local left <close> = setmetatable({}, { __close = function(_, why) -- luacheck: ignore
   if fail.is(why, "interrupted") then say("\nthe run %s goes on without us", started.name) end
end })
local run = follow(started.id, deployment)

if options.output == "json" then
   cli.output({ id = run.id, name = run.name, state = run.state_type, message = run.state.message,
      seconds = run.total_run_time }, options)
else
   print(("%s: %s"):format(run.name, run.state_name))
end
os.exit(run.state_type == "COMPLETED" and 0 or 1, true)
