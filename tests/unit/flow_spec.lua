local errors  = require "aci.error"
local task    = require "aci.task"
local flow    = require "aci.flow"
local code    = require "aci.flow.code"
local engine  = require "aci.flow.engine"
local support = require "tests.support.prefect"

describe("aci.flow", function()
   local backend, api, run

   before_each(function()
      backend = support.inside()
      api = backend.api
      local made = api:put_deployment { flow = "F", name = "D", work_queue_name = "q" }
      run = api:create_run(made.id, { parameters = { n = 4 } })
      api:set_run_state(run.id, { type = "PENDING" })
   end)
   after_each(function() backend.stop() end)

   local function go(declared, more)
      local options = { api = api, run = run, config = { name = "settings" }, version = "v1" }
      for key, value in pairs(more or {}) do options[key] = value end
      local state, why = engine.run_flow(options, declared)
      run = api:run(run.id)
      return state, why
   end

   local function messages()
      local list = {}
      for _, entry in ipairs(api:logs(run.id)) do list[#list + 1] = entry.message end
      return table.concat(list, "\n")
   end

   it("reports a run with a task as Prefect's engine does", function()
      local double = flow.task { name = "double", function(n)
         flow.logger():info("doubling %d", n)
         return n * 2
      end }
      local seen
      go(flow.flow { name = "F", function(parameters) seen = double(parameters.n) end })
      assert.equal(8, seen)
      assert.same({ "COMPLETED", "All states completed.", 1, "v1" },
         { run.state_type, run.state.message, run.run_count, run.flow_version })
      local made = api:task_runs(run.id)[1]
      assert.same({ "double-0", "0", "COMPLETED" }, { made.name, made.dynamic_key, made.state_type })
      assert.matches("^double%-%x%x%x%x%x%x%x%x$", made.task_key)
      assert.equal(table.concat({ "Created task run 'double-0' for task 'double'",
         "Executing 'double-0' immediately...", "doubling 4", "Finished in state Completed()",
         "Finished in state Completed('All states completed.')" }, "\n"), messages())
   end)

   it("numbers the runs of one task", function()
      local each = flow.task { name = "each", function() end }
      go(flow.flow { name = "F", function() each() each() each() end })
      local names = {}
      for _, made in ipairs(api:task_runs(run.id)) do names[#names + 1] = made.name end
      table.sort(names)
      assert.same({ "each-0", "each-1", "each-2" }, names)
   end)

   it("fails with the task's error and what the author wrote of the traceback", function()
      local bad = flow.task { name = "bad", function() error("no luck", 0) end }
      go(flow.flow { name = "F", function() bad() end })
      assert.same({ "FAILED", "Flow run encountered an exception. no luck" },
         { run.state_type, run.state.message })
      assert.equal("Task run encountered an exception no luck", api:task_runs(run.id)[1].state.message)
      assert.matches("Encountered exception during execution:\nno luck", messages())
      assert.is_nil(messages():find("flow/engine", 1, true))
   end)

   it("is what its tasks are when it gives nothing, and completed when it gives a value", function()
      local bad = flow.task { name = "bad", function() error "x" end }
      local good = flow.task { name = "good", function() end }
      go(flow.flow { name = "F", function() pcall(bad) good() end })
      assert.same({ "FAILED", "1/2 states failed." }, { run.state_type, run.state.message })
   end)

   it("completes when it gives a value, whatever its tasks did", function()
      local bad = flow.task { name = "bad", function() error "x" end }
      go(flow.flow { name = "F", function() pcall(bad) return true end })
      assert.equal("COMPLETED", run.state_type)
   end)

   it("tries a failing task again as often as it says", function()
      local count = 0
      local flaky = flow.task { name = "flaky", retries = 2, function()
         count = count + 1
         if count < 3 then error("try " .. count) end
         return count
      end }
      local seen
      go(flow.flow { name = "F", function() seen = flaky() end })
      assert.equal(3, seen)
      assert.same({ "COMPLETED", 3 }, { run.state_type, api:task_runs(run.id)[1].run_count })
   end)

   it("tries a failing flow again", function()
      local count = 0
      go(flow.flow { name = "F", retries = 1, function()
         count = count + 1
         if count < 2 then error "first" end
      end })
      assert.same({ "COMPLETED", 2 }, { run.state_type, run.run_count })
   end)

   it("ends what takes too long", function()
      local slow = flow.task { name = "slow", timeout = 0.05, function() task.sleep(5) end }
      go(flow.flow { name = "F", function() slow() end })
      local made = api:task_runs(run.id)[1]
      assert.same({ "TimedOut", "Task run exceeded timeout of 0.05 seconds" },
         { made.state_name, made.state.message })
      assert.equal("FAILED", run.state_type)
   end)

   it("knows the task that logs, also in tasks of the loop", function()
      local speak = flow.task { name = "speak", function(word)
         task.sleep(word == "one" and 0.02 or 0.01)
         flow.logger():info(word)
      end }
      go(flow.flow { name = "F", function()
         task.all { function() speak "one" end, function() speak "two" end }
      end })
      local by_id = {}
      for _, made in ipairs(api:task_runs(run.id)) do by_id[made.id] = made.name end
      local speakers = {}
      for _, entry in ipairs(api:logs(run.id)) do
         if entry.message == "one" or entry.message == "two" then
            speakers[by_id[entry.task_run_id]] = entry.message
         end
      end
      assert.same({ ["speak-0"] = "one", ["speak-1"] = "two" }, speakers)
   end)

   it("gives the flow its Prefect and its settings", function()
      api:put_block { slug = "string", name = "kv-url", data = { value = "https://v" } }
      local seen, settings
      go(flow.flow { name = "F", function()
         seen = flow.prefect():block("string", "kv-url").data.value
         settings = flow.config().name
      end })
      assert.same({ "https://v", "settings" }, { seen, settings })
   end)

   it("stops when somebody cancels, and says so", function()
      local state, why = go(flow.flow { name = "F", function()
         api:set_run_state(run.id, { type = "CANCELLING" })
         task.sleep(10)
      end }, { watch_every = 0.02 })
      assert.is_nil(state)
      assert.equal("cancelled", why)
      assert.equal("CANCELLED", run.state_type)
   end)

   it("leaves a run alone that is over", function()
      api:set_run_state(run.id, { type = "CANCELLED" })
      local called = false
      local state, why = go(flow.flow { name = "F", function() called = true end })
      assert.is_false(called)
      assert.is_nil(state)
      assert.matches("Cancelled", why)
   end)

   it("waits for the time of a run that was claimed early", function()
      local clock = require "aci.clock"
      local made = api:create_run(run.deployment_id, { state = { type = "SCHEDULED", state_details = {
         scheduled_time = clock.iso(clock.now() + 0.4) } } })
      api:set_run_state(made.id, { type = "PENDING" })
      run = made
      local began = clock.monotonic()
      go(flow.flow { name = "F", function() end })
      assert.is_true(clock.monotonic() - began >= 0.3)
      assert.equal("COMPLETED", run.state_type)
   end)

   it("is a plain function outside of a run", function()
      local double = flow.task { name = "double", function(n) return n * 2 end }
      local declared = flow.flow { name = "F", function(parameters) return double(parameters.n) end }
      assert.equal(6, declared { n = 3 })
      assert.has_error(function() flow.prefect() end)
   end)

   it("refuses declarations without name or function", function()
      assert.has_error(function() flow.task { name = "x" } end)
      assert.has_error(function() flow.flow { function() end } end)
   end)
end)

describe("aci.flow.code", function()
   local fs = require "aci.fs"
   local folder

   setup(function()
      folder = assert(fs.tempdir "code-")
      assert(fs.write(folder .. "/flow.lua", [[
         local flow = require "aci.flow"
         return { one = flow.flow { name = "One", function() return 1 end }, two = 2 }]]))
      assert(fs.write(folder .. "/broken.lua", "return ("))
   end)
   teardown(function() fs.remove_tree(folder) end)

   local function message(entrypoint)
      local ok, err = pcall(code.load, folder, entrypoint)
      assert.is_false(ok)
      assert.is_true(errors.is(err), tostring(err))
      return tostring(err)
   end

   it("loads the flow that the entrypoint names", function()
      assert.equal("One", code.load(folder, "flow.lua:one").name)
   end)

   it("says what is wrong with an entrypoint", function()
      assert.matches("is not Lua", message "flow.py:one")
      assert.matches("is not FILE:NAME", message "flow.lua")
      assert.matches("is not FILE:NAME", message "../flow.lua:one")
      assert.matches("does not return a flow called two", message "flow.lua:two")
      assert.matches("does not return a flow called three", message "flow.lua:three")
      assert.matches("broken.lua:1", message "broken.lua:x")
      assert.matches("missing.lua", message "missing.lua:x")
   end)
end)
