local clock = require "aci.clock"
local error_ = require "aci.error"
local fake_http = require "tests.support.fake_http"
local graph = require "aci.graph"
local json = require "aci.json"
local secret = require "aci.secret"
local failure = require "tests.support.failure"

local G = "https://graph.microsoft.com/v1.0"
local OBJECT = "5d977122-f97e-4b4d-a52f-6b43003ddb4d"
local APP = "a8fdfbd0-da97-42d9-8f1a-fd6a7cb650b4"

local function connect(script)
   local http = fake_http.new(script)
   local credential = fake_http.credential "graph-token"
   return graph.connect(fake_http.config(http), credential), http, credential
end

local function refused(code, message)
   return { error = { code = code, message = message, innerError = { ["request-id"] = "g-1" } } }
end

local unknown_app = refused("Request_BadRequest",
   "The appId '" .. APP .. "' of the service principal does not reference a valid application object.")
local taken = refused("Request_MultipleObjectsWithSameKeyValue", "The name is already in use.")
local unknown_object = refused("Request_ResourceNotFound", "Resource '" .. OBJECT
   .. "' does not exist or one of its queried reference-property objects are not present.")

describe("aci.graph", function()
   it("finds applications by tag and by name, with quotes doubled", function()
      local g, http, credential = connect {
         { "GET " .. G .. "/applications", 200, { value = { { id = OBJECT, appId = APP } } } },
         { "GET " .. G .. "/applications", 200, { value = json.array {} } },
      }
      assert.equal(APP, g:applications_tagged("acihost:s/o'g")[1].appId)
      assert.same({}, g:applications_named "O'Brien")
      assert.equal("tags/any(t:t eq 'acihost:s/o''g')", http:got(1).query["$filter"])
      assert.equal("displayName eq 'O''Brien'", http:got(2).query["$filter"])
      assert.equal("https://graph.microsoft.com/.default", credential.asked[1])
   end)

   it("follows @odata.nextLink as it is", function()
      local link = G .. "/applications?$skiptoken=RFN%2BX&$top=1"
      local g, http = connect {
         { "GET " .. G .. "/applications", 200, { value = { { id = "1" } }, ["@odata.nextLink"] = link } },
         { "GET " .. link, 200, { value = { { id = "2" } } } },
      }
      assert.equal(2, #g:list "/applications")
      assert.is_nil(http:got(2).query)
      http:finished()
   end)

   it("makes applications of this tenant only", function()
      local g, http = connect { { "POST " .. G .. "/applications", 201, { id = OBJECT, appId = APP } } }
      assert.equal(OBJECT, g:create_application({ displayName = "prefect-aci", tags = { "t" } }).id)
      assert.same({ displayName = "prefect-aci", tags = { "t" }, signInAudience = "AzureADMyOrg" },
         http:got(1).json)
   end)

   it("waits until a new application is known to make its service principal", function()
      local g, http = connect {
         { "GET " .. G .. "/servicePrincipals", 200, { value = json.array {} } },
         { "POST " .. G .. "/servicePrincipals", 400, unknown_app },
         { "POST " .. G .. "/servicePrincipals", 400, unknown_app },
         { "POST " .. G .. "/servicePrincipals", 201, { id = "sp", appId = APP } },
      }
      assert.equal("sp", g:create_service_principal(APP).id)
      assert.same({ appId = APP }, http:got(4).json)
      http:finished()
   end)

   it("takes the service principal that is there, also when it appears in between", function()
      local g, http = connect {
         { "GET " .. G .. "/servicePrincipals", 200, { value = { { id = "sp" } } } },
         { "GET " .. G .. "/servicePrincipals", 200, { value = json.array {} } },
         { "POST " .. G .. "/servicePrincipals", 409, taken },
         { "GET " .. G .. "/servicePrincipals", 200, { value = json.array {} } },
         { "POST " .. G .. "/servicePrincipals", 409, taken },
         { "GET " .. G .. "/servicePrincipals", 200, { value = { { id = "sp2" } } } },
      }
      assert.equal("sp", g:create_service_principal(APP).id)
      assert.equal("sp2", g:create_service_principal(APP).id)
      http:finished()
   end)

   it("adds a password under our own name and gives it as a secret", function()
      local url = "POST " .. G .. "/applications/" .. OBJECT .. "/addPassword"
      local g, http = connect {
         { url, 404, unknown_object },
         { url, 200, { keyId = "k1", secretText = "s3cr3t", endDateTime = "2027-01-01T00:00:00Z" } },
      }
      local made = g:add_password(OBJECT, { name = "acihost", years = 2 })
      assert.is_true(secret.is(made.secret))
      assert.equal("s3cr3t", secret.reveal(made.secret))
      assert.equal("k1", made.key_id)
      local sent = http:got(2).json.passwordCredential
      assert.equal("acihost", sent.displayName)
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", sent.startDateTime)
      assert.equal(2 * 365 * 86400, clock.parse_iso(sent.endDateTime) - clock.parse_iso(sent.startDateTime))
      assert.is_true(http:got(2).secret_body)
   end)

   it("removes a password; one that is gone is no fault", function()
      local url = "POST " .. G .. "/applications/" .. OBJECT .. "/removePassword"
      local g = connect {
         { url, 204, "" },
         { url, 400, refused("Request_BadRequest", "No password credential found with keyId.") },
         { url, 403, refused("Authorization_RequestDenied", "Insufficient privileges.") },
      }
      assert.is_true(g:remove_password(OBJECT, "k"))
      assert.is_false(g:remove_password(OBJECT, "k"))
      local err = failure(g.remove_password, g, OBJECT, "k")
      assert.equal("permission", err.kind)
      assert.equal("g-1", err.request_id)
      assert.matches("Application.ReadWrite.OwnedBy", err.advice, 1, true)
   end)

   it("deletes an application and purges it when Graph knows that it is deleted", function()
      local g, http = connect {
         { "DELETE " .. G .. "/applications/" .. OBJECT, 204, "" },
         { "DELETE " .. G .. "/directory/deletedItems/" .. OBJECT, 404, unknown_object },
         { "DELETE " .. G .. "/directory/deletedItems/" .. OBJECT, 204, "" },
         { "DELETE " .. G .. "/applications/" .. OBJECT, 404, unknown_object },
      }
      assert.is_true(g:delete_application(OBJECT))
      assert.is_true(g:purge(OBJECT))
      assert.is_false(g:delete_application(OBJECT))
      http:finished()
   end)

   it("does not try again what time does not mend, and not for ever", function()
      local g, http = connect {
         { "PATCH " .. G .. "/applications/" .. OBJECT, 400, refused("Request_BadRequest", "Invalid.") },
      }
      assert.equal("invalid", failure(g.update_application, g, OBJECT, {}).kind)
      http:finished()
      local calls = 0
      local err = failure(g.eventually, g, function()
         calls = calls + 1
         error_.raise { kind = "not_found", status = 404, message = "it does not exist" }
      end, 0.01)
      assert.equal("not_found", err.kind)
      assert.is_true(calls > 1)
   end)

   it("gives nil for an absent object", function()
      local g = connect { { "GET " .. G .. "/applications/" .. OBJECT, 404, unknown_object } }
      assert.is_nil(g:get("/applications/" .. OBJECT))
   end)
end)
