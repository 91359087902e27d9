-- What the template may know of its surroundings: parameters, variables, copyIndex, deployment,
-- environment, resourceGroup, subscription, managementGroup, tenant, pickZones, providers.
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"
local value = require "aci.template.value"

local scopes = {}

local function not_here(call, hint)
   fault.raise("The template function '%s' is not expected at this location.%s", call.name, hint or "")
end

scopes.parameters = { min = 1, max = 1, run = function(args, call)
   local name = expect.type(call, args[1], "String")
   local found = call.scope.parameters and call.scope.parameters(name)
   if found == nil then
      fault.raise("The template parameter '%s' is not found.%s", name, fault.see "arm-template/#parameters")
   end
   return found
end }

scopes.variables = { min = 1, max = 1, places = { variable = true, start = true, properties = true,
   output = true },
   run = function(args, call)
      local name = expect.type(call, args[1], "String")
      local found = call.scope.variables and call.scope.variables(name)
      if found == nil then
         fault.raise("The template variable '%s' is not found.%s", name, fault.see "arm-template/#variables")
      end
      return found
   end }

local function loop_named(call, name)
   local loops = call.scope.loops
   for i = #loops, 1, -1 do
      if name and loops[i].name and loops[i].name:lower() == name:lower() then
         return loops[i]
      elseif not name and loops[i].main then
         return loops[i]
      end
   end
   return nil
end

local outside_loop = " The function can only be used in a resource with copy specified."

scopes.copyIndex = { min = 0, max = 2, run = function(args, call)
   local named = type(args[1]) == "string"
   local loop = loop_named(call, named and args[1] or nil)
   if not loop then
      not_here(call, outside_loop)
   end
   local offset = args[named and 2 or 1] or 0
   return loop.index + expect.type(call, offset, "Integer")
end }

local function surroundings(field)
   return { min = 0, max = 0, run = function(_, call)
      return call.scope.root[field] or not_here(call)
   end }
end

scopes.resourceGroup = surroundings "resource_group"
scopes.subscription = surroundings "subscription"
scopes.managementGroup = surroundings "management_group"
scopes.tenant = surroundings "tenant"
scopes.deployment = surroundings "deployment"

local function public_cloud()
   return value.object(
      "name", "AzureCloud",
      "gallery", "https://gallery.azure.com/",
      "graph", "https://graph.windows.net/",
      "portal", "https://portal.azure.com",
      "graphAudience", "https://graph.windows.net/",
      "activeDirectoryDataLake", "https://datalake.azure.net/",
      "batch", "https://batch.core.windows.net/",
      "media", "https://rest.media.azure.net",
      "sqlManagement", "https://management.core.windows.net:8443/",
      "vmImageAliasDoc",
         "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/"
         .. "quickstart-templates/aliases.json",
      "resourceManager", "https://management.azure.com/",
      "authentication", value.object(
         "loginEndpoint", "https://login.microsoftonline.com/",
         "audiences", value.array { "https://management.core.windows.net/", "https://management.azure.com/" },
         "tenant", "common",
         "identityProvider", "AAD"),
      "suffixes", value.object(
         "acrLoginServer", ".azurecr.io",
         "azureDatalakeAnalyticsCatalogAndJob", "azuredatalakeanalytics.net",
         "azureDatalakeStoreFileSystem", "azuredatalakestore.net",
         "azureFrontDoorEndpointSuffix", "azurefd.net",
         "keyvaultDns", ".vault.azure.net",
         "sqlServerHostname", ".database.windows.net",
         "storage", "core.windows.net"))
end

scopes.environment = { min = 0, max = 0, run = function(_, call)
   return call.scope.root.environment or public_cloud()
end }

scopes.pickZones = { min = 3, max = 5, run = function(args, call)
   for i = 1, 3 do
      expect.nth(call, args, i, "String")
   end
   local zones = call.scope.root.zones and call.scope.root.zones(table.unpack(args, 1, 3)) or {}
   local count, offset = args[4] or 1, args[5] or 0
   return value.array(table.move(zones, offset + 1, math.min(offset + count, #zones), 1, {}))
end }

return scopes
