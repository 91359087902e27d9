-- Resource ids: made, taken apart, compared; and the api-version that goes with one.
local versions = require "aci.azure.versions"

local ids = {}

--- The id of a resource of `resource_type` ("Microsoft.Network/virtualNetworks/subnets") named `name`
-- ("vnet/subnet") at `scope`.
function ids.join(scope, resource_type, name)
   local namespace, rest = resource_type:match "^([^/]+)/(.+)$"
   if not namespace then error(("%q is not a resource type"):format(resource_type), 2) end
   local parts, names = {}, name:gmatch "[^/]+"
   for word in rest:gmatch "[^/]+" do
      local part = names()
      if not part then error(("the name %q has too few parts for %s"):format(name, resource_type), 2) end
      parts[#parts + 1] = word .. "/" .. part
   end
   if names() then error(("the name %q has too many parts for %s"):format(name, resource_type), 2) end
   return ("%s/providers/%s/%s"):format(scope, namespace, table.concat(parts, "/"))
end

--- What an id names: `{subscription, group, namespace, type, name, names}`; absent parts are nil.
function ids.parse(id)
   local parsed = { subscription = id:match "^/[sS]ubscriptions/([^/]+)" }
   parsed.group = id:match "/[rR]esource[gG]roups/([^/]+)"
   local namespace, rest = id:match ".*/providers/([^/]+)/(.+)$"
   if not namespace then return parsed end
   local kinds, names, odd = {}, {}, true
   for word in rest:gmatch "[^/]+" do
      table.insert(odd and kinds or names, word)
      odd = not odd
   end
   parsed.namespace, parsed.names = namespace, names
   parsed.type = namespace .. "/" .. table.concat(kinds, "/")
   parsed.name = names[#names]
   return parsed
end

--- Ids compare without regard to case and a slash at the end.
function ids.same(a, b)
   return (a:lower():gsub("/+$", "")) == (b:lower():gsub("/+$", ""))
end

local lower_case = {}
for name, version in pairs(versions) do lower_case[name:lower()] = version end

--- The api-version for a resource type; raises when there is none in our list.
function ids.version_of_type(resource_type)
   local name = resource_type:lower()
   while name do
      if lower_case[name] then return lower_case[name] end
      name = name:match "^(.*)/[^/]*$"
   end
   error(("no api-version is known for %s: give one"):format(resource_type), 3)
end

--- The api-version for the id or path of a resource, a list or an action.
function ids.version(path)
   local namespace, rest = path:match ".*/providers/([^/]+)/(.+)$"
   if namespace then
      local kinds, odd = {}, true
      for word in rest:gmatch "[^/]+" do
         if odd then kinds[#kinds + 1] = word end
         odd = not odd
      end
      return ids.version_of_type(namespace .. "/" .. table.concat(kinds, "/"))
   elseif path:lower():find "^/subscriptions/[^/]+/." then
      return lower_case["microsoft.resources"]
   end
   return lower_case.subscriptions
end

return ids
