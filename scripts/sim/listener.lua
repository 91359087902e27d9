--- The sockets of the local cloud: TLS for every played host (by SNI and Host), a CONNECT proxy for tools
-- that only know a proxy, and plain HTTP for the Prefect API. All on loopback.
local crypto = require "aci.crypto"
local fs     = require "aci.fs"
local secret = require "aci.secret"
local server = require "aci.server"
local task   = require "aci.task"

local listener = {}

local methods = {}
methods.__index = methods

local PRIVATE = tonumber("600", 8)

-- The authority whose certificates the played hosts show; made once.
local function authority(home)
   local certificate, key = fs.read(home .. "/ca.pem"), fs.read(home .. "/ca-key.pem")
   if not (certificate and key) then
      local made = crypto.ca { name = "acihost local cloud", days = 3650 }
      certificate, key = made.certificate, made.key
      assert(fs.write(home .. "/ca-key.pem", key, { mode = PRIVATE }))
      assert(fs.write(home .. "/ca.pem", certificate))
   end
   return { certificate = certificate, key = secret.is(key) and key or secret.new(key) }
end

local TAKEN = "the local cloud's %s port %s is taken by another program (%s). End that program, or "
   .. "give the cloud new ports with: acihost sim reset (which forgets what it holds)"

-- A port is chosen once and kept: addresses in blocks and shells stay true.
local function listen(cloud, name, options)
   local kept = cloud.state:setting("port." .. name)
   options.host, options.port = "127.0.0.1", kept and math.tointeger(tonumber(kept)) or 0
   local opened, err = server.listen(options)
   if not opened then
      return nil, kept and TAKEN:format(name, kept, err.code or tostring(err)) or tostring(err)
   end
   if not kept then
      cloud.state:setting("port." .. name, tostring(opened:port()))
   end
   return opened
end

local function hand_over(cloud, request, plain)
   local reply, dropped = cloud.router:handle {
      method = request.method, host = request.host, target = request.target, headers = request.headers,
      raw = request, plain = plain,
   }
   if reply then
      request:respond(reply.status, reply.headers, reply.body)
   elseif dropped then
      request:close()
   end
   cloud:schedule()
end

local function guarded(cloud, f, ...)
   local ok, err = pcall(f, ...)
   if not ok then
      cloud:log("a connection failed: %s", tostring(err))
   end
end

-- The proxy goes on as the played host; it reaches nothing else.
local function tunnel(cloud, request)
   if request.scheme == "https" then
      return hand_over(cloud, request)
   end
   local host, port = request.target:match "^([^:/]+):(%d+)$"
   if request.method == "CONNECT" and host and port == "443" and cloud.router:plays(host) then
      return request:tls()
   end
   local name = host or request.target:match "^%a+://([^/]+)" or request.target
   cloud:log("the proxy refused %s %s", request.method, name)
   request:respond(403, { ["content-type"] = "text/plain" },
      ("The local cloud does not play %s and lets nothing out.\n"):format(name))
end

local function accept(cloud, opened, f, ...)
   while true do
      local request = opened:next()
      if not request then
         return
      end
      task.spawn(guarded, cloud, f, cloud, request, ...)
   end
end

--- Opens all listeners of a cloud; sets cloud.ports and cloud.ca_file.
-- @return listener | nil, message
function listener.open(cloud)
   local tls = { ca = authority(cloud.home) }
   local self = setmetatable({ cloud = cloud, servers = {} }, methods)
   local wanted = { { "https", { tls = tls } }, { "proxy", { tls = tls, proxy = true } }, { "prefect",
      {} } }
   for _, row in ipairs(wanted) do
      local opened, err = listen(cloud, row[1], row[2])
      if not opened then
         self:close()
         return nil, err
      end
      self.servers[row[1]] = opened
   end
   cloud.ca_file = cloud.home .. "/ca.pem"
   cloud.ports = { https = self.servers.https:port(), proxy = self.servers.proxy:port(),
      prefect = self.servers.prefect:port() }
   return self
end

--- Serves until closed.
function methods:serve()
   local cloud = self.cloud
   cloud:schedule()
   local servers = self.servers
   task.all {
      function() accept(cloud, servers.https, hand_over) end,
      function() accept(cloud, servers.proxy, tunnel) end,
      function() accept(cloud, servers.prefect, hand_over, true) end,
   }
end

--- Closes all listeners; `serve` returns.
function methods:close()
   for _, opened in pairs(self.servers) do
      opened:close()
   end
end

return listener
