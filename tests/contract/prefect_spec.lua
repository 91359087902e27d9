--- What our client, our agent and our flows rely on in Prefect 2, held against the local cloud and
-- against a real 2.20.25 server: the same checks, so that the one cannot drift from the other.
local clock    = require "aci.clock"
local crypto   = require "aci.crypto"
local errors   = require "aci.error"
local json     = require "aci.json"
local secret   = require "aci.secret"
local prefect  = require "aci.prefect"
local checksum = require "aci.prefect.checksum"
local peers    = require "tests.support.peers"
local support  = require "tests.support.prefect"

local NOBODY = "00000000-0000-4000-8000-000000000000"

-- Names that no other check uses: the server is one for all.
local count = 0
local function unique(text)
   count = count + 1
   return ("%s-%d"):format(text, count)
end

local function refusal(f, ...)
   local ok, err = pcall(f, ...)
   assert.is_false(ok)
   assert.is_true(errors.is(err), tostring(err))
   return err
end

local function checks(start)
   local backend, api

   setup(function()
      backend = start()
      api = backend and backend.api
   end)
   teardown(function()
      if backend then backend.stop() end
   end)

   local function check(name, body)
      it(name, function()
         if not backend then pending "vendor/peers p2 installs the real server" return end
         body()
      end)
   end

   local function raw(method, path, body)
      return api:request(method, path, { json = body })
   end

   local function refused(method, path, body)
      return refusal(api.request, api, method, path, { json = body })
   end

   local function deploy(fields)
      local want = { flow = unique "Flow", name = "D", work_queue_name = unique "queue", version = "1",
         entrypoint = "flow.lua:x", path = "p" }
      for key, value in pairs(fields or {}) do want[key] = value end
      return api:put_deployment(want)
   end

   local function states(id, ...)
      local answer
      for _, kind in ipairs { ... } do answer = api:set_run_state(id, { type = kind }) end
      return answer
   end

   -- ------------------------------------------------------------------------------------- the server

   check("says that it is version 2", function()
      assert.equal(2, api:major())
      assert.equal("2.20.25", api:version())
      assert.is_true(api:healthy())
   end)

   check("has no CSRF tokens by default", function()
      local err = refused("GET", "/csrf-token?client=a")
      assert.equal(422, err.status)
      assert.matches("CSRF protection is disabled", err.message)
   end)

   -- -------------------------------------------------------------------------------------- block types

   check("knows the four block types of the set-up", function()
      for _, slug in ipairs { "azure-container-instance-credentials", "azure-container-instance-job", "azure",
         "string" } do
         local kind = assert(api:block_type(slug))
         assert.equal(slug, kind.slug)
         assert(api:block_schema(kind.id))
      end
      assert.is_nil(api:block_type "no-such-type")
   end)

   check("computes a schema's checksum as we do", function()
      local kind = raw("POST", "/block_types/", { name = unique "Thing", slug = unique "thing" })
      local fields = { title = "T \u{e9}\u{1F600}\n", type = "object", block_type_slug = kind.slug,
         secret_fields = json.array { "v" }, block_schema_references = json.object {},
         required = json.array { "v" }, properties = {
            v = { type = "string", title = "v", default = json.null },
            f = { type = "number", default = 240.0 }, g = { type = "number", default = 0.1 },
            i = { type = "integer", default = 3 } },
         definitions = { Used = { title = "Used" }, Unused = { title = "Unused" } } }
      fields.properties.u = { ["$ref"] = "#/definitions/Used" }
      local body = { fields = fields, block_type_id = kind.id, capabilities = json.array {}, version = "1" }
      local made, status = raw("POST", "/block_schemas/", body)
      assert.equal(201, status)
      assert.equal(checksum.of(fields), made.checksum)
      assert.equal(200, select(2, raw("POST", "/block_schemas/", body)))
      assert.equal(made.id, raw("GET", "/block_schemas/checksum/" .. made.checksum).id)
   end)

   check("refuses a type twice, a reserved name and a bad slug", function()
      local name, slug = unique "Twice", unique "twice"
      raw("POST", "/block_types/", { name = name, slug = slug })
      assert.equal(409, refused("POST", "/block_types/", { name = name, slug = slug }).status)
      assert.equal(403, refused("POST", "/block_types/", { name = "Prefect x", slug = "px" }).status)
      assert.equal(422, refused("POST", "/block_types/", { name = unique "B", slug = "B_x" }).status)
   end)

   check("refuses a schema that refers to an unknown type", function()
      local kind = raw("POST", "/block_types/", { name = unique "Nest", slug = unique "nest" })
      local err = refused("POST", "/block_schemas/", { block_type_id = kind.id, fields = {
         type = "object", properties = json.object {}, block_schema_references = {
            a = { block_type_slug = "no-such", block_schema_checksum = "sha256:11" } } } })
      assert.equal("conflict", err.kind)
      assert.matches("no%-such", err.message)
   end)

   check("takes a type of ours that the server does not know", function()
      local schemas = require "aci.prefect.schemas"
      local slug = unique "own"
      schemas[slug] = { name = slug, fields = { type = "object", block_type_slug = slug, title = slug,
         properties = { word = { type = "string" } }, secret_fields = json.array { "word" } } }
      local document, action = api:put_block { slug = slug, name = "one", data = { word = secret.new "x" } }
      schemas[slug] = nil
      assert.equal("create", action)
      assert.equal("********", document.data.word)
   end)

   -- ---------------------------------------------------------------------------------------- documents

   local function credentials(name, value)
      return api:put_block { slug = "azure-container-instance-credentials", name = name, data = {
         client_id = "c", tenant_id = "t", client_secret = secret.new(value or "first") } }
   end

   local function job(name, other, more)
      local data = { aci_credentials = prefect.ref("azure-container-instance-credentials", other),
         subscription_id = "sub", resource_group_name = "aci-rg", cpu = 1, memory = 1.0 }
      for key, value in pairs(more or {}) do data[key] = value end
      return { slug = "azure-container-instance-job", name = name, data = data }
   end

   check("hides secrets unless they are asked for", function()
      local name = unique "sp"
      credentials(name)
      local shown = api:block("azure-container-instance-credentials", name)
      assert.equal("********", shown.data.client_secret)
      assert.equal("c", shown.data.client_id)
      local real = api:block("azure-container-instance-credentials", name, { secrets = true })
      assert.is_true(secret.is(real.data.client_secret))
      assert.equal("first", secret.reveal(real.data.client_secret))
   end)

   check("gives a block by id as by name, and nothing where there is none", function()
      local made = credentials(unique "sp")
      assert.equal(made.name, api:block_by_id(made.id).name)
      assert.is_nil(api:block_by_id(NOBODY))
      assert.is_nil(api:block("string", "no-such"))
      assert.is_nil(api:block("no-such", "no-such"))
   end)

   check("reads the referred block's values, hidden too", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      api:put_block(job(name, sp))
      local shown = api:block("azure-container-instance-job", name)
      assert.same({ client_id = "c", tenant_id = "t", client_secret = "********" },
         shown.data.aci_credentials)
      assert.equal("********", shown.data.subscription_id)
      assert.equal(sp, shown.block_document_references.aci_credentials.block_document.name)
      local real = api:block("azure-container-instance-job", name, { secrets = true })
      assert.equal("first", secret.reveal(real.data.aci_credentials.client_secret))
      assert.equal("sub", secret.reveal(real.data.subscription_id))
   end)

   check("shows a changed secret through the reference", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      api:put_block(job(name, sp))
      credentials(sp, "second")
      local real = api:block("azure-container-instance-job", name, { secrets = true })
      assert.equal("second", secret.reveal(real.data.aci_credentials.client_secret))
   end)

   check("writes nothing when nothing differs, and only what differs", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      api:put_block(job(name, sp))
      assert.equal("none", api:block_plan(job(name, sp)).action)
      local plan = api:block_plan(job(name, sp, { cpu = 2, image = "x" }))
      assert.equal("change", plan.action)
      assert.same({ "cpu", "image" }, { plan.changes[1].path, plan.changes[2].path })
      api:block_apply(plan)
      assert.equal("none", api:block_plan(job(name, sp, { cpu = 2, image = "x" })).action)
   end)

   check("keeps a reference that a change does not speak of", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      api:put_block(job(name, sp))
      api:put_block { slug = "azure-container-instance-job", name = name, data = { cpu = 4 } }
      local after = api:block("azure-container-instance-job", name)
      assert.equal(4, after.data.cpu)
      assert.equal("t", after.data.aci_credentials.tenant_id)
   end)

   check("forgets references that a bare PATCH leaves out", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      local made = api:put_block(job(name, sp))
      raw("PATCH", "/block_documents/" .. made.id, { data = { cpu = 3 } })
      assert.is_nil(api:block_by_id(made.id).data.aci_credentials)
      assert.equal("aci-rg", api:block_by_id(made.id).data.resource_group_name)
   end)

   check("keeps a secret that is sent back as asterisks", function()
      local made = credentials(unique "sp")
      raw("PATCH", "/block_documents/" .. made.id, { data = { client_secret = "********", client_id = "d" } })
      local real = api:block_by_id(made.id, { secrets = true })
      assert.equal("first", secret.reveal(real.data.client_secret))
      assert.equal("d", real.data.client_id)
   end)

   check("replaces all data when told not to merge", function()
      local made = credentials(unique "sp")
      raw("PATCH", "/block_documents/" .. made.id,
         { data = { client_id = "z" }, merge_existing_data = false })
      assert.same({ client_id = "z" }, api:block_by_id(made.id).data)
   end)

   check("refuses a block twice, a bad name, an unknown key and an unknown reference", function()
      local kind, schema = api:register "string"
      local function body(more)
         local fields = { name = unique "b", data = { value = "v" }, block_schema_id = schema.id,
            block_type_id = kind.id }
         for key, value in pairs(more) do fields[key] = value end
         return fields
      end
      local first = body {}
      raw("POST", "/block_documents/", first)
      local err = refused("POST", "/block_documents/", first)
      assert.equal("conflict", err.kind)
      assert.matches("Block already exists", err.message)
      assert.equal(422, refused("POST", "/block_documents/", body { name = "Bad_Name" }).status)
      assert.matches("body.bogus", refused("POST", "/block_documents/", body { bogus = 1 }).message)
      assert.equal(409, refused("POST", "/block_documents/", body { block_schema_id = NOBODY }).status)
      local link = { value = { ["$ref"] = { block_document_id = NOBODY } } }
      assert.equal(409, refused("POST", "/block_documents/", body { data = link }).status)
   end)

   check("never repeats a refused body in our error", function()
      local kind, schema = api:register "string"
      local err = refused("POST", "/block_documents/", { name = "Bad_Name", data = { value = "hush-hush" },
         block_schema_id = schema.id, block_type_id = kind.id })
      assert.is_nil(json.encode(err.details or json.null):find("hush-hush", 1, true))
      assert.is_nil(tostring(err):find("hush-hush", 1, true))
   end)

   check("deletes a block once", function()
      local name = unique "word"
      api:put_block { slug = "string", name = name, data = { value = "v" } }
      assert.is_true(api:delete_block("string", name))
      assert.is_false(api:delete_block("string", name))
      assert.equal("not_found", refused("DELETE", "/block_documents/" .. NOBODY).kind)
   end)

   check("lists the blocks of a type", function()
      local name = unique "word"
      api:put_block { slug = "string", name = name, data = { value = "v" } }
      local found
      for _, each in ipairs(api:blocks "string") do found = found or each.name == name end
      assert.is_true(found)
   end)

   -- ----------------------------------------------------------------------------- flows and deployments

   check("makes a flow once", function()
      local name = unique "Flow & more" :gsub("&", "and")
      local flow, status = raw("POST", "/flows/", { name = name })
      assert.equal(201, status)
      local again, second = raw("POST", "/flows/", { name = name })
      assert.equal(200, second)
      assert.equal(flow.id, again.id)
      assert.equal(flow.id, api:flow(name).id)
      assert.is_nil(api:flow "No such flow")
      assert.equal(422, refused("POST", "/flows/", { name = "a/b" }).status)
      assert.matches("body.x: extra fields", refused("POST", "/flows/", { name = name, x = 1 }).message)
   end)

   check("makes the queue that a deployment names", function()
      local made = deploy {}
      assert.equal("default-agent-pool", made.work_pool_name)
      assert.equal("NOT_READY", made.status)
      local queue = assert(api:queue(made.work_queue_name))
      assert.equal(json.null, queue.last_polled)
      assert.is_nil(api:queue_idle(queue))
      assert.is_nil(api:queue "no-such-queue")
   end)

   check("compares a deployment by content", function()
      local block = api:put_block { slug = "string", name = unique "word", data = { value = "v" } }
      local want = { flow = unique "Flow", name = "Manual", version = "1", path = "p-1",
         entrypoint = "flow.lua:f", work_queue_name = "armaci", job_variables = { ["env.A"] = "1" },
         parameters = { n = 3 }, tags = json.array { "t" }, storage = prefect.ref("string", block.name),
         parameter_openapi_schema = { type = "object", properties = { n = { type = "integer" } } } }
      assert.equal("create", api:deployment_plan(want).action)
      local made = api:put_deployment(want)
      assert.equal(block.id, made.storage_document_id)
      assert.equal("none", api:deployment_plan(want).action)
      want.path, want.job_variables = "p-2", { ["env.A"] = "2" }
      local plan = api:deployment_plan(want)
      assert.same({ "job_variables", "path" }, { plan.changes[1].path, plan.changes[2].path })
      local after = api:deployment_apply(plan)
      assert.equal(made.id, after.id)
      assert.equal("p-2", api:deployment(want.flow .. "/Manual").path)
      assert.equal("2", after.job_variables["env.A"])
   end)

   check("refuses deployments of what is not there", function()
      assert.equal(409, refused("POST", "/deployments/", { name = "X", flow_id = NOBODY }).status)
      local flow = api:put_flow(unique "Flow")
      local err = refused("POST", "/deployments/", { name = "X", flow_id = flow.id,
         storage_document_id = NOBODY })
      assert.equal(409, err.status)
      assert.matches("Could not find storage block with id: " .. NOBODY:gsub("%-", "%%-"), err.message)
      assert.equal(404, refused("POST", "/deployments/", { name = "X", flow_id = flow.id,
         work_pool_name = "no-such-pool" }).status)
      assert.equal(422, refused("POST", "/deployments/", { flow_id = flow.id }).status)
      assert.matches("infra_overrides", refused("POST", "/deployments/", { name = "X", flow_id = flow.id,
         job_variables = { a = 1 }, infra_overrides = { a = 2 } }).message)
      assert.is_nil(api:deployment "No such/Deployment")
      assert.is_nil(api:deployment_by_id(NOBODY))
   end)

   check("finds deployments by their flow", function()
      local made = deploy {}
      local flow = api:flow_by_id(made.flow_id)
      local found = api:deployments { flows = { name = { any_ = { flow.name } } } }
      assert.equal(1, #found)
      assert.equal(made.id, found[1].id)
      assert.is_true(api:delete_deployment(flow.name, "D"))
      assert.equal(0, #api:deployments { flows = { name = { any_ = { flow.name } } } })
      assert.is_true(api:delete_flow(flow.name))
      assert.is_false(api:delete_flow(flow.name))
   end)

   -- -------------------------------------------------------------------------------------- runs, queues

   check("starts a run once however often it is asked", function()
      local made = deploy { parameters = { a = 1, b = 2 }, tags = json.array { "x" } }
      local run = api:create_run(made.id, { parameters = { b = 3 }, tags = json.array { "y" },
         idempotency_key = "k" })
      assert.equal("SCHEDULED", run.state_type)
      assert.same({ a = 1, b = 3 }, run.parameters)
      assert.equal(2, #run.tags)
      assert.equal(made.work_queue_name, run.work_queue_name)
      assert.equal("1", run.deployment_version)
      assert.equal(run.id, api:create_run(made.id, { idempotency_key = "k" }).id)
      assert.are_not.equal(run.id, api:create_run(made.id).id)
      assert.is_nil(api:run(NOBODY))
      local path = "/deployments/%s/create_flow_run"
      assert.equal(422, refused("POST", path:format(made.id), { x = 1 }).status)
      assert.equal(404, refused("POST", path:format(NOBODY), {}).status)
   end)

   check("enforces the parameter schema where that is asked for", function()
      local made = deploy { enforce_parameter_schema = true, parameter_openapi_schema = { type = "object",
         properties = { n = { type = "integer" } }, required = json.array { "n" } } }
      local err = refusal(api.create_run, api, made.id)
      assert.equal(409, err.status)
      assert.matches("'n' is a required property", err.message)
      assert.equal(409, refusal(api.create_run, api, made.id, { parameters = { n = "text" } }).status)
      assert(api:create_run(made.id, { parameters = { n = 1 } }))
   end)

   check("offers due runs to whoever asks the queue, and is served from then on", function()
      local made = deploy {}
      local run = api:create_run(made.id)
      local later = api:create_run(made.id, { state = { type = "SCHEDULED", state_details = {
         scheduled_time = clock.iso(clock.now() + 3600) } } })
      local queue = api:queue(made.work_queue_name)
      local due = api:due_runs(queue)
      assert.equal(1, #due)
      assert.equal(run.id, due[1].id)
      assert.equal(2, #api:due_runs(queue, { ahead = 7200 }))
      assert.equal(1, #api:due_runs(queue, { ahead = 7200, limit = 1 }))
      assert.equal("SCHEDULED", later.state_type)
      -- the server notes the poll a moment after its answer
      peers.wait_until("the poll", 10, function()
         return api:queue_idle(api:queue(made.work_queue_name)) ~= nil
      end)
      assert.is_true(api:queue_idle(api:queue(made.work_queue_name)) < 60)
      assert.equal("READY", api:queue(made.work_queue_name).status)
      local path = "/work_queues/%s/get_runs"
      assert.equal(422, refused("POST", path:format(queue.id), { limit = 5000 }).status)
      assert.equal(404, refused("POST", path:format(NOBODY), {}).status)
   end)

   check("makes a queue once", function()
      local name = unique "queue"
      local queue = api:put_queue(name)
      assert.equal(queue.id, api:put_queue(name).id)
      assert.equal(409, refused("POST", "/work_queues/", { name = name }).status)
      assert.is_true(api:delete_queue(name))
      assert.is_false(api:delete_queue(name))
   end)

   check("makes pools with a default queue", function()
      local name = unique "pool"
      raw("POST", "/work_pools/", { name = name, type = "azure-container-instance" })
      assert.equal("NOT_READY", api:work_pool(name).status)
      assert.equal(1, api:queue("default", name).priority)
      assert.equal(409, refused("POST", "/work_pools/", { name = name, type = "x" }).status)
      assert.equal(403, refused("POST", "/work_pools/", { name = "prefect-x", type = "x" }).status)
      assert.equal(2, api:put_queue("second", name).priority)
      assert.is_nil(api:queue("third", name))
      assert.equal(404, refused("POST", "/work_pools/" .. name .. "/get_scheduled_flow_runs",
         { work_queue_names = json.array { "third" } }).status)
      raw("DELETE", "/work_pools/" .. name)
      assert.is_nil(api:work_pool(name))
   end)

   check("lets only one agent claim a run", function()
      local run = api:create_run(deploy {}.id)
      assert.equal("ACCEPT", states(run.id, "PENDING").status)
      local second = states(run.id, "PENDING")
      assert.equal("ABORT", second.status)
      assert.matches("cannot transition to a PENDING state", second.details.reason)
      assert.equal("ABORT", states(run.id, "RUNNING", "PENDING").status)
   end)

   check("knows a repeated transition", function()
      local run = api:create_run(deploy {}.id)
      local state = { type = "PENDING", state_details = { transition_id = crypto.uuid4() } }
      assert.equal("ACCEPT", api:set_run_state(run.id, state).status)
      local again = api:set_run_state(run.id, state)
      assert.equal("REJECT", again.status)
      assert.matches("already made this state transition", again.details.reason)
      assert.equal("ACCEPT", api:propose_run_state(run.id, state).status)
   end)

   check("has a run wait for its time", function()
      local run = api:create_run(deploy {}.id, { state = { type = "SCHEDULED", state_details = {
         scheduled_time = clock.iso(clock.now() + 3600) } } })
      states(run.id, "PENDING")
      local answer = states(run.id, "RUNNING")
      assert.equal("WAIT", answer.status)
      assert.is_true(answer.details.delay_seconds > 3500 and answer.details.delay_seconds <= 3601)
      assert.equal("PENDING", api:run(run.id).state_type)
      assert.equal("ACCEPT", api:set_run_state(run.id, { type = "RUNNING" }, true).status)
   end)

   check("counts what a run did", function()
      local run = api:create_run(deploy {}.id)
      states(run.id, "PENDING", "RUNNING")
      local going = api:run(run.id)
      assert.equal(1, going.run_count)
      assert.equal("string", type(going.start_time))
      api:set_run_state(run.id, { type = "COMPLETED", message = "All states completed." })
      local done = api:run(run.id)
      assert.equal("COMPLETED", done.state_type)
      assert.equal("All states completed.", done.state.message)
      assert.equal("string", type(done.end_time))
      assert.is_true(api.is_terminal(done.state))
   end)

   check("does not let a late crash overwrite the end", function()
      local run = api:create_run(deploy {}.id)
      states(run.id, "PENDING", "RUNNING", "COMPLETED")
      local answer = states(run.id, "CRASHED")
      assert.equal("ABORT", answer.status)
      assert.matches("terminal state COMPLETED", answer.details.reason)
   end)

   check("tries a failed run again", function()
      local run = api:create_run(deploy {}.id, { empirical_policy = { retries = 1, retry_delay = 0 } })
      states(run.id, "PENDING", "RUNNING")
      local answer = api:set_run_state(run.id, { type = "FAILED", message = "x" })
      assert.same({ "REJECT", "SCHEDULED", "AwaitingRetry", "x" },
         { answer.status, answer.state.type, answer.state.name, answer.state.message })
      states(run.id, "RUNNING")
      assert.equal("ACCEPT", states(run.id, "FAILED").status)
      assert.equal(2, api:run(run.id).run_count)
   end)

   check("cancels at once what has not begun, and else waits for the agent", function()
      local run = api:create_run(deploy {}.id)
      local answer = states(run.id, "CANCELLING")
      assert.same({ "REJECT", "CANCELLED" }, { answer.status, answer.state.type })
      run = api:create_run(deploy {}.id)
      assert.equal("ACCEPT", states(run.id, "PENDING", "RUNNING", "CANCELLING").status)
      assert.same({ "REJECT", "CANCELLING" },
         { states(run.id, "COMPLETED").status, api:run(run.id).state_type })
      assert.equal("ACCEPT", states(run.id, "CANCELLED").status)
      assert.equal("ABORT", states(run.id, "CRASHED").status)
   end)

   check("refuses states that are none", function()
      local run = api:create_run(deploy {}.id)
      local path = ("/flow_runs/%s/set_state"):format(run.id)
      assert.matches("permitted: 'SCHEDULED'", refused("POST", path, { state = { type = "BOGUS" } }).message)
      assert.matches("body.state: field required", refused("POST", path, json.object {}).message)
      assert.equal(422, refused("POST", path, { state = { type = "RUNNING", bogus = 1 } }).status)
      assert.equal("not_found", refusal(api.set_run_state, api, NOBODY, { type = "RUNNING" }).kind)
      assert.equal(422, refused("GET", "/flow_runs/x").status)
   end)

   check("keeps what is said of a run", function()
      local run = api:create_run(deploy {}.id)
      api:patch_run(run.id, { infrastructure_pid = "aci-1", flow_version = "v" })
      assert.equal("aci-1", api:run(run.id).infrastructure_pid)
      assert.equal(422, refusal(api.patch_run, api, run.id, { bogus = 1 }).status)
      assert.equal("not_found", refusal(api.patch_run, api, NOBODY, { flow_version = "v" }).kind)
   end)

   check("filters and pages runs", function()
      local made = deploy {}
      for _ = 1, 3 do api:create_run(made.id) end
      local filter = { flow_runs = { deployment_id = { any_ = { made.id } } } }
      assert.equal(3, #api:runs(filter))
      assert.equal(2, #api:runs(filter, 2))
      states(api:runs(filter)[1].id, "PENDING")
      filter.flow_runs.state = { type = { any_ = { "PENDING" } } }
      assert.equal(1, #api:runs(filter))
      filter.flow_runs.state = { typ = { any_ = { "PENDING" } } }
      assert.matches("typ", refusal(api.runs, api, filter).message)
      assert.equal(422, refused("POST", "/flow_runs/filter", { limit = 1000 }).status)
      assert.equal(422, refused("POST", "/flow_runs/filter", { sort = "UPWARDS" }).status)
   end)

   check("deletes a run once", function()
      local run = api:create_run(deploy {}.id)
      assert.is_true(api:delete_run(run.id))
      assert.is_false(api:delete_run(run.id))
   end)

   -- -------------------------------------------------------------------------------------------- tasks

   local function task_of(run, key, more)
      local fields = { flow_run_id = run.id, task_key = key, dynamic_key = "0", name = key .. "-0" }
      for name, value in pairs(more or {}) do fields[name] = value end
      return api:create_task_run(fields)
   end

   check("makes a task run once", function()
      local run = api:create_run(deploy {}.id)
      local made = task_of(run, "a")
      assert.equal("PENDING", made.state_type)
      assert.equal(made.id, task_of(run, "a").id)
      assert.equal(1, #api:task_runs(run.id))
      assert.equal("a-0", api:task_run(made.id).name)
      assert.equal(409, refusal(task_of, { id = NOBODY }, "a").status)
   end)

   check("starts tasks only while their flow is running, and tries them again", function()
      local run = api:create_run(deploy {}.id)
      local made = task_of(run, "a", { empirical_policy = { retries = 1, retry_delay = 0 } })
      states(run.id, "PENDING")
      local answer = api:set_task_state(made.id, { type = "RUNNING" })
      assert.equal("ABORT", answer.status)
      assert.matches("enclosing flow must be running", answer.details.reason)
      states(run.id, "RUNNING")
      assert.equal("ACCEPT", api:set_task_state(made.id, { type = "RUNNING" }).status)
      assert.equal("AwaitingRetry", api:set_task_state(made.id, { type = "FAILED" }).state.name)
      assert.equal("Retrying", api:set_task_state(made.id, { type = "RUNNING" }).state.name)
      assert.equal("ACCEPT", api:set_task_state(made.id, { type = "FAILED" }).status)
      assert.equal(2, api:task_run(made.id).run_count)
   end)

   -- ----------------------------------------------------------------------------------- logs, variables

   check("takes logs in batches and gives them in order", function()
      local run = api:create_run(deploy {}.id)
      local logger = api:logger { flow_run_id = run.id }
      logger:info("first %d", 1)
      logger:error "sec\u{f6}nd"
      logger:child(task_of(run, "a").id):warning "third"
      assert.is_true(logger:flush())
      local entries = api:logs(run.id)
      assert.same({ "first 1", "sec\u{f6}nd", "third" },
         { entries[1].message, entries[2].message, entries[3].message })
      assert.same({ 20, 40, 30 }, { entries[1].level, entries[2].level, entries[3].level })
      assert.equal("prefect.task_runs", entries[3].name)
      assert.equal(2, #api:logs(run.id, { level = 30 }))
      assert.matches("body.0.level: field required", refused("POST", "/logs/", json.array { { name = "x" } })
         .message)
   end)

   check("follows a log without repeating itself", function()
      local run = api:create_run(deploy {}.id)
      local tail, logger = api:log_tail(run.id), api:logger { flow_run_id = run.id }
      assert.equal(0, #tail())
      logger:info "one"
      logger:flush()
      assert.equal("one", tail()[1].message)
      logger:info "two"
      logger:flush()
      local fresh = tail()
      assert.same({ 1, "two" }, { #fresh, fresh[1].message })
      assert.equal(0, #tail())
   end)

   check("keeps variables of text", function()
      local name = unique("v"):gsub("-", "_")
      assert.is_nil(api:variable(name))
      assert.is_true(api:set_variable(name, "one"))
      assert.is_false(api:set_variable(name, "one"))
      assert.is_true(api:set_variable(name, "two"))
      assert.equal("two", api:variable(name))
      assert.equal(422, refusal(api.set_variable, api, "kv-url", "x").status)
      assert.is_true(api:delete_variable(name))
      assert.is_false(api:delete_variable(name))
   end)
end

describe("Prefect 2, the local cloud's", function() checks(support.inside) end)

describe("Prefect 2, the real 2.20.25", function() checks(support.real) end)
