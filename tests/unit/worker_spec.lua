local errors  = require "aci.error"
local json    = require "aci.json"
local secret  = require "aci.secret"
local task    = require "aci.task"
local prefect = require "aci.prefect"
local group   = require "aci.worker.group"
local worker  = require "aci.worker"
local support = require "tests.support.prefect"

local RUN = { id = "0fe0767f-68ae-47df-a7e5-247337fd08fa", name = "objective-wapiti" }

describe("aci.worker.group", function()
   it("names a run's group the same every time, as ACI wants names", function()
      assert.equal("objective-wapiti-0fe0767f68", group.name(RUN, {}))
      assert.equal("my-job-0fe0767f68", group.name(RUN, { name = "--My  Job!_" }))
      assert.equal("run-0fe0767f68", group.name(RUN, { name = "\u{f6}\u{f6}" }))
      local long = group.name(RUN, { name = ("x"):rep(80) })
      assert.equal(63, #long)
   end)

   it("puts secrets into secure variables, and the block's own variables win", function()
      local body = group.body(RUN, { image = "i", command = json.array { "a" }, cpu = 1, memory = 1.0,
         env = { B = "2", PREFECT_API_URL = "http://other" } },
         { name = "g", location = "northeurope", settings = { PREFECT_API_URL = "http://mine",
            PREFECT_API_KEY = secret.new "key" } })
      local variables = body.properties.containers[1].properties.environmentVariables
      assert.same({ "B", "PREFECT_API_KEY", "PREFECT_API_URL" },
         { variables[1].name, variables[2].name, variables[3].name })
      assert.is_true(secret.is(variables[2].secureValue))
      assert.is_nil(variables[2].value)
      assert.equal("http://other", variables[3].value)
      assert.is_nil(body.identity)
      assert.is_nil(body.properties.subnetIds)
   end)

   it("takes identities, subnets, registries and name servers", function()
      local body = group.body(RUN, { image = "i", command = json.array {}, cpu = 1, memory = 1,
         identities = { "/id" }, subnet_ids = { "/subnet" }, dns_servers = { "10.0.0.1" },
         image_registry = { registry_url = "r.io", username = "u", password = secret.new "p" } },
         { name = "g", location = "l", settings = {} })
      assert.equal("UserAssigned", body.identity.type)
      assert.is_table(body.identity.userAssignedIdentities["/id"])
      assert.equal("/subnet", body.properties.subnetIds[1].id)
      assert.equal("r.io", body.properties.imageRegistryCredentials[1].server)
      assert.same({ "10.0.0.1" }, body.properties.dnsConfig.nameServers)
      assert.equal("Never", body.properties.restartPolicy)
   end)

   it("sees when a container has ended", function()
      local function with(state)
         return { properties = { containers = { { properties = { instanceView = {
            currentState = state } } } } } }
      end
      assert.is_nil(group.ended { properties = { containers = { { properties = {} } } } })
      assert.is_nil(group.ended(with { state = "Running" }))
      assert.equal(3, group.ended(with { state = "Terminated", exitCode = 3 }))
   end)
end)

--- An ARM client that plays one container group: `play(body)` is called when it is made and gives how the
-- container ends.
local function fake_azure(play)
   local az = { groups = {}, deleted = {}, bodies = {} }
   function az.group() return { location = "northeurope" } end
   function az:put(id, _, body)
      self.bodies[#self.bodies + 1] = body
      self.groups[id] = play(body, id, self)
      return self.groups[id]
   end
   function az:get(id)
      local logs = id:find "/logs$"
      if logs then return { content = "last words" } end
      local found = self.groups[id]
      if type(found) == "function" then return found() end
      return found
   end
   function az:delete(id)
      self.deleted[#self.deleted + 1] = id
      self.groups[id] = nil
      return true
   end
   return az
end

local function ended(code)
   return { properties = { containers = { { properties = { instanceView = {
      currentState = { state = "Terminated", exitCode = code } } } } } } }
end

describe("aci.worker", function()
   local backend, api, run, logins

   local function block(more)
      api:put_block { slug = "azure-container-instance-credentials", name = "aci-sp", data = {
         tenant_id = "t", client_id = "c", client_secret = secret.new "s" } }
      local data = { aci_credentials = prefect.ref("azure-container-instance-credentials", "aci-sp"),
         subscription_id = "sub", resource_group_name = "aci-rg", image = "image",
         task_start_timeout_seconds = 5 }
      for key, value in pairs(more or {}) do data[key] = value end
      return api:put_block { slug = "azure-container-instance-job", name = "aci", data = data }
   end

   before_each(function()
      backend = support.inside()
      api = backend.api
      logins = {}
      local made = api:put_deployment { flow = "F", name = "D", work_queue_name = "q",
         infrastructure_document_id = block().id, job_variables = { ["env.COLOR"] = "red" } }
      run = api:create_run(made.id)
   end)
   after_each(function() backend.stop() end)

   local function serve(play)
      local az = fake_azure(play)
      local agent = worker.new { api = api, config = { prefect_key = secret.new "pnu_k" }, watch = 0.01,
         connect = function(config, login)
            logins[#logins + 1] = { subscription = config.subscription, client = login.client_id }
            return az
         end }
      local taken = agent:serve(run)
      run = api:run(run.id)
      return az, taken
   end

   it("runs a job in a container group and deletes that", function()
      local az, taken = serve(function()
         api:set_run_state(run.id, { type = "RUNNING" })
         api:set_run_state(run.id, { type = "COMPLETED" })
         return ended(0)
      end)
      assert.is_true(taken)
      assert.equal("COMPLETED", run.state_type)
      assert.equal(group.name(run, {}), run.infrastructure_pid)
      assert.equal(1, #az.deleted)
      assert.matches("^/subscriptions/sub/resourceGroups/aci%-rg/providers/Microsoft.ContainerInstance/"
         .. "containerGroups/", az.deleted[1])
      assert.same({ { subscription = "sub", client = "c" } }, logins)
      local properties = az.bodies[1].properties.containers[1].properties
      assert.same({ "/opt/prefect/entrypoint.sh", "python", "-m", "prefect.engine" }, properties.command)
      local env = {}
      for _, each in ipairs(properties.environmentVariables) do
         env[each.name] = each.value or each.secureValue
      end
      assert.equal(run.id, env.PREFECT__FLOW_RUN_ID)
      assert.equal("red", env.COLOR)
      assert.is_true(secret.is(env.PREFECT_API_KEY))
   end)

   it("keeps no client secret in the open", function()
      api:put_block { slug = "azure-container-instance-credentials", name = "aci-sp", data = {
         tenant_id = "t", client_id = "c", client_secret = secret.new "hunter2-hunter2" } }
      local agent = worker.new { api = api, config = {}, watch = 0.01,
         connect = function() return fake_azure(function() return ended(0) end) end }
      agent:serve(run)
      local key = next(agent.clouds)
      assert.is_string(key)
      assert.is_nil(key:find("hunter2", 1, true))
   end)

   it("leaves a run alone that somebody else has", function()
      api:set_run_state(run.id, { type = "PENDING" })
      local az, taken = serve(function() error "must not start" end)
      assert.is_false(taken)
      assert.equal(0, #az.deleted)
   end)

   it("settles a run whose container ended badly, with its last words", function()
      serve(function()
         api:set_run_state(run.id, { type = "RUNNING" })
         return ended(137)
      end)
      assert.equal("CRASHED", run.state_type)
      assert.matches("non%-zero status code 137", run.state.message)
      assert.matches("last words", run.state.message)
   end)

   it("settles a run that never reported its end", function()
      serve(function() return ended(0) end)
      assert.equal("CRASHED", run.state_type)
      assert.matches("without reporting", run.state.message)
   end)

   it("does not touch a failed run's state, whatever the exit code", function()
      serve(function()
         api:set_run_state(run.id, { type = "RUNNING" })
         api:set_run_state(run.id, { type = "FAILED", message = "boom" })
         return ended(1)
      end)
      assert.same({ "FAILED", "boom" }, { run.state_type, run.state.message })
   end)

   it("crashes a run whose group cannot be made, and says why", function()
      local az = serve(function()
         errors.raise { kind = "permission", code = "AuthorizationFailed", message = "no right to write" }
      end)
      assert.equal("CRASHED", run.state_type)
      assert.matches("could not be submitted to infrastructure: .*no right to write", run.state.message)
      assert.equal(1, #az.deleted)
   end)

   it("crashes a run whose group does not start in time, and deletes the group when that can be done", function()
      block { task_start_timeout_seconds = 0.05 }
      local tries = 0
      local az = serve(function(_, _, self)
         local delete = self.delete
         function self.delete(...)
            tries = tries + 1
            if tries < 3 then
               errors.raise { kind = "conflict", code = "ContainerGroupTransitioning", message = "still" }
            end
            return delete(...)
         end
         task.sleep(5)
      end)
      assert.equal(3, tries)
      assert.equal(1, #az.deleted)
      assert.equal("CRASHED", run.state_type)
      assert.matches("not done within", run.state.message)
   end)

   it("goes on with a run when Azure is away for a moment", function()
      local looks = 0
      local az = serve(function()
         return function()
            looks = looks + 1
            if looks < 3 then errors.raise { kind = "network", message = "no route to host" } end
            api:set_run_state(run.id, { type = "RUNNING" })
            api:set_run_state(run.id, { type = "COMPLETED" })
            return ended(0)
         end
      end)
      assert.equal(3, looks)
      assert.equal("COMPLETED", run.state_type)
      assert.equal(1, #az.deleted)
   end)

   it("crashes a run whose group vanished", function()
      serve(function()
         local looks = 0
         return function()
            looks = looks + 1
            return looks < 3 and { properties = { containers = {} } } or nil
         end
      end)
      assert.equal("CRASHED", run.state_type)
      assert.matches("was deleted", run.state.message)
   end)

   it("deletes the group of a run that is being cancelled", function()
      local az = serve(function()
         api:set_run_state(run.id, { type = "RUNNING" })
         api:set_run_state(run.id, { type = "CANCELLING" })
         return { properties = { containers = {} } }
      end)
      assert.equal("CANCELLED", run.state_type)
      assert.equal(1, #az.deleted)
   end)

   local function adopt(state, groups)
      for _, kind in ipairs(state) do api:set_run_state(run.id, { type = kind }) end
      run = api:run(run.id)
      local az = fake_azure(function() error "must not start" end)
      local agent = worker.new { api = api, config = {}, watch = 0.01, connect = function() return az end }
      local name = group.name(run, {})
      az.groups[group.id({ subscription_id = "sub", resource_group_name = "aci-rg" }, name)] = groups
      assert.same({ run.id }, { (agent:begun("q")[1] or {}).id })
      local taken = agent:adopt(run)
      run = api:run(run.id)
      return taken, az
   end

   it("takes up a run whose worker was killed, to its end", function()
      local looks = 0
      local taken, az = adopt({ "PENDING", "RUNNING" }, function()
         looks = looks + 1
         if looks < 3 then return { properties = { containers = {} } } end
         api:set_run_state(run.id, { type = "COMPLETED" })
         return ended(0)
      end)
      assert.is_true(taken)
      assert.equal("COMPLETED", run.state_type)
      assert.equal(1, #az.deleted)
   end)

   it("leaves a fresh claim to whoever made it, and gives an old one back to the queue", function()
      assert.is_false((adopt({ "PENDING" }, nil)))
      assert.equal("PENDING", run.state_type)
      local clock = require "aci.clock"
      local now = clock.now
      clock.now = function() return now() + 120 end
      local ok, taken = pcall(adopt, {}, nil)
      clock.now = now
      assert.is_true(ok and taken)
      assert.equal("SCHEDULED", run.state_type)
   end)

   it("fails a run whose block is not usable, before anything is started", function()
      api:put_block { slug = "azure-container-instance-job", name = "aci", data = {
         subscription_id = json.null } }
      local az = serve(function() error "must not start" end)
      assert.equal("FAILED", run.state_type)
      assert.matches("Submission failed. the block has no subscription_id", run.state.message)
      assert.equal(0, #az.deleted)
   end)

   it("fails a run whose infrastructure block is gone or of another kind", function()
      api:delete_block("azure-container-instance-job", "aci")
      serve(function() error "must not start" end)
      assert.matches("no infrastructure block", run.state.message)
      local other = api:put_block { slug = "string", name = "x", data = { value = "v" } }
      local made = api:put_deployment { flow = "F", name = "E", work_queue_name = "q",
         infrastructure_document_id = other.id }
      run = api:create_run(made.id)
      serve(function() error "must not start" end)
      assert.matches("not string", run.state.message)
   end)
end)
