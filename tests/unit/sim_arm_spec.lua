local support = require "tests.support.cloud"
local crypto = require "aci.crypto"
local tokens = require "sim.tokens"

describe("the resource manager", function()
   local cloud, G

   setup(function()
      cloud = support.inside()
      G = "/resourceGroups/rg"
      assert.equal(201, (cloud:prepare("rg", "Microsoft.ManagedIdentity")))
   end)

   teardown(function() cloud:close() end)

   local function code(status, body)
      return { status, body and body.error and body.error.code }
   end

   local function arm(...) return cloud:arm(...) end

   describe("asks for a token", function()
      local function with(token)
         return cloud:request { token = token, url = "https://management.azure.com/subscriptions/"
            .. cloud.owner.subscription .. G .. "?api-version=2021-04-01" }
      end

      local function made(changes, lifetime)
         local claims = { aud = "https://management.azure.com", appid = cloud.owner.client_id,
            oid = crypto.uuid4() }
         for name, value in pairs(changes) do
            claims[name] = value
         end
         return (tokens.issue(cloud.state, claims, lifetime))
      end

      it("and challenges a caller that has none", function()
         local status, body, headers = with(nil)
         assert.same({ 401, "AuthenticationFailed" }, code(status, body))
         assert.truthy(headers["www-authenticate"]:find("https://login.windows.net/"
            .. cloud.owner.tenant, 1, true))
      end)

      it("that is ours, fresh, of this tenant and for this audience", function()
         assert.same({ 401, "InvalidAuthenticationToken" }, code(with "a.b.c"))
         assert.same({ 401, "ExpiredAuthenticationToken" }, code(with(made({}, -10))))
         assert.same({ 401, "InvalidAuthenticationTokenAudience" },
            code(with(made { aud = "https://vault.azure.net" })))
         assert.same({ 401, "InvalidAuthenticationTokenTenant" }, code(with(made { tid = crypto.uuid4() })))
      end)

      it("with an untouched signature", function()
         local token = made {}
         local forged = token:gsub("%.[^.]+%.", "."
            .. crypto.base64url '{"aud":"https://management.azure.com"}' .. ".")
         assert.same({ 401, "InvalidAuthenticationToken" }, code(with(forged)))
      end)

      it("and forbids a principal that has no role, also what does not exist", function()
         local status, body = with(made {})
         assert.same({ 403, "AuthorizationFailed" }, code(status, body))
         assert.truthy(body.error.message:find("Microsoft.Resources/subscriptions/resourceGroups/read", 1,
            true))
         assert.truthy(body.error.message:find("/resourceGroups/rg' or the scope is invalid", 1, true))
      end)

      it("of any of its audiences", function()
         for _, audience in ipairs { "https://management.azure.com",
            "https://management.core.windows.net/" } do
            local status = arm("GET", G, "2021-04-01", nil, cloud:token(audience))
            assert.equal(200, status)
         end
      end)
   end)

   describe("refuses in this order", function()
      it("a missing api-version, an unknown subscription, an unknown version", function()
         local status, body = cloud:request { token = cloud.arm_token,
            url = "https://management.azure.com/subscriptions/" .. cloud.owner.subscription .. G }
         assert.same({ 400, "MissingApiVersionParameter" }, code(status, body))
         status, body = cloud:request { token = cloud.arm_token,
            url = "https://management.azure.com/subscriptions/"
            .. crypto.uuid4() .. G .. "?api-version=2021-04-01" }
         assert.same({ 404, "SubscriptionNotFound" }, code(status, body))
         assert.same({ 400, "InvalidApiVersionParameter" }, code(arm("GET", G, "2001-01-01")))
      end)

      it("unknown namespaces, and what it does not implement by name", function()
         assert.same({ 404, "InvalidResourceNamespace" },
            code(arm("GET", G .. "/providers/Contoso.Things/x/y", "2021-04-01")))
         local status, body = arm("PUT", G .. "/providers/Microsoft.Compute/virtualMachines/y",
            "2021-04-01", {})
         assert.same({ 501, "NotImplemented" }, code(status, body))
         assert.truthy(body.error.message:find("Microsoft.Compute/virtualMachines", 1, true))
      end)

      it("a version that a type does not have, with those that it has", function()
         local status, body = arm("GET", G
            .. "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1",
            "2001-01-01")
         assert.same({ 400, "NoRegisteredProviderFound" }, code(status, body))
         assert.truthy(body.error.message:find("for type 'userAssignedIdentities'. The supported "
            .. "api-versions are '2025",
            1, true))
      end)

      it("a namespace that is not registered, until it is", function()
         local path = G .. "/providers/Microsoft.Storage/storageAccounts/account1"
         local status, body = arm("PUT", path, "2022-09-01", { location = "northeurope" })
         assert.same({ 409, "MissingSubscriptionRegistration" }, code(status, body))
         assert.same({ "MissingSubscriptionRegistration", "Microsoft.Storage" },
            { body.error.details[1].code, body.error.details[1].target })
         local _, before = arm("GET", "/providers/microsoft.storage", "2016-02-01")
         assert.equal("NotRegistered", before.registrationState)
         arm("POST", "/providers/Microsoft.Storage/register", "2016-02-01")
         local _, after = arm("GET", "/providers/Microsoft.Storage", "2016-02-01")
         assert.equal("Registered", after.registrationState)
         assert.not_equal(409, (arm("PUT", path, "2022-09-01", { location = "northeurope" })))
      end)
   end)

   describe("resource groups", function()
      it("are made, shown in any letter case, updated and listed", function()
         local status, body = arm("PUT", "/resourcegroups/Group.One", "2024-11-01",
            { location = "North Europe", tags = { a = "b" } })
         assert.equal(201, status)
         assert.same({ "northeurope", "Microsoft.Resources/resourceGroups", "Succeeded", "b" },
            { body.location, body.type, body.properties.provisioningState, body.tags.a })
         assert.truthy(body.id:find("/resourceGroups/Group.One", 1, true))
         assert.equal("Group.One", select(2, arm("GET", "/resourceGroups/GROUP.ONE/", "2024-11-01")).name)
         assert.equal(200, (arm("PUT", "/resourcegroups/group.one", "2024-11-01", {
            location = "northeurope" })))
         local _, list = arm("GET", "/resourcegroups", "2024-11-01")
         assert.equal(2, #list.value)
         local _, none = arm("GET",
            "/resourcegroups?$filter=tagName%20eq%20'a'%20and%20tagValue%20eq%20'x'", "2024-11-01")
         assert.equal(0, #none.value)
      end)

      it("answer HEAD with 204 or 404", function()
         assert.equal(204, (arm("HEAD", G, "2021-04-01")))
         assert.equal(404, (arm("HEAD", "/resourceGroups/none", "2021-04-01")))
      end)

      it("refuse bad names, no location, unknown and other locations", function()
         assert.same({ 400, "InvalidResourceGroup" }, code(arm("PUT", "/resourceGroups/ends.", "2021-04-01",
            { location = "northeurope" })))
         assert.same({ 400, "InvalidResourceGroup" }, code(arm("PUT", "/resourceGroups/" .. ("x"):rep(91),
            "2021-04-01",
            { location = "northeurope" })))
         assert.same({ 400, "LocationRequired" }, code(arm("PUT", "/resourceGroups/new", "2021-04-01", {})))
         assert.same({ 400, "LocationNotAvailableForResourceGroup" },
            code(arm("PUT", "/resourceGroups/new", "2021-04-01", { location = "atlantis" })))
         assert.same({ 409, "InvalidResourceGroupLocation" },
            code(arm("PUT", G, "2021-04-01", { location = "westeurope" })))
         assert.same({ 404, "ResourceGroupNotFound" }, code(arm("GET", "/resourceGroups/none",
            "2021-04-01")))
      end)

      it("go away with all that is in them, after a while", function()
         local slow = support.inside { factor = 0.05 }
         slow:prepare("gone", "Microsoft.ManagedIdentity")
         local path = "/resourceGroups/gone/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
         assert.equal(201, (slow:arm("PUT", path, "2023-01-31", { location = "northeurope" })))
         local status, _, headers = slow:arm("DELETE", "/resourceGroups/gone", "2021-04-01")
         assert.equal(202, status)
         assert.truthy(headers.location:find("/operationresults/", 1, true))
         assert.truthy(headers["retry-after-ms"])
         assert.equal("Deleting", select(2, slow:arm("GET", "/resourceGroups/gone", "2021-04-01"))
            .properties.provisioningState)
         assert.same({ 409, "ResourceGroupBeingDeleted" }, code(slow:arm("PUT", path, "2023-01-31",
            { location = "northeurope" })))
         slow:close()
      end)

      it("are gone when their deletion has ended", function()
         cloud:prepare("goes", "Microsoft.ManagedIdentity")
         local path = "/resourceGroups/goes/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
         arm("PUT", path, "2023-01-31", { location = "northeurope" })
         local _, _, headers = arm("DELETE", "/resourceGroups/goes", "2021-04-01")
         local status
         repeat
            status = cloud:request { url = headers.location, token = cloud.arm_token }
         until status ~= 202
         assert.equal(200, status)
         assert.same({ 404, "ResourceGroupNotFound" }, code(arm("GET", path, "2023-01-31")))
         assert.equal(404, (arm("DELETE", "/resourceGroups/goes", "2021-04-01")))
      end)
   end)

   describe("identities", function()
      local ID = "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"

      it("are made at once with a principal of the directory", function()
         local status, body, headers = arm("PUT", ID .. "orionid", "2018-11-30", {
            location = "northeurope" })
         assert.equal(201, status)
         assert.truthy(headers.location:find "^/subscriptions/")
         assert.truthy(body.id:find("/resourcegroups/rg/", 1, true))
         assert.equal(cloud.owner.tenant, body.properties.tenantId)
         local directory = require "sim.directory"
         local principal = directory.get(cloud.state, body.properties.principalId)
         assert.same({ "ManagedIdentity", body.properties.clientId },
            { principal.servicePrincipalType, principal.appId })
         local again, same = arm("PUT", ID .. "orionid", "2018-11-30", { location = "northeurope",
            tags = { x = "y" } })
         assert.same({ 200, body.properties.principalId, "y" }, { again, same.properties.principalId,
            same.tags.x })
      end)

      it("are listed, patched and deleted, the second time with 204", function()
         arm("PUT", ID .. "temp", "2023-01-31", { location = "northeurope" })
         local _, list = arm("GET",
            "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
            "2023-01-31")
         assert.equal(2, #list.value)
         assert.equal(2, #select(2, arm("GET",
            "/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
            "2023-01-31")).value)
         assert.equal("1", select(2, arm("PATCH", ID .. "temp", "2023-01-31", { tags = {
            n = "1" } })).tags.n)
         assert.equal(200, (arm("DELETE", ID .. "temp", "2023-01-31")))
         assert.equal(204, (arm("DELETE", ID .. "temp", "2023-01-31")))
         assert.same({ 404, "ResourceNotFound" }, code(arm("GET", ID .. "temp", "2023-01-31")))
      end)

      it("refuse bad names and bad places", function()
         assert.same({ 400, "InvalidResourceName" }, code(arm("PUT", ID .. "-x", "2023-01-31",
            { location = "northeurope" })))
         assert.same({ 400, "LocationRequired" }, code(arm("PUT", ID .. "id9", "2023-01-31", {})))
         assert.same({ 400, "LocationNotAvailableForResourceType" }, code(arm("PUT", ID .. "id9",
            "2023-01-31",
            { location = "atlantis" })))
         assert.same({ 409, "InvalidResourceLocation" }, code(arm("PUT", ID .. "orionid", "2023-01-31",
            { location = "westeurope" })))
      end)

      it("show up among the resources of group and subscription", function()
         local _, all = arm("GET", "/resources?$filter=resourceType%20eq%20"
            .. "'Microsoft.ManagedIdentity/userAssignedIdentities'", "2021-04-01")
         assert.equal("orionid", all.value[1].name)
         assert.equal(1, #select(2, arm("GET", "/resourceGroups/rg/resources?$filter=name%20eq%20'orionid'",
            "2021-04-01")).value)
         local function count(filter)
            local status, body = arm("GET", "/resources?$filter=" .. filter:gsub(" ", "%%20"), "2021-04-01")
            return status == 200 and #body.value or status
         end
         assert.same({ 1, 0, 1, 501 }, { count "resourceGroup eq 'RG'", count "resourceGroup eq 'other'",
            count "name eq 'orionid' and location eq 'northeurope'", count "nonsense eq 'x'" })
      end)

      it("are listed for those who may read them, not refused", function()
         cloud:prepare("other", "Microsoft.ManagedIdentity")
         local scope = "/subscriptions/" .. cloud.owner.subscription .. "/resourceGroups/rg"
         local client = cloud:client("reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7", scope)
         local token = cloud:token("https://management.azure.com", client.id, client.secret)
         local function names(path)
            local found = {}
            for index, item in ipairs(select(2, arm("GET", path, "2023-01-31", nil, token)).value) do
               found[index] = item.name
            end
            return found
         end
         arm("PUT", ID:gsub("/rg/", "/other/") .. "elsewhere", "2023-01-31", { location = "northeurope" })
         assert.same({ "orionid" }, names "/providers/Microsoft.ManagedIdentity/userAssignedIdentities")
         local _, groups = arm("GET", "/resourcegroups", "2021-04-01", nil, token)
         assert.same({ "rg" }, { groups.value[1].name, groups.value[2] })
         local _, all = arm("GET", "/resources", "2021-04-01", nil, token)
         assert.same({ "orionid" }, { all.value[1].name, all.value[2] })
         local status, body = arm("GET", ID:gsub("/rg/", "/other/"):gsub("/$", ""), "2023-01-31", nil, token)
         assert.same({ 403, "AuthorizationFailed" }, code(status, body))
         assert.truthy(body.error.message:find("/resourceGroups/other/providers/Microsoft.ManagedIdentity'", 1, true))
      end)
   end)

   it("answers az's first questions", function()
      local status, body = cloud:request {
         url = "https://management.azure.com/metadata/endpoints?api-version=2022-09-01" }
      assert.same({ 200, "https://login.microsoftonline.com" }, { status,
         body.authentication.loginEndpoint })
      assert.equal(cloud.owner.subscription, select(2, cloud:request { token = cloud.arm_token,
         url = "https://management.azure.com/subscriptions?api-version=2022-12-01" }).value[1].subscriptionId)
      assert.equal(cloud.owner.tenant, select(2, cloud:request { token = cloud.arm_token,
         url = "https://management.azure.com/tenants?api-version=2022-12-01" }).value[1].tenantId)
      assert.truthy(#select(2, arm("GET", "/locations", "2022-12-01")).value > 10)
   end)
end)
