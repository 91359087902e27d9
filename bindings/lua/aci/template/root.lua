-- What a deployment is and where: the options of template.evaluate as the functions of the language
-- see them (subscription(), resourceGroup(), ...), and the callbacks.
local value = require "aci.template.value"

local root = {}

-- A copy of `given`, with a member added where it is missing.
local function completed(given, ...)
   local out = {}
   for name, v in value.members(given) do
      value.put(out, name, v)
   end
   for i = 1, select("#", ...), 2 do
      local name, v = select(i, ...)
      if out[name] == nil and v ~= nil then
         value.put(out, name, v)
      end
   end
   return out
end

local function subscription_of(given, tenant)
   if given == nil then
      return nil
   elseif type(given) == "string" then
      given = { subscriptionId = given }
   end
   local id = given.subscriptionId
   return completed(given, "id", "/subscriptions/" .. id, "tenantId", tenant, "displayName", id)
end

local function group_of(given, subscription)
   if given == nil then
      return nil
   elseif type(given) == "string" then
      given = { name = given }
   end
   assert(given.id or subscription, "a resource group needs a subscription")
   return completed(given, "id", not given.id
      and ("/subscriptions/%s/resourceGroups/%s"):format(subscription.subscriptionId, given.name) or nil)
end

local function place_of(self)
   if self.resource_group then
      return "group", self.resource_group.id
   elseif self.subscription then
      return "subscription", "/subscriptions/" .. self.subscription.subscriptionId
   elseif self.management_group then
      return "management group", "/providers/Microsoft.Management/managementGroups/"
         .. self.management_group.name
   end
   return "tenant", ""
end

local function new_guid()
   return require("aci.crypto").uuid4()
end

--- options: see template.evaluate. kind is "group", "subscription", "management group" or "tenant"; scope
--- the id that ids begin with.
function root.new(options)
   local tenant = options.tenant
   local self = {
      management_group = options.management_group, reference = options.reference, list = options.list,
      secret = options.secret, zones = options.zones, environment = options.environment,
      now = options.now or os.time, new_guid = options.new_guid or new_guid,
      tenant = type(tenant) == "string" and value.object("tenantId", tenant) or tenant,
      deployment = options.deployment or value.object("name", "deployment", "properties", {}),
   }
   self.subscription = subscription_of(options.subscription, self.tenant and self.tenant.tenantId)
   self.resource_group = group_of(options.resource_group, self.subscription)
   self.kind, self.scope = place_of(self)
   return self
end

return root
