local errors  = require "aci.error"
local json    = require "aci.json"
local secret  = require "aci.secret"
local prefect = require "aci.prefect"
local group   = require "aci.worker.group"
local worker  = require "aci.worker"
local support = require "tests.support.prefect"
local groups  = require "tests.support.groups"

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
end)

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
      local az = groups.fake(play)
      local agent = worker.new { api = api, config = { prefect_key = secret.new "pnu_k" }, watch = 0.01, every = 0.01,
         queues = { "q" }, name = "w1", connect = function(config, login)
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
         return groups.ended(0)
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
      local agent = worker.new { api = api, config = {}, watch = 0.01, every = 0.01, name = "w1",
         connect = function() return groups.fake(function() return groups.ended(0) end) end }
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

   it("leaves a run alone that was run by somebody else since it was told of", function()
      for _, kind in ipairs { "PENDING", "RUNNING", "COMPLETED" } do api:set_run_state(run.id, { type = kind }) end
      local az, taken = serve(function() error "must not start" end)
      assert.is_false(taken)
      assert.same({ 0, "COMPLETED" }, { az.puts, run.state_type })
   end)

   it("settles a run whose container ended badly, with its last words", function()
      serve(function()
         api:set_run_state(run.id, { type = "RUNNING" })
         return groups.ended(137)
      end)
      assert.equal("CRASHED", run.state_type)
      assert.matches("non%-zero status code 137", run.state.message)
      assert.matches("last words", run.state.message)
   end)

   it("settles a run that never reported its end", function()
      serve(function() return groups.ended(0) end)
      assert.equal("CRASHED", run.state_type)
      assert.matches("without reporting", run.state.message)
   end)

   it("does not touch a failed run's state, whatever the exit code", function()
      serve(function()
         api:set_run_state(run.id, { type = "RUNNING" })
         api:set_run_state(run.id, { type = "FAILED", message = "boom" })
         return groups.ended(1)
      end)
      assert.same({ "FAILED", "boom" }, { run.state_type, run.state.message })
   end)

   it("crashes a run whose group cannot be made, and says why", function()
      local az = serve(function()
         errors.raise { kind = "permission", code = "AuthorizationFailed", message = "no right to write" }
      end)
      assert.equal("CRASHED", run.state_type)
      assert.matches("could not be submitted to infrastructure: .*no right to write", run.state.message)
      assert.equal(0, #az.deleted)
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
         return { properties = { provisioningState = "Creating", containers = { { properties = { instanceView = {
            currentState = { state = "Waiting" }, events = { { name = "Failed", lastTimestamp = "2",
               message = 'Failed to pull image "x"' } } } } } } } }
      end)
      assert.equal(3, tries)
      assert.equal(1, #az.deleted)
      assert.equal("CRASHED", run.state_type)
      assert.matches('not done within 0.05 seconds. The image could not be pulled: Failed to pull image "x"',
         run.state.message)
   end)

   it("goes on with a run when Azure is away for a moment", function()
      local looks = 0
      local az = serve(function()
         return function()
            looks = looks + 1
            if looks < 3 then errors.raise { kind = "network", message = "no route to host" } end
            if looks == 3 then
               api:set_run_state(run.id, { type = "RUNNING" })
               api:set_run_state(run.id, { type = "COMPLETED" })
            end
            if looks > 3 then return groups.ended(0) end
            return groups.running()
         end
      end)
      assert.is_true(looks > 3)
      assert.equal("COMPLETED", run.state_type)
      assert.equal(1, #az.deleted)
   end)

   it("crashes a run whose group vanished", function()
      serve(function()
         local looks = 0
         return function()
            looks = looks + 1
            return looks < 3 and groups.running() or nil
         end
      end)
      assert.equal("CRASHED", run.state_type)
      assert.matches("was deleted", run.state.message)
   end)

   it("deletes the group of a run that is being cancelled", function()
      local az = serve(function()
         api:set_run_state(run.id, { type = "RUNNING" })
         api:set_run_state(run.id, { type = "CANCELLING" })
         return groups.running()
      end)
      assert.equal("CANCELLED", run.state_type)
      assert.equal(1, #az.deleted)
   end)

   it("does not make a group twice when the answer was lost", function()
      local az = serve(function(body, id, self)
         self.groups[id] = groups.ended(0)
         self.groups[id].tags = body.tags
         errors.raise { kind = "network", code = "reset", message = "the connection was reset" }
      end)
      assert.equal(1, az.puts)
      assert.equal("CRASHED", run.state_type)
      assert.matches("without reporting", run.state.message)
   end)

   it("removes a group of an earlier start before it makes another", function()
      local order = {}
      local az = groups.fake(function()
         order[#order + 1] = "made"
         return groups.ended(0)
      end)
      local delete = az.delete
      function az.delete(...)
         order[#order + 1] = "deleted"
         return delete(...)
      end
      local name = group.name(run, {})
      az.groups[group.id({ subscription_id = "sub", resource_group_name = "aci-rg" }, name)] = groups.ended(1)
      worker.new { api = api, config = {}, watch = 0.01, every = 0.01, name = "w1",
         connect = function() return az end }:serve(run)
      assert.same({ "deleted", "made", "deleted" }, order)
   end)

   --- Serves a run whose flow has failed and is to be tried again, its container being as `found` shows.
   local function serve_retry(found)
      api:patch_run(run.id, { empirical_policy = { retries = 1, retry_delay = 0 } })
      for _, kind in ipairs { "PENDING", "RUNNING", "FAILED" } do api:set_run_state(run.id, { type = kind }) end
      run = api:run(run.id)
      assert.equal("AwaitingRetry", run.state_name)
      local az = groups.fake(function() return groups.ended(0) end)
      az.groups[group.id({ subscription_id = "sub", resource_group_name = "aci-rg" }, group.name(run, {}))] = found
      local taken = worker.new { api = api, config = {}, watch = 0.01, every = 0.01, name = "w1",
         connect = function() return az end }:serve(run)
      run = api:run(run.id)
      return taken, az
   end

   it("does not start a run again whose engine waits for its retry in a living container", function()
      local taken, az = serve_retry(groups.running())
      assert.is_false(taken)
      assert.same({ 0, 0, "AwaitingRetry" }, { az.puts, #az.deleted, run.state_name })
   end)

   it("starts a run for its retry where the engine that waited has ended", function()
      local taken, az = serve_retry(groups.ended(1))
      assert.is_true(taken)
      assert.equal(1, az.puts)
   end)

   local function adopt(state, found, name, claimed_by)
      local claim = { type = "PENDING", message = ("Claimed by the acihost worker %s."):format(claimed_by or "w1") }
      for i, kind in ipairs(state) do api:set_run_state(run.id, i == 1 and claim or { type = kind }) end
      api:patch_run(run.id, { infrastructure_pid = group.name(run, {}) })
      run = api:run(run.id)
      local az = groups.fake(function() error "must not start" end)
      local agent = worker.new { api = api, config = {}, watch = 0.01, every = 0.01, queues = { "q" },
         name = name or "w1", twice = 0, connect = function() return az end }
      az.groups[group.id({ subscription_id = "sub", resource_group_name = "aci-rg" }, group.name(run, {}))] = found
      assert.same({ run.id }, { (agent:begun()[1] or {}).id })
      local taken = agent:adopt(run)
      run = api:run(run.id)
      return taken, az, agent
   end

   local function tagged(found, owner)
      found.tags = { ["acihost-worker"] = owner or "w1", ["prefect-flow-run"] = run.id }
      return found
   end

   it("takes up a run whose worker was killed, to its end", function()
      local looks = 0
      local taken, az = adopt({ "PENDING", "RUNNING" }, function()
         looks = looks + 1
         if looks < 3 then return tagged(groups.running()) end
         if looks == 3 then api:set_run_state(run.id, { type = "COMPLETED" }) end
         return tagged(groups.ended(0))
      end)
      assert.is_true(taken)
      assert.equal("COMPLETED", run.state_type)
      assert.equal(1, #az.deleted)
   end)

   it("leaves a fresh claim to whoever made it, and gives back one of its own earlier life", function()
      assert.is_false((adopt({ "PENDING" }, nil, "w2")))
      assert.equal("PENDING", run.state_type)
      assert.is_true((adopt({}, nil, "w1")))
      assert.equal("SCHEDULED", run.state_type)
      assert.equal(json.null, run.infrastructure_pid)
   end)

   it("leaves claims alone that no worker of ours has made", function()
      api:set_run_state(run.id, { type = "PENDING" })
      assert.is_false((adopt({}, nil, "w1")))
      assert.equal("PENDING", run.state_type)
   end)

   it("settles a run whose group and worker are both gone", function()
      assert.is_true((adopt({ "PENDING", "RUNNING" }, nil)))
      assert.equal("CRASHED", run.state_type)
      assert.matches("was deleted", run.state.message)
   end)

   it("leaves a group to the worker that lives", function()
      api.workers = function()
         local now = require("aci.clock").iso()
         return { { name = "w1", last_heartbeat_time = now }, { name = "w2", last_heartbeat_time = now } }
      end
      local taken = adopt({ "PENDING", "RUNNING" }, tagged(groups.running(), "w1"), "w2")
      assert.is_false(taken)
      assert.equal("RUNNING", run.state_type)
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
