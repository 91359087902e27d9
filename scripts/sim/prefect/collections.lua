--- The catalogue of work pool types: of the many that a server lists, the one that the set-up uses, in our own
-- words.
local json    = require "aci.json"
local refuse  = require "sim.refuse"

local TYPE = "azure-container-instance"

-- The job's variables: type, title, and what they are unless they are said.
local VARIABLES = {
   name = { "string", "Name" }, env = { "object", "Environment variables" }, labels = { "object", "Labels" },
   command = { "string", "Command" }, image = { "string", "Image" },
   resource_group_name = { "string", "Resource group" }, subscription_id = { "string", "Subscription" },
   identities = { "array", "User-assigned identities" },
   entrypoint = { "string", "Entrypoint", "/opt/prefect/entrypoint.sh" },
   image_registry = { "object", "Image registry" }, cpu = { "number", "CPU", 1.0 },
   gpu_count = { "integer", "Number of GPUs" }, gpu_sku = { "string", "Kind of GPU" },
   memory = { "number", "Memory in GB", 1.0 }, subnet_ids = { "array", "Subnets" },
   dns_servers = { "array", "DNS servers" }, aci_credentials = { "object", "Azure credentials" },
   stream_output = { "boolean", "Stream the output", false },
   task_start_timeout_seconds = { "integer", "Seconds to start", 240 },
   task_watch_poll_interval = { "number", "Seconds between looks", 5.0 },
}

local function parameter(default)
   return { type = "string", defaultValue = default }
end

-- The template that the worker deploys for a run.
local function arm_template()
   return { ["$schema"] = "https://schema.management.azure.com/schemas/2019-08-01/deploymentTemplate.json#",
      contentVersion = "1.0.0.0",
      parameters = { location = parameter "[resourceGroup().location]",
         container_group_name = parameter "[uniqueString(resourceGroup().id)]",
         container_name = parameter "[uniqueString(resourceGroup().id)]" },
      resources = json.array { { type = "Microsoft.ContainerInstance/containerGroups", apiVersion = "2022-09-01",
         name = "[parameters('container_group_name')]", location = "[parameters('location')]",
         properties = { osType = "Linux", restartPolicy = "Never", containers = json.array { {
            name = "[parameters('container_name')]",
            properties = { image = "{{ image }}", command = "{{ command }}",
               resources = { requests = { cpu = "{{ cpu }}", memoryInGB = "{{ memory }}" } },
               environmentVariables = json.array {} } } } } } } }
end

local function base_job_template()
   local configuration, properties = { arm_template = arm_template() }, {}
   for name, row in pairs(VARIABLES) do
      configuration[name] = "{{ " .. name .. " }}"
      properties[name] = { type = row[1], title = row[2], default = row[3] }
      if row[1] == "array" then properties[name].items = { type = "string" } end
   end
   properties.subscription_id.format, properties.subscription_id.writeOnly = "password", true
   return { job_configuration = configuration, variables = { type = "object", properties = properties,
      required = json.array { "resource_group_name", "subscription_id" } } }
end

return function(prefect)
   prefect:route("GET /api/collections/views/:view", { anonymous = true }, function(req)
      local view = req.params.view
      refuse.unless(view == "aggregate-worker-metadata", 404, "detail",
         ("View %s not found in registry"):format(view))
      return 200, { ["prefect-azure"] = { [TYPE] = { type = TYPE, display_name = "Azure Container Instances",
         description = "Flow runs in container groups of Azure Container Instances.", is_beta = false,
         install_command = "pip install prefect-azure", documentation_url = json.null, logo_url = json.null,
         default_base_job_configuration = base_job_template() } } }
   end)
end
