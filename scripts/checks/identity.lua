-- The identity of the container groups may read the vault's secrets.
local SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"

return {
   name = "identity",
   needs = { "subscription" },
   run = function(c)
      local group = c.azure:group_id() .. "/providers/"
      local identity = c.azure:get(group .. "Microsoft.ManagedIdentity/userAssignedIdentities/" .. c.config.identity)
      local vault = group .. "Microsoft.KeyVault/vaults/" .. c.config.vault
      if not identity or not c.azure:get(vault) then
         return "note", "no identity or no vault yet", "setup.lua makes it"
      end
      local who = identity.properties.principalId
      local found = c.azure:list(vault .. "/providers/Microsoft.Authorization/roleAssignments", nil,
         { ["$filter"] = ("principalId eq '%s'"):format(who) })
      for _, each in ipairs(found) do
         if each.properties.roleDefinitionId:lower():find(SECRETS_USER, 1, true) then
            return "ok", ("%s is Key Vault Secrets User on %s"):format(c.config.identity, c.config.vault)
         end
      end
      return "wrong", ("%s may not read the secrets of %s"):format(c.config.identity, c.config.vault),
         "setup.lua gives it the role Key Vault Secrets User"
   end,
}
