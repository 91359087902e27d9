--- Filters, sort orders, pages and counts of every kind: request by request.
local clock = require "aci.clock"
local json  = require "aci.json"

local NOBODY = "00000000-0000-4000-8000-000000000000"

--- A flow with a deployment, runs in three states and a task run; and a flow without any.
local function furnish(backend)
   local made = {}
   local function send(...) return select(2, backend.send(...)) end
   made.flow = send("POST", "/flows/", { name = "sought a", tags = json.array { "s", "a" } })
   made.bare = send("POST", "/flows/", { name = "sought b", tags = json.array { "s" } })
   made.plain = send("POST", "/flows/", { name = "sought c" })
   send("POST", "/work_pools/", { name = "sought-pool", type = "process" })
   made.deployment = send("POST", "/deployments/", { name = "one", flow_id = made.flow.id, tags = json.array { "d" },
      work_pool_name = "sought-pool", work_queue_name = "sought-queue" })
   made.other = send("POST", "/deployments/", { name = "two", flow_id = made.bare.id, paused = true })
   for _, name in ipairs { "r1", "r2", "r3" } do
      made[name] = send("POST", "/deployments/" .. made.deployment.id .. "/create_flow_run", { name = name,
         tags = json.array { name }, idempotency_key = "sought-" .. name,
         state = { type = "SCHEDULED", state_details = { scheduled_time = ("2030-01-0%sT00:00:00+00:00"):format(
            name:sub(2)) } } })
   end
   local function enter(run, ...)
      for _, kind in ipairs { ... } do
         send("POST", "/flow_runs/" .. run.id .. "/set_state", { state = { type = kind }, force = true })
      end
   end
   enter(made.r2, "PENDING", "RUNNING")
   made.task = send("POST", "/task_runs/", { flow_run_id = made.r2.id, task_key = "k", dynamic_key = "0", name = "k-0",
      tags = json.array { "t" } })
   enter(made.r3, "PENDING", "RUNNING", "FAILED")
   return made
end

local function finding(ask, _, backend, major)
   local made = furnish(backend)
   local ours = { name = { like_ = "sought " } }
   local function flows(title, body)
      body.sort = body.sort or "NAME_ASC"
      ask("flows " .. title, "POST", "/flows/filter", body)
   end
   flows("downwards", { flows = ours, sort = "NAME_DESC" })
   flows("the newest first", { flows = ours, sort = "CREATED_DESC" })
   flows("by letters of another case", { flows = { name = { like_ = "SOUGHT A" } } })
   flows("by a wildcard", { flows = { name = { like_ = "so%t a" } } })
   flows("without tags", { flows = { name = ours.name, tags = { is_null_ = true } } })
   flows("with tags", { flows = { name = ours.name, tags = { is_null_ = false } } })
   flows("with two tags", { flows = { tags = { all_ = { "s", "a" } } } })
   flows("without a deployment", { flows = { name = ours.name, deployment = { is_null_ = true } } })
   flows("with a deployment", { flows = { name = ours.name, deployment = { is_null_ = false } } })
   flows("one or the other", { flows = { operator = "or_", name = { any_ = { "sought a" } },
      id = { any_ = { made.plain.id } } } })
   flows("an unknown join", { flows = { operator = "xor_", name = ours.name } })
   flows("of a deployment", { deployments = { name = { any_ = { "one" } }, tags = { all_ = { "d" } } } })
   flows("of a run", { flow_runs = { name = { any_ = { "r2" } }, tags = { all_ = { "r2" } } } })
   flows("of a task run", { task_runs = { id = { any_ = { made.task.id } } } })
   flows("of a pool", { work_pools = { name = { any_ = { "sought-pool" } } } })
   flows("no names", { flows = { name = { any_ = json.array {} } } })
   flows("a filter that is null", { flows = json.null, deployments = { name = { any_ = { "one" } },
      tags = { all_ = { "d" } } } })
   flows("a filter that is none", { flows = "all" })
   flows("a list for a text", { flows = { name = { like_ = json.array { "a" } } } })
   flows("a text for a list", { flows = { name = { any_ = "sought a" } } })
   flows("a page of less than nothing", { flows = ours, limit = -1 })
   ask("flows counted", "POST", "/flows/count", { flows = ours })
   ask("flows of a run counted", "POST", "/flows/count", { flow_runs = { name = { any_ = { "r1" } },
      tags = { all_ = { "r1" } } } })

   local function runs(title, filter, more)
      local body = { sort = "NAME_ASC" }
      for key, value in pairs(more or {}) do body[key] = value end
      filter.deployment_id = { any_ = { made.deployment.id } }
      body.flow_runs = filter
      ask("runs " .. title, "POST", "/flow_runs/filter", body)
   end
   for _, sort in ipairs { "START_TIME_ASC", "START_TIME_DESC", "EXPECTED_START_TIME_ASC", "EXPECTED_START_TIME_DESC",
      "NEXT_SCHEDULED_START_TIME_ASC", "END_TIME_DESC" } do
      runs("in the order " .. sort, {}, { sort = sort })
   end
   runs("in two states", { state = { type = { any_ = { "RUNNING", "FAILED" } } } })
   runs("in a state that is none", { state = { type = { any_ = { "DONE" } } } })
   runs("not started", { start_time = { is_null_ = true } })
   runs("started", { start_time = { is_null_ = false } })
   runs("started before a time", { start_time = { before_ = "2029-01-01T00:00:00+00:00" } })
   runs("expected after a time", { expected_start_time = { after_ = "2030-01-02T00:00:00+00:00" } })
   runs("expected between times", { expected_start_time = { after_ = "2030-01-01T12:00:00+00:00",
      before_ = "2030-01-02T12:00:00+00:00" } })
   runs("next before a time", { next_scheduled_start_time = { before_ = "2031-01-01T00:00:00+00:00" } })
   runs("at a time that is none", { start_time = { before_ = "yesterday" } })
   runs("by key", { idempotency_key = { any_ = { "sought-r1" } } })
   runs("but for a key", { idempotency_key = { not_any_ = { "sought-r1" } } })
   runs("by no version", { flow_version = { any_ = { "9" } } })
   runs("of no parent", { parent_task_run_id = { is_null_ = true } })
   runs("without tags", { tags = { is_null_ = true } })
   runs("one or the other", { operator = "or_", name = { any_ = { "r1" } } }, { flows = ours })
   runs("of a pool", {}, { work_pools = { name = { any_ = { "sought-pool" } } } })
   runs("of another pool", {}, { work_pools = { name = { any_ = { "none" } } } })
   runs("of a pool's queue", {}, { work_pool_queues = { name = { any_ = { "sought-queue" } } } })
   runs("of a task run", {}, { task_runs = { name = { any_ = { "k-0" } } } })
   runs("of no task run", {}, { task_runs = { name = { any_ = { "none" } } } })
   if major == 3 then
      runs("by any tag", { tags = { any_ = { "r1", "r3" } } })
      runs("ended", { end_time = { is_null_ = false } })
      runs("not in states", { state = { type = { not_any_ = { "RUNNING" } } } })
   end
   ask("runs counted by state", "POST", "/flow_runs/count", { flow_runs = { state = { name = { any_ = { "Failed" } } },
      deployment_id = { any_ = { made.deployment.id } } } })
   ask("runs counted by an unknown field", "POST", "/flow_runs/count",
      { flow_runs = { colour = { any_ = { "red" } } } })

   local function tasks(title, body)
      body.sort = body.sort or "NAME_ASC"
      ask("task runs " .. title, "POST", "/task_runs/filter", body)
   end
   tasks("of a flow run", { flow_runs = { id = { any_ = { made.r2.id } } } })
   tasks("of a flow", { flows = { name = { any_ = { "sought a" } } } })
   tasks("of another flow", { flows = { name = { any_ = { "sought b" } } } })
   tasks("of a deployment", { deployments = { id = { any_ = { made.deployment.id } } } })
   tasks("by tags", { task_runs = { tags = { all_ = { "t" } } } })
   tasks("that are no flows", { task_runs = { id = { any_ = { made.task.id } }, subflow_runs = { exists_ = false } } })
   tasks("not started", { task_runs = { id = { any_ = { made.task.id } }, start_time = { is_null_ = true } } })
   tasks("an unknown order", { sort = "START_TIME_ASC" })

   local function deployments(title, body)
      body.sort = body.sort or "NAME_ASC"
      body.flows = body.flows or ours
      ask("deployments " .. title, "POST", "/deployments/filter", body)
   end
   deployments("downwards", { sort = "NAME_DESC" })
   deployments("the newest first", { sort = "CREATED_DESC" })
   deployments("that are paused", { deployments = { paused = { eq_ = true } } })
   deployments("by tags", { deployments = { tags = { all_ = { "d" } } } })
   deployments("without tags", { deployments = { tags = { is_null_ = true } } })
   deployments("by a part of the name", { deployments = { name = { like_ = "O" } } })
   deployments("of a run", { flow_runs = { name = { any_ = { "r1" } } } })
   deployments("of a task run", { task_runs = { id = { any_ = { made.task.id } } } })
   deployments("of a pool", { work_pools = { name = { any_ = { "sought-pool" } } } })
   deployments("of a pool's type", { work_pools = { type = { any_ = { "process" } } } })
   deployments("of a pool's queue", { work_pool_queues = { name = { any_ = { "sought-queue" } } } })
   ask("deployments of a run counted", "POST", "/deployments/count", { flows = ours,
      flow_runs = { name = { any_ = { "r1" } } } })
   ask("deployments paused counted", "POST", "/deployments/count", { flows = ours,
      deployments = { paused = { eq_ = false } } })
end

local function blocks(ask, _, backend)
   local function send(...) return select(2, backend.send(...)) end
   local kinds, documents = {}, {}
   for _, slug in ipairs { "sought-x", "sought-y" } do
      kinds[slug] = send("POST", "/block_types/", { name = slug, slug = slug })
      local schema = send("POST", "/block_schemas/", { block_type_id = kinds[slug].id, fields = { type = "object",
         title = slug, block_type_slug = slug, secret_fields = json.array { "w" }, properties = {
            w = { type = "string" } } }, capabilities = json.array { slug } })
      for _, name in ipairs { "b", "a" } do
         documents[slug .. name] = send("POST", "/block_documents/", { name = name .. slug:sub(-2),
            data = { w = "hush" }, block_schema_id = schema.id, block_type_id = kinds[slug].id })
      end
   end
   local both = { slug = { any_ = { "sought-x", "sought-y" } } }
   local function find(title, body)
      body.block_types = body.block_types or both
      ask(title, "POST", "/block_documents/filter", body)
   end
   find("in their order", {})
   for _, sort in ipairs { "NAME_ASC", "NAME_DESC", "BLOCK_TYPE_AND_NAME_ASC" } do
      find("in the order " .. sort, { sort = sort })
   end
   find("an unknown order", { sort = "UPWARDS" })
   find("of a type", { block_documents = { block_type_id = { any_ = { kinds["sought-y"].id } } } })
   find("by a part of the name", { block_documents = { name = { like_ = "a-" } } })
   find("by name", { block_documents = { name = { any_ = { "b-x" } } } })
   find("that are anonymous", { block_documents = { is_anonymous = { eq_ = true } } })
   find("of a capability", { block_schemas = { block_capabilities = { all_ = { "sought-y" } } } })
   find("of a type's name", { block_types = { name = { like_ = "SOUGHT-X" } } })
   find("with their secrets", { include_secrets = true, block_documents = { name = { any_ = { "b-x" } } } })
   find("a page", { sort = "BLOCK_TYPE_AND_NAME_ASC", limit = 2, offset = 1 })
   ask("counted", "POST", "/block_documents/count", { block_types = both })
   ask("types by a part of the slug", "POST", "/block_types/filter", { block_types = { name = { like_ = "ought-" } } })
   ask("types of a capability", "POST", "/block_types/filter", { block_schemas = {
      block_capabilities = { all_ = { "sought-y" } } } })
   ask("a page of types", "POST", "/block_types/filter", { block_types = both, limit = 1, offset = 1 })
   ask("schemas of a version", "POST", "/block_schemas/filter", { block_schemas = {
      block_type_id = { any_ = { kinds["sought-x"].id } }, version = { any_ = { "non-versioned" } } } })
   ask("an anonymous one", "POST", "/block_documents/", { data = { w = "x" }, is_anonymous = true,
      block_type_id = kinds["sought-x"].id, block_schema_id = documents["sought-xa"].block_schema_id },
      { name = true })
   ask("an anonymous one without a name", "POST", "/block_documents/", { name = json.null, data = { w = "x" },
      is_anonymous = true, block_type_id = kinds["sought-x"].id,
      block_schema_id = documents["sought-xa"].block_schema_id }, { name = true })
   ask("a type deleted", "DELETE", "/block_types/" .. kinds["sought-y"].id)
   ask("its documents then", "POST", "/block_documents/count", { block_types = both })
   ask("a type deleted again", "DELETE", "/block_types/" .. kinds["sought-y"].id)
end

local function logs(ask, _, backend)
   local function send(...) return select(2, backend.send(...)) end
   local flow = send("POST", "/flows/", { name = "sought logs" })
   local run = send("POST", "/flow_runs/", { flow_id = flow.id, name = "l" })
   local task = send("POST", "/task_runs/", { flow_run_id = run.id, task_key = "k", dynamic_key = "0", name = "k-0" })
   local lines = json.array {}
   for index, level in ipairs { 10, 20, 30, 40 } do
      lines[index] = { name = "prefect", level = level, message = "line " .. index, flow_run_id = run.id,
         task_run_id = index > 2 and task.id or nil,
         timestamp = ("2026-01-02T03:04:%02d.500000+00:00"):format(index) }
   end
   send("POST", "/logs/", lines)
   local function read(title, filter, more)
      local body = { logs = filter, sort = "TIMESTAMP_ASC" }
      filter.flow_run_id = filter.flow_run_id or { any_ = { run.id } }
      for key, value in pairs(more or {}) do body[key] = value end
      ask(title, "POST", "/logs/filter", body)
   end
   read("the quiet ones", { level = { le_ = 20 } })
   read("between two levels", { level = { ge_ = 20, le_ = 30 } })
   read("a level that is none", { level = { ge_ = "loud" } })
   read("of a task run", { task_run_id = { any_ = { task.id } } })
   read("before a time", { timestamp = { before_ = "2026-01-02T03:04:02.500000+00:00" } })
   read("from a time on", { timestamp = { after_ = "2026-01-02T03:04:02.500000+00:00" } })
   read("from a time in another zone", { timestamp = { after_ = "2026-01-02T05:04:02.500000+02:00" } })
   read("the last one", {}, { sort = "TIMESTAMP_DESC", limit = 1 })
   read("beyond the end", {}, { offset = 4 })
   read("no lines at all", {}, { limit = 0 })
   read("too many", {}, { limit = 201 })
   read("an unknown field", { colour = { any_ = { "red" } } })
   ask("in their own order", "POST", "/logs/filter", { logs = { flow_run_id = { any_ = { run.id } } } })
   ask("a message that is none", "POST", "/logs/", json.array { { name = "x", level = 20, message = json.null,
      timestamp = clock.iso(0) } })
   ask("of an unknown run", "POST", "/logs/", json.array { { name = "x", level = 20, message = "m",
      flow_run_id = NOBODY, timestamp = "2026-01-02T03:04:05+00:00" } })
end

local function variables(ask, _, backend, major)
   local function send(...) return select(2, backend.send(...)) end
   for index, name in ipairs { "sought_b", "sought_a", "sought_c" } do
      send("POST", "/variables/", { name = name, value = "v" .. index, tags = json.array { "t" .. index, "all" } })
   end
   local function find(title, filter, more)
      local body = { variables = filter, sort = "NAME_ASC" }
      for key, value in pairs(more or {}) do body[key] = value end
      ask(title, "POST", "/variables/filter", body)
   end
   local ours = { name = { like_ = "sought" } }
   find("by a part of the name", ours)
   find("downwards", ours, { sort = "NAME_DESC" })
   find("the newest first", ours, { sort = "CREATED_DESC" })
   find("by two tags", { tags = { all_ = { "all", "t2" } } })
   find("a page", ours, { limit = 1, offset = 1 })
   find("too many", ours, { limit = 201 })
   find("an unknown order", ours, { sort = "UPWARDS" })
   find("by value", { value = { any_ = { "v1" } } })
   ask("counted", "POST", "/variables/count", { variables = ours })
   ask("a long name", "POST", "/variables/", { name = ("n"):rep(256), value = "x" })
   ask("a long value", "POST", "/variables/", { name = "long", value = ("v"):rep(5001) })
   ask("a number", "POST", "/variables/", { name = "number", value = 1 })
   ask("an object", "POST", "/variables/", { name = "object", value = { a = json.array { 1, json.null } } })
   ask("null", "POST", "/variables/", { name = "nothing", value = json.null })
   if major == 3 then ask("the object", "GET", "/variables/name/object") end
   ask("renamed", "PATCH", "/variables/name/sought_a", { name = "sought_z" })
   ask("renamed to a name that is taken", "PATCH", "/variables/name/sought_b", { name = "sought_c" })
   ask("by the new name", "GET", "/variables/name/sought_z")
end

return { { "finding flows, runs, tasks and deployments", finding }, { "finding blocks", blocks },
   { "finding logs", logs }, { "finding variables", variables } }
