--- The worker's ends and in-betweens: groups kept, left behind or undeletable, cancels of the deaf, moves,
-- quotas, servers that are away.
local clock   = require "aci.clock"
local errors  = require "aci.error"
local json    = require "aci.json"
local task    = require "aci.task"
local copying = require "aci.worker.copying"
local group   = require "aci.worker.group"
local worker  = require "aci.worker"
local groups  = require "tests.support.groups"
local support = require "tests.support.prefect"
local wait    = require "tests.support.eventually"

local function eventually(f, seconds) return wait("what the spec waits for", f, seconds) end

local PLACE = "/subscriptions/sub/resourceGroups/aci-rg/providers/Microsoft.ContainerInstance/containerGroups/"

describe("the worker", function()
   local backend, api, deployment, said

   before_each(function()
      backend, said = support.inside(), {}
      api = backend.api
      local block = api:put_block { slug = "azure-container-instance-job", name = "aci", data = {
         subscription_id = "sub", resource_group_name = "aci-rg", image = "image", task_start_timeout_seconds = 0.2 } }
      deployment = api:put_deployment { flow = "F", name = "D", work_queue_name = "q",
         infrastructure_document_id = block.id }
   end)
   after_each(function() backend.stop() end)

   local function new(az, more)
      local options = { api = api, config = {}, watch = 0.01, every = 0.01, queues = { "q" }, name = "w1",
         interval = 0.01, connect = function() return az end,
         say = function(...) said[#said + 1] = string.format(...) end }
      for name, value in pairs(more or {}) do options[name] = value end
      return worker.new(options)
   end

   local function went(id, ...)
      for _, kind in ipairs { ... } do api:set_run_state(id, { type = kind }) end
   end

   local function told(words)
      for _, text in ipairs(said) do
         if text:find(words, 1, true) then return true end
      end
      return false
   end

   --- A group as a worker left it.
   local function left(az, run, owner, mark, shown)
      local found = shown or groups.ended(0)
      found.tags = { ["acihost-worker"] = owner, ["prefect-flow-run"] = run, ["acihost-prefect"] = mark }
      az.groups[PLACE .. run] = found
      return PLACE .. run
   end

   describe("that keeps failed groups", function()
      it("stops and keeps them for their time, and removes them then, also as another worker", function()
         local run = api:create_run(deployment.id)
         local az = groups.fake(function(body)
            local made = groups.ended(1)
            made.tags = body.tags
            return made
         end)
         new(az, { keep_failed = 3600 }):serve(run)
         local id, kept = next(az.groups)
         assert.same({ "CRASHED", 0 }, { api:run(run.id).state_type, #az.deleted })
         local time = clock.parse_iso(kept.tags["acihost-keep-until"])
         assert.is_true(math.abs(time - clock.now() - 3600) < 10)
         assert.equal(run.id, kept.tags["prefect-flow-run"])
         local other = new(az, { name = "w2", grace = 0, unknown = 0 })
         other:take_up()
         assert.is_false(other.removing[id:lower()] or false)
         kept.tags["acihost-keep-until"] = clock.iso(clock.now() - 1, 0)
         other:take_up()
         eventually(function() return az.groups[id] == nil end)
         assert.is_true(told "it was kept long enough")
      end)

      it("deletes those of runs that went well", function()
         local run = api:create_run(deployment.id)
         local az = groups.fake(function()
            went(run.id, "RUNNING", "COMPLETED")
            return groups.ended(0)
         end)
         new(az, { keep_failed = 3600 }):serve(run)
         assert.equal(1, #az.deleted)
      end)
   end)

   it("keeps the group for good where the job says so", function()
      local held = { name = "r", azure = groups.fake(), group = PLACE .. "g", container = "g", keep = true }
      held.azure.groups[held.group] = groups.running()
      held.azure.groups[held.group].tags = { a = "b" }
      require("aci.worker.removing").keep(new(held.azure), held, nil, true)
      assert.same({ a = "b", ["acihost-keep-until"] = "forever" }, held.azure.groups[held.group].tags)
      assert.equal(held.group .. "/stop", held.azure.stopped)
   end)

   describe("with groups whose runs are over", function()
      local function ended_run()
         local run = api:create_run(deployment.id)
         went(run.id, "PENDING", "RUNNING", "COMPLETED")
         return run.id
      end

      it("leaves those of a worker nobody knows alone for a grace period, and removes them then", function()
         local az = groups.fake()
         local it = new(az, { grace = 0.3, unknown = 0 })
         local id = left(az, ended_run(), "w9", it.mark)
         it:take_up()
         task.sleep(0.1)
         assert.is_table(az.groups[id])
         task.sleep(0.25)
         it:take_up()
         eventually(function() return az.groups[id] == nil end)
      end)

      it("removes its own of an earlier life at once", function()
         local az = groups.fake()
         local it = new(az, { grace = 100 })
         local id = left(az, ended_run(), "w1", it.mark)
         it:take_up()
         eventually(function() return az.groups[id] == nil end)
      end)

      it("leaves alone what it does not know: runs of other servers, groups without tags, runs that go on", function()
         local az = groups.fake()
         local it = new(az, { grace = 0, unknown = 0 })
         local strange = left(az, "0fe0767f-68ae-47df-a7e5-247337fd08fa", "w9", "another server")
         az.groups[PLACE .. "bare"] = groups.running()
         local run = api:create_run(deployment.id)
         went(run.id, "PENDING", "RUNNING")
         local going = left(az, run.id, "w9", it.mark, groups.running())
         for _ = 1, 3 do it:take_up() end
         task.sleep(0.1)
         assert.same({ true, true, true, 0 }, { az.groups[strange] ~= nil, az.groups[PLACE .. "bare"] ~= nil,
            az.groups[going] ~= nil, #az.deleted })
         local unknown = left(az, "0fe0767f-68ae-47df-a7e5-247337fd08fb", "w9", it.mark)
         for _ = 1, 2 do it:take_up() end
         eventually(function() return az.groups[unknown] == nil end)
      end)
   end)

   it("deletes on where some groups must not be deleted, and a drain does not wait for those", function()
      local az = groups.fake()
      local delete = az.delete
      function az.delete(self, id)
         if id:find "locked" then errors.raise { kind = "conflict", code = "ScopeLocked", message = "a lock" } end
         return delete(self, id)
      end
      local it = new(az)
      local place = require("aci.worker.places").note(it, { subscription_id = "sub", resource_group_name = "aci-rg" })
      for number = 1, 6 do az.groups[PLACE .. "locked" .. number] = groups.running() end
      az.groups[PLACE .. "free"] = groups.running()
      local removing = require "aci.worker.removing"
      for _, name in ipairs { "locked1", "locked2", "locked3", "locked4", "locked5", "locked6", "free" } do
         removing.later(it, { name = name, azure = az, group = PLACE .. name, container = name, place = place })
      end
      assert.is_true(removing.busy(it))
      eventually(function() return az.groups[PLACE .. "free"] == nil end)
      eventually(function() return not removing.busy(it) end)
      assert.is_true(told "locked1 is not deleted yet: ")
      az.delete = delete
      eventually(function() return next(az.groups) == nil end)
   end)

   it("says CANCELLED only when the group of a deaf container is really gone", function()
      local run, looks = api:create_run(deployment.id), 0
      local az = groups.fake(function()
         went(run.id, "RUNNING", "CANCELLING")
         return groups.running()
      end)
      local states = {}
      function az.delete(self, id)
         looks = looks + 1
         states[#states + 1] = api:run(run.id).state_type
         if looks == 4 then self.groups[id] = nil end
         return true
      end
      new(az):serve(run)
      assert.same({ "CANCELLING", "CANCELLING", "CANCELLING", "CANCELLING" }, states)
      assert.equal("CANCELLED", api:run(run.id).state_type)
   end)

   --- Serves a run whose group shows `shows` one after the other.
   local function serve_showing(...)
      local shows, at = { ... }, 0
      local run = api:create_run(deployment.id)
      local az = groups.fake(function()
         went(run.id, "RUNNING")
         return function()
            at = math.min(at + 1, #shows)
            return shows[at]
         end
      end)
      new(az):serve(run)
      return api:run(run.id), az
   end

   local function began(time) return groups.showing { currentState = { state = "Running", startTime = time } } end

   it("ends a run whose container Azure has moved: it is not run twice", function()
      local run, az = serve_showing(began "T1", began "T1", groups.showing { currentState = { state = "Waiting" } },
         began "T2", began "T2", groups.ended(0))
      assert.equal("CRASHED", run.state_type)
      assert.matches("Azure started it again; the run is not run twice", run.state.message)
      assert.equal(1, #az.deleted)
      assert.is_true(told "waits to be started again")
   end)

   it("ends a run whose container was started again in spite of Never", function()
      local run, az = serve_showing(began "T1", groups.showing { restartCount = 1, currentState = { state = "Running" },
         previousState = { state = "Terminated", exitCode = 9 } })
      assert.equal("CRASHED", run.state_type)
      assert.matches("ended with status code 9 and Azure started it again", run.state.message)
      assert.equal(1, #az.deleted)
   end)

   it("does not wait for ever where a container that ran waits again for its image", function()
      local run = serve_showing(began "T1", groups.showing { currentState = { state = "Waiting" }, events = {
         { name = "Failed", message = 'Failed to pull image "x": gone', lastTimestamp = "1" } } })
      assert.equal("CRASHED", run.state_type)
      assert.matches('The image could not be pulled: Failed to pull image "x": gone', run.state.message)
   end)

   it("starts nothing that waited for Azure's quota when it is told to drain", function()
      local az = groups.fake(function() error "must not start" end)
      local it = new(az)
      local run = api:create_run(deployment.id)
      local place = require("aci.worker.places").note(it, { subscription_id = "sub", resource_group_name = "aci-rg" })
      place.paces.creates:refused { ["retry-after"] = "600" }
      local serving = task.spawn(it.run, it)
      eventually(function() return told "Azure's quota of creates is used up" end)
      it:drain()
      task.timeout(10, function() serving:wait() end)
      assert.same({ "SCHEDULED", 0 }, { api:run(run.id).state_type, az.puts })
   end)

   it("takes from a refusal how long to wait, holds the claim no longer than it may, and gives the run back", function()
      local az = groups.fake(function() return groups.ended(0) end)
      local send = az.send
      function az.send(self, method, ...)
         if method ~= "PUT" then return send(self, method, ...) end
         self.puts = self.puts + 1
         return { status = 429, headers = { ["retry-after"] = "300" } }
      end
      local run = api:create_run(deployment.id)
      new(az):serve(run)
      run = api:run(run.id)
      assert.same({ "SCHEDULED", "Azure's quota of creates is used up", 1, json.null },
         { run.state_type, run.state.message, az.puts, run.infrastructure_pid })
   end)

   it("goes on when Prefect and Azure were away, without an end of its own", function()
      local away, run = 0, api:create_run(deployment.id)
      local az = groups.fake(function()
         went(run.id, "RUNNING", "COMPLETED")
         return groups.ended(0)
      end)
      local request = api.request
      function api.request(...)
         away = away + 1
         if away % 3 ~= 0 and away < 60 then
            errors.raise { kind = away % 2 == 0 and "server" or "network", message = "away" }
         end
         return request(...)
      end
      local it = new(az)
      local serving = task.spawn(it.run, it)
      eventually(function() return away > 60 and it:count() == 0 and az.deleted[1] ~= nil end, 60)
      api.request = nil
      it:drain()
      task.timeout(20, function() serving:wait() end)
      assert.same({ "COMPLETED", 1 }, { api:run(run.id).state_type, az.puts })
   end)

   describe("copying output", function()
      local az, held, agent, run

      before_each(function()
         run = api:create_run(deployment.id)
         az = { lines = {} }
         function az.address(_, path) return path end
         function az.send() return { data = { content = table.concat(az.lines, "\n") .. "\n" } } end
         agent = new(az)
         held = { id = run.id, name = "r", azure = az, group = "/g", container = "c" }
      end)

      local function write(...)
         for _, text in ipairs { ... } do
            az.lines[#az.lines + 1] = ("2026-11-24T10:00:00.%07dZ %s"):format(#az.lines, text)
         end
      end

      local function copied()
         local list = {}
         for _, entry in ipairs(api:logs(run.id)) do list[#list + 1] = entry.message end
         return table.concat(list, " ")
      end

      it("loses and repeats nothing where Prefect's answer was lost", function()
         write("a", "b")
         copying.look(agent, held)
         write("c", "d")
         local request, struck = api.request, false
         function api.request(self, method, path, options)
            local result = table.pack(request(self, method, path, options))
            if path == "/logs/" and not struck then
               struck = true
               errors.raise { kind = "network", message = "the answer was lost" }
            end
            return table.unpack(result, 1, result.n)
         end
         assert.is_false((pcall(copying.look, agent, held)))
         copying.look(agent, held)
         api.request = nil
         write "e"
         copying.look(agent, held)
         assert.equal("a b c d e", copied())
      end)

      it("sends again what was not taken", function()
         write("a", "b")
         local request, struck = api.request, false
         function api.request(self, method, path, options)
            if path == "/logs/" and not struck then
               struck = true
               errors.raise { kind = "server", message = "503" }
            end
            return request(self, method, path, options)
         end
         assert.is_false((pcall(copying.look, agent, held)))
         copying.look(agent, held)
         api.request = nil
         assert.equal("a b", copied())
      end)

      it("goes on where another worker began, and says where Azure has dropped lines", function()
         write("a", "b", "c")
         copying.look(agent, held)
         local next_one = { id = run.id, name = "r", azure = az, group = "/g", container = "c" }
         copying.begin(next_one, true)
         write "d"
         copying.look(agent, next_one)
         assert.equal("a b c d", copied())
         for number = 1, 300 do write(("n%d"):format(number)) end
         az.lines = table.move(az.lines, #az.lines - 9, #az.lines, 1, {})
         copying.look(agent, next_one)
         local log = api:logs(run.id)
         assert.matches("are missing here", log[5].message)
         assert.equal(15, #log)
      end)
   end)
end)

describe("the worker of a pool", function()
   it("writes the run's infrastructure_pid as Prefect's worker does, on both majors", function()
      for _, major in ipairs { "2", "3" } do
         local backend = support.inside { prefect = major }
         local api = backend.api
         api:put_work_pool { name = "p", type = "azure-container-instance", base_job_template = { job_configuration =
            { image = "i", subscription_id = "{{ subscription_id }}", resource_group_name = "aci-rg" },
            variables = { properties = { subscription_id = { default = "sub" } } } } }
         local made = api:put_deployment { flow = "My Flow!", name = "D", work_pool_name = "p", entrypoint = "f.lua:f" }
         local run = api:create_run(made.id)
         local az = groups.fake(function()
            api:set_run_state(run.id, { type = "RUNNING" })
            api:set_run_state(run.id, { type = "COMPLETED" })
            return groups.ended(0)
         end)
         worker.new { api = api, config = {}, watch = 0.01, every = 0.01, pool = "p", name = "w1",
            connect = function() return az end }:serve(run)
         local name = "my-flow-" .. run.id
         assert.same({ run.id .. ":" .. name, PLACE .. name }, { api:run(run.id).infrastructure_pid, az.deleted[1] })
         assert.equal(name, group.pool_name(run, { name = "My Flow!" }, {}))
         assert.equal("p", az.bodies[1].tags["prefect-work-pool"])
         assert.equal(made.id, az.bodies[1].tags["prefect-deployment"])
         backend.stop()
      end
   end)
end)
