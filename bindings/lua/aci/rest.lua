-- One authenticated JSON request to one service of Azure: what aci.azure, aci.graph and aci.keyvault
-- have in common. A transport is anything with `:request(options) -> response | nil, err`; it comes
-- from the configuration (`config.http`), so that tests give their own.
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local fault = require "aci.fault"
local json = require "aci.json"
local trace = require "aci.trace"

local rest = {}

local Client = {}
Client.__index = Client

--- The transport of the configuration: made once, goes to the local cloud when that is the target.
function rest.transport(config)
   if config.http then return config.http end
   if not config.transport then
      config.transport = require("aci.http").client {
         connect_to = config.connect_to, ca_file = config.ca_file, connect_timeout = 15, timeout = 120,
      }
   end
   return config.transport
end

--- The transport for addresses that are this machine's own (managed identity): never redirected.
function rest.direct(config)
   if config.http then return config.http end
   return require("aci.http").client { connect_timeout = 2, timeout = 30 }
end

--- "https://host:443/x" -> "https://host"
local function origin(url)
   local scheme, host = url:match "^(%a+)://([^/?#]+)"
   if not scheme then return nil end
   return (scheme .. "://" .. host):lower():gsub("^(https://.*):443$", "%1")
end

--- A client of the service at `options.base` (scheme and host), with tokens of `options.credential`
--- for `options.scope`. `options.name` is how errors call the service.
function rest.client(config, options)
   return setmetatable({
      transport = rest.transport(config), credential = options.credential, scope = options.scope,
      base = options.base, origin = origin(options.base), name = options.name,
   }, Client)
end

--- Whether a link that the service gave stays with it: a token must not go anywhere else.
function Client:is_ours(url)
   return origin(url) == self.origin
end

--- An absolute address from a path or a link.
function Client:absolute(url)
   return url:find "^%a+://" and url or self.base .. url
end

local function foreign(self, url)
   return error_.raise { kind = "server", code = "ForeignLink", url = fault.bare_url(url),
      message = ("%s gave a link to another host, %s; our token does not go there"):format(
         self.name, url:match "^%a+://([^/?#]+)" or url) }
end

local function headers_of(self, request, token)
   local headers = { accept = "application/json", ["x-ms-client-request-id"] = crypto.uuid4() }
   for name, value in pairs(request.headers or {}) do headers[name] = value end
   if token then headers.authorization = "Bearer " .. token end
   return headers
end

local function exchange(self, request, url)
   local token = self.credential and self.credential:token(request.scope or self.scope) or nil
   local response, err = self.transport:request {
      method = request.method, url = url, query = request.query, headers = headers_of(self, request, token),
      json = request.json, body = request.body, secret_body = request.secret_body,
      timeout = request.timeout, retry = request.retry == nil and { tries = 5, max_wait = 60 } or request.retry,
   }
   if not response then error(err, 0) end
   return response
end

--- An expired or withdrawn token: forget it and try once with a new one.
local function stale(self, request, response)
   local forgotten = response.status == 401 and self.credential and self.credential.forget
      and self.credential:forget(request.scope or self.scope)
   if forgotten then
      trace.decision("%s refuses the token; once more with a new one", self.name)
   end
   return forgotten
end

-- What a service gives once in a body that was asked for as a secret: Key Vault's and listKeys' values, Graph's
-- new passwords.
local SECRETS = { secrets = { "value", "secretText" } }

local function decode(self, request, response)
   local body = response.body
   if body == nil or #body == 0 then return nil end
   local value, why = json.decode(body, request.secret_body and SECRETS or nil)
   if value == nil and why then
      error_.raise { kind = "server", code = "NotJSON", status = response.status, method = request.method,
         url = fault.bare_url(response.url), request_id = response.headers["x-ms-request-id"],
         message = ("%s answered with something that is not JSON: %s"):format(self.name, why.message) }
   end
   return value
end

--- Raises the error of an answer.
function Client:refuse(request, response, fields)
   fields = fields or {}
   fields.method, fields.url = request.method, self:absolute(request.url)
   error(fault.from(response, fields), 0)
end

--- Sends a request and gives the response with its decoded body in `data`. `request`: method, url (a
--- path or an address of this service), query, json | body, headers, secret_body, retry, timeout,
--- accept (a set of statuses that are answers, beside those below 400). Raises every other answer.
function Client:send(request)
   local url = self:absolute(request.url)
   if not self:is_ours(url) then foreign(self, url) end
   local response = exchange(self, request, url)
   if stale(self, request, response) then response = exchange(self, request, url) end
   local accepted = request.accept and request.accept[response.status]
   if response.status >= 400 and not accepted then self:refuse(request, response) end
   if response.status < 400 then response.data = decode(self, request, response) end
   return response
end

--- All items of a paged list: follows `nextLink` (or the member named by `link`) byte for byte, until
--- there is none; a page may be empty and still have one.
function Client:pages(request, link)
   local items, seen = {}, {}
   link = link or "nextLink"
   repeat
      local data = self:send(request).data or {}
      for _, item in ipairs(data.value or {}) do items[#items + 1] = item end
      local next_url = data[link]
      if next_url == json.null or next_url == "" then next_url = nil end
      if next_url and seen[next_url] then
         error_.raise { kind = "server", code = "PagingLoop", url = fault.bare_url(next_url),
            message = self.name .. " gave the same next page twice" }
      end
      if next_url then seen[next_url] = true end
      request = next_url and { method = "GET", url = next_url, headers = request.headers }
   until not request
   return items
end

return rest
