--- One flow in two languages, run by Prefect's engine and by ours for the same kind of flow run on a real
-- server: what they report of it must be the same.
local fs      = require "aci.fs"
local process = require "aci.process"
local prefect = require "aci.prefect"
local peers   = require "tests.support.peers"

local PYTHON = [[
from prefect import flow, get_run_logger, task

@task(retries=1)
def flaky(n, _seen=[]):
    _seen.append(n)
    get_run_logger().info("try %d", len(_seen))
    if len(_seen) < 2:
        raise ValueError("boom")
    return n * 2

@task
def hopeless():
    raise ValueError("no luck")

@flow(name="Twin good")
def good(n: int = 1):
    get_run_logger().warning("n is %d", n)
    flaky(n)

@flow(name="Twin bad")
def bad():
    hopeless()

@flow(name="Twin half")
def half():
    try:
        hopeless()
    except ValueError:
        pass
    flaky(1)
]]

local LUA = [[
local flow = require "aci.flow"
local seen = 0
local flaky = flow.task { name = "flaky", retries = 1, function(n)
   seen = seen + 1
   flow.logger():info("try %d", seen)
   if seen < 2 then error("ValueError: boom", 0) end
   return n * 2
end }
local hopeless = flow.task { name = "hopeless", function() error("ValueError: no luck", 0) end }
return {
   good = flow.flow { name = "Twin good", function(p)
      flow.logger():warning("n is %d", p.n)
      flaky(p.n)
   end },
   bad = flow.flow { name = "Twin bad", function() hopeless() end },
   half = flow.flow { name = "Twin half", function()
      pcall(hopeless)
      flaky(1)
   end },
}
]]

describe("a flow in Python and in Lua", function()
   local server, api, home

   setup(function()
      if not peers.path "p2" then return end
      server = peers.prefect "p2"
      api = prefect.connect { prefect_url = server.url }
      home = assert(fs.tempdir "twins-")
      assert(fs.write(home .. "/twin.py", PYTHON))
      assert(fs.write(home .. "/twin.lua", LUA))
   end)
   teardown(function()
      if server then server:stop() end
      if home then fs.remove_tree(home) end
   end)

   --- The messages without what only one language can say: tracebacks, and where the code came from.
   local function told(run_id)
      local list = {}
      for _, entry in ipairs(api:logs(run_id)) do
         if not entry.message:find "^Downloading flow code" then
            list[#list + 1] = ("%d %s: %s"):format(entry.level, entry.name, entry.message:match "^[^\n]*")
         end
      end
      return list
   end

   local function outcome(run_id)
      local run, tasks = api:run(run_id), {}
      for _, each in ipairs(api:task_runs(run_id)) do
         tasks[#tasks + 1] = ("%s %s %s %d: %s"):format(each.name, each.state_type, each.state_name,
            each.run_count, tostring(each.state.message))
      end
      table.sort(tasks)
      return { type = run.state_type, name = run.state_name, message = run.state.message, tasks = tasks,
         count = run.run_count, policy = run.empirical_policy.retries, logs = told(run_id) }
   end

   local function execute(entrypoint, args, parameters)
      local made = api:put_deployment { flow = "Twin " .. entrypoint:match ":(.*)",
         name = entrypoint:match "%.(%a+):", version = "1", path = home, entrypoint = entrypoint,
         work_queue_name = "twins" }
      local run = api:create_run(made.id, { parameters = parameters })
      api:set_run_state(run.id, { type = "PENDING" })
      local ran = assert(process.run { args = args, cwd = home, timeout = 60,
         env = peers.environment(home .. "/p",
            { PREFECT_API_URL = server.url, PREFECT__FLOW_RUN_ID = run.id }) })
      assert(ran.code == 0, ran.stdout .. ran.stderr)
      return outcome(run.id)
   end

   local function both(name, parameters)
      local script = assert(fs.realpath "scripts/execute.lua")
      return execute("twin.py:" .. name, { server.python, "-m", "prefect.engine" }, parameters),
         execute("twin.lua:" .. name, { process.self(), script }, parameters)
   end

   for name, parameters in pairs { good = { n = 4 }, bad = {}, half = {} } do
      it(("says the same of a run that is %s"):format(name), function()
         if not server then pending "vendor/peers p2 installs Prefect's engine" return end
         local theirs, ours = both(name, parameters)
         assert.same(theirs, ours)
      end)
   end
end)
