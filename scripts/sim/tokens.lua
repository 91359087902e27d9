--- Access tokens of the local cloud: RS256, signed by a key of its own, worthless anywhere else.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local json   = require "aci.json"
local secret = require "aci.secret"

local tokens = {}

local SKEW = 300      -- seconds a service forgives

-- The signing key and its public half; made once and kept in the state.
local function keys(state)
   if not state.signing then
      local pem = state:secret("entra", "signing-key")
      if not pem then
         pem = crypto.rsa_key()
         state:put_secret("entra", "signing-key", pem)
      end
      local jwk = crypto.public_jwk(pem)
      state.signing = { key = pem, jwk = jwk, id = crypto.base64url(crypto.sha256(jwk.n)), seen = {},
         count = 0 }
   end
   return state.signing
end

--- The public key set, as the discovery document names it.
function tokens.key_set(state)
   local own = keys(state)
   return { keys = { { kty = "RSA", use = "sig", kid = own.id, x5t = own.id, n = own.jwk.n,
      e = own.jwk.e } } }
end

--- The tenant of the cloud.
function tokens.tenant(state)
   return state:setting "tenant"
end

--- Claims as a JWT that is signed by the cloud's key.
function tokens.sign(state, claims)
   local own = keys(state)
   local head = json.encode { typ = "JWT", alg = "RS256", kid = own.id, x5t = own.id }
   local text = crypto.base64url(head) .. "." .. crypto.base64url(json.encode(claims))
   return text .. "." .. crypto.base64url(crypto.sign_rs256(own.key, text))
end

--- Makes a token. `claims`: aud, oid, appid, and optionally roles, xms_mirid, appidacr ("1" secret, "2"
-- assertion); `lifetime` in seconds.
-- @return token (string), the claims with iat, nbf, exp
function tokens.issue(state, claims, lifetime)
   local now = math.floor(clock.now())
   local tenant = tokens.tenant(state)
   local all = {
      iss = "https://sts.windows.net/" .. tenant .. "/", tid = tenant, ver = "1.0", idtyp = "app",
      idp = "https://sts.windows.net/" .. tenant .. "/", sub = claims.oid, appidacr = "1",
      iat = now, nbf = now, exp = now + (lifetime or 3599), uti = crypto.base64url(crypto.random(16)),
   }
   for name, value in pairs(claims) do
      all[name] = value
   end
   return tokens.sign(state, all), all
end

local function signed_by_us(own, text, signature)
   local bytes = crypto.unbase64url(signature)
   return bytes ~= nil and crypto.verify_rs256(own.key, text, bytes) == true
end

local function decode(state, token)
   local own = keys(state)
   if own.seen[token] then
      return own.seen[token]
   end
   local text, signature = token:match "^([%w_-]+%.[%w_-]+)%.([%w_-]+)$"
   if not text or not signed_by_us(own, text, signature) then
      return nil
   end
   local payload = crypto.unbase64url(text:match "%.(.*)$")
   local claims = payload and json.decode(payload)
   if own.count > 500 then
      own.seen, own.count = {}, 0
   end
   own.seen[token], own.count = claims, own.count + 1
   return claims
end

--- The claims of any token of ours, expired or not, or nil.
function tokens.read(state, token)
   return decode(state, secret.is(token) and secret.reveal(token) or token)
end

local function meant_for(claims, audience)
   if audience == nil then
      return true
   end
   for _, name in ipairs(type(audience) == "table" and audience or { audience }) do
      if claims.aud == name then
         return true
      end
   end
   return false
end

--- Checks the bearer token of a request against the accepted audiences (a string or a list; exact).
-- @return claims, or nil and { kind = "missing" | "invalid" | "expired" | "audience" | "tenant", claims }
function tokens.check(req, audience)
   local header = req.headers.authorization
   if header == nil or header == "" then
      return nil, { kind = "missing" }
   end
   local token = (secret.is(header) and secret.reveal(header) or header):match "^[Bb]earer%s+(%S+)$"
   local claims = token and decode(req.state, token)
   if not claims then
      return nil, { kind = "invalid" }
   end
   local now = clock.now()
   if claims.exp + (req.cloud.strict and SKEW or 0) <= now or claims.nbf - SKEW > now then
      return nil, { kind = "expired", claims = claims, now = now }
   elseif not meant_for(claims, audience) then
      return nil, { kind = "audience", claims = claims }
   elseif claims.tid ~= tokens.tenant(req.state) then
      return nil, { kind = "tenant", claims = claims }
   end
   return claims
end

return tokens
