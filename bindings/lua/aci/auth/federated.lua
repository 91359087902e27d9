-- Workload identity: the token of another issuer (a cluster's service account, a CI job) in a file, exchanged for
-- one of Entra. Who issued it renews the file, so it is read for each exchange.
local assertion = require "aci.auth.assertion"
local clock = require "aci.clock"
local endpoint = require "aci.auth.endpoint"
local error_ = require "aci.error"
local fs = require "aci.fs"
local secret = require "aci.secret"

local federated = {}

local function unusable(path, why)
   return error_.raise { kind = "auth", code = "FederatedToken",
      message = ("the file of the federated token, %s, cannot be used: %s"):format(path, why),
      advice = "federated_token_file (AZURE_FEDERATED_TOKEN_FILE) is written by the cluster's workload identity: "
         .. "is the pod labelled azure.workload.identity/use?" }
end

local function read(path)
   local text, why = fs.read(path)
   if not text then unusable(path, why.message) end
   text = text:gsub("^%s+", ""):gsub("%s+$", "")
   local claims = assertion.claims(text)
   if not claims then unusable(path, text == "" and "it is empty" or "it holds no token") end
   if tonumber(claims.exp) and claims.exp <= clock.now() then
      unusable(path, "its token expired at " .. clock.iso(claims.exp))
   end
   return secret.new(text), claims
end

local function one(value)
   return tostring(type(value) == "table" and value[1] or value)
end

-- What the token says, beside Entra's refusal: that is what has to be compared.
local function told(err, claims)
   if error_.is(err, "auth") then
      err.advice = ("%s; the token has issuer %s, subject %s, audience %s"):format(err.advice or "compare",
         one(claims.iss), one(claims.sub), one(claims.aud))
   end
   return err
end

--- `fetch(scope) -> token, expires_on`. `login`: tenant, client_id, token_file.
function federated.source(config, login)
   return function(scope)
      local token, claims = read(login.token_file)
      local ok, access, ends, renew_on = pcall(endpoint.token, config, login.tenant, {
         grant_type = "client_credentials", client_id = login.client_id, client_assertion_type = assertion.TYPE,
         client_assertion = token, scope = scope })
      if not ok then error(told(access, claims), 0) end
      return access, ends, renew_on
   end
end

return federated
