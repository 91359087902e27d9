--- Prefect's own programs in the set-up of the local cloud, for each major: its engine runs the Python twin of
-- the demo in a container group that our worker starts (secret by azure-identity and azure-keyvault-secrets,
-- unmodified); its agent or worker, with prefect-azure and Azure's SDKs, runs the Lua twin; and with Prefect 3
-- everything in the groups is Prefect's.
local clock   = require "aci.clock"
local config  = require "aci.config"
local fs      = require "aci.fs"
local json    = require "aci.json"
local process = require "aci.process"
local prefect = require "aci.prefect"
local peers   = require "tests.support.peers"
local task    = require "aci.task"

local JOB, DEMO = "azure-container-instance-job", "Key Vault Demo/Manual Deployment"

-- `started`: what starts Prefect's own agent or worker; `theirs`: a deployment that it serves.
local MAJORS = {
   { peer = "p2", version = "2", image = "docker.io/prefecthq/prefect:2.20.25-python3.11",
      started = { "agent", "start", "-q", "python-agent" },
      theirs = function(_, demo)
         return { work_queue_name = "python-agent", path = demo.path, storage = prefect.ref("azure", "az-storage"),
            infrastructure = prefect.ref(JOB, "aci") }
      end },
   { peer = "p3", version = "3", image = "docker.io/prefecthq/prefect:3.8.8-python3.11",
      started = { "worker", "start", "--pool", "python-pool", "--type", "azure-container-instance" },
      theirs = function(api, demo)
         api:put_work_pool { name = "python-pool", type = "azure-container-instance",
            base_job_template = api:work_pool("armaci").base_job_template }
         return { work_pool_name = "python-pool", pull_steps = demo.pull_steps }
      end },
}

for _, major in ipairs(MAJORS) do
   describe("Prefect's own programs of major " .. major.version .. " on the local cloud", function()
      local path, home, api

      local function environment(more)
         local all = { ACIHOST_HOME = home, ACIHOST_PREFECT = major.version }
         for name, value in pairs(more or {}) do all[name] = value end
         return peers.environment(home .. "/prefect", all)
      end

      local function acihost(more, ...)
         local ran = assert(process.run { args = { process.self(), ... }, timeout = 120, env = environment(more) })
         return ran.code, ran.stdout, ran.stderr
      end

      local function good(...)
         local code, out, err = acihost(...)
         assert(code == 0, out .. err)
         return out, err
      end

      setup(function()
         path = peers.path(major.peer)
         if not path then return end
         home = assert(fs.tempdir "acihost-journey-")
         good({ ACIHOST_FLOW_LANGUAGE = "python" }, "setup", "--yes")
         api = prefect.connect(config.load({ home = home, prefect_version = major.version },
            { environment = {}, file = false }))
      end)
      teardown(function()
         if not path then return end
         acihost({}, "sim", "stop")
         fs.remove_tree(home)
      end)

      local function check(name, body)
         it(name, function()
            if not path then pending("vendor/peers " .. major.peer .. " installs Prefect") return end
            body()
         end)
      end

      --- What other programs need to reach the local cloud.
      local function proxied()
         local more = { PREFECT_AGENT_QUERY_INTERVAL = "1", PREFECT_WORKER_QUERY_SECONDS = "1" }
         for name, value in (good({}, "sim", "env")):gmatch "export ([%w_]+)='([^']*)'" do
            if not name:find "^AZURE" then more[name] = value end
         end
         return more
      end

      check("Prefect's " .. major.started[1] .. " runs the Lua twin by Azure's SDK", function()
         local demo = api:deployment "Simple Demo/Simple Deployment"
         local want = major.theirs(api, demo)
         want.flow, want.name, want.version = "Simple Demo", "By Prefect's own", "1"
         want.entrypoint = "flow.lua:simple_demo"
         local made = api:put_deployment(want)
         local agent <close> = assert(process.spawn { env = environment(proxied()), stdin = "null",
            args = { "env", "--default-signal=INT", path .. "/bin/prefect", table.unpack(major.started) },
            stdout = { file = home .. "/agent.log" }, stderr = "stdout" })
         local run = api:create_run(made.id)
         local deadline = clock.monotonic() + 60
         repeat
            task.sleep(0.5)
            run = api:run(run.id)
         until api.is_terminal(run.state) or clock.monotonic() > deadline
         agent:stop(10)
         assert(run.state_type == "COMPLETED", run.state_name .. "\n" .. (fs.read(home .. "/agent.log") or ""))
      end)

      --- The demo in the words of Python's engine.
      local function run_python_twin()
         local out, err = good({}, "run", DEMO, "--wait", "60")
         assert.matches("The secret testsecret of https://.* has version %x+ and 12 characters", err)
         assert.is_nil((out .. err):find("Super5ecret", 1, true))
         local run = api:runs(nil, 1)[1]
         -- only Python's engines say this of a result
         local data = run.state.data
         assert.is_true(data ~= json.null and data.type == "unpersisted" or run.state.state_details.untrackable_result)
         return err
      end

      check("the Python twin runs to Completed in a container group", function()
         assert.equal("flow.py:key_vault_demo", api:deployment(DEMO).entrypoint)
         good({}, "sim", "venv", major.image, path)
         run_python_twin()
      end)

      check("the agent's container group runs Prefect's own worker", function()
         if major.version == "2" then return end
         good({}, "-e", [[local c = require "aci.setup".connect()
            c.azure:delete(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/"
               .. c.config.agent)]])
         good({ ACIHOST_FLOW_LANGUAGE = "python" }, "setup", "--yes")
         assert.matches("Worker 'AzureContainerWorker", run_python_twin())
      end)
   end)
end
