--- Flows and deployments.
local json    = require "aci.json"
local prefect = require "aci.prefect"
local assert = require "luassert"

local NOBODY = "00000000-0000-4000-8000-000000000000"

--- @param t the tools of tests/contract/prefect_spec.lua
return function(t)
   local check, unique, refused = t.check, t.unique, t.refused
   local raw, deploy = t.raw, t.deploy
   local api
   t.setup(function() api = t.api() end)

   -- ----------------------------------------------------------------------------- flows and deployments

   check("makes a flow once", function()
      local name = unique "Flow & more" :gsub("&", "and")
      local flow, status = raw("POST", "/flows/", { name = name })
      assert.equal(201, status)
      local again, second = raw("POST", "/flows/", { name = name })
      assert.equal(200, second)
      assert.equal(flow.id, again.id)
      assert.equal(flow.id, api:flow(name).id)
      assert.is_nil(api:flow "No such flow")
      assert.equal(422, refused("POST", "/flows/", { name = "a/b" }).status)
      assert.matches("body.x: [Ee]xtra", refused("POST", "/flows/", { name = name, x = 1 }).message)
   end)

   check("makes the queue that a deployment names", function()
      local made = deploy {}
      assert.equal("default-agent-pool", made.work_pool_name)
      assert.equal("NOT_READY", made.status)
      local queue = assert(api:queue(made.work_queue_name))
      assert.equal(json.null, queue.last_polled)
      assert.is_nil(api:queue_idle(queue))
      assert.is_nil(api:queue "no-such-queue")
   end)

   check("compares a deployment by content", function()
      local block = api:put_block { slug = "string", name = unique "word", data = { value = "v" } }
      local want = { flow = unique "Flow", name = "Manual", version = "1", path = "p-1",
         entrypoint = "flow.lua:f", work_queue_name = "armaci", job_variables = { ["env.A"] = "1" },
         parameters = { n = 3 }, tags = json.array { "t" }, storage = prefect.ref("string", block.name),
         parameter_openapi_schema = { type = "object", properties = { n = { type = "integer" } } } }
      assert.equal("create", api:deployment_plan(want).action)
      local made = api:put_deployment(want)
      assert.equal(block.id, made.storage_document_id)
      assert.equal("none", api:deployment_plan(want).action)
      want.path, want.job_variables = "p-2", { ["env.A"] = "2" }
      local plan = api:deployment_plan(want)
      assert.same({ "job_variables", "path" }, { plan.changes[1].path, plan.changes[2].path })
      local after = api:deployment_apply(plan)
      assert.equal(made.id, after.id)
      assert.equal("p-2", api:deployment(want.flow .. "/Manual").path)
      assert.equal("2", after.job_variables["env.A"])
   end)

   check("refuses deployments of what is not there", function()
      assert.equal(409, refused("POST", "/deployments/", { name = "X", flow_id = NOBODY }).status)
      local flow = api:put_flow(unique "Flow")
      local err = refused("POST", "/deployments/", { name = "X", flow_id = flow.id,
         storage_document_id = NOBODY })
      assert.equal(409, err.status)
      assert.matches("Could not find storage block with id: " .. NOBODY:gsub("%-", "%%-"), err.message)
      assert.equal(404, refused("POST", "/deployments/", { name = "X", flow_id = flow.id,
         work_pool_name = "no-such-pool" }).status)
      assert.equal(422, refused("POST", "/deployments/", { flow_id = flow.id }).status)
      assert.matches("infra_overrides", refused("POST", "/deployments/", { name = "X", flow_id = flow.id,
         job_variables = { a = 1 }, infra_overrides = { a = 2 } }).message)
      assert.is_nil(api:deployment "No such/Deployment")
      assert.is_nil(api:deployment_by_id(NOBODY))
   end)

   check("finds deployments by their flow", function()
      local made = deploy {}
      local flow = api:flow_by_id(made.flow_id)
      local found = api:deployments { flows = { name = { any_ = { flow.name } } } }
      assert.equal(1, #found)
      assert.equal(made.id, found[1].id)
      assert.is_true(api:delete_deployment(flow.name, "D"))
      assert.equal(0, #api:deployments { flows = { name = { any_ = { flow.name } } } })
      assert.is_true(api:delete_flow(flow.name))
      assert.is_false(api:delete_flow(flow.name))
   end)
end
