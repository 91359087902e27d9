-- The service principal that the agent starts container groups as: an application with a secret, and a
-- role on the group. `role = "Contributor"` in config.lua is the original's grant; the default is a custom
-- role with just the actions that are used.
local step = require "aci.step"
local roles = require "steps.roles"

-- Where the secret is kept: Prefect's block is the only place that can show it again.
local function kept(c)
   local block = c.prefect:block("azure-container-instance-credentials", "aci-sp", { secrets = true })
   return block and block.data.client_secret
end

return step {
   name = "principal",
   needs = { "group" },
   want = function(c)
      local name = c.config.principal
      return {
         { kind = "application", id = name, name = name },
         function(_, application)
            return { kind = "service_principal", id = application.appId, name = name }
         end,
         function(_, application)
            return { kind = "password", id = application.appId, name = name, application = application,
               kept = kept }
         end,
         roles.definition(c),
         function(_, _, principal, password, definition)
            return roles.assignment(c, principal, password, definition)
         end,
      }
   end,
   gives = function(c, application, principal, password)
      return { tenant_id = c.config.tenant, client_id = application.appId, object_id = principal.id,
         client_secret = password.value, credential = password.credential }
   end,
}
