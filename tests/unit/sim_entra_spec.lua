local support = require "tests.support.cloud"
local crypto = require "aci.crypto"
local json = require "aci.json"
local secret = require "aci.secret"

describe("the token endpoint", function()
   local cloud

   setup(function() cloud = support.inside() end)
   teardown(function() cloud:close() end)

   local function escape(text)
      return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
   end

   local function post(fields, options)
      options = options or {}
      local parts = {}
      for name, value in pairs(fields) do
         parts[#parts + 1] = name .. "=" .. escape(secret.is(value) and secret.reveal(value) or value)
      end
      return cloud:request {
         method = "POST", body = options.body or table.concat(parts, "&"), headers = {
            ["content-type"] = options.type or "application/x-www-form-urlencoded",
            ["client-request-id"] = options.correlation, authorization = options.authorization },
         url = "https://login.microsoftonline.com/" .. (options.tenant or cloud.owner.tenant)
            .. (options.path or "/oauth2/v2.0/token"),
      }
   end

   local function good(changes)
      local fields = { grant_type = "client_credentials", client_id = cloud.owner.client_id,
         client_secret = cloud.owner.client_secret, scope = "https://management.azure.com/.default" }
      for name, value in pairs(changes or {}) do
         fields[name] = value or nil
      end
      return fields
   end

   local function claims(token)
      return assert(json.decode(crypto.unbase64url(token:match "%.(.-)%.")))
   end

   local function refused(number, status, code, fields, options)
      local got, body = post(fields, options)
      assert.same({ status, code, number }, { got, body.error, body.error_codes[1] })
      assert.truthy(body.error_description:find("^AADSTS" .. number .. ": "))
      assert.truthy(body.error_description:find "\r\nTrace ID: .*\r\nCorrelation ID: .*\r\nTimestamp: ")
      assert.truthy(body.timestamp:find "^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%dZ$")
      return body
   end

   it("gives a token with the claims of the principal", function()
      local status, body, headers = post(good())
      assert.equal(200, status)
      assert.same({ "Bearer", 3599, 3599 }, { body.token_type, body.expires_in, body.ext_expires_in })
      assert.equal("no-store, no-cache", headers["cache-control"])
      local got = claims(body.access_token)
      assert.same({ "https://management.azure.com", cloud.owner.client_id, cloud.owner.tenant, "app",
         "1.0" },
         { got.aud, got.appid, got.tid, got.idtyp, got.ver })
      assert.equal("https://sts.windows.net/" .. cloud.owner.tenant .. "/", got.iss)
      assert.equal(got.oid, got.sub)
      assert.is_nil(got.roles)
   end)

   it("keeps the resource as it was asked for, with its slash", function()
      local _, body = post(good { scope = "https://management.core.windows.net//.default" })
      assert.equal("https://management.core.windows.net/", claims(body.access_token).aud)
   end)

   it("puts the application roles into tokens for Graph", function()
      local _, body = post(good { scope = "https://graph.microsoft.com/.default" })
      assert.same({ "Application.ReadWrite.All" }, claims(body.access_token).roles)
   end)

   it("signs with the key that it publishes", function()
      local _, body = post(good())
      local _, set = cloud:request { url = "https://login.microsoftonline.com/common/discovery/v2.0/keys" }
      assert.equal("RSA", set.keys[1].kty)
      local head = json.decode(crypto.unbase64url(body.access_token:match "^[^.]+"))
      assert.same({ "RS256", set.keys[1].kid }, { head.alg, head.kid })
      assert.is_nil(set.keys[1].d)
   end)

   it("answers numbers as strings at the v1 endpoint", function()
      local status, body = post({ grant_type = "client_credentials", client_id = cloud.owner.client_id,
         client_secret = cloud.owner.client_secret, resource = "https://vault.azure.net" }, {
            path = "/oauth2/token" })
      assert.equal(200, status)
      assert.same({ "3599", "https://vault.azure.net" }, { body.expires_in, body.resource })
      assert.equal("string", type(body.expires_on))
   end)

   it("takes the client from HTTP Basic too", function()
      local pair = crypto.base64(cloud.owner.client_id .. ":" .. secret.reveal(cloud.owner.client_secret))
      local status = post({ grant_type = "client_credentials", scope = "https://vault.azure.net/.default" },
         { authorization = "Basic " .. pair })
      assert.equal(200, status)
   end)

   it("refuses what is missing by its name", function()
      for _, name in ipairs { "grant_type", "client_id", "scope" } do
         local body = refused(900144, 400, "invalid_request", good { [name] = false })
         assert.truthy(body.error_description:find("'" .. name .. "'", 1, true))
      end
      refused(900144, 400, "invalid_request", good(), { type = "application/json", body = "{}" })
   end)

   it("refuses unknown tenants and clients", function()
      refused(90002, 400, "invalid_tenant", good(), { tenant = crypto.uuid4() })
      refused(900023, 400, "invalid_request", good(), { tenant = "nonsense" })
      refused(700016, 400, "unauthorized_client", good { client_id = crypto.uuid4() })
   end)

   it("refuses wrong, missing and expired secrets", function()
      refused(7000215, 401, "invalid_client", good { client_secret = "wrong" })
      refused(7000216, 401, "invalid_client", good { client_secret = false })
      local client = cloud:client "old"
      local directory = require "sim.directory"
      local old = directory.add_password(cloud.cloud, client.app, { startDateTime = "2020-01-01T00:00:00Z",
         endDateTime = "2021-01-01T00:00:00Z" }, true)
      refused(7000222, 401, "invalid_client", good { client_id = client.id,
         client_secret = old.secretText })
      refused(7000215, 401, "invalid_client", good { client_id = client.id, client_secret = old.keyId })
   end)

   it("refuses scopes and grants that make no sense", function()
      refused(1002012, 400, "invalid_scope", good { scope = "User.Read" })
      refused(70011, 400, "invalid_scope", good {
         scope = "https://vault.azure.net/.default https://management.azure.com/.default" })
      refused(500011, 400, "invalid_resource", good { scope = "https://nothing.example/.default" })
      refused(70003, 400, "unsupported_grant_type", good { grant_type = "magic" })
   end)

   it("signs a person in by device code, once, and renews it for other resources", function()
      local devicelogin = require "sim.devicelogin"
      local client = devicelogin.CLIENT
      local grant = "urn:ietf:params:oauth:grant-type:device_code"
      local scope = "https://management.azure.com/.default offline_access openid profile"
      local status, begun = post({ client_id = client, scope = scope }, { path = "/oauth2/v2.0/devicecode" })
      assert.same({ 200, 900 }, { status, begun.expires_in })
      local poll = { grant_type = grant, client_id = client, device_code = begun.device_code }
      refused(70016, 400, "authorization_pending", poll)
      assert.is_false(devicelogin.answer(cloud.state, "NOTACODE", "granted"))
      assert.is_true(devicelogin.answer(cloud.state, begun.user_code, "granted"))
      refused(70018, 400, "bad_verification_code", { grant_type = grant, client_id = client, device_code = "x" })
      local body = select(2, post(poll))
      assert.same({ "user", "https://management.azure.com" },
         { claims(body.access_token).idtyp, claims(body.access_token).aud })
      assert.equal("owner@local.onmicrosoft.com", claims(body.id_token).preferred_username)
      refused(54005, 400, "invalid_grant", poll)
      local renewed = select(2, post { grant_type = "refresh_token", client_id = client,
         refresh_token = body.refresh_token, scope = "https://graph.microsoft.com/.default" })
      assert.matches("Application.ReadWrite.All", claims(renewed.access_token).scp)
      assert.is_nil(renewed.refresh_token)
      refused(70000, 400, "invalid_grant", { grant_type = "refresh_token", client_id = client,
         refresh_token = "1.other", scope = scope })
      refused(7000218, 401, "invalid_client", { client_id = cloud.owner.client_id, scope = scope },
         { path = "/oauth2/v2.0/devicecode" })
      refused(700016, 400, "unauthorized_client", { client_id = crypto.uuid4(), scope = scope },
         { path = "/oauth2/v2.0/devicecode" })
   end)

   it("gives the person in Graph and ARM the owner's rights", function()
      local devicelogin = require "sim.devicelogin"
      local tokens = require "sim.tokens"
      for resource, url in pairs { ["https://graph.microsoft.com"] = "https://graph.microsoft.com/v1.0/applications",
         ["https://management.azure.com"] = ("https://management.azure.com/subscriptions/%s/resourcegroups"
         .. "?api-version=2021-04-01"):format(cloud.owner.subscription) } do
         local token = tokens.issue(cloud.state, devicelogin.claims(cloud.state, devicelogin.CLIENT, resource))
         assert.equal(200, (cloud:request { url = url, token = token }))
      end
   end)

   it("echoes the caller's correlation id", function()
      local id = crypto.uuid4()
      assert.equal(id, refused(7000215, 401, "invalid_client", good { client_secret = "wrong" },
         { correlation = id }).correlation_id)
   end)

   it("serves the discovery documents", function()
      local base = "https://login.microsoftonline.com/"
      local status, body = cloud:request { url = base .. cloud.owner.tenant
         .. "/v2.0/.well-known/openid-configuration" }
      assert.equal(200, status)
      assert.equal(base .. cloud.owner.tenant .. "/oauth2/v2.0/token", body.token_endpoint)
      assert.equal(base .. cloud.owner.tenant .. "/v2.0", body.issuer)
      assert.equal(400, (cloud:request { url = base .. crypto.uuid4()
         .. "/v2.0/.well-known/openid-configuration" }))
      local found, answer = cloud:request { url = base
         .. "common/discovery/instance?api-version=1.1&authorization_endpoint="
         .. "https%3A%2F%2Flogin.microsoftonline.com%2Fcommon%2Foauth2%2Fauthorize" }
      assert.equal(200, found)
      assert.equal("login.microsoftonline.com", answer.metadata[1].preferred_network)
   end)

   it("refuses a new secret until it is known everywhere", function()
      local slow = support.inside { factor = 1 }
      local client = slow:client "slow"
      local directory = require "sim.directory"
      local made = directory.add_password(slow.cloud, client.app, {})
      local form = ("grant_type=client_credentials&client_id=%s&client_secret=%s&scope=%s"):format(client.id,
         escape(secret.reveal(made.secretText)), escape "https://vault.azure.net/.default")
      local status, body = slow:request { method = "POST", body = form,
         url = "https://login.microsoftonline.com/" .. slow.owner.tenant .. "/oauth2/v2.0/token",
         headers = { ["content-type"] = "application/x-www-form-urlencoded" } }
      assert.same({ 401, 7000215 }, { status, body.error_codes[1] })
      slow:close()
   end)
end)
