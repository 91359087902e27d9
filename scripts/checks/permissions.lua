-- What the login may do, as Azure itself reckons it: role names say little where denials and conditions exist.
local azure_roles = require "checks.actions"

local NEEDED = {
   "Microsoft.Resources/deployments/write", "Microsoft.Authorization/roleAssignments/write",
   "Microsoft.Authorization/roleDefinitions/write", "Microsoft.ContainerInstance/containerGroups/write",
   "Microsoft.KeyVault/vaults/write", "Microsoft.ManagedIdentity/userAssignedIdentities/write",
   "Microsoft.Network/virtualNetworks/write", "Microsoft.Storage/storageAccounts/write",
   "Microsoft.Storage/storageAccounts/listKeys/action",
}

return {
   name = "permissions",
   needs = { "subscription" },
   run = function(c)
      local group = c.azure:group()
      local scope = group and group.id or "/subscriptions/" .. c.config.subscription
      local held = c.azure:list(scope .. "/providers/Microsoft.Authorization/permissions", "2022-04-01")
      local wanted = table.move(NEEDED, 1, #NEEDED, 1, {})
      if not group then wanted[#wanted + 1] = "Microsoft.Resources/subscriptions/resourceGroups/write" end
      local lacking = {}
      for _, action in ipairs(wanted) do
         if not azure_roles.allows(held, action) then lacking[#lacking + 1] = action end
      end
      if #lacking == 0 then return "ok", ("all that the set-up needs, on %s"):format(scope) end
      return "wrong", "not allowed: " .. table.concat(lacking, ", "),
         ("setup.lua needs Owner on %s"):format(scope)
   end,
}
