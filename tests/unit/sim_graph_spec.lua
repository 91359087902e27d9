local support = require "tests.support.cloud"
local crypto = require "aci.crypto"

describe("the directory of the local cloud", function()
   local cloud, token

   setup(function()
      cloud = support.inside()
      token = cloud:token "https://graph.microsoft.com"
   end)

   teardown(function() cloud:close() end)

   local function graph(method, path, body, other)
      return cloud:request { method = method, url = "https://graph.microsoft.com/v1.0" .. path, json = body,
         token = other or token }
   end

   local function code(status, body)
      return { status, body and body.error and body.error.code }
   end

   local function application(name)
      return select(2, graph("POST", "/applications", { displayName = name }))
   end

   it("makes applications with arrays that are never null", function()
      local status, app = graph("POST", "/applications", { displayName = "prefect-aci", tags = {
         "acihost:x" } })
      assert.equal(201, status)
      assert.not_equal(app.id, app.appId)
      assert.same({ "acihost:x" }, app.tags)
      assert.same({}, app.passwordCredentials)
      assert.truthy(require("aci.json").is_array(app.passwordCredentials))
      assert.equal(app.id, select(2, graph("GET", "/applications/" .. app.id)).id)
      assert.equal(app.id, select(2, graph("GET", "/applications(appId='" .. app.appId .. "')")).id)
   end)

   it("finds them by the filters that tools use, and pages", function()
      application "paged 1"
      application "paged 2"
      application "it's"
      local function count(filter)
         return #select(2, graph("GET", "/applications?$filter=" .. filter:gsub(" ", "%%20"):gsub("'",
            "%%27"))).value
      end
      assert.equal(1, count "displayName eq 'paged 1'")
      assert.equal(2, count "startswith(displayName,'PAGED')")
      assert.equal(1, count "displayName eq 'it''s'")
      assert.equal(0, count "displayName eq 'nothing'")
      assert.equal(1, count "tags/any(t:t eq 'acihost:x')")
      local _, first = graph("GET", "/applications?$filter=startswith(displayName,'paged')&$top=1")
      assert.equal(1, #first.value)
      local _, second = cloud:request { url = first["@odata.nextLink"], token = token }
      assert.same({ "paged 2", nil }, { second.value[1].displayName, second["@odata.nextLink"] })
      assert.same({ 400, "Request_BadRequest" }, code(graph("GET", "/applications?$filter=nonsense")))
   end)

   it("adds passwords that are shown once and work, and removes them", function()
      local app = application "with password"
      graph("POST", "/servicePrincipals", { appId = app.appId })
      local status, made = graph("POST", "/applications/" .. app.id .. "/addPassword",
         { passwordCredential = { displayName = "ours" } })
      assert.equal(200, status)
      assert.truthy(#made.secretText >= 16)
      assert.equal(made.secretText:sub(1, 3), made.hint)
      local shown = select(2, graph("GET", "/applications/" .. app.id)).passwordCredentials[1]
      assert.same({ made.keyId, "ours", require("aci.json").null }, { shown.keyId, shown.displayName,
         shown.secretText })
      assert.truthy(cloud:token("https://management.azure.com", app.appId, made.secretText))
      assert.equal(204, (graph("POST", "/applications/" .. app.id .. "/removePassword", {
         keyId = made.keyId })))
      assert.has_error(function() cloud:token("https://management.azure.com", app.appId,
         made.secretText) end)
      assert.same({ 400, "Request_BadRequest" },
         code(graph("POST", "/applications/" .. app.id .. "/removePassword", { keyId = made.keyId })))
   end)

   it("adds passwords of a service principal itself, which log in as its application", function()
      local app = application "own password"
      local principal = select(2, graph("POST", "/servicePrincipals", { appId = app.appId }))
      local path = "/servicePrincipals/" .. principal.id
      local _, made = graph("POST", path .. "/addPassword", {})
      assert.equal(made.keyId, select(2, graph("GET", path)).passwordCredentials[1].keyId)
      assert.same({}, select(2, graph("GET", "/applications/" .. app.id)).passwordCredentials)
      assert.truthy(cloud:token("https://management.azure.com", app.appId, made.secretText))
      assert.equal(204, (graph("POST", path .. "/removePassword", { keyId = made.keyId })))
      assert.has_error(function() cloud:token("https://management.azure.com", app.appId, made.secretText) end)
   end)

   it("has no me for applications", function()
      for _, path in ipairs { "/me", "/me/ownedObjects/microsoft.graph.application" } do
         local status, body = graph("GET", path)
         assert.same({ 400, "BadRequest" }, code(status, body))
      end
   end)

   it("makes one service principal for an application", function()
      local app = application "principal"
      local status, principal = graph("POST", "/servicePrincipals", { appId = app.appId,
         accountEnabled = true })
      assert.equal(201, status)
      assert.same({ app.appId, "Application", app.displayName },
         { principal.appId, principal.servicePrincipalType, principal.displayName })
      assert.same({ 409, "Request_MultipleObjectsWithSameKeyValue" },
         code(graph("POST", "/servicePrincipals", { appId = app.appId })))
      local refused, body = graph("POST", "/servicePrincipals", { appId = crypto.uuid4() })
      assert.same({ 400, "Request_BadRequest" }, code(refused, body))
      assert.truthy(body.error.message:find("does not reference a valid application object", 1, true))
      assert.equal(principal.id, select(2, graph("GET",
         "/servicePrincipals?$filter=servicePrincipalNames/any(c:c%20eq%20'"
         .. app.appId .. "')")).value[1].id)
   end)

   it("changes and deletes, softly", function()
      local app = application "to go"
      local principal = select(2, graph("POST", "/servicePrincipals", { appId = app.appId }))
      assert.equal(204, (graph("PATCH", "/applications/" .. app.id, { displayName = "renamed" })))
      assert.equal("renamed", select(2, graph("GET", "/applications/" .. app.id)).displayName)
      assert.equal(204, (graph("DELETE", "/applications/" .. app.id)))
      assert.same({ 404, "Request_ResourceNotFound" }, code(graph("GET", "/applications/" .. app.id)))
      assert.same({ 404, "Request_ResourceNotFound" }, code(graph("GET", "/servicePrincipals/"
         .. principal.id)))
      local _, deleted = graph("GET", "/directory/deletedItems/microsoft.graph.application")
      assert.equal(app.id, deleted.value[1].id)
      assert.equal(200, (graph("POST", "/directory/deletedItems/" .. app.id .. "/restore")))
      assert.equal(200, (graph("GET", "/applications/" .. app.id)))
   end)

   it("refuses what Graph refuses", function()
      assert.same({ 400, "Request_BadRequest" }, code(graph("POST", "/applications", {})))
      assert.same({ 400, "Request_BadRequest" }, code(graph("POST", "/applications", { displayName = "x",
         passwordCredentials = { { displayName = "y" } } })))
      local app = application "by the wrong id"
      assert.same({ 404, "Request_ResourceNotFound" }, code(graph("GET", "/applications/" .. app.appId)))
   end)

   it("gives nothing to a caller without the application role, owner of the subscription or not", function()
      local owner = cloud:client("only arm", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
         "/subscriptions/" .. cloud.owner.subscription)
      local other = cloud:token("https://graph.microsoft.com", owner.id, owner.secret)
      assert.same({ 403, "Authorization_RequestDenied" }, code(graph("GET", "/applications", nil, other)))
      local status, body = graph("GET", "/applications", nil, cloud:token "https://management.azure.com")
      assert.same({ 401, "InvalidAuthenticationToken" }, code(status, body))
      assert.truthy(body.error.innerError["request-id"])
   end)

   it("does not know a new application everywhere at once", function()
      local slow = support.inside { factor = 1 }
      local other = slow:token "https://graph.microsoft.com"
      local _, app = slow:request { method = "POST",
         url = "https://graph.microsoft.com/v1.0/applications", token = other,
         json = { displayName = "new" } }
      local status, body = slow:request { method = "POST",
         url = "https://graph.microsoft.com/v1.0/servicePrincipals",
         token = other, json = { appId = app.appId } }
      assert.same({ 400, "Request_BadRequest" }, code(status, body))
      slow:close()
   end)
end)

describe("certificates and federated credentials in the directory", function()
   local cloud, token, app

   local function graph(method, path, body)
      return cloud:request { method = method, url = "https://graph.microsoft.com/v1.0" .. path, json = body,
         token = token }
   end

   setup(function()
      cloud = support.inside()
      token = cloud:token "https://graph.microsoft.com"
      app = select(2, graph("POST", "/applications", { displayName = "logins" }))
   end)
   teardown(function() cloud:close() end)

   local function key(changes)
      local facts = crypto.certificate_facts(crypto.login_certificate({ name = "spec" }).certificate)
      local one = { type = "AsymmetricX509Cert", usage = "Verify",
         key = crypto.base64(facts.der):gsub(("."):rep(64), "%0\n") } -- as az sends it
      for name, value in pairs(changes or {}) do one[name] = value end
      return one, crypto.hex(crypto.sha1(facts.der)):upper()
   end

   it("completes a certificate, shows its key only when selected, and keeps one that is named again", function()
      local one, thumbprint = key()
      assert.equal(204, (graph("PATCH", "/applications/" .. app.id, { keyCredentials = { one } })))
      local shown = select(2, graph("GET", "/applications/" .. app.id)).keyCredentials[1]
      assert.same({ thumbprint, "CN=spec,O=acihost", require("aci.json").null },
         { shown.customKeyIdentifier, shown.displayName, shown.key })
      local path = ("/applications/%s?$select=keyCredentials"):format(app.id)
      assert.equal((one.key:gsub("\n", "")), select(2, graph("GET", path)).keyCredentials[1].key)
      assert.equal(204, (graph("PATCH", "/applications/" .. app.id, { keyCredentials = { shown, (key()) } })))
      assert.equal(2, #select(2, graph("GET", "/applications/" .. app.id)).keyCredentials)
   end)

   it("refuses what is no certificate, of another use, or to outlive it", function()
      for _, changes in ipairs { { key = "bm90IG9uZQ==" }, { key = "!" }, { usage = "Sign" },
         { endDateTime = "2999-01-01T00:00:00Z" } } do
         local status, body = graph("PATCH", "/applications/" .. app.id, { keyCredentials = { (key(changes)) } })
         assert.same({ 400, "Request_BadRequest" }, { status, body.error.code })
      end
   end)

   it("keeps federated credentials: add, list, get, delete, and refuses doubles and parts", function()
      local path = ("/applications(appId='%s')/federatedIdentityCredentials"):format(app.appId)
      local one = { name = "n", issuer = "https://i", subject = "s", audiences = { "api://AzureADTokenExchange" } }
      local status, made = graph("POST", path, one)
      assert.equal(201, status)
      assert.equal(409, (graph("POST", path, one)))
      assert.equal(409, (graph("POST", path, { name = "m", issuer = "https://i", subject = "s",
         audiences = one.audiences })))
      assert.equal(400, (graph("POST", path, { name = "x", issuer = "https://i", subject = "t" })))
      assert.equal(400, (graph("POST", path, { name = "x", subject = "t", audiences = one.audiences })))
      assert.equal("s", select(2, graph("GET", path)).value[1].subject)
      assert.equal("s", select(2, graph("GET", path .. "/" .. made.id)).subject)
      assert.is_nil(select(2, graph("GET", "/applications/" .. app.id)).federatedIdentityCredentials)
      assert.equal(204, (graph("DELETE", path .. "/" .. made.id)))
      assert.equal(404, (graph("GET", path .. "/" .. made.id)))
   end)
end)
