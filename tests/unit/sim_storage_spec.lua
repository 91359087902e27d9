local support = require "tests.support.cloud"
local crypto = require "aci.crypto"

describe("storage accounts of the local cloud", function()
   local cloud
   local A = "/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/"
   local V = "2022-09-01"
   local BODY = { location = "northeurope", sku = { name = "Standard_LRS" }, kind = "StorageV2",
      properties = { allowBlobPublicAccess = false, minimumTlsVersion = "TLS1_2" } }

   setup(function()
      cloud = support.inside()
      cloud:prepare("rg", "Microsoft.Storage")
      cloud:prepare "other"
   end)

   teardown(function() cloud:close() end)

   local function arm(...) return cloud:arm(...) end

   local function code(status, body)
      return { status, body and body.error and body.error.code }
   end

   local function keys(name)
      return select(2, arm("POST", A .. name .. "/listKeys?$expand=kerb", V)).keys
   end

   it("are made behind a 202 without a body", function()
      local status, body, headers = arm("PUT", A .. "accountone", V, BODY)
      assert.same({ 202, nil }, { status, body })
      assert.equal("text/plain; charset=utf-8", headers["content-type"])
      local done, account = cloud:request { url = headers.location, token = cloud.arm_token }
      assert.equal(200, done)
      assert.same({ "Standard", "https://accountone.blob.core.windows.net/", "Succeeded", "TLS1_2", false },
         { account.sku.tier, account.properties.primaryEndpoints.blob, account.properties.provisioningState,
            account.properties.minimumTlsVersion, account.properties.allowBlobPublicAccess })
      assert.is_nil(account.properties.allowSharedKeyAccess)
      assert.equal(200, (arm("PUT", A .. "accountone", V, BODY)))
   end)

   it("give two keys, and another one when it is made anew", function()
      arm("PUT", A .. "accountkeys", V, BODY)
      local before = keys "accountkeys"
      assert.same({ "key1", "key2", "FULL" }, { before[1].keyName, before[2].keyName,
         before[1].permissions })
      assert.equal(64, #crypto.unbase64(before[1].value))
      local _, after = arm("POST", A .. "accountkeys/regenerateKey", V, { keyName = "key1" })
      assert.not_equal(before[1].value, after.keys[1].value)
      assert.equal(before[2].value, after.keys[2].value)
      arm("PUT", A .. "accountkeys", V, BODY)
      assert.equal(before[2].value, keys("accountkeys")[2].value)
   end)

   it("never show a key in the account", function()
      arm("PUT", A .. "accountkeys", V, BODY)
      local value = keys("accountkeys")[1].value
      local _, account = arm("GET", A .. "accountkeys", V)
      local text = require("aci.json").encode(account)
      assert.is_nil(text:find(value, 1, true))
   end)

   it("hold a write back while they are being made", function()
      local slow = support.inside { factor = 1 }
      slow:prepare("rg", "Microsoft.Storage")
      slow:arm("PUT", A .. "slowaccount", V, BODY)
      assert.same({ 409, "StorageAccountOperationInProgress" }, code(slow:arm("PUT", A .. "slowaccount",
         V, BODY)))
      slow:close()
   end)

   it("refuse bad names, skus, kinds and names that are taken", function()
      assert.same({ 400, "AccountNameInvalid" }, code(arm("PUT", A .. "Bad-Name", V, BODY)))
      assert.same({ 400, "AccountNameInvalid" }, code(arm("PUT", A .. ("x"):rep(25), V, BODY)))
      assert.same({ 400, "InvalidRequestPropertyValue" }, code(arm("PUT", A .. "nosku", V,
         { location = "northeurope", kind = "StorageV2" })))
      assert.same({ 400, "InvalidRequestPropertyValue" }, code(arm("PUT", A .. "nokind", V,
         { location = "northeurope", sku = { name = "Standard_LRS" } })))
      require("sim.taken").mark(cloud.state, "storage", "somebodyelses")
      assert.same({ 409, "StorageAccountAlreadyTaken" }, code(arm("PUT", A .. "somebodyelses", V, BODY)))
      arm("PUT", A .. "accountone", V, BODY)
      assert.same({ 409, "StorageAccountInAnotherResourceGroup" },
         code(arm("PUT", A:gsub("/rg/", "/other/") .. "accountone", V, BODY)))
   end)

   it("say whether a name is free", function()
      local function check(name)
         return select(2, arm("POST", "/providers/Microsoft.Storage/checkNameAvailability", V,
            { name = name, type = "Microsoft.Storage/storageAccounts" }))
      end
      arm("PUT", A .. "accountone", V, BODY)
      assert.same({ nameAvailable = true }, check "freename")
      assert.same({ false, "AlreadyExists" }, { check("accountone").nameAvailable,
         check("accountone").reason })
      assert.equal("AccountNameInvalid", check("NO").reason)
   end)

   it("have blob containers as resources", function()
      arm("PUT", A .. "accountone", V, BODY)
      local C = A .. "accountone/blobServices/default/containers/"
      local status, body = arm("PUT", C .. "flows", V, { properties = {} })
      assert.same({ 201, "None", "Microsoft.Storage/storageAccounts/blobServices/containers" },
         { status, body.properties.publicAccess, body.type })
      assert.equal(200, (arm("PUT", C .. "flows", V, {})))
      assert.same({ 400, "ContainerNameInvalid" }, code(arm("PUT", C .. "No--Good", V, {})))
      assert.same({ 409, "PublicAccessNotPermitted" }, code(arm("PUT", C .. "open", V,
         { properties = { publicAccess = "Blob" } })))
      assert.equal("flows", select(2, arm("GET", A .. "accountone/blobServices/default/containers",
         V)).value[1].name)
      assert.same({ 404, "ParentResourceNotFound" },
         code(arm("PUT", A .. "noaccount/blobServices/default/containers/c", V, {})))
   end)

   it("go at once, the second time with 204, and free the name", function()
      arm("PUT", A .. "shortlived", V, BODY)
      assert.equal(200, (arm("DELETE", A .. "shortlived", V)))
      assert.equal(204, (arm("DELETE", A .. "shortlived", V)))
      assert.equal(202, (arm("PUT", A .. "shortlived", V, BODY)))
   end)

   it("need the right to list keys", function()
      arm("PUT", A .. "accountone", V, BODY)
      local reader = cloud:client("reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7",
         "/subscriptions/" .. cloud.owner.subscription)
      local token = cloud:token("https://management.azure.com", reader.id, reader.secret)
      assert.equal(200, (arm("GET", A .. "accountone", V, nil, token)))
      assert.same({ 403, "AuthorizationFailed" }, code(arm("POST", A .. "accountone/listKeys", V, nil,
         token)))
   end)
end)
