--- What the fact sheet says that a server refuses, or takes though it looks wrong, and no other exchange asks.
local json = require "aci.json"

local NOBODY = "00000000-0000-4000-8000-000000000000"

local function flow_of(backend, name)
   local _, flow = backend.send("POST", "/flows/", { name = name })
   return flow
end

-- What is wrong is said in the words of a library, at length: only that it is wrong is compared.
local UNSAID = { exception_detail = true }

local function at(version) return { ["x-prefect-api-version"] = version } end

local function versions(ask)
   for _, version in ipairs { "0.8.4", "0.8.0", "0.7.9", "0.8", "abc", "1.0.0", "" } do
      ask("version '" .. version .. "'", "GET", "/health", nil, nil, at(version))
      ask("version '" .. version .. "' of the hello", "GET", "/hello", nil, nil, at(version))
      ask("version '" .. version .. "' of a list", "POST", "/flows/filter", { limit = 1, flows = { name = {
         any_ = { "none of that name" } } } }, nil, at(version))
   end
end

local function names(ask, _, backend)
   for _, name in ipairs { "a/b", "a%b", "a&b", "a>b", "a<b", "", " ", "a b", "ä" } do
      ask("flow '" .. name .. "'", "POST", "/flows/", { name = name })
   end
   for _, name in ipairs { "a/b", "a%b", "a&b", "a>b", "a<b", "", "a b" } do
      ask("pool '" .. name .. "'", "POST", "/work_pools/", { name = name, type = "process" })
      ask("queue '" .. name .. "'", "POST", "/work_queues/", { name = name })
   end
   local flow = flow_of(backend, "refused-names")
   ask("deployment ''", "POST", "/deployments/", { name = "", flow_id = flow.id })
   ask("a reserved pool in capitals", "POST", "/work_pools/", { name = "Prefect-Pool", type = "process" })
   ask("a reserved type in capitals", "POST", "/block_types/", { name = "PREFECTION", slug = "prefection" })
end

local function deployments(ask, _, backend, major)
   local flow = flow_of(backend, "refused-deployments")
   local function make(title, more)
      local body = { name = title, flow_id = flow.id }
      for key, value in pairs(more) do body[key] = value end
      return ask(title, "POST", "/deployments/", body, UNSAID)
   end
   make("overrides", { infra_overrides = { a = 1 } })
   make("overrides and variables that differ", { infra_overrides = { a = 1 }, job_variables = { a = 2 } })
   make("overrides and variables that agree", { infra_overrides = { a = 1 }, job_variables = { a = 1 } })
   make("an active schedule", { is_schedule_active = true })
   make("a manifest", { manifest_path = "x" })
   make("pull steps that are an object", { pull_steps = { a = 1 } })
   make("pull steps of texts", { pull_steps = json.array { "a" } })
   make("job variables in a list", { job_variables = json.array { 1 } })
   make("a schema that is a text", { parameter_openapi_schema = "x" })
   make("tags of numbers", { tags = json.array { 1 } })
   make("a version that is a number", { version = 1 })
   make("a name that is a number", { name = 1 })
   make("a flow that is no id", { flow_id = "abc" })
   make("a block that is no id", { storage_document_id = "abc" })
   make("paused that is neither", { paused = "perhaps" })
   make("paused that is a word for yes", { paused = "yes" })
   if major == 3 then
      make("a limit of nothing", { concurrency_limit = 0 })
      make("a limit below nothing", { concurrency_limit = -1 })
      make("an unknown strategy", { concurrency_limit = 1, concurrency_options = { collision_strategy = "HOPE" } })
   end
end

local function schedules(ask, _, backend, major)
   local flow = flow_of(backend, "refused-schedules")
   local function make(title, ...)
      local hidden = { anchor_date = true, exception_detail = true, rrule = true }
      return ask(title, "POST", "/deployments/", { name = title, flow_id = flow.id, paused = true,
         schedules = json.array { ... } }, hidden)
   end
   local function each(schedule, more)
      local all = { active = false, schedule = schedule }
      for key, value in pairs(more or {}) do all[key] = value end
      return all
   end
   make("a cron", each { cron = "0 9 * * *", timezone = "Europe/Oslo" })
   make("a cron that is none", each { cron = "every day" })
   make("a cron of six parts", each { cron = "0 0 9 * * *" })
   make("an unknown time zone", each { cron = "0 9 * * *", timezone = "Mars/Olympus" })
   make("an interval", each { interval = 3600 })
   make("an interval of nothing", each { interval = 0 })
   make("an interval below nothing", each { interval = -5 })
   make("an interval that is none", each { interval = "soon" })
   make("a rule", each { rrule = "FREQ=DAILY;INTERVAL=2" })
   make("a rule that is none", each { rrule = "FREQ=SOMETIMES" })
   make("two kinds", each { cron = "0 9 * * *", interval = 60 })
   make("no kind", each { timezone = "UTC" })
   make("no schedule", { active = true })
   make("an unknown field of an entry", each({ interval = 60 }, { color = "red" }))
   make("a limit of runs", each({ interval = 60 }, { max_scheduled_runs = 5 }))
   make("a limit of no runs", each({ interval = 60 }, { max_scheduled_runs = 0 }))
   make(major == 2 and "a field of Prefect 3" or "a field of Prefect 2", each({ interval = 60 },
      major == 2 and { slug = "s" } or { catchup = true }))
end

local function launching(ask, _, backend)
   local flow = flow_of(backend, "refused-launching")
   local _, made = backend.send("POST", "/deployments/", { name = "d", flow_id = flow.id })
   local function run(title, body)
      return ask(title, "POST", "/deployments/" .. made.id .. "/create_flow_run", body,
         { name = true, exception_detail = true })
   end
   run("retries that are a word", { empirical_policy = { retries = "many" } })
   run("an unknown field of the policy", { empirical_policy = { color = "red" } })
   run("context that is a text", { context = "x" })
   run("variables in a list", { job_variables = json.array { 1 } })
   run("a parent that is no id", { parent_task_run_id = "abc" })
   run("a name that is a number", { name = 5 })
   run("tags in a text", { tags = "red" })
   run("a state without a type", { state = { name = "x" } })
   run("a state with an unknown detail", { state = { type = "SCHEDULED", state_details = { color = "red" } } })
   run("a time that is none", { state = { type = "SCHEDULED", state_details = { scheduled_time = "soon" } } })
   ask("by no id", "POST", "/deployments/abc/create_flow_run", json.object {})
end

local function states(ask, _, backend)
   local flow = flow_of(backend, "refused-states")
   local function fresh()
      return select(2, backend.send("POST", "/flow_runs/", { flow_id = flow.id, name = "r" })).id
   end
   local function propose(title, state, more)
      local body = { state = state }
      for key, value in pairs(more or {}) do body[key] = value end
      return ask(title, "POST", "/flow_runs/" .. fresh() .. "/set_state", body, UNSAID)
   end
   propose("a state with a time", { type = "RUNNING", timestamp = "2026-01-01T00:00:00Z" })
   propose("a state with an id", { type = "RUNNING", id = NOBODY })
   propose("a state with a time and an id that are none", { type = "RUNNING", timestamp = "soon", id = "abc" })
   propose("a type in small letters", { type = "running" })
   propose("a name that is a number", { type = "RUNNING", name = 1 })
   propose("a message that is an object", { type = "RUNNING", message = { a = 1 } })
   propose("details in a list", { type = "RUNNING", state_details = json.array { 1 } })
   propose("a detail that is no id", { type = "RUNNING", state_details = { flow_run_id = "abc" } })
   propose("a detail that is no time", { type = "SCHEDULED", state_details = { scheduled_time = "soon" } })
   propose("force that is neither", { type = "RUNNING" }, { force = "perhaps" })
   propose("an unknown field beside the state", { type = "RUNNING" }, { color = "red" })
   ask("of no id", "POST", "/flow_runs/abc/set_state", { state = { type = "RUNNING" } })
   ask("of a task of no id", "POST", "/task_runs/abc/set_state", { state = { type = "RUNNING" } })
end

local function filters(ask)
   local function find(title, path, body) return ask(title, "POST", path .. "/filter", body, UNSAID) end
   local nothing = { name = { any_ = { "none of that name" } } }
   find("an unknown field at the top", "/flow_runs", { flow_runs = nothing, color = "red" })
   find("an unknown field in a filter", "/flow_runs", { flow_runs = { color = "red" } })
   find("an unknown field in an operator", "/flow_runs", { flow_runs = { name = { some_ = { "x" } } } })
   find("a name that is no list", "/flow_runs", { flow_runs = { name = { any_ = "x" } } })
   find("an id that is none", "/flow_runs", { flow_runs = { id = { any_ = { "abc" } } } })
   find("a type that is none", "/flow_runs", { flow_runs = { state = { type = { any_ = { "ASLEEP" } } } } })
   find("an operator that is none", "/flow_runs", { flow_runs = { operator = "xor_" } })
   find("a time that is none", "/flow_runs", { flow_runs = { start_time = { before_ = "soon" } } })
   find("a limit of nothing", "/flow_runs", { flow_runs = nothing, limit = 0 })
   find("a limit below nothing", "/flow_runs", { limit = -1 })
   find("a limit in quotes", "/flow_runs", { flow_runs = nothing, limit = "5" })
   find("a limit that is half", "/flow_runs", { flow_runs = nothing, limit = 1.5 })
   find("an offset in words", "/flow_runs", { offset = "far" })
   find("a level that is a word", "/logs", { logs = { level = { ge_ = "INFO" } } })
   for _, path in ipairs { "/flows", "/deployments", "/task_runs", "/logs", "/work_pools", "/work_queues",
      "/variables", "/artifacts", "/block_types", "/block_schemas", "/block_documents" } do
      find("201 of " .. path, path, { limit = 201 })
      find("a list for a body of " .. path, path, json.array { 1 })
   end
end

local function logs(ask)
   local function write(title, more)
      local line = { name = "n", level = 20, message = "m", timestamp = "2026-01-01T00:00:00Z" }
      for key, value in pairs(more) do line[key] = value ~= json.null and value or nil end
      ask(title, "POST", "/logs/", json.array { line }, UNSAID)
   end
   write("a worker's", { worker_id = NOBODY })
   write("without a time", { timestamp = json.null })
   write("without a name", { name = json.null })
   write("without a message", { message = json.null })
   write("a time that is none", { timestamp = "soon" })
   write("a level in words", { level = "INFO" })
   write("a level in quotes", { level = "20" })
   write("a run that is no id", { flow_run_id = "abc" })
   write("an unknown field", { color = "red" })
end

local function pools(ask, _, backend)
   backend.send("POST", "/work_pools/", { name = "refused-pool", type = "process", base_job_template = {
      job_configuration = { image = "{{ image }}", cpu = "{{ cpu }}" }, variables = { type = "object",
         properties = { image = { type = "string" }, cpu = { type = "number" } }, required = { "image" } } } })
   local flow = flow_of(backend, "refused-pools")
   local function make(title, variables)
      return ask(title, "POST", "/deployments/", { name = title, flow_id = flow.id, work_pool_name = "refused-pool",
         job_variables = variables })
   end
   local sound = make("a variable as it must be", { image = "i" })
   ask("changed to another type", "PATCH", "/deployments/" .. sound.id, { job_variables = { image = 5 } })
   ask("changed to another type, and its pool named", "PATCH", "/deployments/" .. sound.id,
      { job_variables = { image = 5 }, work_pool_name = "refused-pool" })
   ask("changed to nothing", "PATCH", "/deployments/" .. sound.id, { job_variables = json.object {} })
   make("a variable of another type", { image = 5 })
   make("a variable that the pool does not know", { color = "red" })
   local made = make("no variables", json.object {})
   local function run(title, variables)
      ask(title, "POST", "/deployments/" .. made.id .. "/create_flow_run", { job_variables = variables },
         { name = true })
   end
   run("a run without what is required", json.object {})
   run("a run with a variable of another type", { image = "i", cpu = "two" })
   run("a run with what is required", { image = "i" })
   local queues = "/work_pools/refused-pool/queues"
   ask("a queue without a name", "POST", queues, json.object {})
   ask("a queue with a limit below nothing", "POST", queues, { name = "q1", concurrency_limit = -1 }, UNSAID)
   ask("a queue with a priority of 0", "POST", queues, { name = "q2", priority = 0 }, UNSAID)
   ask("a queue with an unknown field", "POST", queues, { name = "q3", color = "red" })
   ask("scheduled runs before no time", "POST", "/work_pools/refused-pool/get_scheduled_flow_runs",
      { scheduled_before = "soon" })
   ask("scheduled runs of queues in a text", "POST", "/work_pools/refused-pool/get_scheduled_flow_runs",
      { work_queue_names = "q" })
   ask("a heartbeat without a name", "POST", "/work_pools/refused-pool/workers/heartbeat", json.object {})
   ask("a heartbeat with an unknown field", "POST", "/work_pools/refused-pool/workers/heartbeat",
      { name = "w", color = "red" })
end

return { { "api versions", versions }, { "names", names }, { "refused deployments", deployments },
   { "schedules", schedules }, { "refused launches", launching }, { "refused states", states },
   { "refused filters", filters }, { "refused log lines", logs }, { "pools' variables", pools } }
