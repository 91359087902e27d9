-- Shared Key of Azure Storage (azure/dataplane.md 3): the Authorization header of one request, as it is sent.
local clock = require "aci.clock"
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local secret = require "aci.secret"

local shared_key = {}

local Signer = {}
Signer.__index = Signer

--- What is signed for a request: `method`, the whole `url` as sent, `headers` (lower-case names; with
-- content-length where there is a body).
function shared_key.string_to_sign(account, method, url, headers)
   local target = url:match "^%a+://[^/?#]+(.*)$"
   if target:sub(1, 1) ~= "/" then target = "/" .. target end
   return crypto.shared_key_string { method = method, account = account, target = target, headers = headers }
end

--- A signer for an account. `options`: account, key (a secret; base64 as Azure shows it).
function shared_key.new(options)
   local key = options.key
   local raw = crypto.unbase64(secret.is(key) and key or secret.new(key))
   if not raw or #raw == 0 then
      error_.raise { kind = "usage", code = "InvalidSetting",
         message = ("the key of the storage account %s is not base64"):format(options.account),
         advice = "copy the whole key, with the '=' at its end" }
   end
   return setmetatable({ account = options.account, key = raw }, Signer)
end

--- Adds x-ms-date and authorization to the headers of a request, as the last thing before it is sent.
function Signer:sign(method, url, headers)
   headers["x-ms-date"] = headers["x-ms-date"] or clock.http_date(clock.now())
   local text = shared_key.string_to_sign(self.account, method, url, headers)
   headers.authorization = ("SharedKey %s:%s"):format(self.account,
      crypto.base64(crypto.hmac_sha256(self.key, text)))
   return headers
end

return shared_key
