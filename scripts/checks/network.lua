-- The subnet belongs to container groups, and they have a way out: without one they start, say Running, and never
-- reach Prefect.
return {
   name = "network",
   needs = { "subscription" },
   run = function(c)
      local id = ("%s/providers/Microsoft.Network/virtualNetworks/%s/subnets/%s"):format(
         c.azure:group_id(), c.config.vnet, c.config.subnet)
      local subnet = c.azure:get(id)
      if not subnet then return "note", ("no subnet %s yet"):format(c.config.subnet), "setup.lua makes it" end
      local ours = false
      for _, each in ipairs(subnet.properties.delegations or {}) do
         ours = ours or each.properties.serviceName:lower() == "microsoft.containerinstance/containergroups"
      end
      if not ours then
         return "wrong", ("the subnet %s is not delegated to container groups"):format(c.config.subnet),
            "setup.lua delegates it"
      end
      if not subnet.properties.natGateway then
         return "note", ("the subnet %s has no NAT gateway"):format(c.config.subnet),
            "fine where a firewall or route leads out; else set nat_gateway = true and run setup.lua"
      end
      return "ok", ("subnet %s, delegated, with a NAT gateway"):format(c.config.subnet)
   end,
}
