-- How a registry is logged in to: its 401 says how (Basic, or Bearer with the address of a token service).
-- A user's password goes there; for Azure Container Registry a token of Entra is exchanged for a refresh token,
-- and that for an access token of one repository. No login goes to another host than the registry's.
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local http = require "aci.http"
local json = require "aci.json"
local secret = require "aci.secret"

local login = {}

local Login = {}
Login.__index = Login

-- The audience that az asks for.
local AZURE_SCOPE = "https://containerregistry.azure.net/.default"

function login.new(options)
   return setmetatable({ user = options.user, password = options.password, azure = options.azure, tokens = {} },
      Login)
end

local function host_of(url)
   local scheme, host = url:match "^(%a+)://([^/:?#]+)"
   return scheme and scheme:lower(), host and host:lower()
end

--- Whether a login for the registry at `base` may be sent to `url`: the same host, and no weaker scheme.
function login.may_go(base, url)
   local scheme, host = host_of(base)
   local other_scheme, other = host_of(url)
   return host == other and (scheme == other_scheme or other_scheme == "https")
end

--- The first thing that a `WWW-Authenticate` header asks for and that we could send: its scheme and its
-- parameters.
function login.challenge(header)
   for _, asked in ipairs(http.challenges(header or "")) do
      if asked.scheme == "basic" or asked.scheme == "bearer" then return asked.scheme, asked.parameters end
   end
end

--- The header for a request, from what was learnt so far.
function Login:current(scope)
   return self.basic or self.tokens[scope]
end

function Login:basic_header()
   if not self.user then return nil end
   return "Basic " .. crypto.base64(secret.new(self.user .. ":") .. self.password)
end

local function refuse(response, url, what)
   error_.raise { kind = response.status >= 500 and "server" or "auth", status = response.status, url = url,
      code = "RegistryLogin", message = ("the registry does not take %s (%d)"):format(what, response.status) }
end

local function post(transport, url, form, member, what)
   local response, why = transport:request { method = "POST", url = url, form = form, secret_body = true,
      retry = { tries = 4, safe = true } }
   if not response then error(why, 0) end
   local body = response.status == 200 and json.decode(response.body)
   local token = body and body[member]
   return token and secret.new(token) or refuse(response, url, what)
end

--- Azure: Entra's token for the registry's refresh token, which is kept.
function Login:refresh_token(registry, realm, service)
   if not self.refresh then
      self.refresh = post(registry.transport, (realm:gsub("/token$", "/exchange")), {
         grant_type = "access_token", service = service, access_token = self.azure:token(AZURE_SCOPE),
      }, "refresh_token", "the login of Azure")
   end
   return self.refresh
end

local function by_azure(self, registry, asked, scope)
   local function access()
      return post(registry.transport, asked.realm, { grant_type = "refresh_token", service = asked.service,
         scope = scope, refresh_token = self:refresh_token(registry, asked.realm, asked.service),
      }, "access_token", "its own refresh token")
   end
   local kept = self.refresh ~= nil
   local ok, token = pcall(access)
   if ok then return token end
   if not kept or not error_.is(token, "auth") then error(token, 0) end
   self.refresh = nil -- it ended while we worked
   return access()
end

--- The usual token service: the user's password, or nobody's, for a token.
local function by_password(self, registry, asked, scope)
   local response, why = registry.transport:request { url = asked.realm, secret_body = true,
      query = { service = asked.service, scope = scope, account = self.user },
      headers = { authorization = self:basic_header() } }
   if not response then error(why, 0) end
   local body = response.status == 200 and json.decode(response.body)
   local token = body and (body.token or body.access_token)
   return token and secret.new(token) or refuse(response, asked.realm, "this login")
end

--- The header that a 401's challenge asks for; nil when there is none that we could send.
function Login:answer(header, registry, scope)
   local kind, asked = login.challenge(header)
   if kind == "basic" then
      self.basic = self:basic_header()
      return self.basic
   end
   if kind ~= "bearer" or not asked.realm then return nil end
   if (self.azure or self.user) and not login.may_go(registry.base, asked.realm) then
      error_.raise { kind = "server", code = "ForeignRealm", url = asked.realm,
         message = "the registry's token service is on another host; our login does not go there" }
   end
   local way = self.azure and by_azure or by_password
   self.tokens[scope] = "Bearer " .. way(self, registry, asked, scope)
   return self.tokens[scope]
end

return login
