--- The local cloud for specs: in this process (no sockets), or as a process of its own on a temporary home.
package.path = "scripts/?.lua;" .. package.path

local fs      = require "aci.fs"
local json    = require "aci.json"
local process = require "aci.process"
local secret  = require "aci.secret"
local task    = require "aci.task"

local support = {}

local inside = {}
inside.__index = inside

--- A cloud in this process with nothing on disk. `options` as for sim.cloud's open, without home.
-- Its methods: request{ method, url, token, json, body, headers } -> status, body (decoded), headers;
-- token(scope [, client_id, secret]); close().
function support.inside(options)
   local opened = require("sim.cloud").open(options or { factor = 0 })
   return setmetatable({ cloud = opened, state = opened.state, owner = opened.owner }, inside)
end

local function decoded(reply)
   local body = reply.body
   if type(body) == "string" and (reply.headers["content-type"] or ""):find "json" and body ~= "" then
      body = assert(json.decode(body))
   end
   return reply.status, body, reply.headers
end

function inside:request(fields)
   local host, target = fields.url:match "^%a+://([^/]+)(.*)$"
   local headers = { authorization = fields.token and "Bearer " .. fields.token }
   for name, value in pairs(fields.headers or {}) do
      headers[name:lower()] = value
   end
   local body = fields.body
   if fields.json ~= nil then
      body = json.encode(fields.json)
      headers["content-type"] = headers["content-type"] or "application/json"
   end
   self.cloud:run_due()
   return decoded(assert(self.cloud.router:handle {
      method = fields.method or "GET", host = host, target = target == "" and "/" or target,
         headers = headers,
      body = body or "", plain = fields.plain,
   }))
end

--- A request to ARM as the owner (or with `token`): path below the subscription, without its api-version.
-- arm("PUT", "/resourceGroups/g", "2024-11-01", body)
function inside:arm(method, path, version, body, token)
   self.arm_token = self.arm_token or self:token "https://management.azure.com"
   return self:request { method = method, json = body, token = token or self.arm_token,
      url = ("https://management.azure.com/subscriptions/%s%s%sapi-version=%s"):format(
         self.owner.subscription, path,
         path:find("?", 1, true) and "&" or "?", version) }
end

--- Registers a namespace and makes a resource group.
function inside:prepare(group, ...)
   for _, namespace in ipairs { ... } do
      assert(self:arm("POST", "/providers/" .. namespace .. "/register", "2021-04-01") == 200)
   end
   return self:arm("PUT", "/resourceGroups/" .. group, "2021-04-01", { location = "northeurope" })
end

--- A new application with a principal and a password: { app, principal, id (client), secret }.
function inside:client(name, role, scope)
   local directory, roles = require "sim.directory", require "sim.roles"
   local app = directory.create_application(self.cloud, { displayName = name }, true)
   local principal = directory.create_principal(self.cloud, app, true)
   local password = directory.add_password(self.cloud, app, {}, true)
   if role then
      roles.assign(self.state, { name = require("aci.crypto").uuid4(), scope = scope,
         principal = principal.id,
         principal_type = "ServicePrincipal", role = role, effective = 0 })
   end
   return { app = app, principal = principal, id = app.appId, secret = password.secretText }
end

--- An access token of the owner (or of another client) for a scope such as "https://management.azure.com".
function inside:token(resource, client_id, client_secret)
   local value = client_secret or self.owner.client_secret
   local form = ("grant_type=client_credentials&client_id=%s&client_secret=%s&scope=%s/.default"):format(
      client_id or self.owner.client_id, secret.is(value) and secret.reveal(value) or value, resource)
   local status, body = self:request {
      method = "POST", url = "https://login.microsoftonline.com/" .. self.owner.tenant
         .. "/oauth2/v2.0/token",
      body = form, headers = { ["content-type"] = "application/x-www-form-urlencoded" },
   }
   assert(status == 200, json.encode(body))
   return body.access_token
end

function inside:close()
   self.cloud:close()
end

local outside = {}
outside.__index = outside

--- A cloud as a process of its own: { home, pid, https_port, proxy_port, prefect_port, ca_file, ... }.
-- stop() ends it by its own pid and removes the home. `options`: home, arguments, environment.
function support.start(options)
   options = options or {}
   local home = options.home or assert(fs.tempdir "acihost-cloud-")
   local environment = process.environment()
   environment.ACIHOST_HOME = home
   for name, value in pairs(options.environment or {}) do environment[name] = value end
   local args = { process.self(), "scripts/sim.lua", "run", table.unpack(options.arguments or {}) }
   local running = assert(process.spawn { args = args, env = environment, stdin = "null",
      stdout = { file = home .. "/spec.log" }, stderr = "stdout" })
   local self = setmetatable({ home = home, process = running, pid = running:pid(), keep = options.home },
      outside)
   for _ = 1, 200 do
      local text = fs.read(home .. "/cloud.json")
      if text then
         for name, value in pairs(assert(json.decode(text))) do
            self[name] = value
         end
         return self
      end
      task.sleep(0.05)
   end
   self:stop()
   error("the local cloud did not start: " .. (fs.read(home .. "/spec.log") or "no log"))
end

function outside:stop()
   self.process:kill "TERM"
   if not task.wait(self.process, 5) then
      self.process:kill "KILL"
      task.wait(self.process)
   end
   if not self.keep then
      fs.remove_tree(self.home)
   end
end

return support
