--- The main job on the local cloud's own Prefect 3: work pool, pull steps, worker, container groups.
local journey = require "tests.support.journey"

local demo = "Key Vault Demo/Manual Deployment"

describe("the set-up on the local cloud's Prefect 3", function()
   local here

   setup(function()
      here = journey.new { ACIHOST_PREFECT = "3" }
      here:good { "setup" }
   end)
   teardown(function() here:close() end)

   local function asked(text)
      return (here:good { "-e", "local c = require 'aci.setup'.connect() " .. text })
   end

   it("makes a work pool, a variable and pull steps, and no queue or infrastructure block", function()
      assert.equal("3\tazure-container-instance\ttrue\n", asked [[
         local pool = c.prefect:work_pool "armaci"
         local block = c.prefect:block("azure-container-instance-credentials", "aci-sp")
         local bound = pool.base_job_template.variables.properties.aci_credentials.default
         print(c.prefect:major(), pool.type, bound["$ref"].block_document_id == block.id)]])
      assert.equal("true\tnil\tnil\tnil\n", asked [[
         print(c.prefect:variable "kv_url" == "https://" .. c.config.vault .. ".vault.azure.net",
            c.prefect:queue "armaci", c.prefect:block("azure-container-instance-job", "aci"),
            c.prefect:block("azure", "az-storage"))]])
      assert.equal("armaci\tflow.lua:key_vault_demo\t1\n", asked [[
         local made = c.prefect:deployment "Key Vault Demo/Manual Deployment"
         print(made.work_pool_name, made.entrypoint, #made.pull_steps)]])
   end)

   it("finds everything in place the second time and writes nothing", function()
      here:good { "sim", "requests", "--clear" }
      assert.truthy(here:good({ "setup" }):find "nothing to do")
      assert.same({}, here:writes())
      assert.equal(0, (here:run { "setup", "--plan" }))
      for _, row in ipairs(here:json { "status", "--output", "json" }) do
         assert.equal("in place", row.state, row.thing)
      end
   end)

   it("shows a change of the pool's template by its place, makes it, and only it", function()
      asked [[
         local pool = c.prefect:work_pool "armaci"
         pool.base_job_template.variables.properties.cpu.default = 4
         c.prefect:put_work_pool { name = "armaci", base_job_template = pool.base_job_template }]]
      local code, out = here:run { "setup", "--plan" }
      assert.equal(3, code)
      assert.truthy(out:find("variables.properties.cpu.default: 4", 1, true), out)
      here:good { "setup" }
      assert.equal(0, (here:run { "setup", "--plan" }))
   end)

   it("runs both demos in container groups that the worker of the pool starts", function()
      local out, err = here:good { "run", demo }
      assert.truthy(out:find "Completed", out)
      assert.truthy(err:find "testsecret", err)
      assert.truthy(err:find("Executing deployment step: pull_from_azure_blob_storage", 1, true), err)
      assert.is_nil((out .. err):find("Super5ecret!", 1, true))
      assert.truthy(here:good({ "run", "Simple Demo/Simple Deployment" }):find "Completed")
      assert.equal("COMPLETED\tCOMPLETED\n", asked [[
         local run = c.prefect:runs(nil, 1)[1]
         print(run.state_type, c.prefect:task_runs(run.id)[1].state_type)]])
      here:only_agent()
   end)

   it("makes the text block too where the server knows its type, as before 3.5", function()
      asked [[c.prefect:register "string"]]
      local code, out = here:run { "setup", "--plan" }
      assert.equal(3, code)
      assert.truthy(out:find("create   block kv-url (string)", 1, true), out)
      here:good { "setup" }
      assert.equal("true\n", asked [[
         print(c.prefect:block("string", "kv-url").data.value == c.prefect:variable "kv_url")]])
   end)

   it("has the sizes of the settings as the pool's own", function()
      local code, out = here:run({ "setup", "--plan" }, { ACIHOST_JOB_CPU = "2", ACIHOST_JOB_MEMORY = "3.5" })
      assert.equal(3, code)
      assert.matches("change   work pool armaci.-cpu%.default: [%d.]+ %-> 2\n.-memory%.default: [%d.]+ %-> 3.5\n", out)
   end)

   it("gives the groups of runs the tags of the settings", function()
      here:good({ "setup" }, { ACIHOST_TAGS = "team=data,note=[x]" })
      here:good { "run", "Simple Demo/Simple Deployment", "--job-variable", "keep_container_group=true" }
      assert.equal("data\t[x]\n", asked [[
         local run = c.prefect:runs(nil, 1)[1]
         for _, each in ipairs(c.azure:resources()) do
            if (each.tags or {})["prefect-flow-run"] == run.id then
               print(each.tags.team, each.tags.note)
               c.azure:delete(each.id)
            end
         end]])
      here:good { "setup" }
   end)

   it("gives one run another job variable", function()
      local _, err = here:good { "run", "Simple Demo/Simple Deployment", "--job-variable", "env.SPOKEN=word",
         "--job-variable", "cpu=2" }
      assert.truthy(err:find "Completed", err)
      assert.equal("2\tword\n", asked [[
         local run = c.prefect:runs(nil, 1)[1]
         print(run.job_variables.cpu, run.job_variables.env.SPOKEN)]])
      local code, _, why = here:run { "run", "Simple Demo/Simple Deployment", "--job-variable", "cpus=2" }
      assert.equal(2, code)
      assert.truthy(why:find('no variable "cpus"', 1, true), why)
      code, _, why = here:run { "run", "Simple Demo/Simple Deployment", "-j", "env=3" }
      assert.equal(2, code)
      assert.truthy(why:find("env is not of type object", 1, true), why)
   end)

   it("tears down, pool and variable with it, and can be set up again", function()
      here:good { "teardown", "--yes", "--purge" }
      assert.equal("nil\tnil\tnil\tnil\n", asked [[
         print(c.prefect:work_pool "armaci", c.prefect:variable "kv_url", c.prefect:flow "Key Vault Demo",
            c.prefect:block("azure-container-instance-credentials", "aci-sp"))]])
      here:good { "setup" }
      assert.truthy(here:good({ "run", demo }):find "Completed")
   end)
end)

describe("a work pool of our name that we did not make", function()
   it("is left alone, or adopted when asked; one of another type never", function()
      local here = journey.new { ACIHOST_PREFECT = "3" }
      local make = [[local c = require 'aci.setup'.connect()
         c.prefect:put_work_pool { name = "%s", type = "%s", base_job_template = require "aci.json".object {} }]]
      here:good { "-e", make:format("armaci", "azure-container-instance") }
      local code, _, err = here:run { "setup" }
      assert.equal(6, code)
      assert.truthy(err:find "work pool armaci", err)
      here:good { "setup", "--adopt" }
      here:good { "-e", make:format("other", "process") }
      code, _, err = here:run({ "setup" }, { ACIHOST_WORK_POOL = "other" })
      assert.equal(6, code)
      assert.truthy(err:find "of type process", err)
      here:good { "teardown", "--yes", "--purge" }
      assert.equal("process\n", (here:good { "-e",
         [[print(require 'aci.setup'.connect().prefect:work_pool "other".type)]] }))
      here:close()
   end)
end)
