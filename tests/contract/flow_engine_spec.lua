--- Flows in two languages (twins/), run by Prefect's engine and by ours for the same kind of flow run on a real
-- server of each major: the same states, task runs and log levels, and the same words but for the differences
-- that are listed here and printed at the end.
local fs      = require "aci.fs"
local process = require "aci.process"
local prefect = require "aci.prefect"
local outcome = require "tests.support.outcome"
local peers   = require "tests.support.peers"
local task    = require "aci.task"

local MAJORS = {
   { peer = "p2", name = "Prefect 2.20.25", engine = { "python", "-m", "prefect.engine" } },
   { peer = "p3", name = "Prefect 3.8.8", engine = { "prefect", "flow-run", "execute" } },
}

local INTEGER = { title = "Parameters", type = "object", required = { "n" },
   properties = { n = { title = "n", type = "integer", position = 0 } } }

local USUAL = { title = "Parameters", type = "object", properties = {
   n = { title = "n", type = "integer", position = 0, default = 3 },
   word = { title = "word", type = "string", position = 1, default = "a word" } } }

local TWINS = {
   { "good", parameters = { n = 4 }, schema = USUAL }, { "bad" }, { "half" }, { "again" }, { "too_late" }, { "long" },
   { "many", at_once = true }, { "endless", cancel = true, only = "p3" }, -- (2 leaves that to its agent)
   { "mapped", at_once = true }, { "unread", at_once = true },
   { "picky", parameters = { n = "four" }, schema = INTEGER },
}

-- What only one of the two can say.
local KNOWN = {
   { "Python logs the state in which a cancelled flow was, ours the one in which it is",
      "^Finished in state Running%(%)$", "Finished in state Cancelled('Flow run was cancelled successfully.')",
      of = "endless" },
   { "Python appends the exception of a timeout, which has no text, to the message",
      " seconds TimeoutError: ", " seconds" },
   { "Python writes an exception as its class and arguments", "ValueError%('([^']*)'%)", "ValueError: %1" },
   { "what passes a flow when a task has timed out is Python's TimeoutError, and our own words",
      "exception%. TimeoutError: ", "exception. not done within 0.5 s" },
   { "of a wrong parameter Python's log tells only that the engine has ended, ours tells which",
      "^Engine execution exited with unexpected exception", "Validation of flow parameters failed with error:",
      of = "picky" },
   { "a wrong parameter is told in pydantic's words, and in ours",
      "(Validation of flow parameters failed with error:).*", "%1" },
   { "a traceback is the language's own", "\n.*", "" },
}

for _, major in ipairs(MAJORS) do
   describe("a flow in Python and in Lua on " .. major.name, function()
      local server, api, home, listed = nil, nil, nil, {}

      setup(function()
         if not peers.path(major.peer) then return end
         server = peers.prefect(major.peer)
         api = prefect.connect { prefect_url = server.url }
         home = assert(fs.realpath "tests/contract/twins")
      end)
      teardown(function()
         if not server then return end
         server:stop()
         io.write(("\n== runs of a Python flow and of its Lua twin on %s: what differs\n"):format(major.name))
         for _, text in ipairs(listed) do io.write("   ", text, "\n") end
      end)

      --- Runs the engine, and cancels the run once it is going on.
      local function cancelled(options)
         local id = options.run
         options.timeout, options.run, options.stdout, options.stderr = nil, nil, "null", "null"
         local started <close> = assert(process.spawn(options))
         peers.wait_until("the run", 60, function() return outcome.states(api, "flow", id):find "RUNNING" ~= nil end)
         task.sleep(1)
         api:set_run_state(id, { type = "CANCELLING" })
         return started:wait(60)
      end

      local function execute(twin, kind, args)
         local made = api:put_deployment { flow = "Twin " .. twin[1], name = kind, version = "1",
            entrypoint = ("twin.%s:%s"):format(kind, twin[1]), path = home, work_queue_name = "twins",
            parameter_openapi_schema = twin.schema, enforce_parameter_schema = false,
            pull_steps = major.peer == "p3" and {
               { ["prefect.deployments.steps.set_working_directory"] = { directory = home } } } or nil }
         local run = api:create_run(made.id, { parameters = twin.parameters })
         api:set_run_state(run.id, { type = "PENDING" })
         local runs = twin.cancel and cancelled or process.run
         local ran = assert(runs { args = args, cwd = server.home, timeout = 120,
            run = twin.cancel and run.id or nil, env = peers.environment(server.home .. "/client", {
               PREFECT_API_URL = server.url, PREFECT__FLOW_RUN_ID = run.id, PYTHONDONTWRITEBYTECODE = "1" }) })
         assert(ran.code == 0, (ran.stdout or "") .. (ran.stderr or ""))
         local told = outcome.of(api, run.id)
         if twin.at_once then -- in no order
            table.sort(told.messages)
            table.sort(told.same.levels)
         end
         return told
      end

      local function python(twin)
         return execute(twin, "py", { server.path .. "/bin/" .. major.engine[1], table.unpack(major.engine, 2) })
      end

      local function lua(twin)
         return execute(twin, "lua", { process.self(), assert(fs.realpath "scripts/execute.lua") })
      end

      --- The message in the words that both have; what was taken away is listed.
      local function common(message, twin)
         for _, known in ipairs(KNOWN) do
            local now, count = message, 0
            if (known.of or twin[1]) == twin[1] then now, count = message:gsub(known[2], known[3]) end
            local text = ("%s: %s"):format(twin[1], known[1])
            if count > 0 and listed[text] == nil then
               listed[text] = true
               listed[#listed + 1] = text
            end
            message = now
         end
         return message
      end

      local function compare(twin)
         if not server then pending("vendor/peers " .. major.peer .. " installs Prefect's engine") return end
         local theirs, ours = python(twin), lua(twin)
         assert.same(theirs.same, ours.same)
         for index, message in ipairs(theirs.messages) do
            assert.equal(common(message, twin), common(ours.messages[index], twin))
         end
      end

      for _, twin in ipairs(TWINS) do
         if not twin.only or twin.only == major.peer then
            it("says the same of the run that is " .. twin[1], function() compare(twin) end)
         end
      end
   end)
end
