-- What the resource manager and its providers refuse in the body or the conditions of a write, row by row.
local crypto  = require "aci.crypto"
local json    = require "aci.json"
local support = require "tests.support.cloud"

local P = "/resourceGroups/rg/providers/"
local IDENTITY = { P .. "Microsoft.ManagedIdentity/userAssignedIdentities/id-1", "2023-01-31" }
local NETWORK = { P .. "Microsoft.Network/virtualNetworks/net", "2023-04-01" }
local SUBNET = { P .. "Microsoft.Network/virtualNetworks/net/subnets/s", "2023-04-01" }
local ACCOUNT = { P .. "Microsoft.Storage/storageAccounts/strictaccount", "2022-09-01" }
local VAULT = { P .. "Microsoft.KeyVault/vaults/strict-vault", "2022-07-01" }
local DEPLOYMENT = { P .. "Microsoft.Resources/deployments/d", "2021-04-01" }
local GROUP = { "/resourceGroups/strict", "2021-04-01" }

local function many(count)
   local tags = {}
   for index = 1, count do tags["tag" .. index] = "x" end
   return tags
end

describe("the resource manager", function()
   local cloud

   setup(function()
      cloud = support.inside { factor = 0 }
      cloud:prepare("rg", "Microsoft.ManagedIdentity", "Microsoft.Network", "Microsoft.Storage",
         "Microsoft.KeyVault")
      cloud:arm("PUT", NETWORK[1], NETWORK[2], { location = "northeurope", properties = {
         addressSpace = { addressPrefixes = { "10.0.0.0/16" } } } })
   end)
   teardown(function() cloud:close() end)

   local function tagged(tags) return { location = "northeurope", tags = tags } end
   local function account(properties, more)
      local body = { location = "northeurope", sku = { name = "Standard_LRS" }, kind = "StorageV2",
         properties = properties }
      for name, value in pairs(more or {}) do body[name] = value ~= json.null and value or nil end
      return body
   end
   local function vault(more)
      return function()
         local properties = { tenantId = cloud.owner.tenant, sku = { family = "A", name = "standard" },
            enableRbacAuthorization = true }
         for name, value in pairs(more) do properties[name] = value end
         return { location = "northeurope", properties = properties }
      end
   end
   local function policy(...)
      local permissions = { secrets = { ... } }
      return function()
         return vault { enableRbacAuthorization = false, accessPolicies = { { tenantId = cloud.owner.tenant,
            objectId = cloud.owner.client_id, permissions = permissions } } } ()
      end
   end
   -- Random text does not shrink: half of its hex digits are left.
   local function template(bytes)
      return { properties = { mode = "Incremental", template = { contentVersion = "1.0.0.0",
         ["$schema"] = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
         resources = json.array {}, variables = { filler = bytes } } } }
   end

   local TAGS = "InvalidRequestContent"
   local rows = {
      { "more than 50 tags", IDENTITY, tagged(many(51)), 400, "TooManyTags", "51 tags" },
      { "50 tags: taken", IDENTITY, tagged(many(50)), 201 },
      { "a tag's name of 513 characters", IDENTITY, tagged { [("n"):rep(513)] = "x" }, 400, "InvalidTagName" },
      { "a tag's name of 512 characters: taken", IDENTITY, tagged { [("n"):rep(512)] = "x" }, 200 },
      { "a storage account's tag's name of 129", ACCOUNT, account({}, { tags = { [("n"):rep(129)] = "x" } }), 400,
         "InvalidTagName" },
      { "a tag's value of 257 characters", IDENTITY, tagged { n = ("x"):rep(257) }, 400, "InvalidTagValue",
         "'n'" },
      { "a tag's value of 256 characters that are not ASCII: taken", IDENTITY, tagged { n = ("é"):rep(256) }, 200 },
      { "a tag that is a number", IDENTITY, tagged { n = 1 }, 400, TAGS, "Path 'tags.n'" },
      { "tags in a list", IDENTITY, tagged { "a" }, 400, TAGS },
      { "no tags, in a null: taken", IDENTITY, tagged(json.null), 200 },
      { "a group's tag that is a number", GROUP, tagged { n = 1 }, 400, TAGS },
      { "a group's tags in a text", GROUP, tagged "a=b", 400, TAGS },
      { "a subnet without a range", SUBNET, { properties = json.object {} }, 400, "InvalidAddressPrefixFormat",
         "Address prefix  of subnet s" },
      { "an account without a sku", ACCOUNT, account({}, { sku = json.null }), 400, "InvalidRequestPropertyValue",
         "The value '' is not allowed for property sku.name" },
      { "an account without a kind", ACCOUNT, account({}, { kind = json.null }), 400, "InvalidRequestPropertyValue",
         "The value '' is not allowed for property kind" },
      { "an unknown version of TLS", ACCOUNT, account { minimumTlsVersion = "TLS9" }, 400,
         "InvalidRequestPropertyValue", "'TLS9'" },
      { "an unknown tier of access", ACCOUNT, account { accessTier = "Warm" }, 400, "InvalidRequestPropertyValue" },
      { "an unknown access from outside", ACCOUNT, account { publicNetworkAccess = "Maybe" }, 400,
         "InvalidRequestPropertyValue" },
      { "an unknown mode of making a vault", VAULT, vault { createMode = "again" }, 400, "BadRequest", "createMode" },
      { "an unknown permission for secrets", VAULT, policy("get", "fly"), 400, "BadRequest", "'fly'" },
      { "permissions in any letter case: taken", VAULT, policy("Get", "LIST", "all"), 200 },
      { "a deployment without a mode", DEPLOYMENT, { properties = { template = json.object {} } }, 400,
         "InvalidRequestContent", "Required property 'mode' not found" },
      { "a template of more than 4 MB, compressed", DEPLOYMENT,
         function() return template(crypto.hex(crypto.random(1000000)):rep(5)) end, 400, "JobSizeExceeded", "'d'" },
      { "a template of more than 4 MB that compresses well: taken", DEPLOYMENT, template(("x"):rep(4400000)), 201 },
   }
   for _, row in ipairs(rows) do
      it("is asked for " .. row[1], function()
         local body = row[3]
         if type(body) == "function" then body = body() end
         local status, answer = cloud:arm("PUT", row[2][1], row[2][2], body)
         local err = answer and answer.error or {}
         assert.same({ row[4], row[5] }, { status, err.code })
         assert.truthy((err.message or ""):find(row[6] or "", 1, true), err.message)
      end)
   end

   it("refuses such tags in a PATCH as well", function()
      for _, target in ipairs { IDENTITY, { "/resourceGroups/rg", "2021-04-01" } } do
         local status, body = cloud:arm("PATCH", target[1], target[2], { tags = { n = 1 } })
         assert.same({ 400, TAGS }, { status, body.error and body.error.code })
      end
   end)

   describe("asked on a condition", function()
      local function ask(method, target, header, value, body)
         local status, answer = cloud:request { method = method, json = body, token = cloud.arm_token,
            headers = { [header] = value }, url = ("https://management.azure.com/subscriptions/%s%s?api-version=%s")
            :format(cloud.owner.subscription, target[1], target[2]) }
         return { status, answer and answer.error and answer.error.code }
      end
      local function etag() return select(2, cloud:arm("GET", NETWORK[1], NETWORK[2])).etag end
      local BODY = { location = "northeurope", properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } } } }
      local NEW = { P .. "Microsoft.Network/virtualNetworks/new", "2023-04-01" }
      local FAILED = { 412, "PreconditionFailed" }

      it("writes where it holds", function()
         assert.same({ 200 }, ask("PUT", NETWORK, "if-match", etag(), BODY))
         assert.same({ 200 }, ask("PUT", NETWORK, "if-match", "*", BODY))
         assert.same({ 200 }, ask("PUT", NETWORK, "if-none-match", '"other"', BODY))
         assert.same({ 201 }, ask("PUT", NEW, "if-none-match", "*", BODY))
      end)

      it("does not where it does not hold", function()
         assert.same(FAILED, ask("PUT", NETWORK, "if-match", '"other"', BODY))
         assert.same(FAILED, ask("PUT", NETWORK, "if-none-match", "*", BODY))
         assert.same(FAILED, ask("PUT", NETWORK, "if-none-match", etag(), BODY))
         assert.same(FAILED, ask("PUT", { NEW[1] .. "er", NEW[2] }, "if-match", "*", BODY))
         assert.same(FAILED, ask("PATCH", NETWORK, "if-match", '"other"', { tags = { a = "b" } }))
         assert.same(FAILED, ask("DELETE", NETWORK, "if-match", '"other"'))
      end)
   end)

   it("keeps 800 deployments of a group, and replaces one of them", function()
      local id = "/subscriptions/" .. cloud.owner.subscription .. P .. "Microsoft.Resources/deployments/old-"
      local _, there = cloud:arm("GET", P .. "Microsoft.Resources/deployments", "2021-04-01")
      for index = #there.value + 1, 800 do
         cloud.state:put_resource { id = id .. index, type = "Microsoft.Resources/deployments", name = "old-" .. index,
            body = { properties = { provisioningState = "Succeeded" } } }
      end
      local status, body = cloud:arm("PUT", P .. "Microsoft.Resources/deployments/newest", "2021-04-01", template "")
      assert.same({ 409, "DeploymentQuotaExceeded" }, { status, body.error and body.error.code })
      assert.equal(201, (cloud:arm("PUT", P .. "Microsoft.Resources/deployments/old-800", "2021-04-01", template "")))
   end)

   it("has a group's endpoint ask which of two identities is meant", function()
      local group = "/subscriptions/" .. cloud.owner.subscription .. P
         .. "Microsoft.ContainerInstance/containerGroups/two"
      local function entry() return { clientId = crypto.uuid4(), principalId = crypto.uuid4() } end
      local one, other = entry(), entry()
      cloud.state:put_resource { id = group, type = "Microsoft.ContainerInstance/containerGroups", body = {
         identity = { type = "UserAssigned", userAssignedIdentities = { ["/one"] = one, ["/other"] = other } } } }
      cloud.state.db:run("INSERT INTO container_groups (folder, id, key) VALUES ('two', ?, ?)", group,
         require("sim.state").key(group))
      cloud.state:put_secret(group, "metadata-key", "key")
      local function token(more)
         return cloud:request { headers = { ["x-group"] = "two", ["x-group-key"] = "key" }, url =
            "https://metadata.acihost.local/token?api-version=2018-02-01&resource=https://vault.azure.net" .. more }
      end
      local status, body = token ""
      assert.same({ 400, "invalid_request" }, { status, body.error })
      assert.truthy(body.error_description:find "^Multiple user assigned identities exist")
      assert.equal(200, (token("&client_id=" .. one.clientId)))
   end)
end)
