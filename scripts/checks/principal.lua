-- The credentials that the agent reads from Prefect sign in.
local auth = require "aci.auth"

return {
   name = "principal",
   needs = { "prefect", "login" },
   run = function(c)
      local block = c.prefect:block("azure-container-instance-credentials", "aci-sp", { secrets = true })
      if not block then return "note", "no block aci-sp yet", "setup.lua makes it" end
      local data = block.data
      auth.client_secret(c.config, { tenant = data.tenant_id, client_id = data.client_id,
         client_secret = data.client_secret }):token(c.config.arm_endpoint .. "/.default")
      return "ok", ("application %s signs in with the secret of block aci-sp"):format(data.client_id)
   end,
}
