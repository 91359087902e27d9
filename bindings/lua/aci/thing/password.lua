--- The principal's client secret. Entra never shows it again, so it is kept where it is used, in a Prefect
-- block (`thing.kept(c)` reads it there); it counts as there when it still logs in. A lost one is replaced
-- under our own display name; secrets that others added are never touched.
local auth = require "aci.auth"
local crypto = require "aci.crypto"
local errors = require "aci.error"

local password = {}

--- Our display name for it: one for each Prefect that keeps it, since two may share a principal.
local function display_name(c)
   return "acihost " .. crypto.hex(crypto.sha256(c.config.prefect_url)):sub(1, 12)
end

local function login(c, thing, value)
   return auth.client_secret(c.config,
      { tenant = c.config.tenant, client_id = thing.id, client_secret = value })
end

local function scope(c) return c.config.arm_endpoint .. "/.default" end

function password.label(thing) return "client secret of " .. thing.name end

function password.read(c, thing)
   local value = thing.kept(c)
   if not value then return nil end
   local credential = login(c, thing, value)
   local ok, err = pcall(credential.token, credential, scope(c))
   if ok then return { value = value, credential = credential } end
   if errors.is(err, "auth") then return nil end
   error(err, 0)
end

function password.differs() return {} end

function password.write(c, thing)
   local name = display_name(c)
   for _, old in ipairs(thing.application.passwordCredentials or {}) do
      if old.displayName == name then c.graph:remove_password(thing.application.id, old.keyId) end
   end
   local added = c.graph:add_password(thing.application.id, { name = name })
   local credential = login(c, thing, added.secret)
   auth.wait_until_known(credential, scope(c), 180) -- not every part of Entra knows it at once
   return { value = added.secret, credential = credential }
end

function password.inside() return true end

return password
