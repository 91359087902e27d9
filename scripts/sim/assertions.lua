--- Client assertions: a JWT in place of a secret, signed by a certificate of the application, or by an issuer
-- that one of its federated credentials trusts.
local clock          = require "aci.clock"
local crypto         = require "aci.crypto"
local json           = require "aci.json"
local federation     = require "sim.federation"
local keycredentials = require "sim.keycredentials"
local tokens         = require "sim.tokens"
local words          = require "sim.entrawords"

local assertions = {}

local SKEW = 300
local BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
local VERIFY = { RS256 = crypto.verify_rs256, PS256 = crypto.verify_ps256 }

local function part(text)
   local bytes = text and crypto.unbase64url(text)
   local value = bytes and json.decode(bytes)
   return type(value) == "table" and value or nil
end

-- Header, claims, signed text and signature; refused where it is no JWT.
local function split(req, assertion)
   local text, signature = assertion:match "^([%w_=-]+%.[%w_=-]+)%.([%w_=-]+)$"
   local head, claims = part(text and text:match "^[^.]+"), part(text and text:match "%.(.*)$")
   local bytes = signature and crypto.unbase64url(signature)
   if not (head and claims and bytes) then
      words.deny(req, 50027, "The token is not three parts of base64url")
   end
   return { head = head, claims = claims, text = text, signature = bytes }
end

local function stamp(time)
   return time and clock.iso(time) or "(none)"
end

local function check_time(req, claims)
   local now = clock.now()
   local starts, ends = tonumber(claims.nbf or claims.iat), tonumber(claims.exp)
   if not ends or ends + SKEW <= now or (starts and starts - SKEW > now) then
      words.deny(req, 700024, stamp(now), stamp(starts), stamp(ends))
   end
end

-- The names under which this tenant's token endpoint is an audience.
local function is_our_audience(req, audience)
   local host, tenant, rest = tostring(audience):match "^https://([^/]+)/([^/]+)(.*)$"
   local ours = tenant and (tenant:lower() == tokens.tenant(req.state) or tenant == "local.onmicrosoft.com")
   local played = host and req.cloud.router:plays(host)
   return ours and played and (rest == "/oauth2/v2.0/token" or rest == "/oauth2/token" or rest == "/v2.0"
      or rest == "/")
end

-- An assertion may come again: msal uses one for nine of its ten minutes.
local function check_names(req, claims, client_id)
   if claims.iss ~= client_id or claims.sub ~= client_id then
      words.deny(req, 700021)
   elseif not is_our_audience(req, claims.aud) then
      words.deny(req, 700023)
   elseif type(claims.jti) ~= "string" or claims.jti == "" then
      words.deny(req, 50027, "The claim 'jti' is missing")
   end
end

-- The thumbprint that the client named, in hex as the service shows it.
local function claimed(head)
   local bytes = crypto.unbase64url(tostring(head.x5t or head["x5t#S256"] or ""))
   return bytes and crypto.hex(bytes):upper() or ""
end

local function check_certificate(req, jwt, app)
   local head = jwt.head
   local known = keycredentials.find(app, head)
   if not known then
      words.deny(req, 700027, "The key was not found.", claimed(head), app.appId)
   end
   local now = clock.now()
   if known.ends <= now then
      words.deny(req, 700027, ("The key used is expired., Found key 'Start=%s, End=%s'"):format(
         stamp(known.starts), stamp(known.ends)), claimed(head), app.appId)
   elseif known.starts - SKEW > now then
      words.deny(req, 700027, "The key used is not yet valid.", claimed(head), app.appId)
   end
   local verify = VERIFY[head.alg]
   if not verify then
      words.deny(req, 50027, ("The algorithm '%s' is not supported"):format(tostring(head.alg)))
   elseif verify(known.pem, jwt.text, jwt.signature) ~= true then
      words.deny(req, 700027, "The signature does not match the key.", claimed(head), app.appId)
   end
   check_names(req, jwt.claims, app.appId)
   check_time(req, jwt.claims)
end

--- Checks the assertion of a token request for an application; refuses what is wrong with it.
function assertions.check(req, form, app)
   local kind = words.need(req, form, "client_assertion_type")
   if kind ~= BEARER then
      words.deny(req, 900144, "client_assertion_type")
   end
   local jwt = split(req, form.client_assertion)
   if not tostring(jwt.claims.iss):find "^https://" then
      return check_certificate(req, jwt, app) -- issuers are addresses, applications are not
   end
   federation.check(req, jwt, form.client_assertion, app)
   check_time(req, jwt.claims)
end

return assertions
