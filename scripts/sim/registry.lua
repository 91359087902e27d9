--- The resource types and namespaces that the services of the local cloud have declared.
local registry = {
   types = {},        -- "namespace/type" in lower case = definition, see sim/provider.lua
   namespaces = {},   -- namespace in lower case = service
}

return registry
