--- Prefect's own programs in the set-up of the local cloud: its engine runs the Python twin of the demo in a
-- container group that our worker starts (code by adlfs, secret by azure-identity and azure-keyvault-secrets),
-- and its agent, with prefect-azure and Azure's SDK, runs the Lua twin.
local clock   = require "aci.clock"
local config  = require "aci.config"
local fs      = require "aci.fs"
local json    = require "aci.json"
local process = require "aci.process"
local prefect = require "aci.prefect"
local peers   = require "tests.support.peers"
local task    = require "aci.task"

local JOB = "azure-container-instance-job"

describe("Prefect's own engine and agent on the local cloud", function()
   local path, home, api

   local function environment(more)
      local all = { ACIHOST_HOME = home }
      for name, value in pairs(more or {}) do all[name] = value end
      return peers.environment(home .. "/prefect", all)
   end

   local function acihost(more, ...)
      local ran = assert(process.run { args = { process.self(), ... }, timeout = 120, env = environment(more) })
      return ran.code, ran.stdout, ran.stderr
   end

   setup(function()
      path = peers.path "p2"
      if not path then return end
      home = assert(fs.tempdir "acihost-journey-")
      local code, out, err = acihost({ ACIHOST_FLOW_LANGUAGE = "python" }, "setup", "--yes")
      assert(code == 0, out .. err)
      api = prefect.connect(config.load({ home = home }, { environment = {}, file = false }))
   end)
   teardown(function()
      if not path then return end
      acihost({}, "sim", "stop")
      fs.remove_tree(home)
   end)

   local function check(name, body)
      it(name, function()
         if not path then pending "vendor/peers p2 installs Prefect" return end
         body()
      end)
   end

   check("the Python twin runs to Completed", function()
      assert.equal("flow.py:key_vault_demo", api:deployment("Key Vault Demo/Manual Deployment").entrypoint)
      -- an image whose local runner runs any command: here Prefect's engine
      local image = api:block(JOB, "aci").data.image
      api:put_block { slug = JOB, name = "aci", data = { image = "debian:bookworm", entrypoint = "/usr/bin/env",
         command = { path .. "/bin/python", "-m", "prefect.engine" } } }
      local code, out, err = acihost({}, "run", "Key Vault Demo/Manual Deployment")
      api:put_block { slug = JOB, name = "aci", data = { image = image,
         entrypoint = "/opt/prefect/entrypoint.sh", command = json.null } }
      assert(code == 0, out .. err)
      assert.matches("The secret testsecret of https://.* has version %x+ and 12 characters", err)
      assert.is_nil((out .. err):find("Super5ecret", 1, true))
      -- only Python's engine says this of a result
      assert.equal("unpersisted", api:runs(nil, 1)[1].state.data.type)
   end)

   --- What other programs need to reach the local cloud.
   local function proxied()
      local _, out = acihost({}, "sim", "env")
      local more = { PREFECT_AGENT_QUERY_INTERVAL = "1" }
      for name, value in out:gmatch "export ([%w_]+)='([^']*)'" do
         if not name:find "^AZURE" then more[name] = value end
      end
      return more
   end

   check("Prefect's agent runs the Lua twin by Azure's SDK", function()
      local demo = api:deployment "Simple Demo/Simple Deployment"
      local made = api:put_deployment { flow = "Simple Demo", name = "By Prefect's agent", path = demo.path,
         version = "1", entrypoint = "flow.lua:simple_demo", work_queue_name = "python-agent",
         storage = prefect.ref("azure", "az-storage"), infrastructure = prefect.ref(JOB, "aci") }
      local agent <close> = assert(process.spawn { env = environment(proxied()), stdin = "null",
         args = { "env", "--default-signal=INT", path .. "/bin/prefect", "agent", "start", "-q",
            "python-agent" }, stdout = { file = home .. "/agent.log" }, stderr = "stdout" })
      local run = api:create_run(made.id)
      local deadline = clock.monotonic() + 60
      repeat
         task.sleep(0.5)
         run = api:run(run.id)
      until api.is_terminal(run.state) or clock.monotonic() > deadline
      agent:stop(10)
      assert(run.state_type == "COMPLETED", run.state_name .. "\n" .. (fs.read(home .. "/agent.log") or ""))
   end)
end)
