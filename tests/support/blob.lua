--- Blob storage for specs: the same client against the local cloud, a real Azurite, or any other service
-- (BLOB_ENDPOINT with the account in its path or host, BLOB_ACCOUNT, BLOB_KEY).
local aci_config = require "aci.config"
local azure = require "aci.azure"
local blob = require "aci.blob"
local cloud = require "tests.support.cloud"
local crypto = require "aci.crypto"
local fs = require "aci.fs"
local http = require "aci.http"
local peers = require "tests.support.peers"
local process = require "aci.process"

local support = {}

local function backend(config, account, key, stop)
   return {
      store = blob.connect(config, account, key), config = config, account = account, key = key, stop = stop,
      with_key = function(other) return blob.connect(config, account, other) end,
   }
end

--- Settings for a service outside of the local cloud.
local function settings(endpoint)
   return aci_config.load({ cloud = "azure", blob_endpoint = endpoint, poll = { first = 0.2, longest = 1 } },
      { environment = {}, file = false, need = {} })
end

--- The service that the environment names; nil where it names none.
function support.named()
   local endpoint = os.getenv "BLOB_ENDPOINT"
   if not endpoint then return nil end
   return backend(settings(endpoint), assert(os.getenv "BLOB_ACCOUNT"), assert(os.getenv "BLOB_KEY"),
      function() end)
end

local function listens(url)
   return http.request { url = url, timeout = 2, retry = false } ~= nil
end

--- A real Azurite that checks the API version; nil where it is not installed.
function support.azurite()
   local path = peers.path "azurite"
   if not path then return nil end
   local port, home = peers.free_port(), assert(fs.tempdir "acihost-azurite-")
   local account, key = "acihostspec", crypto.base64(crypto.random(64))
   local url = ("http://127.0.0.1:%d/%s"):format(port, account)
   local started = assert(process.spawn {
      args = { path .. "/bin/node", path .. "/node_modules/azurite/dist/src/blob/main.js", "--blobHost",
         "127.0.0.1", "--blobPort", tostring(port), "--inMemoryPersistence", "--disableTelemetry" },
      env = peers.environment(home, { AZURITE_ACCOUNTS = account .. ":" .. key }), cwd = home, stdin = "null",
      stdout = { file = home .. "/log" }, stderr = "stdout", parent_death = "TERM" })
   local function stop()
      started:stop(10)
      fs.remove_tree(home)
   end
   local ok, err = pcall(peers.wait_until, "Azurite", 60, function() return listens(url) end)
   if not ok then
      local said = fs.read(home .. "/log") or ""
      stop()
      error(tostring(err) .. "\n" .. said:sub(-2000), 0)
   end
   return backend(settings(url), account, key, stop)
end

--- An account of a local cloud of its own, made through ARM.
function support.local_cloud()
   local running = cloud.start()
   local config = aci_config.load({ home = running.home }, { environment = {}, file = false })
   local az = azure.connect(config)
   az:put_group()
   local account = az:resource("Microsoft.Storage/storageAccounts", config.storage_account, {
      location = config.location, kind = "StorageV2", sku = { name = "Standard_LRS" },
      properties = { allowBlobPublicAccess = false },
   })
   az:put(account.id, account.version, account.body)
   return backend(config, account.name, az:storage_key(account), function() running:stop() end)
end

return support
