-- Names that are unique in the whole world, and may be somebody else's or still be held by what was deleted.
local setup = require "aci.setup"

local function vault_of(c)
   return c.azure:get(c.azure:group_id() .. "/providers/Microsoft.KeyVault/vaults/" .. c.config.vault)
end

local function account_of(c)
   return c.azure:get(c.azure:group_id() .. "/providers/Microsoft.Storage/storageAccounts/"
      .. c.config.storage_account)
end

return {
   name = "names",
   needs = { "subscription" },
   run = function(c)
      if not vault_of(c) then
         if c.azure:deleted_vault(c.config.vault) then
            return c.azure:group() and "wrong" or "note",
               ("the vault %s is deleted and holds its name"):format(c.config.vault),
               setup.deleted_vault(c) and "setup.lua takes it back, teardown.lua --purge frees the name"
                  or "it is not of this set-up: set vault to another name in config.lua"
         end
         local free, why = c.azure:name_available("Microsoft.KeyVault/vaults", c.config.vault)
         if not free then return "wrong", why, "set vault to another name in config.lua" end
      end
      if not account_of(c) then
         local free, why = c.azure:name_available("Microsoft.Storage/storageAccounts", c.config.storage_account)
         if not free then return "wrong", why, "set storage_account to another name in config.lua" end
      end
      return "ok", ("vault %s, storage account %s"):format(c.config.vault, c.config.storage_account)
   end,
}
