--- What all services on management.azure.com say alike: the shape of errors, the refusals of tokens and
-- rights, the headers of every answer.
local clock  = require "aci.clock"
local json   = require "aci.json"
local refuse = require "sim.refuse"
local tokens = require "sim.tokens"

local words = {}

--- The audiences that ARM accepts.
words.AUDIENCES = {
   "https://management.azure.com", "https://management.azure.com/", "https://management.core.windows.net/",
   "https://management.core.windows.net",
}

--- The error envelope.
function words.error(_, code, message, refusal)
   return {
      error = { code = code, message = message, target = refusal and refusal.target,
         details = refusal and refusal.details and json.array(refusal.details),
         additionalInfo = refusal and refusal.additional and json.array(refusal.additional) },
   }, { ["x-ms-failure-cause"] = refusal and refusal.cause or "gateway" }
end

--- The headers of every answer.
function words.headers(req)
   local id = req.id
   local headers = {
      ["cache-control"] = "no-cache", pragma = "no-cache", expires = "-1",
      ["strict-transport-security"] = "max-age=31536000; includeSubDomains",
      ["x-content-type-options"] = "nosniff", ["x-ms-request-id"] = id,
         ["x-ms-correlation-request-id"] = id,
      ["x-ms-routing-request-id"] = "LOCAL:" .. os.date("!%Y%m%dT%H%M%SZ", math.floor(clock.now())) .. ":"
         .. id,
   }
   if (req.headers["x-ms-return-client-request-id"] or ""):lower() == "true" then
      headers["x-ms-client-request-id"] = req.headers["x-ms-client-request-id"]
   end
   return headers
end

-- A time as the messages have it: 8/21/2018 3:22:00 PM.
local function us_time(time)
   local part = os.date("!*t", math.floor(time))
   local hour = part.hour % 12 == 0 and 12 or part.hour % 12
   return ("%d/%d/%d %d:%02d:%02d %s"):format(part.month, part.day, part.year, hour, part.min, part.sec,
      part.hour < 12 and "AM" or "PM")
end

local WRONG_AUDIENCE = "The access token has been obtained for wrong audience or resource '%s'. It "
   .. "should exactly match with one of the allowed audiences "
   .. "'https://management.core.windows.net/','https://management.core.windows.net',"
   .. "'https://management.azure.com/','https://management.azure.com'."
local WRONG_TENANT = "The access token is from the wrong issuer '%s'. It must match the tenant "
   .. "'https://sts.windows.net/%s/' associated with this subscription. Please use the authority (URL) "
   .. "'https://login.windows.net/%s' to get the token. Note, if the subscription is transferred to "
   .. "another tenant there is no impact to the services, but information about new tenant could take "
   .. "time to propagate (up to an hour). If you just transferred your subscription and see this error "
   .. "message, please try back later."
local EXPIRED = "The access token expiry UTC time '%s' is earlier than current UTC time '%s'."

local function token_words(tenant, problem)
   local claims = problem.claims
   if problem.kind == "missing" then
      return "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
   elseif problem.kind == "expired" then
      return "ExpiredAuthenticationToken", EXPIRED:format(us_time(claims.exp), us_time(clock.now()))
   elseif problem.kind == "audience" then
      return "InvalidAuthenticationTokenAudience", WRONG_AUDIENCE:format(claims.aud)
   elseif problem.kind == "tenant" then
      return "InvalidAuthenticationTokenTenant", WRONG_TENANT:format(claims.iss, tenant, tenant)
   end
   return "InvalidAuthenticationToken", "The access token is invalid."
end

--- 401, with the challenge that names the tenant.
function words.unauthorized(req, problem)
   local tenant = tokens.tenant(req.state)
   local code, message = token_words(tenant, problem)
   local told = problem.kind == "missing"
      and "The authentication failed because of missing 'Authorization' header." or message
   refuse(401, code, message, {
      ["WWW-Authenticate"] = ('Bearer authorization_uri="https://login.windows.net/%s", '
      .. 'error="invalid_token", error_description="%s"'):format(tenant, told) })
end

local FORBIDDEN = "The client '%s' with object id '%s' does not have authorization to perform action "
   .. "'%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh "
   .. "your credentials."

--- 403, naming the action and the scope as the caller typed it.
function words.forbidden(req, action, scope)
   refuse(403, "AuthorizationFailed", FORBIDDEN:format(req.caller.appid, req.caller.oid, action, scope))
end

--- A JSON body that could not be read.
function words.malformed(err)
   return 400, "InvalidRequestContent",
      "The request content was invalid and could not be deserialized: '" .. tostring(err and err.message
         or err) .. "'."
end

return words
