--- What Key Vault says: the shape of its errors, challenges, refusals, the headers of every answer.
local refuse = require "sim.refuse"
local tokens = require "sim.tokens"
local vaults = require "sim.vaults"

local words = {}

words.AUDIENCES = { "https://vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093" }

--- The error envelope.
function words.error(_, code, message, refusal)
   return { error = { code = code, message = message,
      innererror = refusal.inner and { code = refusal.inner } or nil } }
end

--- A JSON body that could not be read.
function words.malformed()
   return 400, "BadParameter", "The request body is not valid JSON."
end

--- Raises a refusal with an inner code.
function words.refuse(status, code, inner, message)
   refuse.with { status = status, code = code, inner = inner, message = message }
end

function words.bad(message, ...)
   refuse(400, "BadParameter", message:format(...))
end

--- The headers of every answer.
function words.headers(req)
   local vault = vaults.find(req.state, req.label)
   local peer = req.raw and req.raw.peer and req.raw.peer:match "^[^:]+" or "127.0.0.1"
   return { ["cache-control"] = "no-cache", pragma = "no-cache", expires = "-1",
      ["strict-transport-security"] = "max-age=31536000;includeSubDomains",
      ["x-content-type-options"] = "nosniff", ["x-ms-request-id"] = req.id,
      ["x-ms-client-request-id"] = req.headers["x-ms-client-request-id"],
      ["x-ms-keyvault-region"] = vault and vault.body.location,
      ["x-ms-keyvault-service-version"] = "1.9.576.1",
      ["x-ms-keyvault-network-info"] = ("conn_type=Ipv4;addr=%s;act_addr_fam=InterNetwork;"):format(peer) }
end

local TEXTS = {
   missing = "AKV10000: Request is missing a Bearer or PoP token.",
   invalid = "[BearerReadAccessTokenFailed] Error validating token: 'S2S12000'.",
   expired = "[TokenExpired] Error validating token: 'S2S12086'.",
}

--- 401 with the challenge that names the tenant and what a token must be for.
function words.unauthorized(req, problem)
   local tenant, message = tokens.tenant(req.state), TEXTS[problem.kind]
   if problem.kind == "audience" then
      message = ("AKV10022: Invalid audience. Expected %s, found: %s."):format(
         table.concat(words.AUDIENCES, " or "), tostring(problem.claims.aud))
   elseif problem.kind == "tenant" then
      message = ("AKV10032: Invalid issuer. Expected one of https://sts.windows.net/%s/, found %s."):format(
         tenant, tostring(problem.claims.iss))
   end
   refuse(401, "Unauthorized", message, { ["WWW-Authenticate"] =
      ('Bearer authorization="https://login.microsoftonline.com/%s", '
         .. 'resource="https://vault.azure.net"'):format(tenant) })
end

local function caller(req)
   local claims = req.caller
   return ("appid=%s;oid=%s;iss=https://sts.windows.net/%s/"):format(claims.appid, claims.oid,
      tokens.tenant(req.state))
end

-- The parts of an id that the service writes in lower case.
local function lower_id(id)
   return (id:gsub("/resourceGroups/", "/resourcegroups/")
      :gsub("/Microsoft%.KeyVault/", "/microsoft.keyvault/"))
end

--- 403 of a vault that uses roles.
function words.no_role(req, action, scope)
   local lines = {
      "Caller is not authorized to perform action on resource.",
      "If role assignments, deny assignments or role definitions were changed recently, please observe "
         .. "propagation time.",
      "Caller: " .. caller(req), "Action: '" .. action .. "'", "Resource: '" .. lower_id(scope) .. "'",
      "Assignment: (not found)", "DenyAssignmentId: null", "DecisionReason: 'DeniedWithNoValidRBAC' ",
      ("Vault: %s;location=%s"):format(req.vault.name, req.vault.body.location), "",
   }
   words.refuse(403, "Forbidden", "ForbiddenByRbac", table.concat(lines, "\r\n"))
end

--- 403 of a vault that uses access policies.
function words.no_policy(req, permission)
   words.refuse(403, "Forbidden", "AccessDenied", ("The user, group or application '%s' does not have "
      .. "secrets %s permission on key vault '%s;location=%s'. For help resolving this issue, please see "
      .. "https://go.microsoft.com/fwlink/?linkid=2125287"):format(caller(req), permission, req.vault.name,
      req.vault.body.location))
end

--- 403 of a vault that lets only some networks in.
function words.firewall(req)
   words.refuse(403, "Forbidden", "ForbiddenByFirewall", table.concat({
      "Client address is not authorized and caller is not a trusted service.", "Client address: 127.0.0.1",
      "Caller: " .. caller(req), ("Vault: %s;location=%s"):format(req.vault.name, req.vault.body.location) },
      "\r\n"))
end

return words
