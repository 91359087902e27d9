-- Resource providers: setup.lua registers those that are missing, when it may.
local NAMESPACES = {
   "Microsoft.ContainerInstance", "Microsoft.KeyVault", "Microsoft.ManagedIdentity", "Microsoft.Network",
   "Microsoft.Storage",
}

return {
   name = "providers",
   needs = { "subscription" },
   run = function(c)
      local missing = {}
      for _, namespace in ipairs(NAMESPACES) do
         local state = c.azure:registration(namespace)
         if state ~= "Registered" then missing[#missing + 1] = ("%s (%s)"):format(namespace, state or "unknown") end
      end
      if #missing == 0 then return "ok", ("%d registered"):format(#NAMESPACES) end
      return "note", "not registered: " .. table.concat(missing, ", "),
         "setup.lua registers them; that takes the right to register providers on the subscription"
   end,
}
