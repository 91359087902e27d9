-- The resource group that everything lives in, and the providers it needs.
local step = require "aci.step"

local function providers(c)
   local names = { "Microsoft.ContainerInstance", "Microsoft.KeyVault", "Microsoft.ManagedIdentity",
      "Microsoft.Network", "Microsoft.Storage" }
   if c.config.registry then names[#names + 1] = "Microsoft.ContainerRegistry" end
   return names
end

return step {
   name = "group",
   want = function(c)
      return {
         { kind = "group", id = c.config.group, name = c.config.group, location = c.config.location },
         { kind = "providers", id = "providers", names = providers(c) },
      }
   end,
   gives = function(_, group)
      return { name = group.name, id = group.id, location = group.location }
   end,
}
