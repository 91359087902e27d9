--- The Prefect REST API: blocks, flows, deployments, queues, runs, states, logs, variables.
-- `prefect.connect(config)` gives the client object; its methods live in `aci.prefect.*`, one file
-- per area. Prefect 2.20 and 3.x answer the same routes; where they differ, the file asks
-- `api:major()`.

local http    = require "aci.http"
local fail    = require "aci.error"
local ref     = require "aci.prefect.ref"
local folder  = require "aci.prefect.folder"

local prefect = { ref = ref.new, reference = ref.encode, folder = folder.read }

local Api = { __name = "aci.prefect" }
Api.__index = Api
Api.__tostring = function(self) return "Prefect: " .. http.mask(self.url) end

for _, area in ipairs { "client", "blocks", "plans", "deployments", "queues", "runs", "states", "logs",
   "variables" } do
   for name, method in pairs(require("aci.prefect." .. area)) do
      assert(not Api[name], name)
      Api[name] = method
   end
end

--- Where the API is, without the slash at its end.
local function base_url(config)
   local url = config.prefect_url
   if not url or url == "" then
      fail.raise { kind = "usage", code = "prefect_url", message = "no Prefect API is set",
         advice = "set PREFECT_API_URL (or prefect_url in config.lua) to something like "
            .. "http://127.0.0.1:4200/api" }
   end
   return (url:gsub("/+$", ""))
end

--- Makes the client; sends nothing. On the local cloud that is started where it is not running, unless a
-- Prefect of the user's own is set.
-- @param config `prefect_url`, `prefect_key` (secret; Cloud), `prefect_auth` (secret "user:password"; a
--   server with basic auth), `prefect_pause` (seconds before the first retry, default 0.3), `prefect_tries` (how
--   often a request is sent at most, default 6; the pauses double up to 20 s)
function prefect.connect(config)
   if not config.prefect_url and config.cloud == "local" then require("aci.local").settle(config) end
   local self = { url = base_url(config), pause = config.prefect_pause or 0.3,
      tries = config.prefect_tries or 6 }
   self.http = config.prefect_http or http.client { retry = false, timeout = 60, connect_timeout = 10 }
   self.key, self.auth = config.prefect_key, config.prefect_auth
   return setmetatable(self, Api)
end

return prefect
