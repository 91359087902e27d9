-- Key Vault Demo: reads a secret from the vault as the container group's managed identity. The value
-- is never logged: its name, version and length say enough.
local auth     = require "aci.auth"
local flow     = require "aci.flow"
local keyvault = require "aci.keyvault"

local SECRET = "testsecret"

--- Prefect 3 keeps it in a variable, Prefect 2 in the original's block.
local function vault_url()
   local api = flow.prefect()
   return api:variable "kv_url" or api:block("string", "kv-url").data.value
end

local log_secret = flow.task { name = "log_secret", function()
   local url = vault_url()
   local settings = flow.config()
   local vault = keyvault.connect(settings, url, auth.managed_identity(settings))
   local found = vault:secret(SECRET)
   flow.logger():info("The secret %s of %s has version %s and %d characters", found.name, url,
      found.version, #found.value)
end }

return {
   key_vault_demo = flow.flow { name = "Key Vault Demo", function()
      log_secret()
   end },
}
