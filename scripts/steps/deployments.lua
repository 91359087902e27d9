-- The flows: their folders uploaded once, their deployments registered. Yours is one line more in the list: the
-- folder in scripts/flows, the names, and what it takes as JSON schemas; what has no default has to be given:
--    { folder = "squares", flow = "Squares", name = "Try", parameters = { numbers = { type = "array" } } },
local files = require "steps.files"
local json = require "aci.json"
local prefect = require "aci.prefect"
local step = require "aci.step"
local images = require "steps.images"

local demos = {
   { folder = "key_vault_demo", flow = "Key Vault Demo", name = "Manual Deployment" },
   { folder = "simple_demo", flow = "Simple Demo", name = "Simple Deployment" },
}

-- Each folder holds the flow twice, in Lua and in Python; the entrypoint names the one that runs.
local function entrypoint(c, demo)
   return ("flow.%s:%s"):format(images.language(c.config) == "lua" and "lua" or "py", demo.folder)
end

local function upload(c, demo)
   return { kind = "folder", id = c.storage.account, path = demo.code.path, folder = demo.code,
      blob = c.storage.blob, container = c.storage.container }
end

--- Prefect 2: the code from the storage block, the container group from the infrastructure block.
local function by_blocks(c, demo)
   return { path = demo.code.path, work_queue_name = c.config.queue,
      storage = prefect.ref("azure", "az-storage"),
      infrastructure = prefect.ref("azure-container-instance-job", "aci") }
end

--- Prefect 3: the code by a pull step, the container group from the work pool.
local function by_pool(c, demo)
   return { work_pool_name = c.config.work_pool, pull_steps = json.array {
      { ["prefect_azure.deployments.steps.pull_from_azure_blob_storage"] = {
         requires = "prefect-azure", container = c.storage.container,
         folder = demo.code.path .. "/",
         credentials = "{{ prefect.blocks.azure-blob-storage-credentials.az-storage }}" } },
   } }
end

local function schema(parameters)
   local required = {}
   for name, each in pairs(parameters) do
      if each.default == nil then required[#required + 1] = name end
   end
   table.sort(required)
   return { title = "Parameters", type = "object", properties = json.object(parameters),
      required = json.array(required) }
end

local function deployment(c, demo)
   local want = c.prefect:major() < 3 and by_blocks(c, demo) or by_pool(c, demo)
   want.flow, want.name, want.version, want.entrypoint = demo.flow, demo.name, "1", entrypoint(c, demo)
   want.parameter_openapi_schema = schema(demo.parameters or {})
   return { kind = "deployment", id = demo.flow .. "/" .. demo.name, want = want }
end

return step {
   name = "deployments",
   needs = { "blocks", "pool" },
   want = function(c)
      local things = {}
      for _, demo in ipairs(demos) do
         demo.code = prefect.folder(files("flows/" .. demo.folder))
         things[#things + 1] = upload(c, demo)
      end
      for _, demo in ipairs(demos) do things[#things + 1] = deployment(c, demo) end
      return things
   end,
}
