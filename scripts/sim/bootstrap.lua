--- What a new local cloud begins with: a tenant, a subscription and an owner that a script can log in as.
local crypto    = require "aci.crypto"
local directory = require "sim.directory"
local roles     = require "sim.roles"

local bootstrap = {}

-- The built-in owner: an application of the tenant, Owner of the subscription and allowed to make
-- applications.
local function make_owner(cloud)
   local state = cloud.state
   local app = directory.create_application(cloud, { displayName = "acihost owner" }, true)
   local principal = directory.create_principal(cloud, app, true)
   principal.appRoles = { "Application.ReadWrite.All" }
   directory.save(state, principal)
   local credential = directory.add_password(cloud, app, { displayName = "acihost" }, true)
   state:put_secret("owner", "secret", credential.secretText)
   state:setting("owner", app.appId)
   roles.assign(state, {
      name = crypto.uuid4(), scope = "/subscriptions/" .. state:setting "subscription",
         principal = principal.id,
      principal_type = "ServicePrincipal", role = roles.OWNER, effective = 0,
   })
end

--- Makes what is not there yet; gives { tenant, client_id, client_secret, subscription }.
function bootstrap.run(cloud)
   local state = cloud.state
   if not state:setting "tenant" then
      state:setting("tenant", crypto.uuid4())
      state:setting("subscription", crypto.uuid4())
   end
   if not state:setting "owner" then
      make_owner(cloud)
   end
   return {
      tenant = state:setting "tenant", subscription = state:setting "subscription",
      client_id = state:setting "owner", client_secret = state:secret("owner", "secret"),
   }
end

return bootstrap
