-- Service SAS (azure/dataplane.md 3.3): an address of one container or blob that is signed with the account's key,
-- for somebody who shall have no key; and what an address holds that somebody gave us.
local clock = require "aci.clock"
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local http = require "aci.http"
local nearest = require "aci.nearest"
local secret = require "aci.secret"

local sas = {}

-- In the order in which the service wants them.
local LETTERS = "racwdxyltfmei"
local LIFETIME = 3600

-- Options that are signed as they are, and their names in the query.
local PLAIN = { cache_control = "rscc", content_disposition = "rscd", content_encoding = "rsce",
   content_language = "rscl", content_type = "rsct" }

local KNOWN = { "permissions", "starts", "expires", "ip", "protocol" }
for name in pairs(PLAIN) do KNOWN[#KNOWN + 1] = name end
table.sort(KNOWN)

-- Of the query, in the order in which they are written.
local WRITTEN = { "sv", "st", "se", "sr", "sp", "sip", "spr", "rscc", "rscd", "rsce", "rscl", "rsct" }

local function wrong(message, ...)
   return error_.raise { kind = "usage", code = "InvalidOption", message = "a SAS: " .. message:format(...) }
end

local function check_names(options)
   for name in pairs(options) do
      local known = false
      for _, each in ipairs(KNOWN) do known = known or each == name end
      local near = not known and nearest(tostring(name), KNOWN)
      if not known then
         wrong("there is no option %q%s", tostring(name), near and ("; did you mean %s?"):format(near) or "")
      end
   end
end

--- The letters in their order.
local function permissions_of(text, of_blob)
   text = text or (of_blob and "r" or "rl")
   local strange = type(text) ~= "string" and tostring(text) or text:match("[^" .. LETTERS .. "]")
   if strange or text == "" then
      wrong("permissions are letters out of %s (r read, a add, c create, w write, d delete, l list), not %q",
         LETTERS, strange or "")
   elseif of_blob and text:find "l" then
      wrong "the permission l (list) is a container's: leave the blob's name out"
   end
   return (LETTERS:gsub(".", function(letter) return text:find(letter, 1, true) and letter or "" end))
end

--- Epoch seconds of an option: a number, or "2030-01-01T00:00:00Z".
local function time_of(options, name)
   local value = options[name]
   local time = type(value) == "number" and value or type(value) == "string" and clock.parse_iso(value) or nil
   if value ~= nil and not time then
      wrong('%s is epoch seconds or a time as "2030-01-01T00:00:00Z", not %q', name, tostring(value))
   end
   return time
end

local function written_time(time)
   return time and clock.iso(math.floor(time)):sub(1, 19) .. "Z"
end

local function times_of(options)
   local starts, expires = time_of(options, "starts"), time_of(options, "expires") or clock.now() + LIFETIME
   if expires <= clock.now() then
      wrong("expires (%s) is past", written_time(expires))
   elseif starts and starts >= expires then
      wrong("starts (%s) is not before expires (%s)", written_time(starts), written_time(expires))
   end
   return written_time(starts), written_time(expires)
end

local function is_address(text)
   local parts = { text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$" }
   for _, part in ipairs(parts) do
      if tonumber(part) > 255 then return false end
   end
   return #parts == 4
end

local function check_ip(text)
   local from, to = tostring(text):match "^([^-]+)%-?(.*)$"
   if not from or not is_address(from) or to ~= "" and not is_address(to) then
      wrong('ip is an IPv4 address or "10.0.0.1-10.0.0.9", not %q', tostring(text))
   end
   return text
end

--- A SAS over plain http is only for a service that speaks nothing else.
local function protocol_of(text, endpoint)
   text = text or (endpoint:find "^http:" and "https,http" or "https")
   if text ~= "https" and text ~= "https,http" then
      wrong('protocol is "https" or "https,http", not %q', tostring(text))
   end
   return text
end

local function fields_of(version, endpoint, name, options)
   local fields = { sv = version, sr = name and "b" or "c", sp = permissions_of(options.permissions, name ~= nil),
      sip = options.ip and check_ip(options.ip), spr = protocol_of(options.protocol, endpoint) }
   fields.st, fields.se = times_of(options)
   for option, field in pairs(PLAIN) do
      local value = options[option]
      if value ~= nil and (type(value) ~= "string" or value:find "%c") then
         wrong("%s is text of one line", option)
      end
      fields[field] = value
   end
   return fields
end

local function query_of(fields, signature)
   local parts = {}
   for _, field in ipairs(WRITTEN) do
      if fields[field] then parts[#parts + 1] = field .. "=" .. http.escape(fields[field]) end
   end
   return table.concat(parts, "&") .. "&sig=" .. http.escape(secret.new(signature))
end

--- The query of a SAS as a secret. `signer` of aci.auth.shared_key; `place`: version, endpoint, container, name
-- (nil: the container); `options` as for Store:sas.
function sas.query(signer, place, options)
   check_names(options)
   local fields = fields_of(place.version, place.endpoint, place.name, options)
   local signed = { account = signer.account, container = place.container, blob = place.name }
   for name, value in pairs(fields) do signed[name] = value end
   return query_of(fields, crypto.base64(crypto.hmac_sha256(signer.key, crypto.service_sas_string(signed))))
end

-- -- one that was given -----------------------------------------------------------------------------

--- Whether a storage key is no key, but a SAS: its query or an address with it. A key has neither "?" nor "&".
function sas.is(key)
   local text = secret.is(key) and secret.reveal(key) or key
   return type(text) == "string" and (text:find "[?&]sig=[^&]" ~= nil or text:find "^sig=[^&]+&" ~= nil)
end

-- A service that has no host for each account has it first in the path: Azurite.
local function endpoint_of(url)
   local origin, path = url:match "^(https?://[^/?#]+)(/?[^?#]*)"
   local host = origin and origin:match "^%a+://([^:]+)"
   if not host then return nil end
   if host == "localhost" or is_address(host) then
      local account = path:match "^/([^/]+)"
      return account and origin .. "/" .. account, account
   end
   return origin, host:match "^[^.]+"
end

local function facts_of(query)
   local facts = {}
   for name, value in query:gmatch "([^&=]+)=([^&]*)" do facts[name] = http.unescape(value) end
   return facts
end

--- Takes a given one apart: `{query (a secret), signature, account, endpoint (both nil of a bare query), facts}`.
function sas.read(given)
   local text = secret.is(given) and secret.reveal(given) or given
   local url, query = text:match "^(%a+://[^?#]*)%?([^#]*)"
   query = query or text:gsub("^%?", "")
   local facts = facts_of(query)
   -- Kept, so that it is masked by itself too, as it is and as it stands in the query.
   local signature = { secret.new(facts.sig), secret.new(query:match "sig=([^&]*)") }
   facts.sig = nil
   local endpoint, account
   if url then endpoint, account = endpoint_of(url) end
   return { query = secret.new(query), signature = signature, account = account, endpoint = endpoint, facts = facts }
end

--- What to do where a service refuses a SAS with a code; nil where it says nothing of it.
function sas.advice(code, facts)
   if code == "AuthenticationFailed" or code == "AuthorizationFailure" then
      local ends = clock.parse_iso(facts.se or "")
      if ends and ends <= clock.now() then return "the SAS ended at " .. facts.se .. ": ask for a new one" end
      return "the SAS was changed, does not count yet, is of another container or blob, or the account's key was "
         .. "renewed: ask for a new one"
   elseif code == "AuthorizationPermissionMismatch" then
      return ("the SAS allows %s only (sp): ask for one with what is missing"):format(facts.sp or "nothing")
   elseif code == "AuthorizationSourceIPMismatch" then
      return ("the SAS is for the address %s"):format(facts.sip or "of somebody else")
   elseif code == "AuthorizationProtocolMismatch" then
      return "the SAS is for https only"
   end
end

return sas
