--- The chain of credentials, az, and the clouds: which one is taken, and what is said when none is.
local aci_config = require "aci.config"
local auth = require "aci.auth"
local clock = require "aci.clock"
local codes = require "aci.auth.codes"
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local fake_http = require "tests.support.fake_http"
local fs = require "aci.fs"
local json = require "aci.json"
local process = require "aci.process"
local secret = require "aci.secret"

local TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
local CLIENT = "a8fdfbd0-da97-42d9-8f1a-fd6a7cb650b4"
local TOKEN_URL = "POST https://login.microsoftonline.com/" .. TENANT .. "/oauth2/v2.0/token"
local POD = "http://127.0.0.1:42/metadata/identity/oauth2/token"
local ARM = "https://management.azure.com/.default"

local function granted(token)
   return { TOKEN_URL, 200, { token_type = "Bearer", expires_in = 3599, access_token = token } }
end

local function chain(script, fields, environment)
   local http = fake_http.new(script)
   return auth.chain(fake_http.config(http, fields), { environment = environment or {}, wait = 0 }), http
end

local function failure(credential)
   local ok, err = pcall(credential.token, credential, ARM)
   assert.is_false(ok)
   assert.is_true(error_.is(err), tostring(err))
   return err
end

describe("the chain of credentials", function()
   local login = { client_id = CLIENT, client_secret = secret.new "pw" }

   it("takes the client secret before everything else, and keeps to it", function()
      local credential, http = chain({ granted "one", granted "two" }, login,
         { AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:42" })
      assert.equal("one", secret.reveal((credential:token(ARM))))
      assert.equal("credential: client secret", tostring(credential))
      assert.equal("two", secret.reveal((credential:token "https://vault.azure.net/.default")))
      http:finished()
   end)

   it("goes on to the managed identity, and past an identity that is not attached", function()
      local pod = { AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:42" }
      local credential = chain({ { "GET " .. POD, 200, { access_token = "mi", expires_in = "60" } } }, {}, pod)
      assert.equal("mi", secret.reveal((credential:token(ARM))))
      assert.equal("credential: managed identity", tostring(credential))
      local err = failure(chain({ { "GET " .. POD, 400, { error = "invalid_request",
         error_description = "Identity not found" } } }, { credentials = "prod" }, pod))
      assert.equal("NoCredential", err.code)
      assert.matches("managed identity: .*Identity not found", err.message)
   end)

   it("probes the metadata service as the SDKs do: without the header; any answer counts", function()
      local url = "GET http://169.254.169.254/metadata/identity/oauth2/token"
      local credential, http = chain({ { url, 400, { error = "bad_request_102" } },
         { url, 200, { access_token = "imds", expires_in = "60" } } }, { credentials = "prod" })
      assert.equal("imds", secret.reveal((credential:token(ARM))))
      assert.is_nil(http:got(1).headers)
      assert.equal(1, http:got(1).connect_timeout)
      assert.equal("true", http:got(2).headers.metadata)
   end)

   it("is not taken in by what answers for a metadata service that is not there", function()
      local url = "GET http://169.254.169.254/metadata/identity/oauth2/token"
      local absent = { url, 403, "connecting to 169.254.169.254:80: dial tcp: connect: A socket operation was "
         .. "attempted to an unreachable network." }
      local err = failure(chain({ absent }, { credentials = "prod" }))
      assert.matches("managed identity: no metadata service answers", err.message)
   end)

   it("stops at a credential that is offered and refused: somebody meant it", function()
      local err = failure(chain({ { TOKEN_URL, 401, { error = "invalid_client", error_codes = { 7000215 },
         error_description = "AADSTS7000215: no" } } }, login))
      assert.equal("AADSTS7000215", err.code)
   end)

   it("names all that it tried when there is none, and what to do; exit 4", function()
      local err = failure(chain({}, { credentials = "environmentcredential" }))
      assert.same({ "auth", "NoCredential", 4 }, { err.kind, err.code, error_.exit_code(err) })
      assert.matches("client secret: not set: client_id, client_secret", err.message)
      assert.matches("client certificate: not set: client_id, client_certificate", err.message)
      assert.matches("AZURE_CLIENT_SECRET", err.advice)
   end)

   it("is pinned by any letter case, and refuses what is no credential", function()
      local function load(pin, cloud)
         return aci_config.load({ credentials = pin, cloud = cloud or "azure" }, { file = false, need = {},
            environment = {} })
      end
      for _, pin in ipairs { "prod", " DEV ", "ManagedIdentityCredential", "AZURECLICREDENTIAL",
         "EnvironmentCredential", "WorkloadIdentityCredential", "DeviceCodeCredential" } do
         assert.equal(pin, load(pin).credentials)
      end
      local ok, err = pcall(load, "magic")
      assert.is_false(ok)
      assert.matches("is none of: prod, dev, EnvironmentCredential", tostring(err))
      ok, err = pcall(load, "AzurePowerShellCredential")
      assert.is_false(ok)
      assert.matches("acihost does not have", tostring(err))
      assert.equal("magic", load("magic", "local").credentials) -- set for other programs: not in the way
   end)
end)

describe("az", function()
   local folder, path

   -- A program called az that prints what it is given and notes its arguments.
   local function az(output, code, errors)
      assert(fs.write(folder .. "/out", output or ""))
      assert(fs.write(folder .. "/err", errors or ""))
      assert(fs.write(folder .. "/az", ("#!/bin/sh\necho \"$@\" > %s/args\ncat %s/out\ncat %s/err >&2\nexit %d\n")
         :format(folder, folder, folder, code or 0)))
      assert(fs.chmod(folder .. "/az", tonumber("700", 8)))
   end

   -- In a process of its own, whose PATH begins with that folder.
   local function ask(tenant)
      local text = ([[
         local auth = require "aci.auth"
         local credential = auth.azure_cli({}, { tenant = %q })
         local ok, token, ends = pcall(credential.token, credential, "https://vault.azure.net/.default")
         if not ok then print("failed", token.code, tostring(token)) os.exit(0, true) end
         print(require("aci.secret").reveal(token), math.floor(ends))]]):format(tenant or "")
         :gsub('tenant = ""', "tenant = nil")
      assert(fs.write(folder .. "/ask.lua", text))
      local environment = process.environment()
      environment.PATH, environment.TZ = path or folder .. ":" .. environment.PATH, "UTC"
      return (assert(process.run { args = { process.self(), folder .. "/ask.lua" }, env = environment }).stdout
         :gsub("\n$", ""))
   end

   setup(function() folder = assert(fs.tempdir "acihost-az-") end)
   teardown(function() fs.remove_tree(folder) end)
   before_each(function() path = nil end)

   it("is asked for the resource, and its end taken from either field", function()
      az(json.encode { accessToken = "t1", expires_on = 1900000000, expiresOn = "1999-01-01 00:00:00.000000" })
      assert.equal("t1\t1900000000", ask())
      assert.equal("account get-access-token --output json --resource https://vault.azure.net\n",
         fs.read(folder .. "/args"))
      az(json.encode { accessToken = "t2", expiresOn = "2030-03-17 17:46:40.000000" })
      assert.equal("t2\t1900000000", ask(TENANT))
      assert.truthy(fs.read(folder .. "/args"):find("--tenant " .. TENANT, 1, true))
   end)

   it("says what is wrong: nobody signed in, another failure, no JSON, not installed", function()
      az("", 1, "WARNING: old\n\27[31mERROR: Please run 'az login' to setup account.\27[0m\n")
      assert.matches("^failed\tCredentialUnavailable\tnobody is signed in with az: Please run 'az login'", ask())
      az("", 1, "ERROR: AADSTS70043: The refresh token has expired\n")
      assert.matches("az gives no token %(it ended with 1%): AADSTS70043", ask())
      az "surprise"
      assert.matches("no accessToken", ask())
      path = "/nowhere"
      assert.matches("az is not installed", ask())
   end)
end)

describe("the clouds of Azure", function()
   local function load(environment, cloud)
      return aci_config.load({ cloud = cloud or "azure" }, { file = false, need = {}, environment = environment })
   end

   it("follow from the login host or from a name; what is set stays", function()
      local us = { "https://login.microsoftonline.us", "https://management.usgovcloudapi.net",
         "https://graph.microsoft.us", "vault.usgovcloudapi.net", "core.usgovcloudapi.net" }
      for _, environment in ipairs { { AZURE_AUTHORITY_HOST = "login.microsoftonline.us" },
         { AZURE_AUTHORITY_HOST = "https://login.microsoftonline.us/" }, { AZURE_CLOUD = "AzureUSGovernment" },
         { ARM_ENVIRONMENT = "usgovernment" } } do
         local c = load(environment)
         assert.same(us, { c.authority, c.arm_endpoint, c.graph_endpoint, c.vault_suffix, c.storage_suffix })
      end
      local c = load { AZURE_CLOUD = "AzureChinaCloud", AZURE_AUTHORITY_HOST = "https://login.chinacloudapi.cn" }
      assert.same({ "https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn", "vault.azure.cn" },
         { c.authority, c.arm_endpoint, c.vault_suffix })
      assert.equal("https://management.azure.com", load({}).arm_endpoint)
   end)

   it("refuse what is none, and plain http", function()
      for _, environment in ipairs { { AZURE_CLOUD = "Moon" }, { AZURE_AUTHORITY_HOST = "http://login" } } do
         local ok, err = pcall(load, environment)
         assert.is_false(ok)
         assert.is_true(error_.is(err, "usage"))
      end
   end)

   it("never lead away from the local cloud", function()
      local c = load({ AZURE_AUTHORITY_HOST = "login.microsoftonline.us", AZURE_CLOUD = "AzureUSGovernment" }, "local")
      assert.same({ "https://login.microsoftonline.com", "https://management.azure.com" },
         { c.authority, c.arm_endpoint })
      assert.matches("plays AzureCloud", c.notes[1])
      assert.equal("Moon", load({ AZURE_CLOUD = "Moon" }, "local").azure_cloud)
   end)
end)

describe("Entra's codes", function()
   -- All that the fact sheet (azure/auth.md 1.5, 1.6, 9) names.
   local SHEET = { 7000215, 7000222, 7000216, 7000218, 700016, 90002, 900023, 500011, 50001, 70011, 1002012, 900144,
      70003, 700027, 700024, 700023, 70021, 700211, 700212, 700213, 7002137, 7002138, 50034, 50076, 65001, 70016,
      70020 }

   local function refused(number)
      return failure(auth.client_secret(fake_http.config(fake_http.new { { TOKEN_URL, 400, { error = "invalid_request",
         error_codes = { number }, trace_id = "t", error_description = ("AADSTS%d: Entra's words.\r\nTrace ID: t")
         :format(number) } } }), { tenant = TENANT, client_id = CLIENT, client_secret = secret.new "pw" }))
   end

   it("are each told with cause, Entra's own words and a fix; exit 4", function()
      for _, number in ipairs(SHEET) do
         local err = refused(number)
         local cause, fix = table.unpack(codes[number] or {})
         assert.is_string(cause, number)
         assert.is_true(#cause > 10 and #fix > 10, number)
         assert.equal(("%s: AADSTS%d: Entra's words."):format(cause, number), err.message)
         assert.same({ "AADSTS" .. number, fix, 4 }, { err.code, err.advice, error_.exit_code(err) })
      end
   end)

   it("that are new to us are told in Entra's words", function()
      local err = refused(999999)
      assert.same({ "AADSTS999999", 4 }, { err.code, error_.exit_code(err) })
      assert.equal("the sign-in was refused: AADSTS999999: Entra's words.", err.message)
   end)

   it("that the local cloud can say are all known", function()
      local said = 0
      for number in assert(fs.read "scripts/sim/entrawords.lua"):gmatch "\n   %[(%d+)%]" do
         said = said + 1
         assert.is_table(codes[math.tointeger(tonumber(number))], number)
      end
      assert.is_true(said > 15)
   end)
end)

describe("a token that is due to be renewed", function()
   local function held(entry)
      local http = fake_http.new(entry)
      local credential = auth.client_secret(fake_http.config(http), { tenant = TENANT, client_id = CLIENT,
         client_secret = secret.new "pw" })
      credential:token(ARM)
      credential.cache[ARM].renew = clock.now() - 1
      return credential
   end

   it("serves on while the endpoint is down, but not past its end", function()
      local down = { TOKEN_URL, 503, { error = "temporarily_unavailable" } }
      local credential = held { granted "old", down, down }
      assert.equal("old", secret.reveal((credential:token(ARM))))
      local held_entry = credential.cache[ARM]
      held_entry.renew, held_entry.expires_on = clock.now() - 1, clock.now() + 5
      assert.equal("server", failure(credential).kind)
   end)

   it("is asked for again only after a while where that failed: each service call would wait for it else", function()
      local down = { TOKEN_URL, 503, { error = "temporarily_unavailable" } }
      local credential = held { granted "old", down, granted "new" }
      for _ = 1, 3 do assert.equal("old", secret.reveal((credential:token(ARM)))) end
      assert.is_true(credential.cache[ARM].renew - clock.now() > 20)
      credential.cache[ARM].renew = clock.now() - 1
      assert.equal("new", secret.reveal((credential:token(ARM))))
   end)

   it("serves on too where the machine's own endpoint is silent or busy", function()
      for _, kept in ipairs { { fail = { kind = "network", message = "refused" } }, { 503 }, { 429 }, { 410 } } do
         local answer = { "GET " .. POD, kept[1], "", fail = kept.fail }
         local http = fake_http.new { { "GET " .. POD, 200, { access_token = "old", expires_in = "3600" } }, answer }
         local credential = auth.managed_identity(fake_http.config(http), { wait = 0,
            environment = { AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:42" } })
         credential:token(ARM)
         credential.cache[ARM].renew = clock.now() - 1
         assert.equal("old", secret.reveal((credential:token(ARM))))
         http:finished()
      end
   end)

   it("is renewed when the service says so, well before its end", function()
      local function due(body, url)
         body.access_token, body.expires_in = "a", 86400
         local http = fake_http.new { { url or TOKEN_URL, 200, body } }
         local credential = url and auth.managed_identity(fake_http.config(http), { environment = {
            AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:42" } })
            or auth.client_secret(fake_http.config(http), { tenant = TENANT, client_id = CLIENT,
               client_secret = secret.new "pw" })
         local _, ends = credential:token(ARM)
         assert.is_true(math.abs(ends - clock.now() - 86400) < 5)
         return math.floor(credential.cache[ARM].renew - clock.now() + 0.5)
      end
      assert.equal(43200, due { refresh_in = 43200 })
      assert.equal(43200, due({ refresh_in = "43200" }, "GET " .. POD))
      for _, none in ipairs { "soon", 0, -5, 99999999 } do assert.equal(86100, due { refresh_in = none }) end
      assert.equal(86100, due {})
   end)

   it("is not used when the login was refused", function()
      local credential = held { granted "old", { TOKEN_URL, 401, { error = "invalid_client",
         error_codes = { 7000222 }, error_description = "AADSTS7000222: expired" } } }
      assert.equal("AADSTS7000222", failure(credential).code)
   end)
end)

describe("a client assertion", function()
   it("has the header and the claims of the documentation, and is signed by the key", function()
      local assertion = require "aci.auth.assertion"
      local login = assert(crypto.login_certificate { name = "spec" })
      local der = crypto.certificate_facts(login.certificate).der
      for algorithm, want in pairs { PS256 = { "x5t#S256", crypto.sha256(der), crypto.verify_ps256 },
         RS256 = { "x5t", crypto.sha1(der), crypto.verify_rs256 } } do
         local made = assert(assertion.new { client_id = CLIENT, audience = "https://a/b", key = login.key,
            certificates = login.certificate, algorithm = algorithm, send_chain = algorithm == "PS256" })
         assert.is_true(secret.is(made))
         local text, signature = secret.reveal(made):match "^(.*)%.(.-)$"
         local head = json.decode(crypto.unbase64url(text:match "^[^.]+"))
         assert.same({ algorithm, "JWT", crypto.base64url(want[2]) }, { head.alg, head.typ, head[want[1]] })
         assert.same(algorithm == "PS256" and { crypto.base64(der) } or nil, head.x5c)
         assert.is_true(want[3](login.certificate, text, crypto.unbase64url(signature)))
         local claims = assertion.claims(made)
         assert.same({ CLIENT, CLIENT, "https://a/b" }, { claims.iss, claims.sub, claims.aud })
         assert.equal(600, claims.exp - claims.nbf)
         assert.equal(36, #claims.jti)
      end
   end)
end)
