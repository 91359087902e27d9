--- What only the local cloud's Prefect does, beside what tests/contract/prefect_spec.lua holds it to.
local clock   = require "aci.clock"
local errors  = require "aci.error"
local fs      = require "aci.fs"
local json    = require "aci.json"
local secret  = require "aci.secret"
local support = require "tests.support.prefect"

describe("the local cloud's Prefect", function()
   local backend, api

   before_each(function()
      backend = support.inside()
      api = backend.api
   end)
   after_each(function() backend.stop() end)

   local function refused(method, path, body)
      local ok, err = pcall(api.request, api, method, path, { json = body, tries = 1 })
      assert.is_false(ok)
      assert.is_true(errors.is(err), tostring(err))
      return err
   end

   local function raw(fields)
      fields.host, fields.plain, fields.headers = "127.0.0.1", true, {}
      return backend.cloud.router:handle(fields)
   end

   it("names what it does not play", function()
      local err = refused("GET", "/automations/x")
      assert.equal(501, err.status)
      assert.matches("GET /api/automations/x", err.message)
   end)

   it("keeps no schedules, and says so", function()
      local flow = api:put_flow "F"
      local body = { name = "D", flow_id = flow.id, schedules = json.array {
         { active = true, schedule = { cron = "0 9 * * *" } } } }
      assert.equal(501, refused("POST", "/deployments/", body).status)
      body.schedules[1].active = false
      assert(api:request("POST", "/deployments/", { json = body }))
   end)

   it("refuses a body that is not JSON", function()
      local reply = raw { method = "POST", target = "/api/flows/", body = "{" }
      assert.equal(422, reply.status)
      assert.matches("value_error.jsondecode", reply.body)
   end)

   it("calls a run late that nobody has taken for a while", function()
      local made = api:put_deployment { flow = "F", name = "D", work_queue_name = "q" }
      local run = api:create_run(made.id, { state = { type = "SCHEDULED", state_details = {
         scheduled_time = clock.iso(clock.now() - 60) } } })
      assert.same({ "SCHEDULED", "Late" }, { run.state_type, run.state_name })
      assert.equal(1, #api:runs { flow_runs = { state = { name = { any_ = { "Late" } } } } })
      assert.equal("ACCEPT", api:set_run_state(run.id, { type = "PENDING" }).status)
      assert.equal("Pending", api:run(run.id).state_name)
   end)

   it("keeps secrets out of what it shows and of its other columns", function()
      api:put_block { slug = "azure", name = "store", data = { bucket_path = "b",
         azure_storage_account_key = secret.new "very-secret" } }
      local rows = backend.cloud.state.db:rows "SELECT body FROM prefect"
      for _, row in ipairs(rows) do assert.is_nil(row.body:find("very-secret", 1, true)) end
   end)

   it("counts asking a queue as reading", function()
      local made = api:put_deployment { flow = "F", name = "D", work_queue_name = "q" }
      local queue = api:queue(made.work_queue_name)
      local writes = {}
      for _, route in ipairs(require("sim.prefect").routes) do writes[route.pattern] = route.write end
      assert.is_false(writes["POST /api/work_queues/:id/get_runs"])
      assert.is_false(writes["POST /api/flow_runs/filter"])
      assert.is_true(writes["POST /api/block_documents"])
      assert.is_true(writes["PATCH /api/block_documents/:id"])
      assert.equal(0, #api:due_runs(queue))
   end)

   it("remembers everything over a restart", function()
      local home = assert(fs.tempdir "prefect-")
      local cloud = require("sim.cloud").open { home = home, factor = 0 }
      cloud.router:handle { method = "POST", target = "/api/variables/", host = "127.0.0.1", plain = true,
         headers = {}, body = '{"name":"a","value":"b"}' }
      cloud:close()
      cloud = require("sim.cloud").open { home = home, factor = 0 }
      local reply = cloud.router:handle { method = "GET", target = "/api/variables/name/a", host = "127.0.0.1",
         plain = true, headers = {}, body = "" }
      cloud:close()
      fs.remove_tree(home)
      assert.equal(200, reply.status)
      assert.equal("b", json.decode(reply.body).value)
   end)
end)
