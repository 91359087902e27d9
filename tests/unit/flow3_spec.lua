--- Flow runs of Prefect 3: tasks told by events, its engine's words; and what flows can do on either major.
local clock      = require "aci.clock"
local flow       = require "aci.flow"
local engine     = require "aci.flow.engine"
local json       = require "aci.json"
local parameters = require "aci.flow.parameters"
local support    = require "tests.support.prefect"
local task       = require "aci.task"

local function runner(version, options)
   local self = { backend = support.inside { prefect = version } }
   self.api = self.backend.api
   local deployment = self.api:put_deployment { flow = "F", name = "D", work_queue_name = "q" }
   self.run = self.api:create_run(deployment.id, options)
   self.api:set_run_state(self.run.id, { type = "PENDING" })

   function self.go(declared, more)
      local all = { api = self.api, run = self.run, config = {}, version = "v1" }
      for key, value in pairs(more or {}) do all[key] = value end
      local state, why = engine.run_flow(all, declared)
      self.run = self.api:run(self.run.id)
      return state, why
   end

   function self.messages()
      local list = {}
      for _, entry in ipairs(self.api:logs(self.run.id)) do
         list[#list + 1] = ("%d %s"):format(entry.level, entry.message)
      end
      return list
   end

   --- Every state that a task run has entered.
   function self.states(made)
      local names = {}
      for _, state in ipairs(self.api:request("GET", "/task_run_states/", { query = { task_run_id = made.id } })) do
         names[#names + 1] = state.name
      end
      return table.concat(names, " ")
   end

   return self
end

describe("a flow run of Prefect 3", function()
   local here

   before_each(function() here = runner("3", { parameters = { n = 4 } }) end)
   after_each(function() here.backend.stop() end)

   it("tells its task by events, in the words of that engine", function()
      local double = flow.task { name = "double", function(n)
         flow.logger():info("doubling %d", n)
         return n * 2
      end }
      here.go(flow.flow { name = "F", function(p) double(p.n) end })
      assert.same({ "COMPLETED", json.null, 1 }, { here.run.state_type, here.run.state.message, here.run.run_count })
      local made = here.api:task_runs(here.run.id)[1]
      assert.equal("double-" .. made.dynamic_key:sub(1, 3), made.name)
      assert.same({ "Pending Running Completed", 1, 1 }, { here.states(made), made.run_count,
         made.flow_run_run_count })
      assert.is_true(json.is_array(made.task_inputs.n))
      assert.same({ ("20 Beginning flow run '%s' for flow 'F'"):format(here.run.name), "20 doubling 4",
         "20 Finished in state Completed()", "20 Finished in state Completed()" }, here.messages())
      for _, seen in ipairs(here.backend.seen) do
         assert.is_nil(seen.path:find "/task_runs/$", "tasks are told by events only")
      end
   end)

   it("retries a task by itself: at once, or after its delay", function()
      local count = {}
      local function failing(name, delay)
         return flow.task { name = name, retries = 1, retry_delay = delay, function()
            count[name] = (count[name] or 0) + 1
            if count[name] < 2 then error("no luck", 0) end
         end }
      end
      local once, later = failing("once", 0), failing("later", 0.1)
      here.go(flow.flow { name = "F", function() once() later() end })
      local by_name = {}
      for _, made in ipairs(here.api:task_runs(here.run.id)) do by_name[made.name:match "^[^-]*"] = made end
      assert.equal("Pending Running Retrying Completed", here.states(by_name.once))
      assert.equal("Pending Running AwaitingRetry Retrying Completed", here.states(by_name.later))
      assert.equal(2, by_name.later.run_count)
      local said = table.concat(here.messages(), "\n")
      assert.truthy(said:find("20 Task run failed with exception: no luck - Retry 1/1 will start immediately", 1, true))
      assert.truthy(said:find("Retry 1/1 will start 0.1 second(s) from now", 1, true))
   end)

   it("fails with the traceback in the log once its retries are used up", function()
      local bad = flow.task { name = "bad", retries = 1, function() error "broken" end }
      here.go(flow.flow { name = "F", function() bad() end })
      assert.equal("FAILED", here.run.state_type)
      assert.matches("^Flow run encountered an exception: .*flow3_spec.lua:%d+: broken$", here.run.state.message)
      local said = table.concat(here.messages(), "\n")
      assert.matches("40 Task run failed with exception: .* %- Retries are exhausted\n.*flow3_spec.lua:%d+", said)
      assert.matches("40 Engine execution exited with unexpected exception", said)
   end)

   it("completes when a task's error was caught, whatever it gives", function()
      local bad = flow.task { name = "bad", function() error "x" end }
      here.go(flow.flow { name = "F", function() pcall(bad) end })
      assert.equal("COMPLETED", here.run.state_type)
   end)

   it("tells of a time-out as that engine does, also of one that passes the flow", function()
      local slow = flow.task { name = "slow", timeout = 0.05, function() task.sleep(5) end }
      here.go(flow.flow { name = "F", function() slow() end })
      local made = here.api:task_runs(here.run.id)[1]
      assert.same({ "TimedOut", "Task run exceeded timeout of 0.05 second(s)" },
         { made.state_name, made.state.message })
      assert.same({ "TimedOut", "Flow run failed due to timeout: TaskRunTimeoutError('Scope timed out after 0.05 "
         .. "second(s).')" }, { here.run.state_name, here.run.state.message })
   end)

   it("leaves no task running when it is cancelled", function()
      local long = flow.task { name = "long", function() task.sleep(20) end }
      local state, why = here.go(flow.flow { name = "F", function()
         long:submit()
         task.sleep(0.02)
         here.api:set_run_state(here.run.id, { type = "CANCELLING" })
         task.sleep(20)
      end }, { watch_every = 0.02 })
      assert.same({ nil, "cancelled", "CANCELLED" }, { state, why, here.run.state_type })
      assert.equal("CRASHED", here.api:task_runs(here.run.id)[1].state_type)
   end)

   it("tells of its tasks as crashed, and sends its log, when the process is told to end", function()
      local long = flow.task { name = "long", function()
         flow.logger():info "begun"
         task.sleep(20)
      end }
      task.spawn(function()
         task.sleep(0.05)
         local state = { type = "CRASHED", name = "Crashed", message = "told to end" }
         here.api:set_run_state(here.run.id, state)
         engine.abort(5, state)
      end)
      local state, why = here.go(flow.flow { name = "F", function() long() end })
      assert.same({ nil, "aborted" }, { state, why })
      require("tests.support.peers").wait_until("the end", 5, function()
         return table.concat(here.messages(), "\n"):find "Finished in state Crashed" ~= nil
      end)
      assert.equal("CRASHED", here.api:run(here.run.id).state_type)
      assert.equal("CRASHED", here.api:task_runs(here.run.id)[1].state_type)
      local said = table.concat(here.messages(), "\n")
      assert.truthy(said:find("20 begun\n40 Crash detected! Execution was aborted", 1, true), said)
   end)

   it("says that it was cancelled when the process is told to end for that", function()
      task.spawn(function()
         task.sleep(0.05)
         engine.abort(5, { type = "CANCELLING", name = "Cancelling" })
      end)
      local _, why = here.go(flow.flow { name = "F", function() task.sleep(20) end })
      assert.equal("aborted", why)
      require("tests.support.peers").wait_until("the end", 5, function()
         return table.concat(here.messages(), "\n"):find "Finished in state Cancelled" ~= nil
      end)
      assert.is_nil(table.concat(here.messages(), "\n"):find("Crash", 1, true))
   end)

   it("sends a heartbeat before anything else", function()
      here.go(flow.flow { name = "F", function() end })
      local found = here.api:request("POST", "/events/filter", { json = {
         filter = { event = { name = { "prefect.flow-run.heartbeat" } } } } })
      assert.equal("prefect.flow-run." .. here.run.id, found.events[1].resource["prefect.resource.id"])
   end)

   it("sends the events of many tasks in batches, all of them and in order", function()
      local request, sizes = here.api.request, {}
      here.api.request = function(self, method, path, options)
         if path == "/events" then sizes[#sizes + 1] = #options.json end
         return request(self, method, path, options)
      end
      local quick = flow.task { name = "quick", function() end }
      here.go(flow.flow { name = "F", function() for _ = 1, 400 do quick() end end })
      local most, sum = 0, 0
      for _, size in ipairs(sizes) do most, sum = math.max(most, size), sum + size end
      assert.same({ 200, 1 + 3 * 400 }, { most, sum })
      local made = here.api:task_runs(here.run.id)
      assert.equal(400, #made)
      for _, each in ipairs(made) do assert.equal("COMPLETED", each.state_type) end
   end)

   it("reports tasks in the way of Prefect 2 to a server that takes no events", function()
      local request = here.api.request
      here.api.request = function(self, method, path, options)
         if path == "/events" then require("aci.error").raise { kind = "not_found", status = 404, message = "no" } end
         return request(self, method, path, options)
      end
      local good = flow.task { name = "good", function() end }
      here.go(flow.flow { name = "F", function() good() end })
      assert.equal("COMPLETED", here.run.state_type)
      assert.same({ "good-0", "COMPLETED" }, { here.api:task_runs(here.run.id)[1].name,
         here.api:task_runs(here.run.id)[1].state_type })
   end)
end)

for _, version in ipairs { "2", "3" } do
   describe("a flow of Prefect " .. version, function()
      local here

      before_each(function() here = runner(version, {}) end)
      after_each(function() here.backend.stop() end)

      it("starts tasks beside itself, and ends after them", function()
         local plus = flow.task { name = "plus", function(a, b)
            task.sleep(0.1)
            return a + b
         end }
         local sum
         local began = clock.monotonic()
         here.go(flow.flow { name = "F", function()
            local one, two = plus:submit(1, 2), plus:submit(3, 4)
            plus:submit(5, 6) -- nobody waits for it
            sum = one:wait() + two:wait()
            return sum
         end })
         assert.equal(10, sum)
         assert.is_true(clock.monotonic() - began < 0.25)
         local made = here.api:task_runs(here.run.id)
         assert.equal(3, #made)
         for _, each in ipairs(made) do assert.equal("COMPLETED", each.state_type) end
      end)

      it("maps a task over a list, and gets the results as plain values", function()
         local square = flow.task { name = "square", function(n) return { n * n } end }
         local seen = {}
         here.go(flow.flow { name = "F", function()
            for index, each in ipairs(square:map { 1, 2, 3 }) do seen[index] = each:wait()[1] end
         end })
         assert.same({ 1, 4, 9 }, seen)
      end)

      it("raises the error of a task that it waits for", function()
         local bad = flow.task { name = "bad", function() error("no luck", 0) end }
         here.go(flow.flow { name = "F", function() bad:submit():wait() end })
         assert.equal("FAILED", here.run.state_type)
         assert.matches("no luck$", here.run.state.message)
      end)

      it("leaves artifacts of its own and of its tasks, and changes them", function()
         local count = flow.task { name = "count", function()
            flow.artifact { key = "rows", table = { { a = 1 }, { a = 2 } }, description = "two rows" }
         end }
         here.go(flow.flow { name = "F", function()
            count()
            local bar = flow.artifact { key = "bar", progress = 10 }
            bar:update(60)
            flow.artifact { key = "page", link = "https://example.com", text = "there" }
         end })
         local by_key = {}
         for _, each in ipairs(here.api:request("POST", "/artifacts/filter", { json = {} })) do
            by_key[each.key] = each
         end
         assert.same({ "table", '[{"a":1},{"a":2}]', "two rows" },
            { by_key.rows.type, by_key.rows.data, by_key.rows.description })
         assert.same({ "progress", 60 }, { by_key.bar.type, by_key.bar.data })
         assert.same({ "markdown", "[there](https://example.com)" }, { by_key.page.type, by_key.page.data })
         assert.equal(here.run.id, by_key.page.flow_run_id)
         assert.equal(here.api:task_runs(here.run.id)[1].id, by_key.rows.task_run_id)
      end)

      it("fails without running when a parameter is not what the schema says", function()
         local called = false
         local schema = { type = "object", required = { "n" }, properties = { n = { type = "integer" } } }
         here.go(flow.flow { name = "F", function() called = true end }, { schema = schema })
         assert.is_false(called)
         assert.same({ "FAILED", 0 }, { here.run.state_type, here.run.run_count })
         assert.equal("Validation of flow parameters failed with error: n is required", here.run.state.message)
      end)
   end)
end

describe("a task that is mapped over no list", function()
   it("says what it wants", function()
      local square = flow.task { name = "square", function(n) return n * n end }
      local ok, err = pcall(function() square:map(nil) end)
      assert.is_false(ok)
      assert.matches("flow3_spec.lua:%d+: the task square is mapped over a list, not over a nil; for example: "
         .. "square:map { 1, 2 }$", err)
   end)
end)

describe("an artifact", function()
   it("is refused when it is none, and made by nobody outside of a run", function()
      assert.has_error(function() flow.artifact { key = "x" } end)
      assert.has_error(function() flow.artifact { markdown = "a", kay = "x" } end)
      assert.has_error(function() flow.artifact { progress = 101 } end)
      assert.has_error(function() flow.artifact { markdown = "a", key = "Not So" } end)
      assert.is_nil(flow.artifact({ markdown = "a" }).id)
   end)
end)

describe("the parameters of a run", function()
   local schema = { type = "object", required = { "n" }, definitions = { Colour = { enum = { "red", "blue" } } },
      properties = {
         n = { type = "integer", minimum = 1, exclusiveMaximum = 10 },
         name = { anyOf = { { type = "string", maxLength = 3 }, { type = "null" } }, default = json.null },
         colour = { allOf = { { ["$ref"] = "#/definitions/Colour" } }, default = "red" },
         list = { type = "array", items = { type = "number" } },
         deep = { type = "object", required = { "a" }, properties = { a = { type = "boolean" } } },
      } }

   local function problems(given)
      local _, found = parameters.check(schema, given)
      return table.concat(found, "; ")
   end

   it("get the schema's defaults", function()
      local given = parameters.check(schema, { n = 2 })
      assert.same({ 2, "red", nil }, { given.n, given.colour, given.name })
   end)

   it("are told by name when they are wrong", function()
      assert.equal("", problems { n = 9, name = "abc", list = json.array { 1, 2.5 }, deep = { a = true } })
      assert.equal("", problems { n = 1, name = json.null, list = json.array {} })
      assert.equal("n is required", problems {})
      assert.equal("n is not of type integer", problems { n = 1.5 })
      assert.equal("n is less than 1", problems { n = 0 })
      assert.equal("n is not less than 10", problems { n = 10 })
      assert.equal("name is none of what it may be", problems { n = 1, name = "abcd" })
      assert.equal("colour is none of red, blue", problems { n = 1, colour = "green" })
      assert.equal("list[1] is not of type number", problems { n = 1, list = json.array { 1, "x" } })
      assert.equal("deep.a is required", problems { n = 1, deep = json.object {} })
      assert.equal("list is not of type array", problems { n = 1, list = { a = 1 } })
   end)

   it("are taken as they are where there is no schema", function()
      assert.same({ a = 1 }, (parameters.check(nil, { a = 1 })))
      assert.same({ a = 1 }, (parameters.check(json.null, { a = 1 })))
   end)
end)
