-- The resource group that everything lives in, and the providers it needs.
local step = require "aci.step"

local providers = {
   "Microsoft.ContainerInstance", "Microsoft.KeyVault", "Microsoft.ManagedIdentity", "Microsoft.Network",
   "Microsoft.Storage",
}

return step {
   name = "group",
   want = function(c)
      return {
         { kind = "group", id = c.config.group, name = c.config.group, location = c.config.location },
         { kind = "providers", id = "providers", names = providers },
      }
   end,
   gives = function(_, group)
      return { name = group.name, id = group.id, location = group.location }
   end,
}
