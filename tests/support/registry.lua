--- Debian's docker-registry on loopback, and a token service in front of it that speaks as Azure's does.
local clock   = require "aci.clock"
local crypto  = require "aci.crypto"
local fs      = require "aci.fs"
local http    = require "aci.http"
local json    = require "aci.json"
local peers   = require "tests.support.peers"
local process = require "aci.process"
local secret  = require "aci.secret"
local server  = require "aci.server"
local task    = require "aci.task"

local registry = {}

local Registry = {}
Registry.__index = Registry

function Registry:stop()
   self.process:stop(5)
   fs.remove_tree(self.home)
end

Registry.__close = Registry.stop

--- The method and path of every request it was sent, in order; its log tells them.
function Registry:requests()
   local list = {}
   for line in (fs.read(self.home .. "/log") or ""):gmatch "[^\n]+" do
      local method, path = line:match '"(%u+) (/v2/%S*) HTTP'
      if method then list[#list + 1] = method .. " " .. path:gsub("%?.*", "") end
   end
   return list
end

--- Starts one. `auth`: lines of YAML for its `auth` section.
function registry.start(auth)
   local home, port = assert(fs.tempdir "acihost-registry-"), peers.free_port()
   local config = ([[
version: 0.1
log: { level: error, accesslog: { disabled: false } }
storage: { filesystem: { rootdirectory: %s/data }, delete: { enabled: true } }
http: { addr: 127.0.0.1:%d }
%s]]):format(home, port, auth and auth(home) or "")
   assert(fs.write(home .. "/config.yml", config))
   local started = assert(process.spawn { args = { "docker-registry", "serve", home .. "/config.yml" },
      stdin = "null", stdout = { file = home .. "/log" }, stderr = "stdout", parent_death = "TERM" })
   local self = setmetatable({ process = started, home = home, port = port, host = "127.0.0.1:" .. port }, Registry)
   peers.wait_until("docker-registry", 20, function()
      return http.request { url = "http://" .. self.host .. "/v2/", timeout = 1, retry = false } ~= nil
   end)
   return self
end

-- crypt("correct horse", "$2y$05$abc...") of the C library.
registry.HASH = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"

--- Basic authentication for one user by bcrypt's hash of the password.
function registry.basic(user, hash)
   return function(home)
      assert(fs.write(home .. "/htpasswd", user .. ":" .. hash .. "\n"))
      return ("auth: { htpasswd: { realm: test, path: %s/htpasswd } }\n"):format(home)
   end
end

-- Azure Container Registry's own end points (registry-network.md 4.2): the exchange of a token of Entra for a
-- refresh token, and of that for an access token, which the real registry verifies.
local Tokens = {}
Tokens.__index = Tokens

local function jwt(identity, claims)
   local der = crypto.base64(crypto.certificate_facts(identity.certificate).der)
   local head = json.encode { alg = "RS256", typ = "JWT", x5c = json.array { der } }
   local text = crypto.base64url(head) .. "." .. crypto.base64url(json.encode(claims))
   return text .. "." .. crypto.base64url(assert(crypto.sign_rs256(identity.key, text)))
end

local function fields(text)
   local map = {}
   for name, value in text:gmatch "([^&=]+)=([^&]*)" do map[name] = http.unescape((value:gsub("+", " "))) end
   return map
end

local function access(self, form)
   local name, actions = form.scope:match "^repository:([^:]+):(.+)$"
   local list = json.array {}
   for action in actions:gmatch "[^,]+" do list[#list + 1] = action end
   local now = math.floor(clock.now())
   return { access_token = jwt(self.identity, { iss = "Azure Container Registry", aud = form.service, sub = "me",
      nbf = now - 60, iat = now - 60, exp = now + 300, jti = crypto.uuid4(),
      access = json.array { { type = "repository", name = name, actions = list } } }) }
end

local function answer(self, request)
   local form = fields(request:body())
   self.asked[#self.asked + 1] = { path = request.path, form = form }
   local body
   if request.path == "/oauth2/exchange" and form.grant_type == "access_token" and form.access_token == self.entra then
      body = { refresh_token = self.refresh }
   elseif request.path == "/oauth2/token" and form.grant_type == "refresh_token" and form.refresh_token == self.refresh
   then
      body = access(self, form)
   end
   request:respond(body and 200 or 401, { ["content-type"] = "application/json" }, json.encode(body or {}))
end

function Tokens:close()
   self.listener:close()
   self.loop:cancel()
end

Tokens.__close = Tokens.close

--- A token service that takes `entra` as Entra's token; `auth` is for registry.start.
function registry.tokens(entra)
   local self = setmetatable({ entra = entra, refresh = crypto.uuid4(), asked = {},
      identity = assert(crypto.login_certificate { name = "tokens" }) }, Tokens)
   self.listener = assert(server.listen {})
   self.loop = task.spawn(function()
      for request in function() return self.listener:next() end do task.spawn(answer, self, request) end
   end)
   self.auth = function(home)
      assert(fs.write(home .. "/roots.pem", self.identity.certificate))
      return ("auth: { token: { realm: 'http://127.0.0.1:%d/oauth2/token', service: 127.0.0.1, issuer: "
         .. "'Azure Container Registry', rootcertbundle: %s/roots.pem } }\n"):format(self.listener:port(), home)
   end
   return self
end

--- A credential that gives a fixed token.
function registry.credential(token)
   return require("aci.auth").new("test", function() return secret.new(token), clock.now() + 3600 end)
end

return registry
