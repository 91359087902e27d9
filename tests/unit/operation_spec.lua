local azure = require "aci.azure"
local clock = require "aci.clock"
local fake_http = require "tests.support.fake_http"
local failure = require "tests.support.failure"

local S = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590"
local H = "https://management.azure.com"
local ID = S .. "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
local STATUS = H .. S .. "/providers/Microsoft.Network/locations/x/operations/1?api-version=1&t=1&c=%2B&s=A_-"
local PLACE = H .. S .. "/operationresults/1?api-version=2022-09-01"
local OWN = H .. ID .. "?api-version=2023-11-01"

local function connect(script)
   local http = fake_http.new(script)
   return azure.connect(fake_http.config(http), fake_http.credential()), http
end

local function network(state)
   return { id = ID, name = "v", properties = { provisioningState = state } }
end

describe("aci.operation", function()
   it("follows Azure-AsyncOperation byte for byte and reads the resource at the end", function()
      local az, http = connect {
         { "PUT " .. OWN, 201, network "Updating", { ["azure-asyncoperation"] = STATUS } },
         { "GET " .. STATUS, 200, { status = "InProgress" }, { ["retry-after-ms"] = "1" } },
         { "GET " .. STATUS, 200, { status = "Succeeded" } },
         { "GET " .. OWN, 200, network "Succeeded" },
      }
      local made = az:put(ID, nil, { location = "x" })
      assert.equal("Succeeded", made.properties.provisioningState)
      assert.is_nil(http:got(2).query)
      http:finished()
   end)

   it("follows Location, the newest one, and gives what is there at the end", function()
      local other = PLACE .. "&s=2"
      local az, http = connect {
         { "PUT " .. OWN, 202, "", { location = PLACE } },
         { "GET " .. PLACE, 202, "", { location = other, ["retry-after"] = "0" } },
         { "GET " .. other, 202, "" },
         { "GET " .. other, 200, network "Succeeded" },
      }
      assert.equal("v", az:put(ID, nil, {}).name)
      http:finished()
   end)

   it("reads the resource until provisioningState is final; absent counts as not yet", function()
      local az, http = connect {
         { "PUT " .. OWN, 200, network "RegisteringDns" },
         { "GET " .. OWN, 404, { error = { code = "ResourceNotFound", message = "not yet" } } },
         { "GET " .. OWN, 200, network "Updating" },
         { "GET " .. OWN, 200, network "Succeeded" },
      }
      assert.equal("Succeeded", az:put(ID, nil, {}).properties.provisioningState)
      http:finished()
   end)

   it("does not poll the Location of a plain 201 (managed identities send their own path)", function()
      local az, http = connect {
         { "PUT " .. OWN, 201, { name = "v", properties = { clientId = "c" } }, { location = ID } },
      }
      assert.equal("c", az:put(ID, nil, {}).properties.clientId)
      http:finished()
   end)

   it("resolves a relative Location", function()
      local az, http = connect {
         { "DELETE " .. OWN, 202, "", { location = S .. "/operationresults/7?api-version=1" } },
         { "GET " .. H .. S .. "/operationresults/7?api-version=1", 200, "" },
      }
      assert.is_true(az:delete(ID))
      http:finished()
   end)

   it("ends a deletion when its address is gone, and tells what was there", function()
      local az, http = connect {
         { "DELETE " .. OWN, 202, "", { location = PLACE } },
         { "GET " .. PLACE, 404, "" },
         { "DELETE " .. OWN, 204, "" },
         { "DELETE " .. OWN, 404, { error = { code = "ResourceGroupNotFound", message = "x" } } },
         { "DELETE " .. OWN, 202, "" },
         { "GET " .. OWN, 200, network "Deleting" },
         { "GET " .. OWN, 404, "" },
      }
      assert.is_true(az:delete(ID))
      assert.is_false(az:delete(ID))
      assert.is_false(az:delete(ID))
      assert.is_true(az:delete(ID))
      http:finished()
   end)

   it("gives the answer of an action from its Location", function()
      local url = H .. ID .. "/purge?api-version=2023-11-01"
      local az, http = connect {
         { "POST " .. url, 202, "", { location = PLACE } },
         { "GET " .. PLACE, 202, "" },
         { "GET " .. PLACE, 200, { status = "Succeeded", answer = 42 } },
      }
      assert.equal(42, az:post(ID .. "/purge").answer)
      http:finished()
   end)

   it("raises a failed status with its innermost cause", function()
      local az = connect {
         { "PUT " .. OWN, 201, network "Updating", { ["azure-asyncoperation"] = STATUS,
            ["x-ms-request-id"] = "r-9" } },
         { "GET " .. STATUS, 200, { status = "Failed", error = { code = "DeploymentFailed", message = "outer",
            details = { { code = "QuotaExceeded", message = "no more" } } } } },
      }
      local err = failure(az.put, az, ID, nil, {})
      assert.equal("QuotaExceeded", err.code)
      assert.equal("failed", err.kind)
      assert.equal("r-9", err.request_id)
      assert.equal("PUT", err.method)
      assert.equal(H .. ID, err.url)
   end)

   it("raises a failed provisioningState, and one without words", function()
      local az = connect {
         { "PUT " .. OWN, 201, network "Creating" },
         { "GET " .. OWN, 200, { properties = { provisioningState = "Failed" } } },
      }
      assert.matches("ended as Failed", failure(az.put, az, ID, nil, {}).message)
   end)

   it("raises kind canceled for a canceled operation", function()
      local az = connect {
         { "PUT " .. OWN, 201, network "Updating", { ["azure-asyncoperation"] = STATUS } },
         { "GET " .. STATUS, 200, { status = "Canceled",
            error = { code = "Canceled", message = "it was canceled" } } },
      }
      assert.equal("canceled", failure(az.put, az, ID, nil, {}).kind)
   end)

   it("follows the operation that superseded this one", function()
      local other = STATUS:gsub("operations/1", "operations/2")
      local az, http = connect {
         { "PUT " .. OWN, 201, network "Updating", { ["azure-asyncoperation"] = STATUS } },
         { "GET " .. STATUS, 200, { status = "Canceled", error = { code = "Canceled", message = "was" } },
            { ["canceled-by-azure-asyncoperation"] = other } },
         { "GET " .. other, 200, { status = "Succeeded" } },
         { "GET " .. OWN, 200, network "Succeeded" },
      }
      az:put(ID, nil, {})
      http:finished()
   end)

   it("reads the resource itself when progress may not be read", function()
      local az, http = connect {
         { "PUT " .. OWN, 201, network "Updating", { ["azure-asyncoperation"] = STATUS } },
         { "GET " .. STATUS, 403, { error = { code = "AuthorizationFailed", message = "no" } } },
         { "GET " .. OWN, 200, network "Updating" },
         { "GET " .. OWN, 200, network "Succeeded" },
      }
      assert.equal("Succeeded", az:put(ID, nil, {}).properties.provisioningState)
      http:finished()
   end)

   it("waits as long as the service asks", function()
      local az = connect {
         { "PUT " .. OWN, 201, network "Updating", { ["azure-asyncoperation"] = STATUS,
            ["retry-after-ms"] = "60" } },
         { "GET " .. STATUS, 200, { status = "Running" }, { ["x-ms-retry-after-ms"] = "60" } },
         { "GET " .. STATUS, 200, { status = "Succeeded" } },
         { "GET " .. OWN, 200, network "Succeeded" },
      }
      local begun = clock.monotonic()
      az:put(ID, nil, {})
      assert.is_true(clock.monotonic() - begun >= 0.12)
   end)

   it("gives up after its time, saying that Azure goes on", function()
      local script = { { "PUT " .. OWN, 201, network "Updating", { ["azure-asyncoperation"] = STATUS } } }
      for i = 2, 200 do script[i] = { "GET " .. STATUS, 200, { status = "Running" } } end
      local az = connect(script)
      local err = failure(az.put, az, ID, nil, {}, { timeout = 0.02 })
      assert.equal("timeout", err.kind)
      assert.matches("Azure goes on", err.message)
   end)

   it("tells each poll and can be driven by hand", function()
      local seen = {}
      local az = connect {
         { "PUT " .. OWN, 201, network "Updating", { ["azure-asyncoperation"] = STATUS } },
         { "GET " .. STATUS, 200, { status = "Running" } },
         { "GET " .. STATUS, 200, { status = "Succeeded" } },
         { "GET " .. OWN, 200, network "Succeeded" },
      }
      local begun = az:start("PUT", ID, { json = {}, on_poll = function(op) seen[#seen + 1] = op.polls end })
      assert.is_false(begun:done())
      assert.is_false(begun:poll())
      assert.is_true(begun:poll())
      assert.is_true(begun:done())
      assert.equal("v", begun:wait().name)
      assert.same({ 1, 2 }, seen)
   end)

   it("never takes the token to another host", function()
      local az, http = connect {
         { "PUT " .. OWN, 202, "", { location = "https://evil.example/x" } },
      }
      local err = failure(az.put, az, ID, nil, {})
      assert.equal("ForeignLink", err.code)
      assert.matches("evil.example", err.message)
      http:finished()
   end)
end)
