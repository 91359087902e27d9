-- The block that holds the service principal: Prefect 2's infrastructure block and Prefect 3's work pool
-- point to it.

--- Whether a block's login is this set-up's: our application's, or of one that is gone (our group was deleted by
-- hand) and in our tenant.
local function is_ours(c, data)
   if data.tenant_id ~= c.config.tenant then return false end
   local app = c.graph:applications_tagged("acihost:" .. c.marker)[1]
   if app then return app.appId == data.client_id end
   return c.graph:service_principal(data.client_id) == nil
end

return function(c)
   local slug, name = "azure-container-instance-credentials", "aci-sp"
   return { kind = "block", id = slug .. "/" .. name, slug = slug, name = name, data = {
      tenant_id = c.principal.tenant_id,
      client_id = c.principal.client_id,
      client_secret = c.principal.client_secret,
   }, ours = function(data) return is_ours(c, data) end }
end
