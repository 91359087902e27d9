--- Federated credentials: whose tokens an application trusts in place of a secret. Real issuers are not asked
-- (the local cloud makes no requests); one of our own, https://oidc.acihost.local, stands for a cluster's.
local clock   = require "aci.clock"
local crypto  = require "aci.crypto"
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local service = require "sim.service"
local tokens  = require "sim.tokens"
local words   = require "sim.entrawords"

local federation = service { name = "oidc", host = "oidc.acihost.local" }

federation.ISSUER = "https://oidc.acihost.local"

local AUDIENCE = "api://AzureADTokenExchange"
local MOST = 20

--- Adds a federated credential to an application as Graph's body has it; the caller saves. Refuses what
-- Graph does.
function federation.add(app, body)
   local list = app.federatedIdentityCredentials or json.array {}
   for _, name in ipairs { "name", "issuer", "subject" } do
      refuse.unless(type(body[name]) == "string" and body[name] ~= "", 400, "Request_BadRequest",
         ("A value is required for property '%s' of resource 'FederatedIdentityCredential'."):format(name))
   end
   for _, one in ipairs(list) do
      refuse.when(one.name == body.name, 409, "Request_MultipleObjectsWithSameKeyValue",
         ("FederatedIdentityCredential with name %s already exists."):format(body.name))
      refuse.when(one.issuer == body.issuer and one.subject == body.subject, 409,
         "Request_MultipleObjectsWithSameKeyValue", "FederatedIdentityCredential with the same issuer and "
         .. "subject already exists on app.")
   end
   refuse.when(#list >= MOST, 400, "Request_BadRequest", "The application has 20 federated identity credentials.")
   local audiences = type(body.audiences) == "table" and body.audiences or {}
   refuse.unless(#audiences == 1, 400, "Request_BadRequest", "Exactly one audience is required.")
   local made = { id = crypto.uuid4(), name = body.name, issuer = body.issuer, subject = body.subject,
      audiences = json.array(audiences), description = body.description or json.null }
   table.insert(list, made)
   app.federatedIdentityCredentials = list
   return made
end

-- Those of a list whose member has the value.
local function having(list, matches)
   local found = {}
   for _, one in ipairs(list) do
      if matches(one) then
         found[#found + 1] = one
      end
   end
   return found
end

local function has_audience(one, audience)
   for _, wanted in ipairs(one.audiences) do
      if wanted == audience then
         return true
      end
   end
   return false
end

-- The credential that fits: issuer, subject and audience, letter by letter.
local function match(req, claims, app)
   local issuer, subject = tostring(claims.iss), tostring(claims.sub)
   local of_issuer = having(app.federatedIdentityCredentials or {}, function(one)
      return one.issuer:gsub("/$", "") == issuer:gsub("/$", "")
   end)
   if #of_issuer == 0 then
      words.deny(req, 700211, issuer)
   end
   local of_subject = having(of_issuer, function(one) return one.subject == subject end)
   if #of_subject == 0 then
      local folded = having(of_issuer, function(one) return one.subject:lower() == subject:lower() end)
      words.deny(req, #folded > 0 and 7002138 or 700213, subject)
   end
   local audience = type(claims.aud) == "table" and claims.aud[1] or claims.aud
   if #having(of_subject, function(one) return has_audience(one, audience) end) == 0 then
      words.deny(req, 700212, tostring(audience))
   end
end

--- Checks an assertion against the federated credentials of an application.
function federation.check(req, jwt, assertion, app)
   match(req, jwt.claims, app)
   if tostring(jwt.claims.iss):gsub("/$", "") ~= federation.ISSUER then
      words.deny(req, 50166, tostring(jwt.claims.iss))
   elseif not tokens.read(req.state, assertion) then
      words.deny(req, 50013, "The key was not found.")
   end
end

--- A token as a cluster projects it into a pod. `fields`: subject, audience, lifetime (seconds).
function federation.token(state, fields)
   local now = math.floor(clock.now())
   return tokens.sign(state, { iss = federation.ISSUER, sub = fields.subject,
      aud = json.array { fields.audience or AUDIENCE }, iat = now, nbf = now,
      exp = now + math.floor(fields.lifetime or 3600), jti = crypto.uuid4() })
end

federation:route("GET /.well-known/openid-configuration", { anonymous = true }, function()
   return 200, { issuer = federation.ISSUER, jwks_uri = federation.ISSUER .. "/openid/v1/jwks",
      response_types_supported = json.array { "id_token" }, subject_types_supported = json.array { "public" },
      id_token_signing_alg_values_supported = json.array { "RS256" } }
end)

federation:route("GET /openid/v1/jwks", { anonymous = true }, function(req)
   return 200, tokens.key_set(req.state)
end)

return federation
