-- The account's key opens the container with the flows' code.
local blob = require "aci.blob"

return {
   name = "storage",
   needs = { "subscription" },
   run = function(c)
      local account = c.azure:get(c.azure:group_id() .. "/providers/Microsoft.Storage/storageAccounts/"
         .. c.config.storage_account)
      if not account then return "note", "no storage account yet", "setup.lua makes it" end
      local store = blob.connect(c.config, account.name, c.azure:storage_key(account))
      if not store:container_exists(c.config.container) then
         return "wrong", ("no container %s in %s"):format(c.config.container, account.name), "setup.lua makes it"
      end
      return "ok", ("%d blobs in %s/%s"):format(#store:list(c.config.container), account.name, c.config.container)
   end,
}
