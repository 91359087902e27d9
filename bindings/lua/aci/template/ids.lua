-- resourceId, subscriptionResourceId, tenantResourceId, managementGroupResourceId, extensionResourceId:
-- pure work on texts; nothing is looked up.
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"
local path = require "aci.template.path"

local ids = {}

-- Which argument is the type: the first that contains a slash.
local function type_index(args, call)
   for i = 1, args.n do
      if expect.type(call, args[i], "String"):find("/", 1, true) then
         return i
      end
   end
   fault.raise("Unable to evaluate template language function '%s': the type '%s' is not valid: it has no "
      .. "namespace.",
      call.name, args[1])
end

local function id_under(scope, args, first, call)
   for i = first, args.n do
      expect.type(call, args[i], "String")
   end
   local types = path.segments(args[first])
   local names = { table.unpack(args, first + 1, args.n) }
   if #names ~= #types - 1 then
      fault.raise("Unable to evaluate template language function '%s': the type '%s' requires '%d' resource "
         .. "name argument(s).", call.name, args[first], #types - 1)
   end
   return scope .. "/providers/" .. path.weave(types, names)
end

local function too_many(call, before)
   fault.raise("Unable to evaluate template language function '%s': function accepts at most %d argument(s) "
      .. "before the resource type.", call.name, before)
end

local function subscription_of(root)
   return root.subscription and root.subscription.subscriptionId
end

local function resource_scope(args, first, call)
   local root = call.scope.root
   local subscription, group = subscription_of(root), root.resource_group and root.resource_group.name
   if first == 2 and group then
      group = args[1]
   elseif first == 2 then
      subscription = args[1]
   elseif first == 3 then
      subscription, group = args[1], args[2]
   elseif first > 3 then
      too_many(call, 2)
   end
   if not subscription then
      return root.scope
   end
   return "/subscriptions/" .. subscription .. (group and "/resourceGroups/" .. group or "")
end

ids.resourceId = { min = 2, run = function(args, call)
   local first = type_index(args, call)
   return id_under(resource_scope(args, first, call), args, first, call)
end }

ids.subscriptionResourceId = { min = 2, run = function(args, call)
   local first = type_index(args, call)
   if first > 2 then
      too_many(call, 1)
   end
   local subscription = first == 2 and args[1] or subscription_of(call.scope.root)
   if not subscription then
      fault.raise("The template function '%s' is not expected at this location.", call.name)
   end
   return id_under("/subscriptions/" .. subscription, args, first, call)
end }

ids.tenantResourceId = { min = 2, run = function(args, call)
   local first = type_index(args, call)
   return first == 1 and id_under("", args, 1, call) or too_many(call, 0)
end }

ids.managementGroupResourceId = { min = 2, run = function(args, call)
   local first = type_index(args, call)
   if first > 2 then
      too_many(call, 1)
   end
   local own = call.scope.root.management_group
   local group = first == 2 and args[1] or own and own.name
   if not group then
      fault.raise("The template function '%s' is not expected at this location.", call.name)
   end
   return id_under("/providers/Microsoft.Management/managementGroups/" .. group, args, first, call)
end }

ids.extensionResourceId = { min = 3, run = function(args, call)
   local base = expect.nth(call, args, 1, "String")
   expect.nth(call, args, 2, "String")
   return id_under(base:gsub("/$", ""), args, 2, call)
end }

return ids
