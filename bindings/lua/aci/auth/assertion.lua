-- Client assertions: the JWT that proves an application by its certificate (azure/auth.md 1.2), and what a
-- JWT says of itself.
local clock = require "aci.clock"
local crypto = require "aci.crypto"
local json = require "aci.json"
local secret = require "aci.secret"

local assertion = {}

assertion.TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

local LIFETIME = 600

-- The documented form, and the one of clients and servers of before 2024.
local forms = {
   PS256 = { thumbprint = "x5t#S256", digest = crypto.sha256, sign = crypto.sign_ps256 },
   RS256 = { thumbprint = "x5t", digest = crypto.sha1, sign = crypto.sign_rs256 },
}

--- The certificates of a PEM text as base64 of their DER, for x5c.
local function chain(certificates)
   local list = json.array {}
   for body in certificates:gmatch "%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-(.-)%-%-%-%-%-END" do
      list[#list + 1] = body:gsub("%s+", "")
   end
   return list
end

--- A new assertion as a secret. `fields`: audience (the token endpoint), client_id, key (secret PEM),
-- certificates (PEM, the key's own first), send_chain, algorithm (PS256, or RS256). nil and an error where the
-- key cannot sign.
function assertion.new(fields)
   local algorithm = fields.algorithm or "PS256"
   local form = forms[algorithm]
   local facts, why = crypto.certificate_facts(fields.certificates)
   if not facts then return nil, why end
   local now = math.floor(clock.now())
   local head = { alg = algorithm, typ = "JWT", [form.thumbprint] = crypto.base64url(form.digest(facts.der)),
      x5c = fields.send_chain and chain(fields.certificates) or nil }
   local claims = { aud = fields.audience, iss = fields.client_id, sub = fields.client_id, jti = crypto.uuid4(),
      nbf = now, iat = now, exp = now + LIFETIME }
   local text = crypto.base64url(json.encode(head)) .. "." .. crypto.base64url(json.encode(claims))
   local signature
   signature, why = form.sign(fields.key, text)
   if not signature then return nil, why end
   return secret.new(text .. "." .. crypto.base64url(signature))
end

--- The claims of a JWT, unchecked, to tell a person what it says; nil where it is none.
function assertion.claims(token)
   local text = secret.is(token) and secret.reveal(token) or token
   local payload = text:match "^[%w_-]+%.([%w_=-]+)%.[%w_=-]+$"
   local bytes = payload and crypto.unbase64url(payload)
   local claims = bytes and json.decode(bytes)
   return type(claims) == "table" and claims or nil
end

return assertion
