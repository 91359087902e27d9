-- Bodies that nobody should send: each gets an answer of the service, none makes the local cloud fail.
local support = require "tests.support.cloud"
local json = require "aci.json"
local registry = require "sim.registry"

describe("no body", function()
   local cloud
   local failures

   setup(function()
      cloud = support.inside()
      local names = {}
      for _, service in pairs(registry.namespaces) do
         names[#names + 1] = service.free and nil or service.namespace
      end
      cloud:prepare("rg", table.unpack(names))
      cloud.cloud.log = function(_, format, ...)
         failures[#failures + 1] = format:format(...)
      end
   end)

   teardown(function() cloud:close() end)
   before_each(function() failures = {} end)

   local VALUES = { json.null, true, 0, -1, 1.5, "", "text", ("x"):rep(300), json.array {}, json.array { json.null },
      json.object {}, json.array { "a", 1 }, { a = { b = {} } } }

   local MEMBERS = { "location", "tags", "sku", "kind", "properties", "identity", "zones" }

   local function bodies()
      local list = {}
      for _, value in ipairs(VALUES) do
         list[#list + 1] = value
         for _, name in ipairs(MEMBERS) do
            list[#list + 1] = { location = "northeurope", [name] = value }
         end
      end
      return list
   end

   local function send(method, path, version, body)
      local status = cloud:request { method = method, body = json.encode(body), token = cloud.arm_token,
         headers = { ["content-type"] = "application/json" }, url = ("https://management.azure.com/subscriptions/%s%s"
            .. "?api-version=%s"):format(cloud.owner.subscription, path, version) }
      if status == 500 then
         failures[#failures + 1] = ("%s %s %s"):format(method, path, json.encode(body))
      end
   end

   it("of a resource makes the cloud fail", function()
      for _, definition in pairs(registry.types) do
         local parts = {}
         for _, segment in ipairs(definition.segments) do
            parts[#parts + 1] = segment .. "/nasty1"
         end
         local path = "/resourceGroups/rg/providers/" .. definition.namespace .. "/" .. table.concat(parts, "/")
         for _, body in ipairs(bodies()) do
            send("PUT", path, definition.versions[1], body)
            send("PATCH", path, definition.versions[1], body)
         end
      end
      assert.same({}, failures)
   end)

   it("with odd properties makes the cloud fail", function()
      local members = { ["Microsoft.Network/virtualNetworks"] = { "addressSpace", "subnets", "dhcpOptions" },
         ["Microsoft.Network/natGateways"] = { "publicIpAddresses", "idleTimeoutInMinutes" },
         ["Microsoft.Network/publicIPAddresses"] = { "publicIPAllocationMethod", "idleTimeoutInMinutes" },
         ["Microsoft.KeyVault/vaults"] = { "tenantId", "sku", "accessPolicies", "softDeleteRetentionInDays",
            "createMode", "networkAcls" },
         ["Microsoft.Storage/storageAccounts"] = { "encryption", "networkAcls", "accessTier" },
         ["Microsoft.ContainerInstance/containerGroups"] = { "containers", "osType", "subnetIds", "ipAddress",
            "restartPolicy", "imageRegistryCredentials", "volumes", "initContainers" } }
      local base = { ["Microsoft.Network/virtualNetworks"] = { addressSpace = { addressPrefixes = { "10.0.0.0/8" } } },
         ["Microsoft.KeyVault/vaults"] = { tenantId = cloud.owner.tenant, sku = { family = "A", name = "standard" },
            enableRbacAuthorization = true } }
      for kind, names in pairs(members) do
         local definition = registry.types[kind:lower()]
         for _, name in ipairs(definition and names or {}) do
            for _, value in ipairs(VALUES) do
               local properties = { [name] = value }
               for key, given in pairs(base[kind] or {}) do
                  properties[key] = properties[key] == nil and given or properties[key]
               end
               send("PUT", "/resourceGroups/rg/providers/" .. kind .. "/nasty2", definition.versions[1],
                  { location = "northeurope", sku = { name = "Standard_LRS" }, kind = "StorageV2",
                     properties = properties })
            end
         end
      end
      assert.same({}, failures)
   end)

   it("of a group, an assignment, a role or a deployment makes the cloud fail", function()
      local A = "/resourceGroups/rg/providers/Microsoft.Authorization/"
      local paths = {
         { "/resourceGroups/nasty", "2021-04-01" }, { A .. "roleAssignments/11111111-1111-1111-1111-111111111111",
            "2022-04-01" }, { A .. "roleDefinitions/22222222-2222-2222-2222-222222222222", "2022-04-01" },
         { "/resourceGroups/rg/providers/Microsoft.Resources/deployments/nasty", "2021-04-01" },
      }
      local names = { "roleDefinitionId", "principalId", "principalType", "roleName", "assignableScopes", "permissions",
         "template", "parameters", "mode" }
      for _, row in ipairs(paths) do
         for _, body in ipairs(bodies()) do
            send("PUT", row[1], row[2], body)
         end
         for _, name in ipairs(names) do
            for _, value in ipairs(VALUES) do
               local properties = { mode = "Incremental", roleName = "n", [name] = value }
               send("PUT", row[1], row[2], { properties = properties })
            end
         end
      end
      assert.same({}, failures)
   end)

   it("of Graph or the token endpoint makes the cloud fail", function()
      local token = cloud:token "https://graph.microsoft.com"
      local _, app = cloud:request { method = "POST", token = token, json = { displayName = "nasty" },
         url = "https://graph.microsoft.com/v1.0/applications" }
      for _, path in ipairs { "/applications", "/servicePrincipals", "/applications/" .. app.id .. "/addPassword",
         "/applications/" .. app.id .. "/removePassword", "/directoryObjects/getByIds" } do
         for _, value in ipairs(VALUES) do
            for _, body in ipairs { value, { displayName = value }, { appId = value }, { passwordCredential = value },
               { passwordCredential = { endDateTime = value } }, { keyId = value }, { ids = value },
               { displayName = "x", tags = value } } do
               local status = cloud:request { method = "POST", token = token, body = json.encode(body),
                  url = "https://graph.microsoft.com/v1.0" .. path }
               assert.not_equal(500, status, path .. " " .. json.encode(body))
            end
         end
      end
      for _, body in ipairs { "", "&&&", "a", "%", "grant_type", "=", "grant_type=%zz", "scope=&scope=" } do
         local status = cloud:request { method = "POST", body = body,
            url = "https://login.microsoftonline.com/" .. cloud.owner.tenant .. "/oauth2/v2.0/token",
            headers = { ["content-type"] = "application/x-www-form-urlencoded" } }
         assert.equal(400, status)
      end
      assert.same({}, failures)
   end)
end)
