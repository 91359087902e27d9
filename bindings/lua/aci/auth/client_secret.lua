-- An application by its secret.
local endpoint = require "aci.auth.endpoint"

local client_secret = {}

--- `fetch(scope) -> token, expires_on`. `login`: tenant, client_id, client_secret (a secret).
function client_secret.source(config, login)
   return function(scope)
      return endpoint.token(config, login.tenant, { grant_type = "client_credentials",
         client_id = login.client_id, client_secret = login.client_secret, scope = scope })
   end
end

return client_secret
