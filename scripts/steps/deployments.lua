-- The two demo flows: their folders uploaded once, their deployments registered.
local json = require "aci.json"
local prefect = require "aci.prefect"
local step = require "aci.step"
local images = require "steps.images"

local demos = {
   { folder = "key_vault_demo", flow = "Key Vault Demo", name = "Manual Deployment" },
   { folder = "simple_demo", flow = "Simple Demo", name = "Simple Deployment" },
}

local flows = debug.getinfo(1, "S").source:match "^@(.*)/steps/[^/]*$" .. "/flows/"

-- Each folder holds the flow twice, in Lua and in Python; the entrypoint names the one that runs.
local function entrypoint(c, demo)
   return ("flow.%s:%s"):format(images.language(c.config) == "lua" and "lua" or "py", demo.folder)
end

local function upload(c, demo)
   return { kind = "folder", id = c.storage.account, path = demo.code.path, folder = demo.code,
      blob = c.storage.blob, container = c.storage.container }
end

local function deployment(c, demo)
   return { kind = "deployment", id = demo.flow .. "/" .. demo.name, want = {
      flow = demo.flow, name = demo.name, version = "1",
      path = demo.code.path, entrypoint = entrypoint(c, demo),
      work_queue_name = c.config.queue,
      storage = prefect.ref("azure", "az-storage"),
      infrastructure = prefect.ref("azure-container-instance-job", "aci"),
      parameter_openapi_schema = { title = "Parameters", type = "object",
         properties = json.object {}, required = json.array {} },
   } }
end

return step {
   name = "deployments",
   needs = { "blocks" },
   want = function(c)
      local things = {}
      for _, demo in ipairs(demos) do
         demo.code = prefect.folder(flows .. demo.folder)
         things[#things + 1] = upload(c, demo)
      end
      for _, demo in ipairs(demos) do things[#things + 1] = deployment(c, demo) end
      return things
   end,
}
