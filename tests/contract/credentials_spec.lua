--- Each credential of the chain gets a token from the local cloud, a process of its own that checks signature,
-- thumbprint, audience and time; and with a fault planted each says what is wrong.
local assertion  = require "aci.auth.assertion"
local auth       = require "aci.auth"
local aci_config = require "aci.config"
local azure      = require "aci.azure"
local clock      = require "aci.clock"
local cloud      = require "tests.support.cloud"
local crypto     = require "aci.crypto"
local errors     = require "aci.error"
local fs         = require "aci.fs"
local graph      = require "aci.graph"
local process    = require "aci.process"
local secret     = require "aci.secret"
local store      = require "aci.store"
local task       = require "aci.task"
local daemon     = require "sim.daemon"
local metadata   = require "sim.metadata_endpoint"

local ARM, VAULT = "https://management.azure.com/.default", "https://vault.azure.net/.default"

describe("the credentials against the local cloud", function()
   local running, config, directory, folder, app, login, listening

   -- The key of a certificate as Graph takes it.
   local function key_credential(certificate, ends)
      local facts = assert(crypto.certificate_facts(certificate))
      return { type = "AsymmetricX509Cert", usage = "Verify", key = crypto.base64(facts.der),
         endDateTime = ends and clock.iso(ends) or nil }
   end

   local function put_keys(...)
      directory:update_application(app.id, { keyCredentials = { ... } })
   end

   local function claims(token)
      assert.is_true(secret.is(token))
      return assert(assertion.claims(token))
   end

   local function works(credential, scope)
      local token, ends = credential:token(scope or ARM)
      local held = claims(token)
      assert.equal(((scope or ARM):gsub("/%.default$", "")), held.aud)
      assert.is_true(math.abs(ends - held.exp) < 3)
      return held
   end

   local function says(code, words, credential, scope)
      local ok, err = pcall(credential.token, credential, scope or ARM)
      assert.is_false(ok)
      assert.is_true(errors.is(err, "auth"), tostring(err))
      assert.equal(code, err.code, tostring(err))
      assert.matches(words, tostring(err))
      assert.equal(4, errors.exit_code(err))
      return err
   end

   local function file(name, data)
      local path = folder .. "/" .. name
      assert(fs.write(path, data, { mode = tonumber("600", 8) }))
      return path
   end

   local function with(fields)
      local all = { tenant = config.tenant, client_id = app.appId }
      for name, value in pairs(fields) do all[name] = value end
      return all
   end

   setup(function()
      running = cloud.start()
      folder = assert(fs.tempdir "acihost-credentials-")
      config = aci_config.load({ home = running.home }, { environment = {}, file = false })
      directory = graph.connect(config)
      login = assert(crypto.login_certificate { name = "spec", days = 30 })
      app = directory:create_application { displayName = "credentials",
         keyCredentials = { key_credential(login.certificate) } }
      directory:create_service_principal(app.appId)
      file("login.pem", secret.reveal(login.key) .. login.certificate)
      auth.wait_until_known(auth.client_certificate(config, with { certificate = folder .. "/login.pem" }), ARM)
   end)

   teardown(function()
      if listening then listening:cancel() end
      if running then running:stop() end
      fs.remove_tree(folder)
   end)

   describe("client secret", function()
      it("works", function()
         local made = directory:add_password(app.id)
         local credential = auth.client_secret(config, with { client_secret = made.secret })
         auth.wait_until_known(credential, ARM)
         assert.same({ app.appId, "1" }, { works(credential, VAULT).appid, works(credential).appidacr })
      end)

      it("says what is wrong", function()
         local wrong = secret.new "wrong"
         says("AADSTS7000215", "not its id", auth.client_secret(config, with { client_secret = wrong }))
         says("AADSTS90002", "AZURE_TENANT_ID", auth.client_secret(config, with { tenant = crypto.uuid4(),
            client_secret = wrong }))
         says("AADSTS700016", "client_id and tenant", auth.client_secret(config,
            with { client_id = crypto.uuid4(), client_secret = wrong }))
         says("AADSTS500011", "does not know the service", auth.client_secret(config,
            { tenant = config.tenant, client_id = config.client_id, client_secret = config.client_secret }),
            "https://nothing.example/.default")
      end)
   end)

   describe("client certificate", function()
      it("works from PEM and PKCS#12, with a password and without, as PS256 and RS256, with its chain", function()
         local password = secret.new "pass word"
         local bare = file("bare.pfx", assert(crypto.write_pkcs12(login.key, login.certificate)))
         local pfx = file("login.pfx", assert(crypto.write_pkcs12(login.key, login.certificate, password)))
         local pem = folder .. "/login.pem"
         for _, one in ipairs { { certificate = pem }, { certificate = pem, algorithm = "RS256" },
            { certificate = pem, send_chain = true }, { certificate = pfx, password = password },
            { certificate = pfx, password = password, algorithm = "RS256" }, { certificate = bare } } do
            assert.equal("2", works(auth.client_certificate(config, with(one))).appidacr)
         end
      end)

      it("works from PEM with an encrypted key, in OpenSSL's two forms; says when the password is wrong", function()
         if not process.find "openssl" then return pending "no openssl here" end
         local plain = file("plain.pem", secret.reveal(login.key))
         for _, how in ipairs { { "pkcs8", "-topk8" }, { "rsa", "-aes128", "-traditional" } } do
            local args = { "openssl", how[1], "-in", plain, "-passout", "pass:pass word" }
            table.move(how, 2, #how, #args + 1, args)
            local key = assert(process.run { args = args }).stdout
            assert.matches("ENCRYPTED", key)
            local pem = file("encrypted.pem", key .. login.certificate)
            works(auth.client_certificate(config, with { certificate = pem, password = secret.new "pass word" }))
            for words, password in pairs { ["is the password right"] = secret.new "no", ["is it encrypted"] = false } do
               local credential = auth.client_certificate(config,
                  with { certificate = pem, password = password or nil })
               local ok, err = pcall(credential.token, credential, ARM)
               assert.is_false(ok)
               assert.same({ "usage", "InvalidSetting" }, { err.kind, err.code })
               assert.matches(words, err.message)
               assert.matches("AZURE_CLIENT_CERTIFICATE_PASSWORD", err.advice)
            end
         end
      end)

      it("says what is wrong with the file", function()
         local pfx = file("login.pfx", assert(crypto.write_pkcs12(login.key, login.certificate, "right")))
         local old = assert(crypto.login_certificate { name = "old", days = 1, from = 1577836800 })
         local cases = {
            { folder .. "/none.pem", "none.pem" }, { pfx, "password" },
            { file("nokey.pem", login.certificate), "no private key" },
            { file("other.pem", secret.reveal(login.key) .. old.certificate), "belongs to its private key" },
         }
         for _, case in ipairs(cases) do
            local credential = auth.client_certificate(config, with { certificate = case[1] })
            local ok, err = pcall(credential.token, credential, ARM)
            assert.is_false(ok)
            assert.is_true(errors.is(err, "usage"), tostring(err))
            assert.matches(case[2], err.message)
            assert.matches("AZURE_CLIENT_CERTIFICATE_PATH", err.advice)
         end
         says("CertificateExpired", "expired on 2020%-01%-02", auth.client_certificate(config,
            with { certificate = file("old.pem", secret.reveal(old.key) .. old.certificate) }))
      end)

      it("says when the certificate is not the application's, or has ended there", function()
         local other = assert(crypto.login_certificate { name = "other" })
         local path = file("other.pem", secret.reveal(other.key) .. other.certificate)
         local credential = auth.client_certificate(config, with { certificate = path })
         local err = says("AADSTS700027", "add the certificate", credential)
         local print = crypto.hex(crypto.sha256(crypto.certificate_facts(other.certificate).der)):upper()
         assert.matches("Thumbprint of key used by client: '" .. print, err.message)
         put_keys(key_credential(login.certificate), key_credential(other.certificate, clock.now() - 5))
         says("AADSTS700027", "key used is expired", credential)
         put_keys(key_credential(login.certificate))
      end)
   end)

   describe("an assertion", function()
      local function post(changes)
         local made = assert(assertion.new { client_id = app.appId, key = login.key,
            certificates = changes.certificates or login.certificate, algorithm = changes.algorithm,
            audience = changes.audience or ("%s/%s/oauth2/v2.0/token"):format(config.authority, config.tenant) })
         local parts = { secret.reveal(made):match "^(.-)%.(.-)%.(.*)$" }
         if changes.edit then parts = changes.edit(parts) end
         local name = "forged.jwt"
         return auth.new(name, function(scope)
            return require("aci.auth.endpoint").token(config, config.tenant, { grant_type = "client_credentials",
               client_id = app.appId, client_assertion_type = changes.type or assertion.TYPE,
               client_assertion = table.concat(parts, "."), scope = scope })
         end)
      end

      -- Signs claims anew after a change.
      local function resigned(change)
         return function(parts)
            local json = require "aci.json"
            local body = json.decode(crypto.unbase64url(parts[2]))
            change(body)
            local text = parts[1] .. "." .. crypto.base64url(json.encode(body))
            return { text, crypto.base64url((crypto.sign_ps256(login.key, text))) }
         end
      end

      it("is accepted whole, also with fractions of seconds, as msal makes them", function()
         works(post {})
         works(post { edit = resigned(function(body)
            body.exp, body.iat, body.nbf = body.exp + 0.5, body.iat + 0.25, nil
         end) })
      end)

      it("is refused with one bit of its signature, its claims or its audience changed", function()
         says("AADSTS700027", "signature does not match", post { edit = function(parts)
            local bytes = crypto.unbase64url(parts[3])
            parts[3] = crypto.base64url(string.char(bytes:byte(1) ~ 1) .. bytes:sub(2))
            return parts
         end })
         says("AADSTS700023", "another token endpoint", post { audience = "https://login.microsoftonline.com/"
            .. crypto.uuid4() .. "/oauth2/v2.0/token" })
         says("AADSTS700023", "another token endpoint", post { audience = "https://example.com/" .. config.tenant
            .. "/oauth2/v2.0/token" })
      end)

      it("is refused outside its time, for another client, and without an id of its own", function()
         local now = clock.now()
         says("AADSTS700024", "clock", post { edit = resigned(function(body) body.exp = now - 400 end) })
         says("AADSTS700024", "clock", post { edit = resigned(function(body) body.nbf = now + 400 end) })
         says("AADSTS700024", "clock", post { edit = resigned(function(body) body.exp = nil end) })
         says("AADSTS700021", "client_id", post { edit = resigned(function(body) body.sub = crypto.uuid4() end) })
         says("AADSTS50027", "jti", post { edit = resigned(function(body) body.jti = nil end) })
         says("AADSTS50027", "not a valid token", post { edit = function() return { "no", "token" } end })
         says("AADSTS900144", "client_assertion_type", post { type = "something" })
      end)
   end)

   describe("workload identity", function()
      local SUBJECT = "system:serviceaccount:flows:Runner"
      local issuer = "https://oidc.acihost.local"

      local function token_file(fields)
         fields.subject = fields.subject or SUBJECT
         return file("token", daemon.control(running.home, "POST", "/federatedtoken", fields).token .. "\n")
      end

      local function credential(fields)
         return auth.workload_identity(config, with { token_file = token_file(fields or {}) })
      end

      it("says that the application trusts nobody yet", function()
         says("AADSTS700211", "has issuer https://oidc.acihost.local, subject system", credential())
      end)

      it("works, and takes up a renewed file", function()
         directory:send("POST", ("/applications/%s/federatedIdentityCredentials"):format(app.id),
            { name = "cluster", issuer = issuer, subject = SUBJECT, audiences = { "api://AzureADTokenExchange" } })
         local one = credential()
         assert.equal("2", works(one).appidacr)
         fs.remove(folder .. "/token")
         says("FederatedToken", "cannot be used", one, VAULT)
         token_file {}
         works(one, VAULT)
      end)

      it("says what differs: letter case, subject, audience, issuer, time, signature", function()
         says("AADSTS7002138", "small and capital", credential { subject = SUBJECT:lower() })
         says("AADSTS700213", "no federated credential has this subject", credential { subject = "other" })
         says("AADSTS700212", "api://AzureADTokenExchange", credential { audience = "sts.example" })
         says("FederatedToken", "expired at", credential { lifetime = -10 })
         local path = token_file {}
         local head, body, sign = assert(fs.read(path)):match "^(.-)%.(.-)%.(%S+)"
         local changed = crypto.unbase64url(sign)
         assert(fs.write(path, ("%s.%s.%s"):format(head, body,
            crypto.base64url(string.char(changed:byte(1) ~ 1) .. changed:sub(2)))))
         says("AADSTS50013", "not its issuer's", auth.workload_identity(config, with { token_file = path }))
         says("FederatedToken", "is empty", auth.workload_identity(config, with { token_file = file("empty", "\n") }))
      end)
   end)

   describe("managed identity", function()
      local address, group, principal

      -- A container group with an identity; its endpoint is served here, by the code that serves it in a group.
      setup(function()
         local az = azure.connect(config)
         az:put_group()
         local identity = az:resource("Microsoft.ManagedIdentity/userAssignedIdentities", "spec-id",
            { location = config.location })
         principal = az:put(identity.id, identity.version, identity.body).properties
         group = az:resource("Microsoft.ContainerInstance/containerGroups", "spec-group", {
            location = config.location, identity = { type = "UserAssigned",
               userAssignedIdentities = { [identity.id] = {} } },
            properties = { osType = "Linux", restartPolicy = "Never", containers = { { name = "main",
               properties = { image = "alpine", command = { "/bin/sh", "-c", "sleep 60" },
                  resources = { requests = { cpu = 1, memoryInGB = 1 } } } } } } })
         az:put(group.id, group.version, group.body)
         local db = assert(store.open(running.home .. "/cloud.db"))
         local row = db:row "SELECT folder, id FROM container_groups"
         local key = db:row("SELECT value FROM secrets WHERE owner = ? AND name = 'metadata-key'", row.id:lower())
         db:close()
         local listener
         listener, address = metadata.listen()
         listening = task.spawn(metadata.run, { group = row.folder, key = key.value, header = "the header",
            https_port = running.https_port, ca_file = running.ca_file }, listener)
      end)

      local function credential(environment, options)
         options = options or {}
         options.environment, options.wait, options.first_wait = environment, 2, 0.05
         return auth.managed_identity(config, options)
      end

      local function pod()
         return { AZURE_POD_IDENTITY_AUTHORITY_HOST = address }
      end

      local function endpoint(path, header)
         return { IDENTITY_ENDPOINT = address .. path, IDENTITY_HEADER = header or "the header" }
      end

      it("works as IMDS, App Service and a Windows group, by client, principal and resource id", function()
         for _, environment in ipairs { pod(), endpoint "/msi/token", endpoint "/windows/token" } do
            local held = works(credential(environment), VAULT)
            assert.same({ principal.principalId, principal.clientId }, { held.oid, held.appid })
         end
         works(credential(pod(), { client_id = principal.clientId }))
         works(credential(pod(), { principal_id = principal.principalId }))
         works(credential(pod(), { resource_id = claims((credential(pod()):token(ARM))).xms_mirid }))
         works(credential(endpoint "/msi/token", { client_id = principal.clientId }))
         works(credential(endpoint "/windows/token", { principal_id = principal.principalId }))
      end)

      it("waits for an endpoint that starts late", function()
         local late, where = metadata.listen()
         late:close()
         local opened
         local server = require "aci.server"
         task.spawn(function()
            task.sleep(0.4)
            opened = assert(server.listen { host = "127.0.0.1", port = tonumber(where:match "%d+$") })
            for request in function() return opened:next() end do
               request:respond(200, {}, ('{"access_token":"%s","expires_in":"60"}'):format("late"))
            end
         end)
         local token = credential { AZURE_POD_IDENTITY_AUTHORITY_HOST = where }:token(ARM)
         assert.equal("late", secret.reveal(token))
         opened:close()
      end)

      it("says what is wrong: not attached, wrong key, nothing there", function()
         local err = says("invalid_request", "Identity not found", credential(pod(), { client_id = crypto.uuid4() }))
         assert.matches("attach the identity", err.advice)
         err = says(nil, "No User Assigned", credential(endpoint "/msi/token", { client_id = crypto.uuid4() }))
         assert.matches("attach the identity", err.advice)
         says(nil, "X%-IDENTITY%-HEADER", credential(endpoint("/msi/token", "wrong")))
         says("NoIdentityEndpoint", "AZURE_CLIENT_SECRET", credential {
            AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:1" })
         says("CredentialUnavailable", "Azure Arc's", credential { IDENTITY_ENDPOINT = address,
            IMDS_ENDPOINT = address })
      end)
   end)

   describe("device code", function()
      local function answered(answer)
         local shown
         local credential = auth.device_code(config, { tenant = config.tenant, show = function(message, code)
            shown = message
            if answer then
               daemon.control(running.home, "POST", "/devicelogin", { user_code = code, answer = answer })
            end
         end })
         return credential, function() return shown end
      end

      it("works once the code was entered, and for other services without asking again", function()
         local credential, shown = answered "granted"
         local held = works(credential)
         assert.same({ "user", "user_impersonation" }, { held.idtyp, held.scp })
         assert.matches("acihost sim login %w+", shown())
         local asked = shown()
         works(credential, VAULT)
         assert.equal(asked, shown())
         local az = azure.connect(config, credential)
         assert.is_table(az:list("/subscriptions", "2022-12-01")[1])
         assert.is_table(graph.connect(config, credential):list "/applications")
      end)

      it("waits while nobody has entered it", function()
         local credential, shown = answered(nil)
         local asking = task.spawn(function() return works(credential) end)
         repeat task.sleep(0.05) until shown()
         task.sleep(0.3)
         assert.is_false(asking:done())
         daemon.control(running.home, "POST", "/devicelogin", { user_code = shown():match "login (%w+)" })
         assert.equal("user", asking:wait().idtyp)
      end)

      it("says that it was declined, or that nobody came", function()
         says("AADSTS65004", "declined", (answered "declined"))
         says("AADSTS70020", "in time", (answered "expired"))
      end)
   end)

   it("show nothing secret at -vvv, with every credential", function()
      local trace, lines = require "aci.trace", {}
      local seen, kept = {}, config.transport
      local real = require("aci.rest").transport(config)
      -- Notes what goes out as a secret and what comes in; the requests are the real ones.
      config.transport = { request = function(_, options)
         for name, value in pairs(options.form or {}) do
            if secret.is(value) then seen[#seen + 1] = secret.reveal(value) end
            assert.is_true(secret.is(value) or not name:find "secret$" and not name:find "assertion$", name)
         end
         local response, err = real:request(options)
         local body = response and response.status == 200 and require("aci.json").decode(response.body)
         for _, name in ipairs { "access_token", "refresh_token", "device_code" } do
            if body and body[name] then seen[#seen + 1] = body[name] end
         end
         return response, err
      end }
      trace.to(3, function(line) lines[#lines + 1] = line end)
      local done, why = pcall(function()
         auth.client_certificate(config, with { certificate = folder .. "/login.pem" }):token(ARM)
         auth.client_secret(config, with { client_id = config.client_id,
            client_secret = config.client_secret }):token(ARM)
         file("token", daemon.control(running.home, "POST", "/federatedtoken", {
            subject = "system:serviceaccount:flows:Runner" }).token)
         auth.workload_identity(config, with { token_file = folder .. "/token" }):token(ARM)
         local device = auth.device_code(config, { tenant = config.tenant, show = function(_, code)
            daemon.control(running.home, "POST", "/devicelogin", { user_code = code })
         end })
         device:token(ARM)
         device:token(VAULT)
      end)
      trace.to(0)
      config.transport = kept
      assert.is_true(done, tostring(why))
      local text = table.concat(lines, "\n")
      assert.is_true(#seen >= 12 and #text > 2000, ("%d secrets, %d bytes"):format(#seen, #text))
      for _, value in ipairs(seen) do
         assert.is_nil(text:find(value, 1, true), "a secret was shown")
      end
   end)

   describe("the chain", function()
      local function settings(fields, environment)
         fields.home, fields.cloud = running.home, "local"
         fields.tenant = fields.tenant or config.tenant
         local c = aci_config.load(fields, { environment = environment or {}, file = false })
         return c
      end

      it("takes what the environment's names say, in the order of the SDKs", function()
         local environment = { AZURE_TENANT_ID = config.tenant, AZURE_CLIENT_ID = app.appId,
            AZURE_CLIENT_CERTIFICATE_PATH = folder .. "/login.pem", AZURE_FEDERATED_TOKEN_FILE = folder .. "/none" }
         local c = settings({}, environment)
         local credential = auth.credential(c)
         assert.equal(app.appId, works(credential).appid)
         assert.equal("credential: client certificate", tostring(credential))
      end)

      it("is pinned by AZURE_TOKEN_CREDENTIALS", function()
         local environment = { AZURE_TENANT_ID = config.tenant, AZURE_CLIENT_ID = app.appId,
            AZURE_CLIENT_CERTIFICATE_PATH = folder .. "/login.pem", AZURE_FEDERATED_TOKEN_FILE = folder .. "/none",
            AZURE_TOKEN_CREDENTIALS = " workloadidentitycredential " }
         says("FederatedToken", "none", auth.credential(settings({}, environment)))
         environment.AZURE_TOKEN_CREDENTIALS = "EnvironmentCredential"
         works(auth.credential(settings({}, environment)))
         environment.AZURE_TOKEN_CREDENTIALS = "AzurePowerShellCredential"
         local ok, err = pcall(function() return auth.credential(settings({}, environment)) end)
         assert.is_false(ok)
         assert.matches("does not have", tostring(err))
      end)

      it("leaves credentials of another tenant aside on the local cloud", function()
         local c = settings({ tenant = crypto.uuid4() }, { AZURE_CLIENT_ID = crypto.uuid4(),
            AZURE_CLIENT_CERTIFICATE_PATH = folder .. "/none", AZURE_TOKEN_CREDENTIALS = "dev" })
         assert.equal(config.client_id, works(auth.credential(c)).appid)
         assert.matches("another tenant", table.concat(c.notes, "; "))
      end)
   end)
end)
