--- What is changed after it was made, and what is forced: request by request.
local clock = require "aci.clock"
local json  = require "aci.json"

local NOBODY = "00000000-0000-4000-8000-000000000000"

local function made_deployment(backend, name, more)
   local _, flow = backend.send("POST", "/flows/", { name = name })
   local body = { name = "d", flow_id = flow.id, work_queue_name = name .. "-queue" }
   for key, value in pairs(more or {}) do body[key] = value end
   local _, deployment = backend.send("POST", "/deployments/", body)
   return deployment, flow
end

local function deployments(ask, _, backend, major)
   local made = made_deployment(backend, "changed", { parameters = { a = 1 }, tags = json.array { "x" },
      description = "d", version = "1" })
   local at = "/deployments/" .. made.id
   local function change(title, body)
      ask(title, "PATCH", at, body)
      ask(title .. ", then", "GET", at)
   end
   change("nothing changed", json.object {})
   change("parameters replaced", { parameters = { b = 2 } })
   change("tags emptied", { tags = json.array {} })
   change("a description taken away", { description = json.null })
   change("a version", { version = "2" })
   change("paused by a change", { paused = true })
   ask("a run of a paused one", "POST", at .. "/create_flow_run", { name = "p" })
   change("woken by a change", { paused = false })
   change("job variables", { job_variables = { env = { A = "1" } } })
   change("another queue", { work_queue_name = "changed-other" })
   ask("an unknown pool", "PATCH", at, { work_pool_name = "none" })
   ask("an unknown block", "PATCH", at, { storage_document_id = NOBODY })
   ask("another name", "PATCH", at, { name = "other" })
   ask("tags that are none", "PATCH", at, { tags = "red" })
   ask("parameters that are none", "PATCH", at, { parameters = json.array { 1 } })
   ask("paused that is neither", "PATCH", at, { paused = "perhaps" })
   ask("a schema enforced", "PATCH", at, { enforce_parameter_schema = true })
   if major == 2 then
      ask("the old name of pausing", "POST", at .. "/set_schedule_inactive")
      ask("the old name of pausing, then", "GET", at)
      ask("the old name of waking", "POST", at .. "/set_schedule_active")
   end
   ask("no id", "PATCH", "/deployments/abc", { version = "3" })
   ask("paused, no id", "POST", "/deployments/abc/pause_deployment")
   ask("resumed, unknown", "POST", "/deployments/" .. NOBODY .. "/resume_deployment")
   ask("its schedules", "GET", at .. "/schedules")
   ask("schedules of nobody", "GET", "/deployments/" .. NOBODY .. "/schedules")
   ask("a run of it still there", "POST", "/flow_runs/count",
      { flow_runs = { deployment_id = { any_ = { made.id } } } })
   local _, going = backend.send("POST", at .. "/create_flow_run", { name = "going" })
   backend.send("POST", "/flow_runs/" .. going.id .. "/set_state", { state = { type = "PENDING" } })
   ask("deleted", "DELETE", at)
   ask("its runs then", "POST", "/flow_runs/count", { flow_runs = { deployment_id = { any_ = { made.id } } } })
   ask("its run that had begun", "GET", "/flow_runs/" .. going.id)
end

--- Parameters that a deployment's schema does not allow.
local function enforcing(ask, _, backend)
   local _, flow = backend.send("POST", "/flows/", { name = "enforced" })
   local schema = { type = "object", required = json.array { "must" }, properties = {
      must = { type = "integer" }, may = { type = "string" }, has = { type = "boolean", default = true } } }
   local function body(name, parameters)
      return { name = name, flow_id = flow.id, parameters = parameters, enforce_parameter_schema = true,
         parameter_openapi_schema = schema }
   end
   ask("a deployment with another type", "POST", "/deployments/", body("x", { must = "text" }))
   local made = ask("a deployment without what is required", "POST", "/deployments/", body("d", { may = "text" }))
   ask("changed to another type", "PATCH", "/deployments/" .. made.id, { parameters = { may = 1 } })
   ask("changed to nothing", "PATCH", "/deployments/" .. made.id, { parameters = json.object {} })
   local path = "/deployments/" .. made.id .. "/create_flow_run"
   for title, parameters in pairs { ["nothing"] = json.object {}, ["another type"] = { must = "text" },
      ["null for what must be"] = { must = json.null }, ["null for what may be"] = { must = 1, may = json.null },
      ["another type for what may be"] = { must = 1, may = 2 }, ["null for a default"] = { must = 1, has = json.null },
      ["true for a number"] = { must = true }, ["more than is known"] = { must = 1, more = 2 } } do
      ask("a run with " .. title, "POST", path, { name = "r", parameters = parameters })
   end
   ask("a run for once not enforced", "POST", path, { name = "r", enforce_parameter_schema = false })
end

local function queues(ask, _, backend)
   local _, queue = backend.send("POST", "/work_queues/", { name = "moved" })
   local at = "/work_queues/" .. queue.id
   ask("its status, never asked", "GET", at .. "/status")
   ask("the status of nobody", "GET", "/work_queues/" .. NOBODY .. "/status")
   ask("a limit", "PATCH", at, { concurrency_limit = 0 })
   -- Prefect 2 names the version of a library of its own in these
   local words = { msg = true }
   ask("a limit below nothing", "PATCH", at, { concurrency_limit = -1 }, words)
   ask("a limit that is none", "PATCH", at, { concurrency_limit = "many" }, words)
   ask("no limit", "PATCH", at, { concurrency_limit = json.null })
   ask("a name with a slash", "PATCH", at, { name = "a/b" })
   ask("renamed", "PATCH", at, { name = "moved-on" })
   ask("by its new name", "GET", "/work_queues/name/moved-on", nil, { priority = true })
   ask("by its old name", "GET", "/work_queues/name/moved")
   ask("paused", "PATCH", at, { is_paused = true })
   ask("a paused one has no runs", "POST", at .. "/get_runs", json.object {})
   backend.send("POST", "/work_pools/", { name = "ordered", type = "process" })
   for _, name in ipairs { "b", "c" } do
      ask("queue " .. name, "POST", "/work_pools/ordered/queues", { name = name })
   end
   ask("queue d before all", "POST", "/work_pools/ordered/queues", { name = "d", priority = 1 })
   local function order(title)
      local _, list = backend.send("POST", "/work_pools/ordered/queues/filter", json.object {})
      local places = {}
      for index, each in ipairs(list) do places[index] = each.name .. "=" .. each.priority end
      table.sort(places)
      return ask(title .. ": " .. table.concat(places, " "), "GET", "/work_pools/ordered/queues/default")
   end
   order "the order"
   ask("c to the first place", "PATCH", "/work_pools/ordered/queues/c", { priority = 1 })
   order "the order then"
   ask("b to a place far down", "PATCH", "/work_pools/ordered/queues/b", { priority = 9 })
   order "the order with a gap"
   ask("a place below the first", "PATCH", "/work_pools/ordered/queues/b", { priority = 0 }, words)
   ask("a queue in a place that is none", "POST", "/work_pools/ordered/queues", { name = "e", priority = 0 }, words)
   ask("queues by name", "POST", "/work_pools/ordered/queues/filter",
      { work_queues = { name = { any_ = { "c" } } } })
   ask("a page of queues", "POST", "/work_pools/ordered/queues/filter", { limit = 1, offset = 1 })
   ask("the default queue deleted", "DELETE", "/work_pools/ordered/queues/default")
   ask("b deleted", "DELETE", "/work_pools/ordered/queues/b")
   ask("b deleted again", "DELETE", "/work_pools/ordered/queues/b")
   order "the order at the end"
end

local function pools(ask, _, backend)
   backend.send("POST", "/work_pools/", { name = "bent", type = "azure-container-instance" })
   local at = "/work_pools/bent"
   ask("a limit below nothing", "PATCH", at, { concurrency_limit = -1 }, { msg = true })
   ask("no type", "POST", "/work_pools/", { name = "untyped" })
   ask("a bad name", "POST", "/work_pools/", { name = "a/b", type = "process" })
   ask("a template without its two parts", "PATCH", at, { base_job_template = { a = 1 } })
   ask("a template that uses an unknown variable", "PATCH", at, { base_job_template = {
      job_configuration = { a = "{{ b }}" }, variables = { type = "object", properties = json.object {} } } })
   ask("a new pool with such a template", "POST", "/work_pools/", { name = "bad-template", type = "process",
      base_job_template = { job_configuration = { a = "{{ b }}" }, variables = { properties = json.object {} } } })
   ask("another type", "PATCH", at, { type = "process" })
   ask("another name", "PATCH", at, { name = "other" })
   ask("found by type", "POST", "/work_pools/filter",
      { work_pools = { type = { any_ = { "azure-container-instance" } }, name = { any_ = { "bent" } } } })
   ask("a page", "POST", "/work_pools/filter", { work_pools = { name = { any_ = { "bent", "untyped" } } },
      limit = 1 })
   ask("too many", "POST", "/work_pools/filter", { limit = 201 })
   ask("counted", "POST", "/work_pools/count", { work_pools = { name = { any_ = { "bent", "none" } } } })
   ask("no worker", "POST", at .. "/workers/filter", json.object {})
   ask("a heartbeat", "POST", at .. "/workers/heartbeat", { name = "w" })
   ask("a heartbeat of nobody", "POST", at .. "/workers/heartbeat", json.object {})
   ask("a heartbeat in no pool", "POST", "/work_pools/none/workers/heartbeat", { name = "w" })
   ask("a worker", "POST", at .. "/workers/filter", json.object {})
   ask("workers that are away", "POST", at .. "/workers/filter", { workers = { status = { any_ = { "OFFLINE" } } } })
   ask("the pool is served", "GET", at)
   ask("a worker deleted", "DELETE", at .. "/workers/w")
   ask("a worker deleted again", "DELETE", at .. "/workers/w")
end

local function runs(ask, _, backend)
   local made = made_deployment(backend, "forced")
   local path = "/deployments/" .. made.id .. "/create_flow_run"
   local _, run = backend.send("POST", path, { name = "f" })
   local at = "/flow_runs/" .. run.id
   local function propose(title, state, force)
      return ask(title, "POST", at .. "/set_state", { state = state, force = force })
   end
   propose("completed by force", { type = "COMPLETED" }, true)
   ask("its times", "GET", at)
   propose("pending by force after the end", { type = "PENDING" }, true)
   propose("crashed by force", { type = "CRASHED", message = "gone" }, true)
   propose("scheduled by force", { type = "SCHEDULED" }, true)
   propose("force that is no word for it", { type = "RUNNING" }, "perhaps")
   propose("paused by force", { type = "PAUSED", state_details = { pause_timeout = clock.iso(clock.now() + 600) } },
      true)
   ask("resumed", "POST", at .. "/resume", json.object {})
   ask("resumed again", "POST", at .. "/resume", json.object {})
   ask("nobody resumed", "POST", "/flow_runs/" .. NOBODY .. "/resume", json.object {})
   ask("a name", "PATCH", at, { name = "another name" })
   ask("an empty name", "PATCH", at, { name = "" })
   ask("a name that is none", "PATCH", at, { name = json.null })
   ask("tags", "PATCH", at, { tags = json.array { "b", "a" } })
   ask("parameters", "PATCH", at, { parameters = { z = 1 } })
   ask("a policy", "PATCH", at, { empirical_policy = { retries = 3, retry_delay = 1 } })
   ask("after all that", "GET", at, nil, { name = true })
   ask("job variables", "PATCH", at, { job_variables = { cpu = 2 } })
   ask("a name of its own that is empty", "POST", path, { name = "" }, { name = true })
   ask("tags that are none", "POST", path, { tags = "red" })
   ask("a state that is none", "POST", path, { state = { type = "DONE" } })
   ask("a run that begins as RUNNING", "POST", path, { name = "r", state = { type = "RUNNING" } })
   ask("a key that is empty", "POST", path, { name = "k", idempotency_key = "" })
   ask("a parent", "POST", path, { name = "c", parent_task_run_id = NOBODY })
   ask("its states", "GET", "/flow_run_states/?flow_run_id=" .. run.id)
   ask("states of nobody", "GET", "/flow_run_states/?flow_run_id=" .. NOBODY)
   ask("states of no id", "GET", "/flow_run_states/?flow_run_id=abc")
   ask("states without a run", "GET", "/flow_run_states/")
   ask("an unknown state", "GET", "/flow_run_states/" .. NOBODY)
end

--- Paused and suspended runs: what brings them back, and what it counts as.
local function pausing(ask, _, backend)
   local made = made_deployment(backend, "pausing")
   local function going(name)
      local _, run = backend.send("POST", "/deployments/" .. made.id .. "/create_flow_run", { name = name })
      for _, kind in ipairs { "PENDING", "RUNNING" } do
         backend.send("POST", "/flow_runs/" .. run.id .. "/set_state", { state = { type = kind } })
      end
      return "/flow_runs/" .. run.id
   end
   local function propose(title, at, state)
      return ask(title, "POST", at .. "/set_state", { state = state })
   end
   local at = going "paused"
   propose("paused", at, { type = "PAUSED", state_details = { pause_key = "a" } })
   propose("pending while paused", at, { type = "PENDING" })
   propose("cancelling while paused", at, { type = "CANCELLING" })
   at = going "back"
   propose("paused again", at, { type = "PAUSED" })
   propose("running again", at, { type = "RUNNING" })
   ask("the run that goes on", "GET", at, nil, { pause_keys = true })
   at = going "late"
   propose("paused until now", at, { type = "PAUSED", state_details = { pause_timeout = clock.iso(clock.now() - 1) } })
   propose("too late", at, { type = "RUNNING" })
   at = going "suspended"
   propose("suspended", at, { type = "PAUSED", name = "Suspended", state_details = { pause_reschedule = true,
      pause_key = "b" } })
   ask("resumed", "POST", at .. "/resume", json.object {})
   ask("the run that waits to go on", "GET", at)
   propose("claimed", at, { type = "PENDING" })
   propose("going on", at, { type = "RUNNING" })
   ask("the run that went on", "GET", at)
   propose("suspended with the key of before", at, { type = "PAUSED", name = "Suspended", state_details = {
      pause_reschedule = true, pause_key = "b" } })
end

local function tasks(ask, _, backend)
   local made = made_deployment(backend, "tasked")
   local _, run = backend.send("POST", "/deployments/" .. made.id .. "/create_flow_run", { name = "t" })
   local _, task = backend.send("POST", "/task_runs/", { flow_run_id = run.id, task_key = "k", dynamic_key = "0",
      name = "k-0" })
   local at = "/task_runs/" .. task.id
   ask("renamed", "PATCH", at, { name = "k-1" })
   ask("after that", "GET", at)
   ask("renamed with more", "PATCH", at, { name = "k-1", tags = json.array { "x" } })
   ask("renamed, unknown", "PATCH", "/task_runs/" .. NOBODY, { name = "x" })
   ask("completed by force", "POST", at .. "/set_state", { state = { type = "COMPLETED" }, force = true })
   for _, kind in ipairs { "PENDING", "RUNNING" } do
      backend.send("POST", "/flow_runs/" .. run.id .. "/set_state", { state = { type = kind } })
   end
   for index, kind in ipairs { "RUNNING", "RUNNING", "FAILED", "RUNNING", "FAILED", "PENDING", "RUNNING" } do
      ask(("then %d: %s"):format(index, kind), "POST", at .. "/set_state", { state = { type = kind, name = kind } })
   end
   ask("what it counts as then", "GET", at)
   for _, kind in ipairs { "FAILED", "RUNNING" } do
      backend.send("POST", "/flow_runs/" .. run.id .. "/set_state", { state = { type = kind }, force = true })
   end
   backend.send("POST", at .. "/set_state", { state = { type = "FAILED" } })
   ask("when its flow is run again", "POST", at .. "/set_state", { state = { type = "RUNNING", name = "Running" } })
   ask("what it counts as in the second run", "GET", at)
   local _, child = backend.send("POST", "/flow_runs/", { flow_id = made.flow_id, name = "child",
      parent_task_run_id = task.id })
   ask("as a flow that was made", "GET", at)
   backend.send("POST", "/flow_runs/" .. child.id .. "/set_state", { state = { type = "RUNNING" } })
   ask("as a flow that runs", "GET", at)
   ask("the flow that it is", "GET", "/flow_runs/" .. child.id)
   ask("task runs that are flows", "POST", "/task_runs/filter", { task_runs = { subflow_runs = { exists_ = true },
      flow_run_id = { any_ = { run.id } } } })
   ask("the flows of a flow", "POST", "/flow_runs/filter", { flow_runs = { parent_flow_run_id = {
      any_ = { run.id } } } })
   ask("its states", "GET", "/task_run_states/?task_run_id=" .. task.id)
   ask("without a flow run", "POST", "/task_runs/", { task_key = "alone", dynamic_key = "0", name = "alone-0",
      flow_run_id = json.null })
   ask("deleted", "DELETE", at)
   ask("deleted again", "DELETE", at)
end

return { { "changing deployments", deployments }, { "enforcing parameters", enforcing },
   { "changing queues", queues }, { "changing pools", pools }, { "changing runs", runs },
   { "pausing runs", pausing }, { "changing task runs", tasks } }
