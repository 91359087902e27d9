-- Where the flows' code lives: a storage account and a container in it.
local blob = require "aci.blob"
local step = require "aci.step"

return step {
   name = "storage",
   needs = { "group" },
   want = function(c)
      return {
         c.azure:resource("Microsoft.Storage/storageAccounts", c.config.storage_account, {
            location = c.config.location, kind = "StorageV2", sku = { name = "Standard_LRS" },
            properties = {
               allowBlobPublicAccess = false, minimumTlsVersion = "TLS1_2", supportsHttpsTrafficOnly = true,
               allowSharedKeyAccess = true, -- Prefect 2's storage block knows only the account's key
            },
         }),
         function(_, account)
            return { kind = "container", name = c.config.container, account = c.config.storage_account,
               id = account.id .. "/" .. c.config.container,
               blob = function()
                  return blob.connect(c.config, account.name, c.azure:storage_key(account))
               end }
         end,
      }
   end,
   gives = function(c, account)
      local keys = c.azure:storage_keys(account)
      local key = keys[1]
      return { account = account.name, key = key, keys = keys, container = c.config.container,
         connection_string = ("DefaultEndpointsProtocol=https;AccountName=%s;AccountKey="):format(account.name)
            .. key .. ";EndpointSuffix=" .. c.config.storage_suffix,
         blob = blob.connect(c.config, account.name, key) }
   end,
}
