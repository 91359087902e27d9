--- What stands before every route where the cloud was started so: CSRF protection (PREFECT_SERVER_CSRF_-
-- PROTECTION_ENABLED, which both Prefects have) and the basic login of Prefect 3 (PREFECT_SERVER_API_AUTH_-
-- STRING). CSRF is looked at first, as on the server.
local crypto  = require "aci.crypto"
local clock   = require "aci.clock"
local objects = require "sim.prefect.objects"
local refuse  = require "sim.refuse"
local secret  = require "aci.secret"
local version = require "sim.prefect.version"

local guard = {}

local LIFE = 3600 -- seconds of a token

local OPEN = { ["/api/health"] = true, ["/api/ready"] = true }
local READS = { GET = true, HEAD = true, OPTIONS = true }

--- The token of a client, new with each call.
function guard.token(state, client)
   local row = objects.find(state, "csrf", client)
   local body = { client = client, token = crypto.hex(crypto.random(32)),
      expiration = objects.time(clock.now() + LIFE) }
   if not row then return objects.add(state, { kind = "csrf", name = client, body = body }).body end
   row.body.token, row.body.expiration = body.token, body.expiration
   return objects.save(state, row).body
end

local function check_csrf(req)
   local token, client = req.headers["prefect-csrf-token"], req.headers["prefect-csrf-client"]
   refuse.unless(token, 403, "detail", "Missing CSRF token.")
   refuse.unless(client, 403, "detail", "Missing client identifier.")
   local row = objects.find(req.state, "csrf", client)
   local good = row and crypto.equal(row.body.token, token)
      and clock.parse_iso(row.body.expiration) > clock.now()
   refuse.unless(good, 403, "detail", "Invalid CSRF token or client identifier.")
end

--- Whether what a client says in `Authorization` is the login of a cloud's Prefect.
function guard.knows(cloud, authorization)
   local auth = version.is(3) and cloud.prefect_auth
   if not auth then return true end
   return crypto.equal("Basic " .. crypto.base64(secret.reveal(auth)), authorization or "")
end

-- What the server says of itself to clients of any version.
local ANY_VERSION = { ["/api/health"] = true, ["/api/ready"] = true, ["/api/version"] = true }

local LEAST = { 0, 8, 0 }

local function is_less(parts)
   for index, least in ipairs(LEAST) do
      if parts[index] ~= least then return parts[index] < least end
   end
   return false
end

--- Refuses a client that speaks an older version of the API, or says it in another form.
function guard.version(req)
   local text = req.headers["x-prefect-api-version"] or ""
   if text == "" or ANY_VERSION[req.path] then return end
   local parts = { text:match "^(%d+)%.(%d+)%.(%d+)$" }
   for index, part in ipairs(parts) do parts[index] = tonumber(part) end
   refuse.when(#parts == 0, 400, "detail", "Invalid X-PREFECT-API-VERSION header format.Expected header in format "
      .. "'x.y.z' but received " .. text)
   refuse.when(is_less(parts), 400, "detail", ("The request specified API version %s but this server requires version "
      .. "0.8.0 or higher."):format(text))
end

return setmetatable(guard, { __call = function(_, req)
   if req.cloud.prefect_csrf and not READS[req.method] then check_csrf(req) end
   if OPEN[req.path] and req.method == "GET" then return end
   refuse.unless(guard.knows(req.cloud, req.headers.authorization), 401, "exception", "Unauthorized")
end })
