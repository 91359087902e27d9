--- The whole set-up with a real Prefect 2.20.25 in place of the local cloud's own: registered there, loaded
-- by the official Python client, run by our agent in a container group, read with the group's identity.
local fs      = require "aci.fs"
local json    = require "aci.json"
local process = require "aci.process"
local prefect = require "aci.prefect"
local peers   = require "tests.support.peers"

local LOAD = [[
import json, warnings
warnings.filterwarnings("ignore")
from prefect_azure import AzureContainerInstanceCredentials
from prefect_azure.container_instance import AzureContainerInstanceJob
from prefect.filesystems import Azure
from prefect.blocks.system import String
sp = AzureContainerInstanceCredentials.load("aci-sp")
job = AzureContainerInstanceJob.load("aci")
store = Azure.load("az-storage")
print(json.dumps({"secret": len(sp.client_secret.get_secret_value()), "client": sp.client_id,
    "same": job.aci_credentials.client_secret == sp.client_secret, "group": job.resource_group_name,
    "timeout": job.task_start_timeout_seconds, "identities": job.identities, "image": job.image,
    "base": store.basepath, "kv": String.load("kv-url").value}))
]]

describe("the set-up with a real Prefect 2.20.25", function()
   local server, home, api

   setup(function()
      if not peers.path "p2" then return end
      server = peers.prefect "p2"
      home = assert(fs.tempdir "acihost-journey-")
      api = prefect.connect { prefect_url = server.url }
   end)

   local function acihost(...)
      local ran = assert(process.run { args = { process.self(), ... }, timeout = 120,
         env = peers.environment(home .. "/prefect", { ACIHOST_HOME = home, PREFECT_API_URL = server.url }) })
      return ran.code, ran.stdout, ran.stderr
   end

   teardown(function()
      if not server then return end
      acihost("sim", "stop")
      server:stop()
      fs.remove_tree(home)
   end)

   local function check(name, body)
      it(name, function()
         if not server then pending "vendor/peers p2 installs the real server" return end
         body()
      end)
   end

   check("registers blocks and deployments there", function()
      local code, out, err = acihost("setup", "--yes")
      assert(code == 0, out .. err)
      assert(api:deployment "Key Vault Demo/Manual Deployment")
      assert(api:deployment "Simple Demo/Simple Deployment")
   end)

   check("is loaded by the Python client with the right values", function()
      local code, out, err = peers.python(peers.path "p2", LOAD,
         peers.environment(home .. "/python", { PREFECT_API_URL = server.url }))
      assert(code == 0, err)
      local found = assert(json.decode(out:match "[^\n]*\n$"))
      assert.is_true(found.same)
      assert.is_true(found.secret >= 30)
      assert.same({ "aci-rg", 480, "az://flows" }, { found.group, found.timeout, found.base })
      assert.matches("/userAssignedIdentities/orionid$", found.identities[1])
      assert.matches("^https://kv%-.*%.vault%.azure%.net/?$", found.kv)
   end)

   check("runs the demo to Completed, its secret read but not shown", function()
      local code, out, err = acihost("run", "Key Vault Demo/Manual Deployment")
      assert(code == 0, out .. err)
      assert.matches("Completed", out)
      assert.matches("The secret testsecret of https://.* has version %x+ and 12 characters", err)
      assert.is_nil((out .. err):find("Super5ecret", 1, true))
      local run = api:runs(nil, 1)[1]
      assert.equal("COMPLETED", run.state_type)
      assert.equal("COMPLETED", api:task_runs(run.id)[1].state_type)
      for _, entry in ipairs(api:logs(run.id)) do
         assert.is_nil(entry.message:find("Super5ecret", 1, true))
      end
   end)

   check("finds nothing to do the second time", function()
      -- (a deployment's own time changes whenever its queue is asked)
      local block = api:block("azure-container-instance-job", "aci").updated
      local code, out, err = acihost("setup", "--plan")
      assert(code == 0, out .. err)
      code, out, err = acihost("setup", "--yes")
      assert(code == 0, out .. err)
      assert.matches("nothing to do", out .. err)
      assert.equal(block, api:block("azure-container-instance-job", "aci").updated)
   end)
end)
