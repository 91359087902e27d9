--- Signing in with a device code: the codes, who answered them, and the tokens of the one user there is, the
-- owner. Nobody opens a browser here: `sim login CODE` (the control POST /devicelogin) answers.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local json   = require "aci.json"
local roles  = require "sim.roles"
local tokens = require "sim.tokens"
local words  = require "sim.entrawords"

local devicelogin = {}

devicelogin.SCHEMA = {
   [[CREATE TABLE IF NOT EXISTS device_codes (device_code TEXT PRIMARY KEY, user_code TEXT NOT NULL,
     client TEXT NOT NULL, scope TEXT NOT NULL, expires REAL NOT NULL, standing TEXT NOT NULL)]],
   [[CREATE TABLE IF NOT EXISTS refresh_tokens (digest TEXT PRIMARY KEY, client TEXT NOT NULL,
     expires REAL NOT NULL)]],
}

--- The public client that every tenant knows: az's, which Azure's SDKs use too.
devicelogin.CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"

local LIFETIME, INTERVAL, REFRESH = 900, 5, 90 * 86400
local LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

local function new_code()
   local code = {}
   for index, byte in ipairs { crypto.random(9):byte(1, -1) } do
      local at = byte % #LETTERS + 1
      code[index] = LETTERS:sub(at, at)
   end
   return table.concat(code)
end

--- Begins a sign-in; gives what the client tells its user.
function devicelogin.begin(req, client, scope)
   local device, user = crypto.base64url(crypto.random(48)), new_code()
   req.state.db:run([[INSERT INTO device_codes (device_code, user_code, client, scope, expires, standing)
      VALUES (?, ?, ?, ?, ?, 'pending')]], device, user, client, scope, clock.now() + LIFETIME)
   local message = ("To sign in, use a web browser to open the page https://microsoft.com/devicelogin and enter "
      .. "the code %s to authenticate."):format(user)
   if not req.cloud.strict then
      message = ("To sign in to the local cloud, run: acihost sim login %s"):format(user)
   end
   return { user_code = user, device_code = device, verification_uri = "https://microsoft.com/devicelogin",
      expires_in = LIFETIME, interval = math.max(1, math.floor(req.cloud:seconds(INTERVAL))), message = message }
end

--- Answers a code in the user's place: "granted", "declined" or "expired". False for an unknown one.
function devicelogin.answer(state, user_code, standing)
   return state.db:run("UPDATE device_codes SET standing = ? WHERE user_code = ? AND standing = 'pending'",
      standing, user_code) > 0
end

local REFUSED = { pending = 70016, declined = 65004, expired = 70020, redeemed = 54005 }

--- The scope that a device code was granted for; refused as long as it was not. A code serves once.
function devicelogin.redeem(req, client, device_code)
   local row = req.state.db:row("SELECT * FROM device_codes WHERE device_code = ?", device_code)
   if not row or row.client ~= client then
      words.deny(req, 70018)
   end
   local standing = row.standing == "pending" and row.expires <= clock.now() and "expired" or row.standing
   if REFUSED[standing] then
      words.deny(req, REFUSED[standing])
   end
   req.state.db:run("UPDATE device_codes SET standing = 'redeemed' WHERE device_code = ?", device_code)
   return row.scope
end

local function digest(token)
   return crypto.hex(crypto.sha256(token))
end

--- A new refresh token of a client.
function devicelogin.refresh_token(state, client)
   local token = "1." .. crypto.base64url(crypto.random(64))
   state.db:run("INSERT INTO refresh_tokens (digest, client, expires) VALUES (?, ?, ?)", digest(token), client,
      clock.now() + REFRESH)
   return token
end

--- Refuses a refresh token that is not of this client, or too old.
function devicelogin.check_refresh(req, client, token)
   local row = req.state.db:row("SELECT * FROM refresh_tokens WHERE digest = ?", digest(token))
   if not row or row.client ~= client or row.expires <= clock.now() then
      words.deny(req, 70000)
   end
end

--- The owner as a person: an Owner of the subscription, made when first needed.
function devicelogin.user(state)
   local id = state:setting "user"
   if not id then
      id = crypto.uuid4()
      state:setting("user", id)
      roles.assign(state, { name = crypto.uuid4(), scope = "/subscriptions/" .. state:setting "subscription",
         principal = id, principal_type = "User", role = roles.OWNER, effective = 0 })
   end
   return { id = id, name = "Owner", upn = "owner@local.onmicrosoft.com" }
end

--- The claims of the user's access token for a resource.
function devicelogin.claims(state, client, audience)
   local user = devicelogin.user(state)
   local graph = audience:find("graph.microsoft.com", 1, true)
   return { aud = audience, appid = client, oid = user.id, idtyp = "user", appidacr = "0", name = user.name,
      upn = user.upn, unique_name = user.upn, amr = json.array { "pwd" },
      scp = graph and "Application.ReadWrite.All User.Read" or "user_impersonation" }
end

--- The id token that OpenID clients expect beside it.
function devicelogin.id_token(state, client)
   local user, now, tenant = devicelogin.user(state), math.floor(clock.now()), tokens.tenant(state)
   return tokens.sign(state, { iss = ("https://login.microsoftonline.com/%s/v2.0"):format(tenant), aud = client,
      tid = tenant, oid = user.id, sub = crypto.base64url(crypto.sha256(user.id .. client)), name = user.name,
      preferred_username = user.upn, ver = "2.0", iat = now, nbf = now, exp = now + 3599 })
end

--- client_info: who signed in, for the client's cache.
function devicelogin.client_info(state)
   return crypto.base64url(json.encode { uid = devicelogin.user(state).id, utid = tokens.tenant(state) })
end

return devicelogin
