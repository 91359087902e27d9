local error_ = require "aci.error"
local fault = require "aci.fault"
local json = require "aci.json"

local function answer(status, body, headers)
   return { status = status, headers = headers or {},
      url = "https://management.azure.com/x?api-version=1&s=SIG",
      body = type(body) == "table" and json.encode(body) or body }
end

describe("an error's line", function()
   it("has the code, except for wrong usage", function()
      assert.equal("gone (404 [NotThere])", tostring(error_.new { kind = "not_found", code = "NotThere", status = 404,
         message = "gone" }))
      assert.equal("set it. so", tostring(error_.new { kind = "usage", code = "InvalidSetting", message = "set it",
         advice = "so" }))
   end)
end)

describe("aci.fault", function()
   it("takes code, message, request id and the address without its query", function()
      local err = fault.from(answer(404, { error = { code = "ResourceGroupNotFound",
         message = "Resource group 'rg' could not be found." } }, { ["x-ms-request-id"] = "r1" }),
         { method = "GET" })
      assert.is_true(error_.is(err, "not_found"))
      assert.equal("ResourceGroupNotFound", err.code)
      assert.equal("Resource group 'rg' could not be found.", err.message)
      assert.equal("r1", err.request_id)
      assert.equal("https://management.azure.com/x", err.url)
      assert.equal("GET", err.method)
   end)

   it("puts the innermost cause of nested details first", function()
      local causes = fault.causes { error = { code = "DeploymentFailed", message = "At least one failed.",
         details = { { code = "ResourceDeploymentFailure", target = "/x", message = "terminal 'Failed'.",
            details = { { code = "RegionIsOfferRestricted", message = "not here" } } } } } }
      assert.equal("RegionIsOfferRestricted", causes[1].code)
      assert.same({ "RegionIsOfferRestricted", "ResourceDeploymentFailure", "DeploymentFailed" },
         { causes[1].code, causes[2].code, causes[3].code })
   end)

   it("decodes JSON that hides in messages, twice over", function()
      local inner = json.encode { error = { code = "SkuNotAvailable", message = "no such sku" } }
      local middle = json.encode { status = "Failed", error = { code = "ResourceDeploymentFailure",
         message = "The operation failed.", details = { { code = "Conflict", message = inner } } } }
      local err = fault.from(answer(400, { error = { code = "DeploymentFailed", message = "outer",
         details = { { code = "Conflict", message = middle } } } }))
      assert.equal("SkuNotAvailable", err.code)
      assert.equal("no such sku", err.message)
      assert.equal("invalid", err.kind)
   end)

   it("reads the other shapes that occur", function()
      assert.equal("Flat", fault.causes({ code = "Flat", message = "m" })[1].code)
      assert.equal("odd", fault.causes({ Message = "odd" })[1].message)
      local odata = { ["odata.error"] = { code = "X", message = { value = "text" } } }
      assert.equal("text", fault.causes(odata)[1].message)
      assert.equal("Inner", fault.causes({ error = { code = "Outer", message = "o",
         details = { code = "Inner", message = "i" } } })[1].code)
      assert.equal("plain words", fault.causes("plain words")[1].message)
      assert.same({}, fault.causes(nil))
   end)

   it("does not tell the same twice", function()
      local causes = fault.causes { error = { code = "A", message = "same", details = { { code = "A",
         message = "same" } } } }
      assert.equal(1, #causes)
   end)

   it("has something to say about a body that is not JSON, or none", function()
      local err = fault.from(answer(502, "<html>Bad Gateway</html>"))
      assert.equal("server", err.kind)
      assert.equal("the service answered 502", err.message)
      assert.equal("throttled", fault.from(answer(429, "")).kind)
   end)

   it("maps codes before statuses", function()
      assert.equal("permission", fault.kind(400, "AuthorizationFailed"))
      assert.equal("conflict", fault.kind(400, "RoleAssignmentUpdateNotPermitted"))
      assert.equal("auth", fault.kind(403, "AuthenticationFailed"))
      assert.equal("permission", fault.kind(403, "Forbidden", "ForbiddenByRbac"))
      assert.equal("not_found", fault.kind(404, "Whatever"))
      assert.equal("failed", fault.kind(nil, "RegionIsOfferRestricted"))
      assert.equal("server", fault.kind(503, nil))
   end)

   it("names the role that a vault's refusal asks for", function()
      local err = fault.from(answer(403, { error = { code = "Forbidden",
         message = "Caller is not authorized to perform action on resource.\r\nIf roles changed.\r\n"
            .. "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nVault: v;location=l\r\n",
         innererror = { code = "ForbiddenByRbac" } } }))
      assert.equal("permission", err.kind)
      assert.equal("ForbiddenByRbac", err.code)
      assert.matches("Key Vault Secrets User", err.advice)
      assert.not_matches("[\r\n]", err.message)
      assert.equal(5, error_.exit_code(err))
   end)

   it("says a vault's ten lines in one sentence, and keeps them as a detail", function()
      local err = fault.from(answer(403, { error = { code = "Forbidden", innererror = { code = "ForbiddenByRbac" },
         message = "Caller is not authorized to perform action on resource.\r\nIf role assignments were changed "
            .. "recently, please observe propagation time.\r\nCaller: appid=a-1;oid=o-1;iss=https://sts/x/\r\n"
            .. "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource: '/subscriptions/s/"
            .. "resourcegroups/g/providers/microsoft.keyvault/vaults/v/secrets/t'\r\nAssignment: (not found)\r\n" } }))
      assert.equal("the caller (appid=a-1) may not Microsoft.KeyVault/vaults/secrets/getSecret/action on v/secrets/t",
         err.message)
      assert.matches("propagation time", err.details[1].message)
      assert.matches("Key Vault Secrets User", err.advice)
   end)

   it("advises about a deleted vault in the way of a new one", function()
      local err = fault.from(answer(409, { error = { code = "ConflictError",
         message = "A vault with the same name already exists in deleted state." } }))
      assert.equal("conflict", err.kind)
      assert.matches("purge", err.advice)
   end)

   it("finds Graph's request id in the body", function()
      local err = fault.from(answer(403, { error = { code = "Authorization_RequestDenied", message = "no",
         innerError = { ["request-id"] = "g-1", date = "2022" } } }))
      assert.equal("g-1", err.request_id)
      assert.equal("Authorization_RequestDenied", err.code)
   end)

   it("survives depth without end", function()
      local node = { code = "Deep", message = "bottom" }
      for _ = 1, 200 do node = { code = "L", message = "level", details = { node } } end
      assert.is_true(#fault.causes({ error = node }) >= 1)
   end)
end)
