--- Two registries to hold to the same checks: Debian's docker-registry, and the local cloud's Azure Container
-- Registry. A side: `request(method, path, headers, body)` -> response of aci.http; `client()` -> aci.registry;
-- `stop()`.
local auth       = require "aci.auth"
local azure      = require "aci.azure"
local aci_config = require "aci.config"
local cloud      = require "tests.support.cloud"
local http       = require "aci.http"
local json       = require "aci.json"
local peers      = require "tests.support.peers"
local registry   = require "aci.registry"
local support    = require "tests.support.registry"

local registries = {}

local function side(client, base, headers)
   return { request = function(method, path, more, body)
      local all = {}
      for name, value in pairs(headers or {}) do all[name] = value end
      for name, value in pairs(more or {}) do all[name] = value end
      return assert(client:request { method = method, url = path:find "^https?://" and path or base .. path,
         headers = all, body = body, retry = false })
   end }
end

--- Debian's, or nil where it is not installed.
function registries.debian()
   if not peers.path "registry" then return nil end
   local running = support.start()
   local made = side(http.client {}, "http://" .. running.host)
   made.client = function() return registry.connect { host = running.host } end
   made.stop = function() running:stop() end
   return made
end

-- An access token for all repositories of the checks, by the exchange.
local function token(transport, config, host, repositories)
   local function post(path, form)
      local answer = assert(transport:request { method = "POST", url = "https://" .. host .. path, form = form })
      assert(answer.status == 200, answer.body)
      return assert(json.decode(answer.body))
   end
   local entra = auth.credential(config):token "https://containerregistry.azure.net/.default"
   local refresh = post("/oauth2/exchange", { grant_type = "access_token", service = host, access_token = entra })
   local scopes = {}
   for index, name in ipairs(repositories) do scopes[index] = ("repository:%s:pull,push,delete"):format(name) end
   return post("/oauth2/token", { grant_type = "refresh_token", service = host,
      scope = table.concat(scopes, " "), refresh_token = refresh.refresh_token }).access_token
end

--- The local cloud's, as a process of its own. `repositories`: those that the checks use.
function registries.cloud(repositories)
   local running = cloud.start()
   local config = aci_config.load({ home = running.home }, { environment = {}, file = false })
   local az = azure.connect(config)
   az:put_group()
   local resource = az:resource("Microsoft.ContainerRegistry/registries", "specimages", {
      location = config.location, sku = { name = "Basic" }, properties = { adminUserEnabled = false } })
   local made = az:put(resource.id, resource.version, resource.body)
   local host = made.properties.loginServer
   local transport = require("aci.rest").transport(config)
   local result = side(transport, "https://" .. host, { authorization = "Bearer " .. token(transport, config, host,
      repositories) })
   result.client = function() return registry.azure(config, host) end
   result.stop = function() running:stop() end
   return result
end

return registries
