--- The ARM clients of the worker: one for each login and subscription that jobs name, kept while the login
-- stays the same, so that its token is. With each goes the pace of its subscription.

local auth   = require "aci.auth"
local azure  = require "aci.azure"
local crypto = require "aci.crypto"
local json   = require "aci.json"
local pacing = require "aci.worker.pacing"

local clouds = {}

local function given(value)
   if value == json.null then return nil end
   return value
end

--- The ARM client of a login (a credentials block's data); without one, of the settings' own.
function clouds.connect(config, login)
   if not given(login.client_id) then return azure.connect(config) end
   return azure.connect(config, auth.client_secret(config, { tenant = login.tenant_id,
      client_id = login.client_id, client_secret = login.client_secret }))
end

local function key_of(data, login)
   local value = given(login.client_secret)
   return table.concat({ data.subscription_id, tostring(given(login.client_id)),
      value and crypto.sha256(value) or "" }, "\0")
end

local function paces(self, subscription)
   if not self.paces[subscription] then
      self.paces[subscription] = { creates = pacing.new("creates", self.say),
         deletes = pacing.new("deletes", self.say) }
   end
   return self.paces[subscription]
end

--- The ARM client of a job: as its principal, in its subscription.
-- @return the client, and the paces `{ creates =, deletes = }`
function clouds.of(self, data)
   local login = data.aci_credentials or {}
   local key = key_of(data, login)
   if not self.clouds[key] then
      local config = setmetatable({ subscription = data.subscription_id }, { __index = self.config })
      self.clouds[key] = self.connect(config, login)
   end
   return self.clouds[key], paces(self, data.subscription_id)
end

return clouds
