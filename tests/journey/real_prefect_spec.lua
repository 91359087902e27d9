--- The whole set-up with a real Prefect server of each major in place of the local cloud's own: registered
-- there, loaded by the official Python client, run by our agent or worker in a container group, read with the
-- group's identity; the second time nothing is written.
local fs      = require "aci.fs"
local json    = require "aci.json"
local process = require "aci.process"
local prefect = require "aci.prefect"
local secret  = require "aci.secret"
local outcome = require "tests.support.outcome"
local peers   = require "tests.support.peers"

local LOAD2 = [[
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
    "command": [job.entrypoint] + job.command, "store": store.basepath, "kv": String.load("kv-url").value}))
]]

-- What Prefect's worker makes of the pool for a run.
local LOAD3 = [[
import asyncio, json, warnings
warnings.filterwarnings("ignore")
from prefect.client.orchestration import get_client
from prefect.variables import Variable
from prefect_azure import AzureBlobStorageCredentials, AzureContainerInstanceCredentials
from prefect_azure.workers.container_instance import AzureContainerJobConfiguration as Configuration
async def resolved():
    async with get_client() as client:
        pool = await client.read_work_pool("armaci")
        assert pool.type == "azure-container-instance"
        return await Configuration.from_template_and_values(pool.base_job_template, {"cpu": 2}, client=client)
sp = AzureContainerInstanceCredentials.load("aci-sp")
job = asyncio.run(resolved())
store = AzureBlobStorageCredentials.load("az-storage")
assert job.cpu == 2 and job.subnet_ids[0].endswith("/subnets/agentnet")
print(json.dumps({"secret": len(sp.client_secret.get_secret_value()), "client": sp.client_id,
    "same": job.aci_credentials.client_secret == sp.client_secret, "group": job.resource_group_name,
    "timeout": job.task_start_timeout_seconds, "identities": job.identities, "image": job.image,
    "command": [job.entrypoint] + job.command.split(), "kv": Variable.get("kv_url"),
    "store": store.connection_string.get_secret_value().split(";")[0]}))
]]

-- Prefect 3 asks for a password and for CSRF tokens here.
local MAJORS = {
   { peer = "p2", name = "Prefect 2.20.25", number = 2, image = "docker.io/prefecthq/prefect:2.20.25-python3.11",
      load = LOAD2, store = "az://flows", ends = "/opt/prefect/entrypoint.sh python -m prefect.engine" },
   { peer = "p3", name = "Prefect 3.8.8", number = 3, image = "docker.io/prefecthq/prefect:3.8.8-python3.11",
      load = LOAD3, store = "DefaultEndpointsProtocol=https", auth = "admin:pa55word",
      settings = { PREFECT_SERVER_API_AUTH_STRING = "admin:pa55word", PREFECT_SERVER_CSRF_PROTECTION_ENABLED = "true" },
      ends = "/opt/prefect/entrypoint.sh prefect flow-run execute" },
}

for _, major in ipairs(MAJORS) do
   describe("the set-up with a real " .. major.name, function()
      local server, home, api

      setup(function()
         if not peers.path(major.peer) then return end
         server = peers.prefect(major.peer, major.settings)
         home = assert(fs.tempdir "acihost-journey-")
         api = prefect.connect { prefect_url = server.url, prefect_auth = major.auth and secret.new(major.auth) }
      end)

      local language

      local function acihost(...)
         local ran = assert(process.run { args = { process.self(), ... }, timeout = 120,
            env = peers.environment(home .. "/prefect", { ACIHOST_HOME = home, PREFECT_API_URL = server.url,
               PREFECT_API_AUTH_STRING = major.auth, ACIHOST_FLOW_LANGUAGE = language }) })
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
            if not server then pending("vendor/peers " .. major.peer .. " installs the real server") return end
            body()
         end)
      end

      check("registers its objects there", function()
         local code, out, err = acihost("setup", "--yes")
         assert(code == 0, out .. err)
         assert.equal(major.number, api:major())
         assert(api:deployment "Key Vault Demo/Manual Deployment")
         assert(api:deployment "Simple Demo/Simple Deployment")
      end)

      check("is loaded by the Python client with the right values", function()
         local code, out, err = peers.python(peers.path(major.peer), major.load,
            peers.environment(home .. "/python", { PREFECT_API_URL = server.url,
               PREFECT_API_AUTH_STRING = major.auth }))
         assert(code == 0, err)
         local found = assert(json.decode(out:match "[^\n]*\n$"))
         assert.is_true(found.same)
         assert.is_true(found.secret >= 30)
         assert.same({ "aci-rg", 480, major.store }, { found.group, found.timeout, found.store })
         assert.matches("/userAssignedIdentities/orionid$", found.identities[1])
         assert.matches("^https://kv%-.*%.vault%.azure%.net/?$", found.kv)
         assert.equal("/usr/bin/tini -g -- " .. major.ends, table.concat(found.command, " "))
      end)

      check("runs the demo to Completed, its secret read but not shown", function()
         local code, out, err = acihost("run", "Key Vault Demo/Manual Deployment")
         assert(code == 0, out .. err)
         assert.matches("Completed", out)
         assert.matches("The secret testsecret of https://.* has version %x+ and 12 characters", err)
         assert.is_nil((out .. err):find("Super5ecret", 1, true))
         local run = api:runs(nil, 1)[1]
         assert.equal("COMPLETED", run.state_type)
         -- Prefect 3 records a task run a moment after it was told of it
         peers.wait_until("the task run", 10, function()
            local made = api:task_runs(run.id)[1]
            return made and made.state_type == "COMPLETED"
         end)
         for _, entry in ipairs(api:logs(run.id)) do
            assert.is_nil(entry.message:find("Super5ecret", 1, true))
         end
      end)

      check("finds nothing to do the second time", function()
         -- (a deployment's own time changes whenever its queue is asked)
         local function times()
            local block = api:block("azure-container-instance-credentials", "aci-sp")
            local pool = api:work_pool "armaci"
            return { block.updated, pool and json.encode(pool.base_job_template),
               pool and api:request("GET", "/variables/name/kv_url").updated }
         end
         local before = times()
         local code, out, err = acihost("setup", "--plan")
         assert(code == 0, out .. err)
         code, out, err = acihost("setup", "--yes")
         assert(code == 0, out .. err)
         assert.matches("nothing to do", out .. err)
         assert.same(before, times())
      end)

      check("has runs of the Python twin, by Prefect's engine in a container group, that look the same", function()
         local ours = outcome.of(api, api:runs(nil, 1)[1].id)
         language = "python"
         assert.equal(0, (acihost("sim", "venv", major.image, server.path)))
         local code, out, err = acihost("setup", "--yes")
         assert(code == 0, out .. err)
         code, out, err = acihost("run", "Key Vault Demo/Manual Deployment")
         assert(code == 0, out .. err)
         local theirs = outcome.of(api, api:runs(nil, 1)[1].id)
         assert.equal("flow.py:key_vault_demo", api:deployment("Key Vault Demo/Manual Deployment").entrypoint)
         io.write(("\n== runs of the demo in Python and in Lua on %s: what differs\n"):format(major.name))
         for index = #theirs.messages - 1, 1, -1 do
            if theirs.messages[index]:find "^The use of a 'BlobProperties'" then
               io.write("   prefect-azure warns of itself: ", theirs.messages[index]:sub(1, 60), "...\n")
               table.remove(theirs.messages, index)
               table.remove(theirs.same.levels, index)
            end
         end
         for index, message in ipairs(theirs.messages) do
            if ours.messages[index] ~= message then
               io.write(("   Python: %s\n   Lua:    %s\n"):format(message, tostring(ours.messages[index])))
            end
         end
         assert.same(theirs.same, ours.same)
      end)

      check("removes what it made there", function()
         local code, out, err = acihost("teardown", "--yes", "--purge")
         assert(code == 0, out .. err)
         assert.is_nil(api:deployment "Key Vault Demo/Manual Deployment")
         assert.is_nil(api:flow "Simple Demo")
         assert.is_nil(api:work_pool "armaci")
         assert.is_nil(api:variable "kv_url")
         assert.is_nil(api:block("azure-container-instance-credentials", "aci-sp"))
      end)
   end)
end
