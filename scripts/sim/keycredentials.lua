--- The certificates of an application: what Graph takes and shows, and how a client assertion finds its own.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local json   = require "aci.json"
local refuse = require "sim.refuse"

local keycredentials = {}

local function bad(message)
   refuse(400, "Request_BadRequest", message)
end

local function pem_of(der)
   local text = crypto.base64(der):gsub(("."):rep(64), "%0\n"):gsub("\n$", "")
   return ("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"):format(text)
end

-- The certificate in a member `key`: base64 of its DER; az leaves the line breaks of PEM in it.
local function certificate_in(key)
   local der = type(key) == "string" and crypto.unbase64((key:gsub("%s+", "")))
   local facts = der and crypto.certificate_facts(pem_of(der))
   return facts or bad "Key credential value is invalid: it is not a certificate."
end

local function time_of(text, default)
   return type(text) == "string" and clock.parse_iso(text) or default
end

local function stamp(time)
   return (clock.iso(time):gsub("%.%d+Z$", "Z"))
end

local function complete(given)
   local facts = certificate_in(given.key)
   if given.type ~= "AsymmetricX509Cert" or given.usage ~= "Verify" then
      bad "Key credential type and usage are invalid: AsymmetricX509Cert and Verify are supported."
   end
   local starts, ends = time_of(given.startDateTime, facts.not_before), time_of(given.endDateTime, facts.not_after)
   if ends > facts.not_after + 1 then
      bad "Key credential end date is invalid: it is after the end of the certificate."
   end
   return { type = given.type, usage = given.usage, keyId = type(given.keyId) == "string" and given.keyId
      or crypto.uuid4(), displayName = given.displayName or facts.subject, key = crypto.base64(facts.der),
      customKeyIdentifier = crypto.hex(crypto.sha1(facts.der)):upper(), startDateTime = stamp(starts),
      endDateTime = stamp(ends) }
end

--- A list of Graph's keyCredentials, checked and completed from the certificates. One without its key is one
-- of `old` that stays.
function keycredentials.accept(list, old)
   local kept = json.array {}
   for index, given in ipairs(type(list) == "table" and list or {}) do
      local known
      for _, one in ipairs(old or {}) do
         known = known or (one.keyId == given.keyId and one)
      end
      kept[index] = (given.key == nil or given.key == json.null) and known or complete(given)
   end
   return kept
end

--- What Graph shows of them: the key only where it was selected.
function keycredentials.shown(list, with_key)
   local seen = json.array {}
   for index, one in ipairs(list) do
      local copy = {}
      for name, value in pairs(one) do
         copy[name] = value
      end
      copy.key = with_key and one.key or json.null
      seen[index] = copy
   end
   return seen
end

local function same(thumbprint, digest)
   return thumbprint ~= nil and crypto.equal(crypto.base64url(digest), (tostring(thumbprint):gsub("=+$", "")))
end

--- The certificate of an application that the header of an assertion names: x5t or x5t#S256, padded or not.
-- @return { pem, starts, ends, thumbprint }, or nil
function keycredentials.find(app, head)
   for _, one in ipairs(app.keyCredentials) do
      local der = crypto.unbase64(one.key)
      if same(head.x5t, crypto.sha1(der)) or same(head["x5t#S256"], crypto.sha256(der)) then
         return { pem = pem_of(der), starts = clock.parse_iso(one.startDateTime),
            ends = clock.parse_iso(one.endDateTime), thumbprint = one.customKeyIdentifier }
      end
   end
end

return keycredentials
