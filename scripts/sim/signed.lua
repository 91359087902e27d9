--- Signed polling URLs, as the service has sent them since 2024 (only with --strict): four more parameters of more
-- than 3 kB together, other ones in each answer. A client has to send them back byte for byte.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local refuse = require "sim.refuse"

local signed = {}

local WORDS = { operations = true, operationresults = true, asyncoperations = true, operationsstatuses = true }

local function is_polling(path)
   local word = path:match "/([^/?]+)/[^/?]+$"
   return word ~= nil and WORDS[word:lower()] == true and path:find("/locations/", 1, true) ~= nil
end

-- The key of the signatures and what stands for the signer's certificate; made once.
local function signer(state)
   local key = state:secret("polling", "key")
   if not key then
      key = crypto.hex(crypto.random(32))
      state:put_secret("polling", "key", key)
      state:setting("polling.certificate", crypto.base64url(crypto.random(2000)))
   end
   return key, state:setting "polling.certificate"
end

local function signature(key, path, ticks)
   local first = crypto.hmac_sha256(key, path:lower() .. "\n" .. ticks)
   local parts = { first }
   for index = 2, 8 do
      parts[index] = crypto.hmac_sha256(key, parts[index - 1])
   end
   return crypto.base64url(table.concat(parts)), crypto.base64url(crypto.sha256(first))
end

local function sign(state, url)
   local path = url:match "^https://management%.azure%.com([^?]*)"
   if not path or not is_polling(path) then
      return url
   end
   local bare = url:gsub("&t=.*$", "")
   local ticks = ("%d"):format(math.floor(clock.now() * 10000000) + 621355968000000000)
   local key, certificate = signer(state)
   local s, h = signature(key, path, ticks)
   return ("%s&t=%s&c=%s&s=%s&h=%s"):format(bare, ticks, certificate, s, h)
end

--- Signs the polling URLs among the headers of an answer (names in lower case).
function signed.headers(cloud, headers)
   for _, name in ipairs { "location", "azure-asyncoperation" } do
      if cloud.strict and type(headers[name]) == "string" then
         headers[name] = sign(cloud.state, headers[name])
      end
   end
end

--- Refuses a polling URL whose signature is gone or changed.
function signed.check(req)
   if not req.cloud.strict or req.inside or req.host ~= "management.azure.com" or not is_polling(req.path) then
      return
   end
   local key, certificate = signer(req.state)
   local s, h = signature(key, req.raw_path, req.query.t or "")
   refuse.unless(req.query.s == s and req.query.h == h and req.query.c == certificate, 400, "InvalidPollingUrl",
      "The polling URL was altered: it has to be sent as it was given, with t, c, s and h.")
end

return signed
