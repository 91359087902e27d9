--- Who asks Blob storage for something, and whether they may: Shared Key, bearer tokens, service SAS
-- (blobsas.lua), or nobody for what is public.
--
-- A route says what it needs with `right = { sas = "r", data = "read", action = "containers/read",
-- public = "Blob" }`: the letters of a SAS that allow it, the data action (below .../blobs/) or the action
-- (below .../blobServices/), and from which public access on anybody may.
local clock   = require "aci.clock"
local crypto  = require "aci.crypto"
local secret  = require "aci.secret"
local access  = require "sim.access"
local blobsas = require "sim.blobsas"
local storage = require "sim.storage"
local tokens  = require "sim.tokens"
local words   = require "sim.blobwords"

local auth = {}

local VERSIONS = {}
for version in ([[2015-02-21 2015-04-05 2015-07-08 2015-12-11 2016-05-31 2017-04-17 2017-07-29 2017-11-09
   2018-03-28 2018-11-09 2019-02-02 2019-07-07 2019-10-10 2019-12-12 2020-02-10 2020-04-08 2020-06-12
   2020-08-04 2020-10-02 2020-12-06 2021-02-12 2021-04-10 2021-06-08 2021-08-06 2021-10-04 2021-12-02
   2022-11-02 2023-01-03 2023-05-03 2023-08-03 2023-11-03 2024-02-04 2024-05-04 2024-08-04 2024-11-04
   2025-01-05 2025-05-05 2025-07-05 2025-11-05 2026-02-06 2026-04-06 2026-06-06 2026-10-06]])
   :gmatch "%S+" do
   VERSIONS[version] = true
end

local OLDEST = 15 * 60
local BLOB_SERVICE = "Microsoft.Storage/storageAccounts/blobServices/"

--- Refuses a version that is not known; a signed request without one too.
local function check_version(req, needed)
   local version = req.headers["x-ms-version"]
   if version == nil and not needed then
      return
   elseif not VERSIONS[version or ""] then
      words.bad_header("x-ms-version", version)
   end
   req.version = version
end

local function failed(detail)
   words.refuse("AuthenticationFailed", { detail = { { "AuthenticationErrorDetail", detail } } })
end

local function check_date(req)
   local text = req.headers["x-ms-date"] or req.headers.date
   if not text then
      failed "The Date header in the request is missing. Either 'x-ms-date' or 'Date' is needed."
   end
   local time = clock.parse_http_date(text)
   if not time then
      failed(("The Date header in the request is incorrect: '%s'."):format(text))
   elseif time < clock.now() - OLDEST then
      failed(("Request date header too old: '%s'"):format(text))
   end
end

local function plain(value)
   return secret.is(value) and secret.reveal(value) or value
end

--- What was signed, in the words of the service; nil where there is nothing to sign.
local function string_to_sign(req)
   local headers = {}
   for name, value in pairs(req.headers) do
      headers[name] = plain(value)
   end
   local ok, text = pcall(crypto.shared_key_string, { method = req.method, account = req.account.name,
      target = req.target, headers = headers })
   if not ok then
      failed("The request cannot be signed: " .. tostring(text))
   end
   return text
end

--- Whether a signature is that of a text by one of the account's keys.
function auth.signed(req, text, signature)
   for _, key in ipairs(storage.keys(req.state, req.account)) do
      local raw = key.value and crypto.unbase64(key.value)
      if raw and crypto.equal(crypto.base64(crypto.hmac_sha256(raw, text)), signature) then
         return true
      end
   end
   return false
end

local NOT_SAME = "The MAC signature found in the HTTP request '%s' is not the same as any computed "
   .. "signature. Server used following string to sign: '%s'."

local function check_keys_allowed(req)
   if req.account.body.properties.allowSharedKeyAccess == false then
      words.refuse "KeyBasedAuthenticationNotPermitted"
   end
end

local function shared_key(req, name, signature)
   check_version(req, true)
   check_keys_allowed(req)
   check_date(req)
   if name:lower() ~= req.account.name:lower() then
      failed(("The account of the Authorization header, '%s', is not that of the address."):format(name))
   end
   local text = string_to_sign(req)
   if not auth.signed(req, text, signature) then
      failed(NOT_SAME:format(signature, text))
   end
   req.full = true
   req.caller = { name = "key of " .. req.account.name }
end

--- 401 with the challenge of the service, which is not quoted.
local function challenge(req, code, detail)
   words.refuse(code, { detail = detail and { { "AuthenticationErrorDetail", detail } }, headers = {
      ["WWW-Authenticate"] = ("Bearer authorization_uri=https://login.microsoftonline.com/%s/oauth2"
         .. "/authorize resource_id=https://storage.azure.com"):format(tokens.tenant(req.state)) } })
end

local PROBLEMS = {
   missing = "The token is missing.", invalid = "Signature validation failed. The token is not one of ours.",
   expired = "Lifetime validation failed. The token is expired.",
   audience = "Audience validation failed. Audiences '%s' did not match.",
   tenant = "Issuer validation failed. Issuer '%s' did not match.",
}

local function bearer(req)
   check_version(req, true)
   if req.version < "2017-11-09" then
      words.bad_header("x-ms-version", req.version)
   end
   local own = ("https://%s.blob.core.windows.net"):format(req.account.name)
   local claims, problem = tokens.check(req, { "https://storage.azure.com", "https://storage.azure.com/",
      own, own .. "/" })
   if not claims then
      local seen = problem.claims or {}
      challenge(req, "InvalidAuthenticationInfo", PROBLEMS[problem.kind]:format(
         tostring(problem.kind == "audience" and seen.aud or seen.iss)))
   end
   req.caller = claims
end

-- Nobody: only what is public.
local function anonymous(req, right)
   check_version(req, false)
   local container = req.container
   local level = container and container.body.properties.publicAccess or "None"
   local allowed = req.account.body.properties.allowBlobPublicAccess
   if right.public and allowed and (level == "Container" or level == right.public) then
      req.full = true
   elseif (req.version or "") >= "2019-12-12" then
      challenge(req, "NoAuthenticationInformation")
   else
      words.refuse(allowed and "ResourceNotFound" or "PublicAccessNotPermitted")
   end
end

--- The account of the host; writes to a secondary are refused.
local function find_account(req, route)
   local name, secondary = req.label:gsub("%-secondary$", "")
   local account = storage.account(req.state, name)
   if not account or account.busy
      or secondary > 0 and not account.body.sku.name:find("RAG", 1, true) then
      words.refuse "ResourceNotFound"
   end
   req.account = account
   if secondary > 0 and route.write then
      words.refuse "InsufficientAccountPermissions"
   end
   local properties = account.body.properties
   if properties.publicNetworkAccess == "Disabled"
      or type(properties.networkAcls) == "table" and properties.networkAcls.defaultAction == "Deny" then
      words.refuse "AuthorizationFailure"
   end
end

--- Finds the account and the caller, and the container where the path names one that exists.
function auth.identify(req, route)
   find_account(req, route)
   local name = req.params.container
   req.container_id = name and storage.container_id(req.account, name)
   req.container_key = name and req.container_id:lower()
   req.container = name and req.state:resource(req.container_id)
   local header = plain(req.headers.authorization)
   if header == nil and req.query.sig then
      check_version(req, false)
      check_keys_allowed(req)
      blobsas.check(req, auth.signed)
      req.version = req.version or req.query.sv
   elseif header == nil or header == "" then
      anonymous(req, route.right)
   elseif header:find "^SharedKey " then
      local account, signature = header:match "^SharedKey ([^:]+):(%S+)$"
      shared_key(req, account or failed "The Authorization header is not 'SharedKey ACCOUNT:SIGNATURE'.",
         signature)
   elseif header:find "^SharedKeyLite " then
      words.not_here "SharedKeyLite"
   elseif header:lower():find "^bearer" then
      bearer(req)
   else
      words.refuse "AuthenticationFailed"
   end
end

--- Whether a caller with a token has the right. The rights on containers are actions of the management
-- plane; they count here only with a role that has to do with data: Owner and Contributor give nothing.
local function granted(req, right)
   local scope = req.container_id or req.account.id
   if right.data then
      return access.allowed(req.state, req.caller, BLOB_SERVICE .. "containers/blobs/" .. right.data, scope,
         true)
   end
   return access.allowed(req.state, req.caller, BLOB_SERVICE .. right.action, scope)
      and access.allowed(req.state, req.caller, BLOB_SERVICE .. "containers/blobs/read", scope, true)
end

--- Refuses a caller who lacks the right of the route.
function auth.authorize(req, right)
   if req.full then
      return
   elseif req.sas then
      words.unless(right.sas and req.sas:find("[" .. right.sas .. "]"), "AuthorizationPermissionMismatch")
   else
      words.unless(granted(req, right), "AuthorizationPermissionMismatch")
   end
end

return auth
