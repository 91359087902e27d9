--- Prefect for specs: the same client against the local cloud (in this process) or a real server.
local json    = require "aci.json"
local secret  = require "aci.secret"
local prefect = require "aci.prefect"
local peers   = require "tests.support.peers"

local support = {}

local function plain(text)
   return secret.is(text) and secret.reveal(text) or text
end

local function query(map)
   local parts = {}
   for name, value in pairs(map or {}) do parts[#parts + 1] = name .. "=" .. value end
   return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

--- A transport that hands requests to a cloud in this process.
local function transport(cloud)
   return { request = function(_, options)
      local body = options.json ~= nil and plain(json.encode(options.json, { secrets = true })) or ""
      local reply = cloud.router:handle { method = options.method, host = "127.0.0.1", plain = true,
         target = options.url:match "^%a+://[^/]+(.*)$" .. query(options.query), headers = {}, body = body }
      local text = reply.body or ""
      if type(text) == "table" then text = json.encode(text) end
      return { status = reply.status, headers = reply.headers, url = options.url,
         body = options.secret_body and secret.new(text) or text }
   end }
end

--- The local cloud's Prefect. @return a backend: `name`, `api`, `stop()`
function support.inside()
   local cloud = require("sim.cloud").open { factor = 0 }
   local api = prefect.connect { prefect_url = "http://127.0.0.1/api", prefect_pause = 0.01,
      prefect_http = transport(cloud) }
   return { api = api, cloud = cloud, stop = function() cloud:close() end }
end

--- A real Prefect 2 server; nil where it is not installed.
-- @param more settings of the server's environment
function support.real(more)
   if not peers.path "p2" then return nil end
   local server = peers.prefect("p2", more)
   return { api = prefect.connect { prefect_url = server.url }, server = server,
      stop = function() server:stop() end }
end

return support
