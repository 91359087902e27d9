--- Queues, runs, states, tasks, logs and variables.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local json   = require "aci.json"
local peers  = require "tests.support.peers"
local assert = require "luassert"

local NOBODY = "00000000-0000-4000-8000-000000000000"

--- @param t the tools of tests/contract/prefect_spec.lua
return function(t)
   local check, unique, refusal, refused = t.check, t.unique, t.refusal, t.refused
   local raw, deploy, states = t.raw, t.deploy, t.states
   local api
   t.setup(function() api = t.api() end)

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

   check("offers no more runs than the queue's limit has room for", function()
      local name = unique "queue"
      local queue = raw("POST", "/work_queues/", { name = name, concurrency_limit = 1 })
      local made = deploy { work_queue_name = name }
      local first = api:create_run(made.id)
      local second = api:create_run(made.id)
      assert.same({ 1, first.id }, { #api:due_runs(queue), api:due_runs(queue)[1].id })
      states(first.id, "PENDING")
      assert.equal(0, #api:due_runs(queue))
      states(first.id, "RUNNING", "COMPLETED")
      assert.equal(second.id, api:due_runs(queue)[1].id)
      raw("PATCH", "/work_queues/" .. queue.id, { is_paused = true })
      assert.equal(0, #api:due_runs(queue))
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
      assert.matches("'SCHEDULED', 'PENDING'", refused("POST", path, { state = { type = "BOGUS" } }).message)
      assert.matches("body.state: [Ff]ield required", refused("POST", path, json.object {}).message)
      assert.equal(422, refused("POST", path, { state = { type = "RUNNING", bogus = 1 } }).status)
      assert.equal("not_found", refusal(api.set_run_state, api, NOBODY, { type = "RUNNING" }).kind)
      assert.equal(t.major == 2 and 422 or 404, refused("GET", "/flow_runs/x").status)
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
      assert.matches("body.0.level: [Ff]ield required", refused("POST", "/logs/", json.array { { name = "x" } })
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
      if t.major == 2 then
         assert.equal(422, refusal(api.set_variable, api, "kv-url", "x").status)
      else
         assert.is_true(api:set_variable(unique "kv-url", "x"))
      end
      assert.is_true(api:delete_variable(name))
      assert.is_false(api:delete_variable(name))
   end)
end
