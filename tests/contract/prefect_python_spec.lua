--- The official Python client (Prefect 2.20.25 with prefect-azure 0.3.11) on what we wrote, and we on what it
-- wrote: with the local cloud's Prefect and with a real server.
local fs      = require "aci.fs"
local json    = require "aci.json"
local secret  = require "aci.secret"
local prefect = require "aci.prefect"
local cloud   = require "tests.support.cloud"
local peers   = require "tests.support.peers"

local IDENTITY = "/subscriptions/s/resourceGroups/aci-rg/providers/Microsoft.ManagedIdentity/"
   .. "userAssignedIdentities/orionid"

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
print(json.dumps({
    "tenant": sp.tenant_id, "client": sp.client_id, "secret": sp.client_secret.get_secret_value(),
    "group": job.resource_group_name, "subscription": job.subscription_id.get_secret_value(),
    "image": job.image, "cpu": job.cpu, "memory": job.memory, "timeout": job.task_start_timeout_seconds,
    "identities": job.identities, "nested": job.aci_credentials.client_secret.get_secret_value(),
    "base": store.basepath, "account": store.azure_storage_account_name.get_secret_value(),
    "key": store.azure_storage_account_key.get_secret_value(), "kv": String.load("kv-url").value}))
]]

-- What the original's four block scripts and its deployment script do.
local SAVE = [[
import json, os, warnings
warnings.filterwarnings("ignore")
from prefect import flow, task
from prefect.deployments import Deployment, run_deployment
from prefect_azure import AzureContainerInstanceCredentials
from prefect_azure.container_instance import AzureContainerInstanceJob
from prefect.filesystems import Azure
from prefect.blocks.system import String
for _ in range(2):
    sp = AzureContainerInstanceCredentials(tenant_id="t", client_id="c", client_secret="python-secret")
    sp.save("py-sp", overwrite=True)
    AzureContainerInstanceJob(image="radbrt/orion_aci_base:latest", cpu=1, memory=1, subscription_id="sub",
        aci_credentials=AzureContainerInstanceCredentials.load("py-sp"), resource_group_name="aci-rg",
        task_start_timeout_seconds=480, identities=["IDENTITY"]).save("py-job", overwrite=True)
    Azure(bucket_path="flows", azure_storage_account_name="acct",
        azure_storage_account_key="a2V5").save("py-storage", overwrite=True)
    String(value="https://py.vault.azure.net").save("py-url", overwrite=True)
os.chdir("FOLDER")
import sys; sys.path.insert(0, "FOLDER")
from flow import python_demo
made = Deployment.build_from_flow(flow=python_demo, name="By Python", version="1", work_queue_name="py-queue",
    storage=Azure.load("py-storage"), infrastructure=AzureContainerInstanceJob.load("py-job"),
    path="some-path", skip_upload=True)
made.apply(upload=False)
made.apply(upload=False)
run = run_deployment("Python Demo/By Python", timeout=0)
print(json.dumps({"run": str(run.id), "state": run.state.name}))
]]

local FLOW = [[
from prefect import flow
@flow(name="Python Demo")
def python_demo(n: int = 3):
    pass
]]

local function checks(start)
   local server, api, home

   setup(function()
      server = start()
      if not server then return end
      api = prefect.connect { prefect_url = server.url }
      home = assert(fs.tempdir "acihost-python-")
   end)
   teardown(function()
      if server then server.stop() end
      if home then fs.remove_tree(home) end
   end)

   local function check(name, body)
      it(name, function()
         if not server then pending "vendor/peers p2 installs the Python client" return end
         body()
      end)
   end

   local function python(script)
      local code, out, err = peers.python(peers.path "p2", script,
         peers.environment(home, { PREFECT_API_URL = server.url }))
      assert(code == 0, err)
      return assert(json.decode(out:match "[^\n]*\n$"))
   end

   check("Python loads every block that we write, with the right values", function()
      api:put_block { slug = "azure-container-instance-credentials", name = "aci-sp", data = {
         tenant_id = "t", client_id = "c", client_secret = secret.new "our-secret" } }
      api:put_block { slug = "azure-container-instance-job", name = "aci", data = {
         aci_credentials = prefect.ref("azure-container-instance-credentials", "aci-sp"),
         subscription_id = "sub", resource_group_name = "aci-rg", identities = { IDENTITY },
         image = "radbrt/orion_aci_base:latest", cpu = 1, memory = 1, task_start_timeout_seconds = 480 } }
      api:put_block { slug = "azure", name = "az-storage", data = { bucket_path = "flows",
         azure_storage_account_name = "acct", azure_storage_account_key = secret.new "a2V5" } }
      api:put_block { slug = "string", name = "kv-url", data = { value = "https://v.vault.azure.net" } }
      assert.same({ tenant = "t", client = "c", secret = "our-secret", nested = "our-secret",
         subscription = "sub", group = "aci-rg", image = "radbrt/orion_aci_base:latest", cpu = 1.0, memory = 1.0,
         timeout = 480, identities = { IDENTITY }, base = "az://flows", account = "acct", key = "a2V5",
         kv = "https://v.vault.azure.net" }, python(LOAD))
   end)

   local said

   check("Python saves its blocks and a deployment, twice, and starts a run", function()
      assert(fs.write(home .. "/flow.py", FLOW))
      said = python((SAVE:gsub("FOLDER", home):gsub("IDENTITY", IDENTITY)))
      assert.equal("Scheduled", said.state)
   end)

   check("we read what Python saved and find nothing to change", function()
      local sp = api:block("azure-container-instance-credentials", "py-sp", { secrets = true })
      assert.equal("python-secret", secret.reveal(sp.data.client_secret))
      local plan = api:block_plan { slug = "azure-container-instance-job", name = "py-job", data = {
         aci_credentials = prefect.ref("azure-container-instance-credentials", "py-sp"),
         subscription_id = secret.new "sub", resource_group_name = "aci-rg", cpu = 1, memory = 1,
         identities = { IDENTITY }, image = "radbrt/orion_aci_base:latest" } }
      assert.same({}, plan.changes)
      assert.equal("none", api:block_plan { slug = "azure", name = "py-storage", data = {
         bucket_path = "flows", azure_storage_account_name = "acct" } }.action)
      assert.equal("none", api:block_plan { slug = "string", name = "py-url", data = {
         value = "https://py.vault.azure.net" } }.action)
   end)

   check("we find Python's deployment and its run, and run it by our rules", function()
      local made = assert(api:deployment "Python Demo/By Python")
      assert.same({ "some-path", "flow.py:python_demo", "py-queue", "default-agent-pool" },
         { made.path, made.entrypoint, made.work_queue_name, made.work_pool_name })
      assert.equal("integer", made.parameter_openapi_schema.properties.n.type)
      assert.equal("py-storage", api:block_by_id(made.storage_document_id).name)
      local due = api:due_runs(api:queue "py-queue")
      assert.equal(said.run, due[1].id)
      assert.equal("ACCEPT", api:propose_run_state(said.run, { type = "PENDING" }).status)
   end)
end

local function of_the_local_cloud()
   if not peers.path "p2" then return nil end
   local running = cloud.start()
   return { url = ("http://127.0.0.1:%d/api"):format(running.prefect_port),
      stop = function() running:stop() end }
end

local function real()
   if not peers.path "p2" then return nil end
   local server = peers.prefect "p2"
   return { url = server.url, stop = function() server:stop() end }
end

describe("the Python client and the local cloud's Prefect 2", function() checks(of_the_local_cloud) end)

describe("the Python client and a real Prefect 2.20.25", function() checks(real) end)
