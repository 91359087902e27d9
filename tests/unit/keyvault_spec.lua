local error_ = require "aci.error"
local fake_http = require "tests.support.fake_http"
local json = require "aci.json"
local keyvault = require "aci.keyvault"
local secret = require "aci.secret"
local failure = require "tests.support.failure"

local V = "https://kv-orion.vault.azure.net"
local VERSION = "4bfbba74b2104886959a8dc7f956cd68"

local function connect(script, credential)
   local http = fake_http.new(script)
   credential = credential or fake_http.credential "vault-token"
   return keyvault.connect(fake_http.config(http), "KV-Orion", credential), http, credential
end

local function bundle(value)
   return { value = value, id = V .. "/secrets/testsecret/" .. VERSION, attributes = { enabled = true } }
end

local function challenge(tenant, resource)
   local form = 'Bearer authorization="https://login.microsoftonline.com/%s", resource="%s"'
   return { ["www-authenticate"] = form:format(tenant, resource) }
end

local function refused(code, message, inner)
   return { error = { code = code, message = message, innererror = inner and { code = inner } or nil } }
end

local OWN = "72f988bf-86f1-41af-91ab-2d7cd011db47"

describe("aci.keyvault", function()
   it("reads a secret: a value that does not print, its name and version", function()
      local vault, http, credential = connect { { "GET " .. V .. "/secrets/testsecret?api-version=7.4", 200,
         bundle "Super5ecret!" } }
      local found = vault:secret "testsecret"
      assert.equal("<secret>", tostring(found.value))
      assert.equal("Super5ecret!", secret.reveal(found.value))
      assert.same({ "testsecret", VERSION }, { found.name, found.version })
      assert.equal("https://vault.azure.net/.default", credential.asked[1])
      assert.is_true(http:got(1).secret_body)
   end)

   it("reads one version", function()
      local vault = connect { { "GET " .. V .. "/secrets/testsecret/" .. VERSION, 200, bundle "old" } }
      assert.equal("old", secret.reveal(vault:secret("testsecret", VERSION).value))
   end)

   it("raises not_found for secret(), gives nil for find()", function()
      local missing = refused("SecretNotFound", "A secret with (name/id) x was not found in this key vault.")
      local vault = connect {
         { "GET " .. V .. "/secrets/x", 404, missing },
         { "GET " .. V .. "/secrets/x", 404, missing },
      }
      assert.equal("not_found", failure(vault.secret, vault, "x").kind)
      assert.is_nil(vault:find "x")
   end)

   it("names the missing role, exit 5", function()
      local vault = connect { { "GET " .. V .. "/secrets/x", 403, refused("Forbidden",
         "Caller is not authorized.\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n",
         "ForbiddenByRbac"), { ["x-ms-request-id"] = "kv-1" } } }
      local err = failure(vault.secret, vault, "x")
      assert.equal(5, error_.exit_code(err))
      assert.matches("Key Vault Secrets User", tostring(err))
      assert.equal("kv-1", err.request_id)
   end)

   it("says which tenant the vault wants", function()
      local other = "11111111-2222-3333-4444-555555555555"
      local vault = connect { { "GET " .. V .. "/secrets/x", 401,
         refused("Unauthorized", "AKV10032: Invalid issuer."), challenge(other, "https://vault.azure.net") } }
      local err = failure(vault.secret, vault, "x")
      assert.equal("auth", err.kind)
      assert.matches(other, err.advice, 1, true)
      assert.matches("AKV10032", err.message)
   end)

   it("takes a token for another resource of the vault's own domain, and keeps to it", function()
      local vault, http, credential = connect {
         { "GET " .. V .. "/secrets/x", 401, refused("Unauthorized", "AKV10022"),
            challenge(OWN, "https://azure.net") },
         { "GET " .. V .. "/secrets/x", 200, bundle "v" },
         { "GET " .. V .. "/secrets/x", 200, bundle "v" },
      }
      vault:secret "x"
      vault:secret "x"
      assert.same({ "https://vault.azure.net/.default", "https://azure.net/.default",
         "https://azure.net/.default" }, credential.asked)
      http:finished()
   end)

   it("asks a vault outside of the settings' domain first, without a token and without the body", function()
      for _, host in ipairs { "kv.managedhsm.azure.net", "kv.vault.azure.net:8443" } do
         local resource = "https://" .. host:match "^kv%.(.*)$"
         local http = fake_http.new {
            { "GET https://" .. host .. "/secrets?api-version=7.4", 401, refused("Unauthorized", "AKV10000"),
               challenge(OWN, resource) },
            { "PUT https://" .. host .. "/secrets/x", 200, bundle "v" },
            { "GET https://" .. host .. "/secrets/x", 200, bundle "v" } }
         local credential = fake_http.credential "t"
         local vault = keyvault.connect(fake_http.config(http), "https://" .. host .. "/", credential)
         vault:set("x", "v")
         vault:secret "x"
         assert.is_nil(http:got(1).headers.authorization)
         assert.is_nil(http:got(1).json)
         assert.equal("Bearer t", http:got(2).headers.authorization)
         assert.equal(resource .. "/.default", credential.asked[1])
         http:finished()
      end
   end)

   it("sends no token to a vault elsewhere that asks for one of ours, or for none", function()
      for host, resource in pairs { ["localhost:8443"] = "https://vault.azure.net",
         ["evilvault.azure.net"] = "https://vault.azure.net", ["kv.vault.azure.net:1"] = "https://vault.azure.net",
         ["vault.azure.net"] = "https://vault.azure.net", ["kv.vault.azure.net.evil.example"] = "https://azure.net",
         ["a.example"] = "http://example" } do
         local http = fake_http.new { { "GET https://" .. host .. "/secrets", 401, refused("Unauthorized", "x"),
            challenge(OWN, resource) } }
         local credential = fake_http.credential "t"
         local vault = keyvault.connect(fake_http.config(http), "https://" .. host, credential)
         assert.equal("ChallengeMismatch", failure(vault.secret, vault, "x").code, host)
         assert.same({}, credential.asked)
      end
      local http = fake_http.new { { "GET https://a.example/secrets", 200, "{}" } }
      local vault = keyvault.connect(fake_http.config(http), "https://a.example", fake_http.credential "t")
      assert.equal("NoChallenge", failure(vault.secret, vault, "x").code)
   end)

   it("refuses an address with more than a host in it", function()
      for _, url in ipairs { "https://u:p@kv.vault.azure.net", "https://kv.vault.azure.net/secrets/x",
         "https://kv.vault.azure.net?x=.vault.azure.net" } do
         assert.equal("usage", failure(keyvault.connect, fake_http.config(fake_http.new {}), url,
            fake_http.credential "t").kind)
      end
   end)

   it("sends no token for a resource of another domain", function()
      for _, resource in ipairs { "https://evil.net", "https://t.azure.net", "not-a-url",
         "https://kv-orion.vault.azure.net", "https://ult.azure.net" } do
         local vault, http, credential = connect { { "GET " .. V .. "/secrets/x", 401,
            refused("Unauthorized", "AKV10000"), challenge(OWN, resource) } }
         assert.equal("ChallengeMismatch", failure(vault.secret, vault, "x").code, resource)
         assert.equal(1, #credential.asked)
         http:finished()
      end
   end)

   it("sets secrets with the value as a secret in the body", function()
      local vault, http = connect { { "PUT " .. V .. "/secrets/s", 200, bundle "new" } }
      local made = vault:set("s", "new", { content_type = "text/plain", tags = { a = "b" } })
      assert.equal(VERSION, made.version)
      assert.same({ value = "new", contentType = "text/plain", tags = { a = "b" } }, http:got(1).json)
      assert.is_true(secret.is(http:got(1).raw.json.value))
   end)

   it("lists through empty pages and links with a port, names without values", function()
      local link = "https://kv-orion.vault.azure.net:443/secrets?api-version=7.4&$skiptoken=ab&maxresults=25"
      local vault, http = connect {
         { "GET " .. V .. "/secrets?api-version=7.4&maxresults=25", 200, { value = json.array {},
            nextLink = link } },
         { "GET " .. link, 200, { value = { { id = V .. "/secrets/a" }, { id = V .. "/secrets/b" } },
            nextLink = json.null } },
      }
      local found = vault:list()
      assert.same({ "a", "b" }, { found[1].name, found[2].name })
      assert.is_nil(found[1].value)
      http:finished()
   end)

   it("deletes and waits until it is deleted", function()
      local vault, http = connect {
         { "DELETE " .. V .. "/secrets/s", 200, { recoveryId = "r", id = V .. "/secrets/s/1" } },
         { "GET " .. V .. "/deletedsecrets/s", 404, refused("SecretNotFound", "Deleted Secret not found") },
         { "GET " .. V .. "/deletedsecrets/s", 200, { recoveryId = "r", id = V .. "/secrets/s/1" } },
         { "DELETE " .. V .. "/secrets/s", 404, refused("SecretNotFound", "x") },
      }
      assert.is_true(vault:delete "s")
      assert.is_false(vault:delete "s")
      http:finished()
   end)

   it("recovers, and purges once the deletion is through", function()
      local vault, http = connect {
         { "POST " .. V .. "/deletedsecrets/s/recover", 200, { id = V .. "/secrets/s/1" } },
         { "GET " .. V .. "/secrets/s", 404, refused("SecretNotFound", "x") },
         { "GET " .. V .. "/secrets/s", 200, bundle "v" },
         { "DELETE " .. V .. "/deletedsecrets/s", 409, refused("Conflict", "busy", "ObjectIsBeingDeleted") },
         { "DELETE " .. V .. "/deletedsecrets/s", 204, "" },
         { "DELETE " .. V .. "/deletedsecrets/s", 404, refused("SecretNotFound", "x") },
         { "GET " .. V .. "/deletedsecrets", 200, { value = { { id = V .. "/secrets/s" } } } },
      }
      vault:recover "s"
      assert.is_true(vault:purge "s")
      assert.is_false(vault:purge "s")
      assert.equal("s", vault:deleted()[1].name)
      http:finished()
   end)

   it("sets a secret whose purge or recovery still goes on as soon as it can", function()
      local vault, http = connect {
         { "PUT " .. V .. "/secrets/s", 409, refused("Conflict", "busy", "ObjectIsBeingDeleted") },
         { "PUT " .. V .. "/secrets/s", 409, refused("Conflict", "busy", "ObjectIsBeingRecovered") },
         { "PUT " .. V .. "/secrets/s", 200, bundle "new" },
      }
      assert.equal(VERSION, vault:set("s", "new").version)
      http:finished()
   end)

   it("raises other conflicts of a purge", function()
      local vault = connect { { "DELETE " .. V .. "/deletedsecrets/s", 409, refused("Conflict", "no") } }
      assert.equal("conflict", failure(vault.purge, vault, "s").kind)
   end)

   it("advises about a name that is deleted but recoverable", function()
      local vault = connect { { "PUT " .. V .. "/secrets/s", 409, refused("Conflict", "in a deleted state",
         "ObjectIsDeletedButRecoverable") } }
      local err = failure(vault.set, vault, "s", "v")
      assert.equal("ObjectIsDeletedButRecoverable", err.code)
      assert.matches("recover", err.advice)
   end)

   it("refuses an impossible vault name before any request", function()
      local config = fake_http.config(fake_http.new {})
      local err = failure(keyvault.connect, config, "my_vault", fake_http.credential())
      assert.equal("usage", err.kind)
      assert.matches("my_vault", err.message)
   end)

   it("takes an address in place of a name", function()
      local http = fake_http.new { { "GET " .. V .. "/secrets/x", 200, bundle "v" } }
      local vault = keyvault.connect(fake_http.config(http), V .. "/", fake_http.credential())
      assert.equal("v", secret.reveal(vault:secret("x").value))
   end)
end)
