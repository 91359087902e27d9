--- Prefect for specs: the same client against the local cloud (in this process) or a real server.
local http    = require "aci.http"
local json    = require "aci.json"
local secret  = require "aci.secret"
local prefect = require "aci.prefect"
local peers   = require "tests.support.peers"
local task    = require "aci.task"

local support = {}

local function plain(text)
   return secret.is(text) and secret.reveal(text) or text
end

local function query(map)
   local parts = {}
   for name, value in pairs(map or {}) do parts[#parts + 1] = name .. "=" .. value end
   return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

local function header_texts(headers)
   local out = {}
   for name, value in pairs(headers or {}) do out[name] = plain(value) end
   return out
end

--- Hands requests to a cloud in this process.
local function inside(cloud)
   return function(options)
      local body = options.json ~= nil and plain(json.encode(options.json, { secrets = true })) or ""
      local reply = cloud.router:handle { method = options.method, host = "127.0.0.1", plain = true,
         target = options.url:match "^%a+://[^/]+(.*)$" .. query(options.query), body = body,
         headers = header_texts(options.headers) }
      local text = reply.body or ""
      if type(text) == "table" then text = json.encode(text) end
      return { status = reply.status, headers = reply.headers, url = options.url,
         body = options.secret_body and secret.new(text) or text }
   end
end

-- A real server on SQLite answers 503 while another of its tasks writes ("database is locked"), and closes
-- that connection: nothing was done then, so the same is asked again.
local function outside()
   local client = http.client { retry = false, timeout = 60, connect_timeout = 10 }
   return function(options)
      local response, err
      for pause = 0, 4 do
         task.sleep(pause * 0.3)
         response, err = client:request(options)
         if response and response.status ~= 503 or err and err.code ~= "reset" then break end
      end
      return response, err
   end
end

--- A backend on a transport that notes every answer with a JSON body in `seen`: method, path, status, body.
local function backend(url, request, pause, stop)
   local self = { url = url, seen = {}, stop = stop }

   local function note(options, response)
      local body = json.decode(plain(response.body))
      if body == nil then return end
      self.seen[#self.seen + 1] = { method = options.method, status = response.status, body = body,
         path = options.url:match "^%a+://[^/]+([^?]*)" }
   end

   local transport = { request = function(_, options)
      local response, err = request(options)
      if response then note(options, response) end
      return response, err
   end }

   --- One raw call. @return status, body (decoded JSON, or text), headers
   function self.send(method, path, body, headers)
      local response = assert(transport:request { method = method, url = url .. path, json = body,
         headers = headers })
      local value = json.decode(response.body)
      return response.status, value == nil and response.body or value, response.headers
   end

   self.transport = transport
   self.api = prefect.connect { prefect_url = url, prefect_pause = pause, prefect_http = transport }
   return self
end

--- The local cloud's Prefect.
-- @param options `prefect` ("2" or "3"), `prefect_auth`, `prefect_csrf`
-- @return a backend: `api`, `cloud`, `transport`, `send(method, path, body, headers)`, `seen`, `stop()`
function support.inside(options)
   local cloud = require("sim.cloud").open { factor = 0, prefect = options and options.prefect,
      prefect_auth = options and options.prefect_auth, prefect_csrf = options and options.prefect_csrf }
   local self = backend("http://127.0.0.1/api", inside(cloud), 0.01, function() cloud:close() end)
   self.cloud = cloud
   return self
end

--- A real Prefect server; nil where it is not installed.
-- @param peer "p2" or "p3"
-- @param more settings of the server's environment
function support.real(peer, more)
   if not peers.path(peer) then return nil end
   local server = peers.prefect(peer, more)
   return backend(server.url, outside(), nil, function() server:stop() end)
end

--- The OpenAPI document that a real server serves.
function support.document(real)
   local response = assert(http.request { url = real.url:gsub("/api$", "") .. "/openapi.json", timeout = 60 })
   local document, paths = assert(json.decode(response.body)), {}
   -- a Prefect 3 server leaves out where its API is mounted
   for path, item in pairs(document.paths) do paths[path:find "^/api/" and path or "/api" .. path] = item end
   document.paths = paths
   return document
end

return support
