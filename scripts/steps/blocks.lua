-- What the agent and the flows find in Prefect, under the original's names.
local json = require "aci.json"
local prefect = require "aci.prefect"
local secret = require "aci.secret"
local step = require "aci.step"
local credentials = require "steps.credentials"
local images = require "steps.images"

-- `ours(data)` tells by the values of a block whether it is this set-up's: nothing else is torn down.
local function block(slug, name, data, ours)
   return { kind = "block", id = slug .. "/" .. name, slug = slug, name = name, data = data, ours = ours }
end

local function plain(value) return secret.is(value) and secret.reveal(value) or value end

local function vault_url(c) return ("https://%s.%s"):format(c.config.vault, c.config.vault_suffix) end

local function text_block(c)
   return block("string", "kv-url", { value = c.template.vault_url },
      function(data) return data.value == vault_url(c) end)
end

--- Where Prefect 2's agent starts the runs.
local function job(c)
   return block("azure-container-instance-job", "aci", {
      aci_credentials = prefect.ref("azure-container-instance-credentials", "aci-sp"),
      subscription_id = c.config.subscription,
      resource_group_name = c.config.group,
      identities = { c.template.identity },
      subnet_ids = { c.template.subnet },
      image = images.job(c),
      image_registry = images.job_registry(c) or json.null,
      env = images.job_environment(c),
      entrypoint = images.job_entrypoint(c),
      command = images.job_command(c),
      cpu = c.config.job_cpu, memory = c.config.job_memory,
      task_start_timeout_seconds = 480,
   }, function(data)
      return plain(data.subscription_id) == c.config.subscription and data.resource_group_name == c.config.group
   end)
end

local function prefect2(c)
   return {
      credentials(c),
      job(c),
      block("azure", "az-storage", {
         bucket_path = c.storage.container,
         azure_storage_account_name = c.storage.account,
         azure_storage_account_key = c.storage.key,
         azure_storage_anon = false,
      }, function(data) return plain(data.azure_storage_account_name) == c.config.storage_account end),
      text_block(c),
   }
end

--- Prefect 3 has a work pool in place of the first two, and variables in place of text blocks: the block is
-- made too where the server still knows its type (before 3.5).
local function prefect3(c)
   return {
      block("azure-blob-storage-credentials", "az-storage", { connection_string = c.storage.connection_string },
         function(data)
            local text = plain(data.connection_string) or ""
            return text:find(("AccountName=%s;"):format(c.config.storage_account), 1, true) ~= nil
         end),
      { kind = "variable", id = "kv_url", name = "kv_url", value = c.template.vault_url,
         ours = function(value) return value == vault_url(c) end },
      c.prefect:block_type "string" and text_block(c) or nil,
   }
end

return step {
   name = "blocks",
   needs = { "template", "principal", "storage" },
   want = function(c) return c.prefect:major() < 3 and prefect2(c) or prefect3(c) end,
}
