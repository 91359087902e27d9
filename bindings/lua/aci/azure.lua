-- Azure Resource Manager: resources by their ids, lists, actions, long-running operations. Deployments are
-- in aci.azure.deployments, groups, providers and storage keys in aci.azure.helpers.
local deployments = require "aci.azure.deployments"
local fault = require "aci.fault"
local helpers = require "aci.azure.helpers"
local http = require "aci.http"
local ids = require "aci.azure.ids"
local operation = require "aci.operation"
local rest = require "aci.rest"

local azure = {}

local Azure = {}
Azure.__index = Azure
Azure.__tostring = function(self)
   return ("Azure: subscription %s, group %s"):format(self.subscription, self.config.group)
end

--- A client of ARM for the settings' subscription. On the local cloud it starts that where it is not
-- running. `credential` defaults to `auth.credential(config)`.
function azure.connect(config, credential)
   require("aci.local").settle(config)
   credential = credential or require("aci.auth").credential(config)
   return setmetatable({
      config = config, credential = credential, subscription = config.subscription,
      client = rest.client(config, {
         base = config.arm_endpoint, credential = credential, name = "Azure Resource Manager",
         scope = config.arm_endpoint .. "/.default",
      }),
   }, Azure)
end

-- 404s that mean a wrong request, not an absent resource.
local not_absent = {
   SubscriptionNotFound = true, InvalidResourceType = true, InvalidResourceNamespace = true,
   InvalidSubscriptionId = true, SubscriptionNotRegistered = true,
}

--- The address of an id: begins at the subscription when it is relative ("resourceGroups/x"), and carries
-- the api-version (that of aci.azure.versions when none is given).
function Azure:address(id, version, query)
   local path = id:sub(1, 1) == "/" and id
      or ("/subscriptions/%s/%s"):format(self.subscription or "", id)
   version = version or ids.version(path)
   local text = path:gsub("[^%w%-%._~/%(%)%$@:,;=!*'&+]", http.escape) .. "?api-version=" .. version
   local names = {}
   for name in pairs(query or {}) do names[#names + 1] = name end
   table.sort(names)
   for _, name in ipairs(names) do
      text = text .. "&" .. http.escape(name, "$") .. "=" .. http.escape(tostring(query[name]))
   end
   return text
end

-- The body of a refusal once more, to see its first code.
local function code_of(response)
   return fault.from(response).code
end

local function code_is(response, code)
   for _, cause in ipairs(fault.causes(fault.text(response))) do
      if cause.code == code then return cause end
   end
end

local function namespace_of(cause)
   return cause.target or (cause.message or ""):match "namespace '([^']+)'"
end

--- The provider that a refusal asks for, or nil.
local function unregistered(response)
   local cause = response.status == 409 and code_is(response, "MissingSubscriptionRegistration")
   return cause and namespace_of(cause)
end

--- One request. Providers that the subscription lacks get registered, each once (a template may need some).
-- `options`: json or body, headers, accept, timeout, secret_body, safe, retry (as http.request has it).
function Azure:send(method, url, options)
   local request = {
      method = method, url = url, json = options.json, body = options.body, headers = options.headers,
      secret_body = options.secret_body, timeout = options.timeout, accept = options.accept or {},
      retry = options.retry,
   }
   if options.safe then request.retry = { tries = 5, max_wait = 60, safe = true } end
   local accepts_409 = request.accept[409]
   request.accept[409] = true
   local response, tried = self.client:send(request), {}
   local namespace = unregistered(response)
   while namespace and not tried[namespace:lower()] do
      tried[namespace:lower()] = true
      self:register(namespace)
      response = self.client:send(request)
      namespace = unregistered(response)
   end
   if response.status == 409 and not accepts_409 then self.client:refuse(request, response) end
   return response
end

--- The resource with an id (or a path under the subscription), or nil when there is none.
function Azure:get(id, version)
   local url = self:address(id, version)
   local response = self:send("GET", url, { accept = { [404] = true } })
   if response.status ~= 404 then return response.data end
   if not_absent[code_of(response)] then
      self.client:refuse({ method = "GET", url = url }, response)
   end
   return nil
end

--- Begins a PUT, PATCH, POST or DELETE and gives its operation (`:wait()`, `:poll()`, `:done()`), which may
-- be done already. `options`: json or body, query, version, timeout, on_poll, safe, secret_body, headers.
function Azure:start(method, id, options)
   options = options or {}
   local url = self:address(id, options.version, options.query)
   local sent = { json = options.json, body = options.body, headers = options.headers, safe = options.safe,
      secret_body = options.secret_body }
   if method == "DELETE" then sent.accept = { [404] = true } end
   local response = self:send(method, url, sent)
   if response.status == 404 and not_absent[code_of(response)] then
      self.client:refuse({ method = method, url = url }, response)
   end
   return operation.new(self.client, { method = method, url = url }, response, {
      timeout = options.timeout, on_poll = options.on_poll, poll = self.config.poll,
   })
end

local function with(options, version, body)
   local all = { version = version, json = body }
   for key, value in pairs(options or {}) do all[key] = value end
   return all
end

--- Makes or replaces a resource, waits until that is done, and gives the resource.
function Azure:put(id, version, body, options)
   return self:start("PUT", id, with(options, version, body)):wait()
end

--- Changes some members of a resource (`tags` are replaced as a whole), waits, gives the resource.
function Azure:patch(id, version, body, options)
   return self:start("PATCH", id, with(options, version, body)):wait()
end

--- An action (".../listKeys"), waited for; gives its answer.
function Azure:post(id, version, body, options)
   return self:start("POST", id, with(options, version, body)):wait()
end

--- Deletes a resource and waits until it is gone. True when it was there; then the first answer's headers.
function Azure:delete(id, version, options)
   local begun = self:start("DELETE", id, with(options, version))
   local first = begun.first.status
   begun:wait()
   return first ~= 404 and first ~= 204, begun.first.headers
end

--- All resources of a list, through all its pages. `query`: such as `{["$filter"] = "..."}`.
function Azure:list(path, version, query)
   return self.client:pages { method = "GET", url = self:address(path, version, query) }
end

--- Declares a resource without asking Azure: `{kind="arm", id, type, name, version, body}`. `options`:
-- `group` (default the settings'), `scope` (an id, for extension resources such as role assignments),
-- `version`. Parts of a child's name are separated by "/".
function Azure:resource(resource_type, name, body, options)
   options = options or {}
   local scope = options.scope or self:group_id(options.group)
   return {
      kind = "arm", type = resource_type, name = name, body = body,
      id = ids.join(scope, resource_type, name),
      version = options.version or ids.version_of_type(resource_type),
   }
end

for _, part in ipairs { helpers, deployments } do
   for name, method in pairs(part) do Azure[name] = method end
end

return azure
