-- What the agent and the flows find in Prefect, under the original's names.
local prefect = require "aci.prefect"
local step = require "aci.step"
local images = require "steps.images"

local function block(slug, name, data)
   return { kind = "block", id = slug .. "/" .. name, slug = slug, name = name, data = data }
end

return step {
   name = "blocks",
   needs = { "template", "principal", "storage" },
   want = function(c)
      return {
         block("azure-container-instance-credentials", "aci-sp", {
            tenant_id = c.principal.tenant_id,
            client_id = c.principal.client_id,
            client_secret = c.principal.client_secret,
         }),
         block("azure-container-instance-job", "aci", {
            aci_credentials = prefect.ref("azure-container-instance-credentials", "aci-sp"),
            subscription_id = c.config.subscription,
            resource_group_name = c.config.group,
            identities = { c.template.identity },
            subnet_ids = { c.template.subnet },
            image = images.job(c.config),
            env = images.job_environment(c.config),
            cpu = 1, memory = 1,
            task_start_timeout_seconds = 480,
         }),
         block("azure", "az-storage", {
            bucket_path = c.storage.container,
            azure_storage_account_name = c.storage.account,
            azure_storage_account_key = c.storage.key,
            azure_storage_anon = false,
         }),
         block("string", "kv-url", { value = c.template.vault_url }),
      }
   end,
}
