-- An application by its certificate: a PEM file with key and certificate, or PKCS#12. The file is read anew for
-- each token, so that a renewed certificate is taken up.
local assertion = require "aci.auth.assertion"
local clock = require "aci.clock"
local crypto = require "aci.crypto"
local endpoint = require "aci.auth.endpoint"
local error_ = require "aci.error"
local fs = require "aci.fs"
local secret = require "aci.secret"

local certificate = {}

local function unusable(path, why)
   return error_.raise { kind = "usage", code = "InvalidSetting",
      message = ("the certificate file %s cannot be used: %s"):format(path, why),
      advice = "client_certificate (AZURE_CLIENT_CERTIFICATE_PATH) names a PEM or PKCS#12 file with the private "
         .. "key; client_certificate_password (AZURE_CLIENT_CERTIFICATE_PASSWORD) is its password" }
end

local function expired(path, facts)
   local early = facts.not_before > clock.now()
   return error_.raise { kind = "auth", code = "CertificateExpired",
      message = ("the certificate %s (%s) %s %s"):format(path, facts.subject,
         early and "is not valid before" or "expired on",
         clock.iso(early and facts.not_before or facts.not_after):sub(1, 10)),
      advice = early and "check this machine's clock" or "make a new one and add it to the application" }
end

--- Reads key and certificates of a file: {key (secret PEM), certificates (PEM)}. Raises kind usage, or auth for
-- a certificate outside its time.
function certificate.read(path, password)
   local bytes, why = fs.read(path)
   if not bytes then unusable(path, why.message) end
   local bag
   bytes = secret.new(bytes)
   if secret.reveal(bytes):find "%-%-%-%-%-BEGIN " then
      bag, why = crypto.read_pem(bytes, password)
   else
      bag, why = crypto.read_pkcs12(bytes, password)
   end
   if not bag then unusable(path, why.message) end
   local facts = assert(crypto.certificate_facts(bag.certificates))
   local now = clock.now()
   if facts.not_after <= now or facts.not_before > now + 300 then expired(path, facts) end
   return bag
end

local function new_assertion(config, login, bag)
   local made, why = assertion.new { client_id = login.client_id, key = bag.key, certificates = bag.certificates,
      audience = ("%s/%s/oauth2/v2.0/token"):format(config.authority, login.tenant),
      send_chain = login.send_chain, algorithm = login.algorithm }
   if not made then unusable(login.certificate, why.message) end
   return made
end

--- `fetch(scope) -> token, expires_on`. `login`: tenant, client_id, certificate (a path), password (a secret),
-- send_chain (for subject name and issuer authentication), algorithm.
function certificate.source(config, login)
   return function(scope)
      local bag = certificate.read(login.certificate, login.password)
      return endpoint.token(config, login.tenant, { grant_type = "client_credentials",
         client_id = login.client_id, client_assertion_type = assertion.TYPE,
         client_assertion = new_assertion(config, login, bag), scope = scope })
   end
end

return certificate
