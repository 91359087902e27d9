local auth = require "aci.auth"
local clock = require "aci.clock"
local error_ = require "aci.error"
local fake_http = require "tests.support.fake_http"
local secret = require "aci.secret"
local task = require "aci.task"

local TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
local CLIENT = "a8fdfbd0-da97-42d9-8f1a-fd6a7cb650b4"
local TOKEN_URL = "POST https://login.microsoftonline.com/" .. TENANT .. "/oauth2/v2.0/token"
local ARM = "https://management.azure.com/.default"

local function granted(token, seconds, delay)
   return { TOKEN_URL, 200, { token_type = "Bearer", expires_in = seconds or 3599, access_token = token },
      delay = delay }
end

local function denied(status, code, text, more)
   return { TOKEN_URL, status, { error = "invalid_client", error_codes = { code }, trace_id = "trace-1",
      error_description = ("AADSTS%d: %s\r\nTrace ID: trace-1\r\nTimestamp: now"):format(code, text) }, more }
end

local function login(script)
   local http = fake_http.new(script)
   local config = fake_http.config(http, { client_id = CLIENT, client_secret = secret.new "pa ss+&" })
   return auth.credential(config), http
end

local function failure(f, ...)
   local ok, err = pcall(f, ...)
   assert.is_false(ok)
   return err
end

describe("aci.auth, client secret", function()
   it("posts the form that Entra wants and gives a secret token with its end", function()
      local credential, http = login { granted "tok-1" }
      local token, ends = credential:token(ARM)
      assert.is_true(secret.is(token))
      assert.equal("tok-1", secret.reveal(token))
      assert.is_true(math.abs(ends - clock.now() - 3599) < 5)
      assert.same({ grant_type = "client_credentials", client_id = CLIENT, client_secret = "pa ss+&",
         scope = ARM }, http:got(1).form)
      assert.is_true(secret.is(http:got(1).raw.form.client_secret))
      assert.is_true(http:got(1).secret_body)
   end)

   it("keeps tokens by scope until five minutes before their end", function()
      local credential, http = login { granted "a", granted "b", granted("c", 0.2), granted "d" }
      assert.equal("a", secret.reveal(credential:token(ARM)))
      assert.equal("a", secret.reveal(credential:token(ARM)))
      assert.equal("b", secret.reveal(credential:token "https://graph.microsoft.com/.default"))
      assert.equal("c", secret.reveal(credential:token "short"))
      task.sleep(0.25)
      assert.equal("d", secret.reveal(credential:token "short"))
      http:finished()
   end)

   it("makes one request however many tasks ask at once", function()
      local credential, http = login { granted("one", 3599, 0.02) }
      local asks = {}
      for i = 1, 50 do asks[i] = function() return secret.reveal((credential:token(ARM))) end end
      local tokens = task.all(asks)
      assert.equal(1, #http.requests)
      assert.equal(50, #tokens)
      assert.equal("one", tokens[50])
   end)

   it("goes on for the others when the task that asked first is cancelled", function()
      local credential, http = login { granted("kept", 3599, 0.03) }
      local first = task.spawn(function() credential:token(ARM) end)
      local second = task.spawn(function() return secret.reveal((credential:token(ARM))) end)
      task.sleep(0.005)
      first:cancel()
      assert.equal("kept", second:wait())
      http:finished()
   end)

   it("tells all who asked when it fails, and asks anew the next time", function()
      local credential = login { denied(401, 7000215, "Invalid client secret provided."), granted "later" }
      local function try() return error_.is(failure(credential.token, credential, ARM), "auth") end
      assert.same({ true }, { try() })
      assert.equal("later", secret.reveal((credential:token(ARM))))
   end)

   it("explains Entra's codes: cause, fix, its own words, trace id; exit 4", function()
      local cases = {
         { 401, 7000215, "client secret is wrong", "not its id" },
         { 401, 7000222, "secret has expired", "add a new secret" },
         { 400, 700016, "not in this tenant", "client_id and tenant" },
         { 400, 90002, "no such tenant", "AZURE_TENANT_ID" },
      }
      for _, case in ipairs(cases) do
         local credential = login { denied(case[1], case[2], "words of Entra") }
         local err = failure(credential.token, credential, ARM)
         assert.equal("AADSTS" .. case[2], err.code)
         assert.matches(case[3], err.message)
         assert.matches("words of Entra", err.message)
         assert.not_matches("Timestamp", err.message)
         assert.matches(case[4], err.advice)
         assert.equal("trace-1", err.request_id)
         assert.equal(4, error_.exit_code(err))
         assert.not_matches("pa ss", tostring(err))
      end
   end)

   it("keeps throttling and outages apart from wrong logins", function()
      local credential = login { { TOKEN_URL, 503, { error = "temporarily_unavailable" } } }
      assert.equal("server", failure(credential.token, credential, ARM).kind)
      credential = login { { TOKEN_URL, 429, "" } }
      assert.equal("throttled", failure(credential.token, credential, ARM).kind)
      credential = login { { TOKEN_URL, fail = { kind = "network", message = "no route" } } }
      assert.equal("network", failure(credential.token, credential, ARM).kind)
   end)

   it("waits for a new secret to be known, but not for a wrong tenant", function()
      local credential, http = login { denied(401, 7000215, "not yet"), denied(400, 700016, "not yet"),
         granted "now" }
      assert.equal("now", secret.reveal((auth.wait_until_known(credential, ARM, 20))))
      http:finished()
      credential = login { denied(400, 90002, "never") }
      assert.equal("AADSTS90002", failure(auth.wait_until_known, credential, ARM, 20).code)
      credential = login { denied(401, 7000215, "still not"), denied(401, 7000215, "still not") }
      assert.equal("AADSTS7000215", failure(auth.wait_until_known, credential, ARM, 0.2).code)
   end)

   it("forgets a refused token only when a new one may be better", function()
      local credential = login { granted "a", granted "b" }
      credential:token(ARM)
      assert.is_false(credential:forget(ARM))
      credential:token(ARM)
      credential.cache[ARM].taken = clock.now() - 120
      assert.is_true(credential:forget(ARM))
   end)
end)

describe("aci.auth, managed identity", function()
   local IMDS = "GET http://169.254.169.254/metadata/identity/oauth2/token"
   local EXPIRES = tostring(math.floor(os.time() + 28799))

   local function identity(script, environment, options)
      local http = fake_http.new(script)
      options = options or {}
      options.environment, options.first_wait = environment or {}, 0.001
      return auth.managed_identity(fake_http.config(http), options), http
   end

   it("asks IMDS for the resource, with the header, never through a proxy", function()
      local credential, http = identity({ { IMDS, 200, { access_token = "mi", expires_in = "28799",
         expires_on = EXPIRES } } }, {}, { client_id = CLIENT })
      local token, ends = credential:token "https://vault.azure.net/.default"
      assert.equal("mi", secret.reveal(token))
      assert.equal(tonumber(EXPIRES), ends)
      local got = http:got(1)
      assert.same({ ["api-version"] = "2018-02-01", resource = "https://vault.azure.net",
         client_id = CLIENT }, got.query)
      assert.equal("true", got.headers.metadata)
      assert.equal("", got.proxy)
   end)

   it("asks IDENTITY_ENDPOINT where it is set, with its header as a secret", function()
      local credential, http = identity({ { "GET http://127.0.0.1:41/msi/token", 200, { access_token = "as",
         expires_on = EXPIRES } } }, { IDENTITY_ENDPOINT = "http://127.0.0.1:41/msi/token",
         IDENTITY_HEADER = "hdr" })
      assert.equal("as", secret.reveal((credential:token(ARM))))
      assert.equal("hdr", http:got(1).headers["x-identity-header"])
      assert.is_true(secret.is(http:got(1).raw.headers["x-identity-header"]))
      assert.equal("2019-08-01", http:got(1).query["api-version"])
      assert.equal("https://management.azure.com", http:got(1).query.resource)
   end)

   it("takes the address of a test endpoint from AZURE_POD_IDENTITY_AUTHORITY_HOST", function()
      local credential = identity({ { "GET http://127.0.0.1:42/metadata/identity/oauth2/token", 200,
         { access_token = "pod", expires_in = "60" } } },
         { AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:42/" })
      assert.equal("pod", secret.reveal((credential:token(ARM))))
   end)

   it("keeps asking an endpoint that is starting", function()
      local credential, http = identity { { IMDS, fail = { kind = "network", message = "refused" } },
         { IMDS, 404, "" }, { IMDS, 410, "" }, { IMDS, 500, "" }, { IMDS, 429, "" },
         { IMDS, 200, { access_token = "late", expires_in = "60" } } }
      assert.equal("late", secret.reveal((credential:token(ARM))))
      http:finished()
   end)

   it("says that there is none when nothing answers", function()
      local credential = identity({ { IMDS, fail = { kind = "network", message = "no route to host" } } }, {},
         { wait = 0 })
      local err = failure(credential.token, credential, ARM)
      assert.equal("auth", err.kind)
      assert.matches("no route to host", err.message)
      assert.matches("AZURE_CLIENT_SECRET", err.advice)
   end)

   it("explains an identity that is not attached, in both forms", function()
      local credential = identity { { IMDS, 400, { error = "invalid_request",
         error_description = "Identity not found" } } }
      local err = failure(credential.token, credential, ARM)
      assert.equal("invalid_request", err.code)
      assert.matches("Identity not found", err.message)
      assert.matches("attach the identity", err.advice)
      credential = identity({ { "GET http://e/t", 400, { statusCode = 400,
         message = "No User Assigned or Delegated Managed Identity found for specified ClientId." } } },
         { IDENTITY_ENDPOINT = "http://e/t", IDENTITY_HEADER = "h" })
      assert.matches("attach the identity", failure(credential.token, credential, ARM).advice)
   end)

   it("says how to name the one that is meant of several", function()
      local credential = identity { { IMDS, 400, { error = "invalid_request", error_description = "Multiple user "
         .. "assigned identities exist, please specify the clientId / resourceId" } } }
      assert.matches("AZURE_CLIENT_ID", failure(credential.token, credential, ARM).advice)
   end)

   it("is what the settings give when they hold no secret", function()
      local config = fake_http.config(fake_http.new {}, { client_id = CLIENT })
      assert.matches("managed identity", tostring(auth.credential(config)))
      config = fake_http.config(fake_http.new {}, { client_id = CLIENT, client_secret = secret.new "s" })
      assert.matches("application " .. CLIENT, tostring(auth.credential(config)), 1, true)
   end)
end)
