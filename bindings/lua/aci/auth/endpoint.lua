-- Entra's token endpoint: one request, its answer with the tokens as secrets, its refusals explained.
local clock = require "aci.clock"
local codes = require "aci.auth.codes"
local error_ = require "aci.error"
local fault = require "aci.fault"
local json = require "aci.json"
local rest = require "aci.rest"

local endpoint = {}

local SECRETS = { secrets = { "access_token", "refresh_token", "id_token", "device_code" } }

local function first_line(text)
   return (text:match "^[^\r\n]*":gsub("%s+Trace ID:.*$", ""))
end

--- The error of a refused request: what it means, what to do, Entra's own words, its code in `code` and its
-- OAuth name in `reason`.
function endpoint.refusal(response, url)
   local body = json.decode(fault.text(response) or "")
   body = type(body) == "table" and body or {}
   local text = first_line(body.error_description or "")
   local number = (body.error_codes or {})[1] or tonumber(text:match "^AADSTS(%d+)")
   local known = codes[math.tointeger(number) or 0]
   local passing = response.status == 429 or response.status >= 500
   return error_.new {
      kind = passing and fault.kind(response.status) or "auth", status = response.status,
      code = number and ("AADSTS%d"):format(number) or body.error, method = "POST", url = url,
      request_id = body.trace_id or response.headers["x-ms-request-id"],
      message = ("%s: %s"):format(known and known[1] or "the sign-in was refused",
         text ~= "" and text or "status " .. response.status),
      advice = known and known[2] or nil, reason = body.error,
   }
end

--- Posts a form to `/TENANT/oauth2/v2.0/NAME` (default token) and gives the answer. Raises.
function endpoint.post(config, tenant, form, name)
   local url = ("%s/%s/oauth2/v2.0/%s"):format(config.authority, tenant, name or "token")
   local response, why = rest.transport(config):request {
      method = "POST", url = url, secret_body = true, retry = { tries = 5, max_wait = 30, safe = true },
      headers = { accept = "application/json" }, form = form,
   }
   if not response then error(why, 0) end
   local body = response.status == 200 and json.decode(response.body, SECRETS)
   if type(body) ~= "table" then error(endpoint.refusal(response, url), 0) end
   return body
end

--- When an answer says that its token should be renewed (epoch seconds), or nil.
function endpoint.renewal(body)
   local seconds = tonumber(body.refresh_in)
   return seconds and seconds > 0 and clock.now() + seconds or nil
end

--- The same for a token: gives the secret token, its end and when to renew it (epoch seconds; nil: when it nears
-- its end), the whole answer.
function endpoint.token(config, tenant, form)
   local body = endpoint.post(config, tenant, form)
   if not body.access_token then
      error_.raise { kind = "server", code = "NoToken", url = config.authority,
         message = "the token endpoint's answer holds no access_token" }
   end
   return body.access_token, clock.now() + (tonumber(body.expires_in) or 3600), endpoint.renewal(body), body
end

return endpoint
