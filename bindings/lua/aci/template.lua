-- aci.template: ARM templates read, checked and evaluated as Azure does it. See meta/template.lua.
local errors = require "aci.error"
local eval = require "aci.template.eval"
local fault = require "aci.template.fault"
local hash = require "aci.template.hash"
local plan = require "aci.template.plan"
local reader = require "aci.template.reader"
local value = require "aci.template.value"

local template = {}

-- nil and the public error for one of our faults; anything else goes on up.
local function answer(ok, ...)
   if ok then
      return ...
   end
   local err = ...
   if not fault.is(err) then
      error(err, 0)
   end
   return nil, errors.new {
      kind = "invalid", status = 400, code = err.code or "InvalidTemplate", message = err.text,
         details = err.details,
      info = err.info,
   }
end

function template.read(text, options)
   return reader.read(text, not (options and options.strict))
end

local function checked(options, known)
   for name in pairs(options) do
      if not known[name] then
         error(("unknown option '%s'"):format(tostring(name)), 3)
      end
   end
   return options
end

local known_options = {}
for name in ("parameters subscription tenant resource_group management_group deployment reference list "
   .. "secret zones environment now new_guid path any_scope"):gmatch "%S+" do
   known_options[name] = true
end

local function subscription_of(given, tenant)
   if type(given) ~= "string" then
      return given
   end
   return value.object("id", "/subscriptions/" .. given, "subscriptionId", given, "tenantId", tenant,
      "displayName", given)
end

local function group_of(given, subscription)
   if type(given) == "string" then
      given = value.object("name", given)
   end
   if given and not given.id then
      assert(subscription, "a resource group needs a subscription")
      given.id = ("/subscriptions/%s/resourceGroups/%s"):format(subscription.subscriptionId, given.name)
   end
   return given
end

local function place_of(root)
   if root.resource_group then
      return "group", root.resource_group.id
   elseif root.subscription then
      return "subscription", "/subscriptions/" .. root.subscription.subscriptionId
   elseif root.management_group then
      return "management group", "/providers/Microsoft.Management/managementGroups/"
         .. root.management_group.name
   end
   return "tenant", ""
end

local function new_guid()
   return require("aci.crypto").uuid4()
end

local function root_of(options)
   local tenant = options.tenant
   local root = {
      management_group = options.management_group, reference = options.reference, list = options.list,
      secret = options.secret, zones = options.zones, environment = options.environment,
      now = options.now or os.time, new_guid = options.new_guid or new_guid,
      tenant = type(tenant) == "string" and value.object("tenantId", tenant) or tenant,
      deployment = options.deployment or value.object("name", "deployment", "properties", {}),
   }
   root.subscription = subscription_of(options.subscription, root.tenant and root.tenant.tenantId)
   root.resource_group = group_of(options.resource_group, root.subscription)
   root.kind, root.scope = place_of(root)
   return root
end

function template.evaluate(tpl, options)
   local root = root_of(checked(options or {}, known_options))
   local context = { path = options and options.path or "properties.template", scope_kind = root.kind,
      any_scope = options and options.any_scope }
   return answer(pcall(plan.build, tpl, options and options.parameters, root, context))
end

-- plan:resource(i), plan:outputs(): the public, non-raising forms.
local Plan = plan

function Plan:resource(i)
   return answer(pcall(self.late_resource, self, i))
end

function Plan:outputs()
   return answer(pcall(self.late_outputs, self))
end

function template.expression(text, options)
   options = options or {}
   local root = root_of(checked(options, known_options))
   local given = options.parameters or {}
   local scope = { root = root, place = "output", loops = {}, parameters = function(name)
      return (value.member(given, name))
   end }
   return answer(pcall(eval.string, text, scope))
end

local function strings(...)
   for i = 1, select("#", ...) do
      if type((select(i, ...))) ~= "string" then
         error(("argument %d must be a string, not %s"):format(i, type((select(i, ...)))), 3)
      end
   end
   return ...
end

function template.unique_string(...)
   return hash.unique_string(strings(...))
end

function template.guid(...)
   return hash.guid(strings(...))
end

function template.hash(tpl)
   local v = hash.murmur(value.json(tpl))
   local tens = (v >> 1) // 5 -- v is unsigned
   return (tens > 0 and tostring(tens) or "") .. tostring(v - tens * 10)
end

function template.arguments(values)
   local out = {}
   for name, v in pairs(values) do
      out[name] = { value = v }
   end
   return out
end

function template.error_body(err)
   return { error = { code = err.code, message = err.message, details = err.details,
      additionalInfo = err.info } }
end

return template
