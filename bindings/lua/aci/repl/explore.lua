--- Clients that are there when they are used: `az`, `graph`, `kv`, `blob`, `prefect`. Nothing is connected
-- before, and completion never connects.
local explore = {}

local settings

local function config()
   settings = settings or require("aci.config").load()
   return settings
end

--- What each name is: its module, its class there, and how it is made.
explore.clients = {
   az = { module = "azure", class = "aci.Azure", connect = function()
      return require("aci.azure").connect(config())
   end },
   graph = { module = "graph", class = "aci.Graph", connect = function()
      return require("aci.graph").connect(config())
   end },
   kv = { module = "keyvault", class = "aci.Vault", connect = function()
      return require("aci.keyvault").connect(config())
   end },
   blob = { module = "blob", class = "aci.Store", connect = function(globals)
      local key = config().storage_key or globals.az:storage_key(config().storage_account)
      return require("aci.blob").connect(config(), nil, key)
   end },
   prefect = { module = "prefect", class = "aci.Prefect", connect = function()
      return require("aci.prefect").connect(config())
   end },
}

local function connect(globals, name)
   local client = explore.clients[name].connect(globals)
   io.stderr:write(("(%s: %s)\n"):format(name, settings.cloud == "local" and "the local cloud" or "Azure"))
   rawset(globals, name, client)
   return client
end

--- Makes the names globals; what a script has set, and a metatable of its own, stays.
function explore.install(globals)
   local meta = getmetatable(globals) or {}
   local before = meta.__index
   meta.__index = function(self, name)
      if explore.clients[name] then return connect(globals, name) end
      if type(before) == "function" then return before(self, name) end
      return before and before[name]
   end
   setmetatable(globals, meta)
end

--- Values that are known to be secret, for the history to leave out: those of the settings, and of the
-- environment by their names.
function explore.secrets()
   local secret, values = require "aci.secret", {}
   for _, value in pairs(settings or {}) do
      if secret.is(value) then values[#values + 1] = secret.reveal(value) end
   end
   for name, value in pairs(require("aci.process").environment()) do
      for _, word in ipairs { "SECRET", "KEY", "TOKEN", "PASSW", "AUTH_STRING", "AUTHORIZATION" } do
         if name:find(word, 1, true) and #value >= 6 then values[#values + 1] = value end
      end
   end
   return values
end

return explore
