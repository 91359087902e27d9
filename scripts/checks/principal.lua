-- The credentials that the agent reads from Prefect sign in, and have a role on the group.
local auth = require "aci.auth"
local azure = require "aci.azure"
local errors = require "aci.error"

--- As the agent would: a role that is missing is only noticed by who lacks it.
local function reaches_group(c, credential)
   local own = azure.connect(c.config, credential)
   local ok, err = pcall(own.group, own)
   if not ok and not errors.is(err, "permission") then error(err, 0) end
   return ok
end

return {
   name = "principal",
   needs = { "prefect", "login" },
   run = function(c)
      local block = c.prefect:block("azure-container-instance-credentials", "aci-sp", { secrets = true })
      if not block then return "note", "no block aci-sp yet", "setup.lua makes it" end
      local data = block.data
      local credential = auth.client_secret(c.config, { tenant = data.tenant_id, client_id = data.client_id,
         client_secret = data.client_secret })
      credential:token(c.config.arm_endpoint .. "/.default")
      if not reaches_group(c, credential) then
         return "wrong", ("application %s has no role on group %s"):format(data.client_id, c.config.group),
            "setup.lua gives it the role " .. c.config.role
      end
      return "ok", ("application %s signs in with the secret of block aci-sp"):format(data.client_id)
   end,
}
