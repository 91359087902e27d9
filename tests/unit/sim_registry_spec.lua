-- The local cloud's Container Registry: management plane, token exchange, the distribution API.
local support = require "tests.support.cloud"
local crypto  = require "aci.crypto"
local json    = require "aci.json"

local V = "2023-07-01"
local A = "/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/"
local BODY = { location = "northeurope", sku = { name = "Basic" }, properties = { adminUserEnabled = false } }
local HOST = "https://ourimages.azurecr.io"
local FORM = { ["content-type"] = "application/x-www-form-urlencoded" }
local PULL, PUSH = "7f951dda-4ed3-4680-a7ca-43fe172d538d", "8311e382-0749-4cb8-b61a-304f252e45ec"
local OCI = "application/vnd.oci.image.manifest.v1+json"

local function digest(text) return "sha256:" .. crypto.hex(crypto.sha256(text)) end

describe("container registries of the local cloud", function()
   local cloud

   setup(function()
      cloud = support.inside()
      cloud:prepare("rg", "Microsoft.ContainerRegistry")
      assert.equal(201, (cloud:arm("PUT", A .. "ourImages", V, BODY)))
   end)
   teardown(function() cloud:close() end)

   local function entra(audience, id, password) return cloud:token(audience, id, password) end

   local function post(path, text)
      return cloud:request { method = "POST", url = HOST .. path, body = text, headers = FORM }
   end

   local function exchange(token)
      return post("/oauth2/exchange", "grant_type=access_token&service=ourimages.azurecr.io&access_token=" .. token)
   end

   local function access(scope, token)
      local _, body = exchange(token or entra "https://containerregistry.azure.net")
      return post("/oauth2/token", ("grant_type=refresh_token&service=ourimages.azurecr.io&scope=%s&refresh_token=%s")
         :format(scope, body.refresh_token))
   end

   local function actions(token)
      return json.decode(crypto.unbase64url(token:match "%.([^.]+)%.")).access[1].actions
   end

   -- A principal with a role on the registry (a GUID), or none.
   local function client(role)
      local made = cloud:client("one " .. crypto.uuid4(), role, cloud:arm("GET", A .. "ourImages", V) == 200
         and ("/subscriptions/%s%sourImages"):format(cloud.owner.subscription, A) or nil)
      return entra("https://containerregistry.azure.net", made.id, made.secret)
   end

   it("are named worldwide, in letters and digits, and shown with their login server", function()
      local _, body = cloud:arm("GET", A .. "ourImages", V)
      assert.same({ "ourimages.azurecr.io", "Succeeded", "Basic", false }, { body.properties.loginServer,
         body.properties.provisioningState, body.sku.tier, body.properties.adminUserEnabled })
      local function free(name)
         local _, answer = cloud:arm("POST", "/providers/Microsoft.ContainerRegistry/checkNameAvailability", V,
            { name = name, type = "Microsoft.ContainerRegistry/registries" })
         return answer.nameAvailable, answer.reason
      end
      assert.is_true(free "others01")
      assert.same({ false, "AlreadyExists" }, { free "OURIMAGES" })
      assert.same({ false, "Invalid" }, { free "our-images" })
      assert.equal(400, (cloud:arm("PUT", A .. "a-b-c-d", V, BODY)))
      assert.equal(400, (cloud:arm("PUT", A .. "nosuchsku", V, { location = "northeurope",
         sku = { name = "Classic" } })))
      assert.equal(200, (cloud:arm("PUT", A .. "ourImages", V, BODY)))
   end)

   it("list no credentials unless there is an admin user", function()
      local status, body = cloud:arm("POST", A .. "ourImages/listCredentials", V)
      assert.same({ 400, "UnAuthorizedForCredentialOperations" }, { status, body.error.code })
      cloud:arm("PUT", A .. "adminimages", V, { location = "northeurope", sku = { name = "Basic" },
         properties = { adminUserEnabled = true } })
      status, body = cloud:arm("POST", A .. "adminimages/listCredentials", V)
      assert.same({ 200, "adminimages", 2 }, { status, body.username, #body.passwords })
      local basic = "Basic " .. crypto.base64("adminimages:" .. body.passwords[2].value)
      local _, token = cloud:request { url = "https://adminimages.azurecr.io/oauth2/token"
         .. "?service=adminimages.azurecr.io&scope=repository:a:pull,push", headers = { authorization = basic } }
      assert.same({ "pull", "push" }, actions(token.access_token))
   end)

   it("change what a PATCH names, and nothing else", function()
      local status, body = cloud:arm("PATCH", A .. "adminimages", V, { properties = { adminUserEnabled = false } })
      assert.same({ 200, false, "Basic" }, { status, body.properties.adminUserEnabled, body.sku.name })
      assert.equal(400, (cloud:arm("POST", A .. "adminimages/listCredentials", V)))
      body = select(2, cloud:arm("PATCH", A .. "adminimages", V, { sku = { name = "premium" }, tags = { a = "b" } }))
      assert.same({ "Premium", { a = "b" }, false }, { body.sku.tier, body.tags, body.properties.adminUserEnabled })
      assert.equal(501, (cloud:request { url = HOST .. "/acr/v1/a/_tags" }))
   end)

   it("answer nobody without a token, and say where one is got", function()
      local status, body, headers = cloud:request { url = HOST .. "/v2/" }
      assert.same({ 401, "UNAUTHORIZED", 'Bearer realm="https://ourimages.azurecr.io/oauth2/token",'
         .. 'service="ourimages.azurecr.io"' }, { status, body.errors[1].code, headers["www-authenticate"] })
      headers = select(3, cloud:request { method = "POST", url = HOST .. "/v2/team/a/blobs/uploads/" })
      assert.matches(',scope="repository:team/a:pull,push"$', headers["www-authenticate"])
      headers = select(3, cloud:request { url = HOST .. "/v2/a/manifests/1", token = "x.y.z" })
      assert.matches(',scope="repository:a:pull",error="invalid_token"$', headers["www-authenticate"])
   end)

   it("exchange Entra's token, for registries or for ARM, and no other", function()
      assert.equal(200, (exchange(entra "https://containerregistry.azure.net")))
      assert.equal(200, (exchange(entra "https://management.azure.com")))
      assert.equal(401, (exchange(entra "https://vault.azure.net")))
      cloud:arm("PUT", A .. "ourImages", V, { location = "northeurope", sku = { name = "Basic" }, properties = {
         policies = { azureADAuthenticationAsArmPolicy = { status = "disabled" } } } })
      assert.equal(401, (exchange(entra "https://management.azure.com")))
      assert.equal(200, (exchange(entra "https://containerregistry.azure.net")))
      local _, body = exchange(entra "https://containerregistry.azure.net")
      assert.equal(401, (exchange(body.refresh_token)))
      assert.equal(401, (cloud:request { url = HOST .. "/v2/", token = body.refresh_token }))
   end)

   it("grant what the caller's role on the registry allows, and fewer actions where it does not", function()
      local _, body = access "repository:a:pull,push"
      assert.same({ "pull", "push" }, actions(body.access_token))
      local status
      status, body = access("repository:a:pull,push", client(PULL))
      assert.same({ 200, { "pull" } }, { status, actions(body.access_token) })
      assert.equal(401, (cloud:request { method = "POST", url = HOST .. "/v2/a/blobs/uploads/",
         token = body.access_token }))
      _, body = access("repository:a:pull,push", client(PUSH))
      assert.same({ "pull", "push" }, actions(body.access_token))
      _, body = access("repository:a:pull,push", client())
      assert.same({}, actions(body.access_token))
   end)

   it("take blobs and manifests whole or not at all", function()
      local _, body = access "repository:team/a:pull,push"
      local token = body.access_token
      local function send(method, path, text, headers)
         return cloud:request { method = method, url = path:find "^https" and path or HOST .. path, token = token,
            body = text, headers = headers }
      end
      local function put(text, as)
         local _, _, opened = send("POST", "/v2/team/a/blobs/uploads/")
         return send("PUT", opened.location .. "&digest=" .. (as or digest(text)):gsub(":", "%%3A"), text)
      end
      local layer, config = ("layer"):rep(1000), "{}"
      local status, refusal = put(layer, digest "other")
      assert.same({ 400, "DIGEST_INVALID" }, { status, refusal.errors[1].code })
      assert.equal(201, (put(layer)))
      local manifest = json.encode { schemaVersion = 2, mediaType = OCI,
         config = { mediaType = "c", digest = digest(config), size = #config },
         layers = { { mediaType = "l", digest = digest(layer), size = #layer } } }
      status, refusal = send("PUT", "/v2/team/a/manifests/1", manifest, { ["content-type"] = OCI })
      assert.same({ 400, "MANIFEST_BLOB_UNKNOWN", digest(config) }, { status, refusal.errors[1].code,
         refusal.errors[1].detail })
      assert.equal(201, (put(config)))
      local wrong = manifest:gsub('"size":5000', '"size":4999')
      status, refusal = send("PUT", "/v2/team/a/manifests/1", wrong, { ["content-type"] = OCI })
      assert.same({ 400, "SIZE_INVALID" }, { status, refusal.errors[1].code })
      assert.equal(201, (send("PUT", "/v2/team/a/manifests/1", manifest, { ["content-type"] = OCI })))
      assert.equal(404, (send("GET", "/v2/team/a/manifests/1")))
      local _, found, headers = send("GET", "/v2/team/a/manifests/1", nil, { accept = OCI })
      assert.same({ manifest, digest(manifest) }, { json.encode(found), headers["docker-content-digest"] })
      assert.same({ "1" }, select(2, send("GET", "/v2/team/a/tags/list")).tags)
   end)

   it("list their repositories to whom the catalog is granted", function()
      local function listed(scope, token)
         local _, body = access(scope, token)
         local status, shown, headers = cloud:request { url = HOST .. "/v2/_catalog", token = body.access_token }
         return status, shown, headers["www-authenticate"]
      end
      assert.equal(200, (listed "registry:catalog:*"))
      for _, scope in ipairs { "repository:team/a:pull,push", "repository:catalog:*", "registry:catalog:pull" } do
         local status, _, challenge = listed(scope)
         assert.equal(401, status, scope)
         assert.truthy(challenge:find('scope="registry:catalog:*"', 1, true))
      end
      assert.equal(401, (listed("registry:catalog:*", client())))
      assert.equal(200, (listed("registry:catalog:*", client(PULL))))
   end)

   it("refuse a piece that is out of order and an upload's old place", function()
      local _, body = access "repository:pieces:pull,push"
      local function send(method, url, text, range)
         return cloud:request { method = method, url = url, token = body.access_token, body = text,
            headers = { ["content-range"] = range } }
      end
      local _, _, opened = send("POST", HOST .. "/v2/pieces/blobs/uploads/")
      local status, _, first = send("PATCH", opened.location, "abc", "0-2")
      assert.same({ 202, "0-2" }, { status, first.range })
      assert.equal(416, (send("PATCH", first.location, "def", "5-7")))
      local again, refusal = send("PATCH", opened.location, "def")
      assert.same({ 404, "BLOB_UPLOAD_INVALID" }, { again, refusal.errors[1].code })
      _, _, first = send("PATCH", first.location, "def", "3-5")
      assert.equal(201, (send("PUT", first.location .. "&digest=" .. digest "abcdef", "")))
   end)

   it("go with all that they hold", function()
      assert.equal(200, (cloud:arm("DELETE", A .. "ourImages", V)))
      cloud.cloud:run_due()
      for _, name in ipairs { "blobs", "links", "manifests", "tags", "uploads" } do
         assert.equal(0, cloud.state.db:row("SELECT COUNT(*) AS n FROM acr_" .. name).n, name)
      end
      assert.same({}, require("aci.fs").list(require("sim.acrdata").folder(cloud.cloud)))
      assert.equal(404, (cloud:request { url = HOST .. "/v2/" }))
   end)
end)
