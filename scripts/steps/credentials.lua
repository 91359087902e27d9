-- The block that holds the service principal: Prefect 2's infrastructure block and Prefect 3's work pool
-- point to it.
return function(c)
   local slug, name = "azure-container-instance-credentials", "aci-sp"
   return { kind = "block", id = slug .. "/" .. name, slug = slug, name = name, data = {
      tenant_id = c.principal.tenant_id,
      client_id = c.principal.client_id,
      client_secret = c.principal.client_secret,
   } }
end
