--- Azure Resource Manager's own routes: subscriptions, tenants, locations, resource providers, the list of
-- resources, and what it says to paths that nobody serves.
local json      = require "aci.json"
local access    = require "sim.access"
local checks    = require "sim.checks"
local locations = require "sim.locations"
local provider  = require "sim.provider"
local refuse    = require "sim.refuse"
local registry  = require "sim.registry"
local tokens    = require "sim.tokens"

local arm = provider { name = "arm" }

local VERSIONS = { "2026-04-01", "2025-04-01", "2025-03-01", "2024-11-01", "2024-08-01", "2024-07-01",
   "2024-03-01",
   "2023-07-01", "2022-12-01", "2022-09-01", "2022-01-01", "2021-04-01", "2021-01-01", "2020-10-01",
      "2020-08-01",
   "2020-06-01", "2020-01-01", "2019-11-01", "2019-10-01", "2019-08-01", "2019-07-01", "2019-06-01",
      "2019-05-10",
   "2019-05-01", "2018-05-01", "2018-02-01", "2017-05-10", "2016-09-01", "2016-07-01", "2016-06-01",
      "2016-02-01",
   "2015-11-01", "2015-01-01" }

--- The api-versions of the Microsoft.Resources-level routes, newest first.
arm.VERSIONS = VERSIONS

local function checked(handler)
   return function(req)
      checks.resource_version(req, VERSIONS)
      return handler(req)
   end
end

local function subscription_body(req)
   local id = req.state:setting "subscription"
   return {
      id = "/subscriptions/" .. id, subscriptionId = id, tenantId = tokens.tenant(req.state),
      displayName = "Local cloud", state = "Enabled", authorizationSource = "RoleBased",
      subscriptionPolicies = { locationPlacementId = "Public_2014-09-01", quotaId = "PayAsYouGo_2014-09-01",
         spendingLimit = "Off" }, managedByTenants = json.array {},
   }
end

arm:route("GET /subscriptions", {}, checked(function(req)
   local seen = #access.assignments(req.state, req.caller.oid) > 0
   return 200, { value = json.array(seen and { subscription_body(req) } or {}),
      count = { type = "Total", value = seen and 1 or 0 } }
end))

arm:route("GET /subscriptions/:subscription", { action = "Microsoft.Resources/subscriptions/read",
   scope = function(req) return req.path end }, checked(function(req) return 200,
      subscription_body(req) end))

arm:route("GET /tenants", {}, checked(function(req)
   local tenant = tokens.tenant(req.state)
   return 200, { value = json.array { { id = "/tenants/" .. tenant, tenantId = tenant,
      displayName = "Local cloud",
      defaultDomain = "local.onmicrosoft.com", tenantType = "AAD" } } }
end))

local function scope_of_subscription(req)
   return "/subscriptions/" .. req.params.subscription
end

arm:route("GET /subscriptions/:subscription/locations", {
   action = "Microsoft.Resources/subscriptions/locations/read", scope = scope_of_subscription,
}, checked(function(req)
   local value = json.array {}
   for index, name in ipairs(locations.names) do
      value[index] = { id = "/subscriptions/" .. req.params.subscription .. "/locations/"
         .. locations.short(name),
         name = locations.short(name), type = "Region", displayName = name, regionalDisplayName = name,
         metadata = { regionType = "Physical", regionCategory = "Recommended" } }
   end
   return 200, { value = value }
end))

-- Resource providers.

local function types_of(namespace)
   local found, prefix = json.array {}, namespace:lower() .. "/"
   for key, definition in pairs(registry.types) do
      if key:sub(1, #prefix) == prefix then
         found[#found + 1] = { resourceType = definition.type,
            apiVersions = json.array(definition.versions),
            locations = json.array(definition.location == false and {} or locations.names),
            capabilities = "SupportsTags, SupportsLocation" }
      end
   end
   table.sort(found, function(a, b) return a.resourceType < b.resourceType end)
   return found
end

local function provider_body(req, service)
   local namespace = service.namespace
   return {
      id = "/subscriptions/" .. req.params.subscription .. "/providers/" .. namespace,
         namespace = namespace,
      registrationPolicy = service.free and "RegistrationFree" or "RegistrationRequired",
      registrationState = checks.registration(req.state, namespace), resourceTypes = types_of(namespace),
   }
end

local function namespace_of(req)
   return refuse.unless(registry.namespaces[req.params.namespace:lower()], 404, "InvalidResourceNamespace",
      ("The resource namespace '%s' is invalid."):format(req.params.namespace))
end

arm:route("GET /subscriptions/:subscription/providers", {
   action = "Microsoft.Resources/subscriptions/providers/read", scope = scope_of_subscription,
}, checked(function(req)
   local value = json.array {}
   for _, service in pairs(registry.namespaces) do
      value[#value + 1] = provider_body(req, service)
   end
   table.sort(value, function(a, b) return a.namespace < b.namespace end)
   return 200, { value = value }
end))

arm:route("GET /subscriptions/:subscription/providers/:namespace", {
   action = "Microsoft.Resources/subscriptions/providers/read", scope = scope_of_subscription,
}, checked(function(req)
   return 200, provider_body(req, namespace_of(req))
end))

arm:route("POST /subscriptions/:subscription/providers/:namespace/register", {
   scope = scope_of_subscription,
   action = function(req) return req.params.namespace .. "/register/action" end,
}, checked(function(req)
   local service = namespace_of(req)
   checks.register(req, service.namespace)
   return 200, provider_body(req, service)
end))

arm:route("POST /subscriptions/:subscription/providers/:namespace/unregister", {
   scope = scope_of_subscription,
   action = function(req) return req.params.namespace .. "/unregister/action" end,
}, checked(function(req)
   local service = namespace_of(req)
   req.state.db:run("DELETE FROM settings WHERE name = ?", "registered." .. service.namespace:lower())
   local body = provider_body(req, service)
   body.registrationState = service.free and "Registered" or "Unregistered"
   return 200, body
end))

arm:route("GET /subscriptions/:subscription/tagNames", {
   action = "Microsoft.Resources/subscriptions/tagNames/read", scope = scope_of_subscription,
}, checked(function() return 200, { value = json.array {} } end))

-- The list of resources.

local function brief(row)
   local body = row.body
   return { id = body.id, name = body.name, type = body.type, location = body.location, tags = body.tags,
      kind = body.kind, sku = body.sku, identity = body.identity }
end

-- The conditions of a $filter that these lists know, in lower case.
local KNOWN = { resourcetype = true, name = true, location = true, resourcegroup = true, tagname = true,
   tagvalue = true }

local function parse_filter(text)
   local wanted, rest = {}, (text or ""):gsub("%f[%w]and%f[%W]", "")
   rest = rest:gsub("(%w+)%s+eq%s+'([^']*)'", function(name, value)
      wanted[name:lower()] = value
      return KNOWN[name:lower()] and "" or nil
   end)
   refuse.when(rest:find "%S", 501, "NotImplemented", "The local cloud does not know the filter "
      .. tostring(text) .. ".")
   return wanted
end

local function same(a, b)
   return b == nil or (type(a) == "string" and a:lower() == b:lower())
end

local function fits(body, wanted)
   local tags = type(body.tags) == "table" and body.tags or {}
   return same(body.type, wanted.resourcetype) and same(body.name, wanted.name)
      and same(body.location, locations.short(wanted.location))
      and same(body.id:match "/resource[gG]roups/([^/]+)", wanted.resourcegroup)
      and (not wanted.tagname or tags[wanted.tagname] ~= nil)
      and (not wanted.tagvalue or tags[wanted.tagname] == wanted.tagvalue)
end

arm.parse_filter, arm.fits = parse_filter, fits

-- Resources at the top of a provider that have a location; children are not listed.
local function list_resources(req, under)
   local wanted, value = parse_filter(req.query["$filter"]), json.array {}
   for _, row in ipairs(req.state:resources { under = under }) do
      local path = row.id:match "/providers/[^/]+/(.*)$"
      if path and select(2, path:gsub("/", "")) == 1 and row.body.location and fits(row.body, wanted)
         and access.allowed(req.state, req.caller, row.body.type .. "/read", row.id) then
         value[#value + 1] = brief(row)
      end
   end
   return 200, { value = value }
end

arm:route("GET /subscriptions/:subscription/resources", {}, checked(function(req)
   return list_resources(req, "/subscriptions/" .. req.params.subscription)
end))

arm:route("GET /subscriptions/:subscription/resourceGroups/:group/resources", {
   action = "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
   scope = function(req) return (req.path:gsub("/resources/*$", "")) end,
}, checked(function(req)
   return list_resources(req, checks.group(req, req.params.group).id)
end))

-- What a tool asks before it has a token: where everything is.
arm:route("GET /metadata/endpoints", { anonymous = true }, function(req)
   if req.query["api-version"] == "2015-01-01" then
      return 200, { galleryEndpoint = "https://gallery.azure.com/",
         graphEndpoint = "https://graph.windows.net/",
         portalEndpoint = "https://portal.azure.com/", authentication = {
            loginEndpoint = "https://login.microsoftonline.com/",
            audiences = json.array { "https://management.core.windows.net/",
               "https://management.azure.com/" } } }
   end
   return 200, {
      name = "AzureCloud", portal = "https://portal.azure.com",
         resourceManager = "https://management.azure.com/",
      authentication = { loginEndpoint = "https://login.microsoftonline.com", tenant = "common",
         identityProvider = "AAD",
         audiences = json.array { "https://management.core.windows.net/",
            "https://management.azure.com/" } },
      microsoftGraphResourceId = "https://graph.microsoft.com/", graph = "https://graph.windows.net/",
      graphAudience = "https://graph.windows.net/", batch = "https://batch.core.windows.net/",
      gallery = "https://gallery.azure.com/", media = "https://rest.media.azure.net",
      sqlManagement = "https://management.core.windows.net:8443/",
         vmImageAliasDoc = "https://aka.ms/vmaliases",
      suffixes = { keyVaultDns = "vault.azure.net", storage = "core.windows.net",
         acrLoginServer = "azurecr.io",
         sqlServerHostname = "database.windows.net" },
   }
end)

-- What nobody serves.

local function unknown_type(req, namespace, name)
   local service = registry.namespaces[namespace:lower()]
   if not service and not namespace:lower():find "^microsoft%." then
      refuse(404, "InvalidResourceNamespace", ("The resource namespace '%s' is invalid."):format(namespace))
   end
   refuse(501, "NotImplemented", ("The local cloud does not implement %s %s/%s (api version "
      .. "'%s')."):format(req.method, service and service.namespace or namespace, name,
         req.query["api-version"]))
end

function arm.missing(req)
   local claims, problem = tokens.check(req, arm.audience)
   if not claims and not req.inside then
      arm.unauthorized(req, problem)
   end
   arm.before(req)
   local namespace, rest = req.path:match "/providers/([^/]+)/(.+)$"
   if namespace then
      unknown_type(req, namespace, rest)
   end
   refuse(501, "NotImplemented", ("The local cloud does not implement %s %s."):format(req.method, req.path))
end

return arm
