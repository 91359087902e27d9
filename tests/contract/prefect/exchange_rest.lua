--- Flows, deployments, queues, pools, logs and variables, request by request.
local clock = require "aci.clock"
local json  = require "aci.json"

local NOBODY = "00000000-0000-4000-8000-000000000000"

local function flows(ask)
   local made = ask("made", "POST", "/flows/", { name = "a flow", tags = json.array { "x" } })
   ask("made again", "POST", "/flows/", { name = "a flow", tags = json.array { "y" } })
   ask("by name", "GET", "/flows/name/a%20flow")
   ask("by id", "GET", "/flows/" .. made.id)
   ask("by an unknown name", "GET", "/flows/name/none")
   ask("by an unknown id", "GET", "/flows/" .. NOBODY)
   ask("by no id", "GET", "/flows/abc")
   ask("without a name", "POST", "/flows/", json.object {})
   ask("with a bad name", "POST", "/flows/", { name = "a/b" })
   ask("with a name that is none", "POST", "/flows/", { name = json.null })
   ask("with an unknown field", "POST", "/flows/", { name = "x", colour = "red" })
   ask("with tags that are none", "POST", "/flows/", { name = "x", tags = "red" })
   ask("as a list", "POST", "/flows/", json.array { 1 })
   ask("patched", "PATCH", "/flows/" .. made.id, { tags = json.array { "z" } })
   ask("patched, unknown", "PATCH", "/flows/" .. NOBODY, { tags = json.array { "z" } })
   ask("after the patch", "GET", "/flows/" .. made.id)
   ask("another", "POST", "/flows/", { name = "b flow" })
   ask("found by name", "POST", "/flows/filter", { flows = { name = { any_ = { "b flow", "a flow" } } },
      sort = "NAME_ASC" })
   ask("a page", "POST", "/flows/filter", { flows = { name = { like_ = " flow" } }, sort = "NAME_DESC", limit = 1 })
   ask("found by tags", "POST", "/flows/filter", { flows = { tags = { all_ = { "z" } } } })
   ask("counted", "POST", "/flows/count", { flows = { name = { like_ = " flow" } } })
   ask("an unknown operator", "POST", "/flows/filter", { flows = { name = { none_ = { "a" } } } })
   ask("too many", "POST", "/flows/filter", { limit = 1000 })
   ask("a limit that is none", "POST", "/flows/filter", { limit = "many" })
   ask("a negative offset", "POST", "/flows/filter", { offset = -1 })
   ask("deleted", "DELETE", "/flows/" .. made.id)
   ask("deleted again", "DELETE", "/flows/" .. made.id)
end

local function deployments(ask, _, _, major)
   local flow = ask("its flow", "POST", "/flows/", { name = "deployed" })
   local function body(name, more)
      local out = { name = name, flow_id = flow.id }
      for key, value in pairs(more or {}) do out[key] = value end
      return out
   end
   local made = ask("the least", "POST", "/deployments/", body "least")
   local full = ask("everything", "POST", "/deployments/", body("full", { work_queue_name = "deployed-queue",
      version = "2", description = "d", path = "p", entrypoint = "f.lua:f", tags = json.array { "x" },
      parameters = { a = 1 }, job_variables = { env = { A = "1" } }, paused = false,
      enforce_parameter_schema = false, parameter_openapi_schema = { type = "object",
         properties = { a = { type = "integer" } } }, manifest_path = major == 2 and json.null or nil }))
   ask("made again", "POST", "/deployments/", body("full", { work_queue_name = "deployed-queue", path = "q" }))
   ask("by id", "GET", "/deployments/" .. full.id)
   ask("by name", "GET", "/deployments/name/deployed/full")
   ask("by an unknown name", "GET", "/deployments/name/deployed/none")
   ask("by a name of an unknown flow", "GET", "/deployments/name/none/full")
   ask("by an unknown id", "GET", "/deployments/" .. NOBODY)
   ask("the queue that it made", "GET", "/work_queues/name/deployed-queue")
   ask("without a name", "POST", "/deployments/", { flow_id = flow.id })
   ask("without a flow", "POST", "/deployments/", { name = "x" })
   ask("of an unknown flow", "POST", "/deployments/", body("x", { flow_id = NOBODY }))
   ask("with an unknown block", "POST", "/deployments/", body("x", { infrastructure_document_id = NOBODY }))
   ask("with an unknown storage", "POST", "/deployments/", body("x", { storage_document_id = NOBODY }))
   ask("in an unknown pool", "POST", "/deployments/", body("x", { work_pool_name = "none" }))
   ask("with an unknown field", "POST", "/deployments/", body("x", { colour = "red" }))
   ask("patched", "PATCH", "/deployments/" .. made.id, { description = "new", parameters = { c = 3 },
      work_queue_name = "deployed-other", path = "r" })
   ask("after the patch", "GET", "/deployments/" .. made.id)
   ask("patched, unknown", "PATCH", "/deployments/" .. NOBODY, { path = "r" })
   ask("patched with an unknown field", "PATCH", "/deployments/" .. made.id, { colour = "red" })
   ask("paused", "POST", "/deployments/" .. made.id .. "/pause_deployment")
   ask("the paused one", "GET", "/deployments/" .. made.id)
   ask("resumed", "POST", "/deployments/" .. made.id .. "/resume_deployment")
   ask("paused, unknown", "POST", "/deployments/" .. NOBODY .. "/pause_deployment")
   ask("found by flow", "POST", "/deployments/filter", { flows = { name = { any_ = { "deployed" } } },
      sort = "NAME_ASC" })
   ask("a page", "POST", "/deployments/filter", { flows = { name = { any_ = { "deployed" } } },
      sort = "NAME_ASC", limit = 1, offset = 1 })
   ask("found by name", "POST", "/deployments/filter", { deployments = { name = { any_ = { "least" } } } })
   ask("found by queue", "POST", "/deployments/filter",
      { deployments = { work_queue_name = { any_ = { "deployed-other" } } } })
   ask("counted", "POST", "/deployments/count", { flows = { name = { any_ = { "deployed" } } } })
   ask("deleted", "DELETE", "/deployments/" .. made.id)
   ask("deleted again", "DELETE", "/deployments/" .. made.id)
end

local function queues(ask, _, backend)
   local made = ask("made", "POST", "/work_queues/", { name = "a-queue", description = "d", concurrency_limit = 2 })
   ask("made again", "POST", "/work_queues/", { name = "a-queue" })
   ask("without a name", "POST", "/work_queues/", json.object {})
   ask("with an unknown field", "POST", "/work_queues/", { name = "x", colour = "red" })
   ask("by name", "GET", "/work_queues/name/a-queue")
   ask("by id", "GET", "/work_queues/" .. made.id)
   ask("by an unknown name", "GET", "/work_queues/name/none")
   ask("by an unknown id", "GET", "/work_queues/" .. NOBODY)
   ask("patched", "PATCH", "/work_queues/" .. made.id, { is_paused = true, description = "e" })
   ask("paused", "GET", "/work_queues/" .. made.id)
   ask("patched, unknown", "PATCH", "/work_queues/" .. NOBODY, { is_paused = true })
   backend.send("PATCH", "/work_queues/" .. made.id, { is_paused = false })
   ask("no runs", "POST", "/work_queues/" .. made.id .. "/get_runs", json.object {})
   ask("runs of nobody", "POST", "/work_queues/" .. NOBODY .. "/get_runs", json.object {})
   ask("too many runs", "POST", "/work_queues/" .. made.id .. "/get_runs", { limit = 201 })
   local _, flow = backend.send("POST", "/flows/", { name = "queued" })
   local _, deployment = backend.send("POST", "/deployments/", { name = "d", flow_id = flow.id,
      work_queue_name = "a-queue" })
   backend.send("POST", "/deployments/" .. deployment.id .. "/create_flow_run", { name = "due" })
   backend.send("POST", "/deployments/" .. deployment.id .. "/create_flow_run", { name = "later", state = {
      type = "SCHEDULED", state_details = { scheduled_time = clock.iso(clock.now() + 3600) } } })
   local soon = clock.iso(clock.now() + 10)
   ask("a run that is due", "POST", "/work_queues/" .. made.id .. "/get_runs", { scheduled_before = soon })
   ask("all runs", "POST", "/work_queues/" .. made.id .. "/get_runs",
      { scheduled_before = clock.iso(clock.now() + 7200), limit = 10 })
   ask("one run", "POST", "/work_queues/" .. made.id .. "/get_runs",
      { scheduled_before = clock.iso(clock.now() + 7200), limit = 1 })
   ask("found by name", "POST", "/work_queues/filter", { work_queues = { name = { any_ = { "a-queue" } } } },
      { last_polled = true, status = true })
   ask("deleted", "DELETE", "/work_queues/" .. made.id)
   ask("deleted again", "DELETE", "/work_queues/" .. made.id)
end

local function pools(ask, _, backend)
   ask("made", "POST", "/work_pools/", { name = "a-pool", type = "azure-container-instance",
      base_job_template = { job_configuration = { image = "{{ image }}" }, variables = { type = "object",
         properties = { image = { type = "string" } } } }, description = "d", concurrency_limit = 3 })
   ask("made again", "POST", "/work_pools/", { name = "a-pool", type = "x" })
   ask("without a name", "POST", "/work_pools/", { type = "x" })
   ask("with a reserved name", "POST", "/work_pools/", { name = "prefect-x", type = "x" })
   ask("with an unknown field", "POST", "/work_pools/", { name = "x", type = "x", colour = "red" })
   ask("by name", "GET", "/work_pools/a-pool")
   ask("by an unknown name", "GET", "/work_pools/none")
   ask("patched", "PATCH", "/work_pools/a-pool", { description = "e", is_paused = true })
   ask("after the patch", "GET", "/work_pools/a-pool")
   ask("patched, unknown", "PATCH", "/work_pools/none", { description = "e" })
   backend.send("PATCH", "/work_pools/a-pool", { is_paused = false })
   ask("its default queue", "GET", "/work_pools/a-pool/queues/default")
   ask("a second queue", "POST", "/work_pools/a-pool/queues", { name = "second" })
   ask("a second queue again", "POST", "/work_pools/a-pool/queues", { name = "second" })
   ask("a queue of an unknown pool", "POST", "/work_pools/none/queues", { name = "second" })
   ask("an unknown queue", "GET", "/work_pools/a-pool/queues/none")
   ask("a queue that is patched", "PATCH", "/work_pools/a-pool/queues/second", { description = "f" })
   ask("its queues", "POST", "/work_pools/a-pool/queues/filter", json.object {})
   ask("no scheduled runs", "POST", "/work_pools/a-pool/get_scheduled_flow_runs", json.object {})
   ask("scheduled runs of an unknown queue", "POST", "/work_pools/a-pool/get_scheduled_flow_runs",
      { work_queue_names = json.array { "none" } })
   ask("scheduled runs of an unknown pool", "POST", "/work_pools/none/get_scheduled_flow_runs", json.object {})
   ask("a queue that is deleted", "DELETE", "/work_pools/a-pool/queues/second")
   ask("found by name", "POST", "/work_pools/filter", { work_pools = { name = { any_ = { "a-pool" } } } },
      { status = true })
   ask("deleted", "DELETE", "/work_pools/a-pool")
   ask("deleted again", "DELETE", "/work_pools/a-pool")
end

local function logs(ask, _, backend)
   local _, flow = backend.send("POST", "/flows/", { name = "logged" })
   local _, run = backend.send("POST", "/flow_runs/", { flow_id = flow.id, name = "l" })
   local function entry(message, level, at)
      return { name = "prefect.flow_runs", level = level, message = message, flow_run_id = run.id,
         timestamp = ("2026-01-02T03:04:%02d.000000+00:00"):format(at) }
   end
   ask("written", "POST", "/logs/", json.array { entry("one", 20, 1), entry("th\u{e9}", 40, 3), entry("two", 10, 2) })
   ask("nothing written", "POST", "/logs/", json.array {})
   ask("no level", "POST", "/logs/", json.array { { name = "x", message = "m", timestamp = clock.iso(0) } })
   ask("not a list", "POST", "/logs/", { name = "x" })
   local of_run = { flow_run_id = { any_ = { run.id } } }
   ask("read", "POST", "/logs/filter", { logs = of_run, sort = "TIMESTAMP_ASC" })
   ask("read backwards", "POST", "/logs/filter", { logs = of_run, sort = "TIMESTAMP_DESC" })
   ask("a page", "POST", "/logs/filter", { logs = of_run, sort = "TIMESTAMP_ASC", limit = 1, offset = 1 })
   ask("the loud ones", "POST", "/logs/filter", { logs = { flow_run_id = of_run.flow_run_id,
      level = { ge_ = 20 } }, sort = "TIMESTAMP_ASC" })
   ask("the late ones", "POST", "/logs/filter", { logs = { flow_run_id = of_run.flow_run_id,
      timestamp = { after_ = "2026-01-02T03:04:02.000000+00:00" } }, sort = "TIMESTAMP_ASC" })
   ask("of nobody", "POST", "/logs/filter", { logs = { flow_run_id = { any_ = { NOBODY } } } })
   ask("too many", "POST", "/logs/filter", { limit = 201 })
   ask("an unknown order", "POST", "/logs/filter", { sort = "UPWARDS" })
end

local function variables(ask)
   local made = ask("made", "POST", "/variables/", { name = "a_var", value = "one", tags = json.array { "x" } })
   ask("made again", "POST", "/variables/", { name = "a_var", value = "two" })
   ask("a bad name", "POST", "/variables/", { name = "A-Var", value = "two" })
   ask("no value", "POST", "/variables/", { name = "b_var" })
   ask("an unknown field", "POST", "/variables/", { name = "b_var", value = "x", colour = "red" })
   ask("by name", "GET", "/variables/name/a_var")
   ask("by an unknown name", "GET", "/variables/name/none")
   ask("by id", "GET", "/variables/" .. made.id)
   ask("by an unknown id", "GET", "/variables/" .. NOBODY)
   ask("patched by id", "PATCH", "/variables/" .. made.id, { tags = json.array { "x" } })
   ask("patched", "PATCH", "/variables/name/a_var", { value = "three" })
   ask("after the patch", "GET", "/variables/name/a_var")
   ask("patched, unknown", "PATCH", "/variables/name/none", { value = "three" })
   ask("found", "POST", "/variables/filter", { variables = { name = { any_ = { "a_var" } } } })
   ask("found by tags", "POST", "/variables/filter", { variables = { tags = { all_ = { "x" } } } })
   ask("deleted", "DELETE", "/variables/name/a_var")
   ask("deleted again", "DELETE", "/variables/name/a_var")
end

return { { "flows", flows }, { "deployments", deployments }, { "queues", queues }, { "pools", pools },
   { "logs", logs }, { "variables", variables } }
