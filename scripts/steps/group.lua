-- The resource group that everything lives in, and the providers it needs.
local step = require "aci.step"

local providers = {
   "Microsoft.ContainerInstance", "Microsoft.KeyVault", "Microsoft.ManagedIdentity", "Microsoft.Network",
   "Microsoft.Storage",
}

return step {
   name = "group",
   want = function(c)
      local things = {
         { kind = "group", id = c.config.group, name = c.config.group, location = c.config.location },
      }
      for _, name in ipairs(providers) do things[#things + 1] = { kind = "provider", id = name } end
      return things
   end,
   gives = function(_, group)
      return { name = group.name, id = group.id, location = group.location }
   end,
}
