--- Certificates, federated tokens and device codes as Azure's own programs use them (azure-identity, msal, az),
-- so that what the local cloud checks is what they send; and our own credential on top of `az login`.
local config_ = require "aci.config"
local crypto  = require "aci.crypto"
local fs      = require "aci.fs"
local graph   = require "aci.graph"
local journey = require "tests.support.journey"
local json    = require "aci.json"
local peers   = require "tests.support.peers"
local process = require "aci.process"
local secret  = require "aci.secret"
local task    = require "aci.task"
package.path = "scripts/?.lua;" .. package.path
local daemon  = require "sim.daemon"

local SUBJECT = "system:serviceaccount:spec:runner"

describe("Azure's own programs", function()
   local place, app, seen, environment, exported

   -- The environment that `sim env` prints, without a login.
   local function of_cloud()
      local found = {}
      for name, value in (place:good { "sim", "env" }):gmatch "export ([%w_]+)='([^'\n]*)'" do
         found[name] = value
      end
      found.AZURE_CLIENT_ID = nil
      return found
   end

   local function write(name, data)
      assert(fs.write(place.home .. "/" .. name, data, { mode = tonumber("600", 8) }))
   end

   -- An application with a certificate and a federated credential, and the files to log in with.
   local function furnish(config)
      local directory = graph.connect(config)
      local login = assert(crypto.login_certificate { name = "spec" })
      local other = assert(crypto.login_certificate { name = "other" })
      app = directory:create_application { displayName = "witnessed", keyCredentials = { {
         type = "AsymmetricX509Cert", usage = "Verify",
         key = crypto.base64(crypto.certificate_facts(login.certificate).der) } } }
      directory:create_service_principal(app.appId)
      directory:send("POST", ("/applications/%s/federatedIdentityCredentials"):format(app.id), { name = "cluster",
         issuer = "https://oidc.acihost.local", subject = SUBJECT, audiences = { "api://AzureADTokenExchange" } })
      write("login.pem", secret.reveal(login.key) .. login.certificate)
      write("other.pem", secret.reveal(other.key) .. other.certificate)
      write("login.pfx", secret.reveal(crypto.write_pkcs12(login.key, login.certificate, "pass")))
      write("token", daemon.control(place.environment.ACIHOST_HOME, "POST", "/federatedtoken",
         { subject = SUBJECT }).token)
   end

   setup(function()
      if not (peers.path "p2" or peers.path "az") then return end
      place = journey.new()
      exported = of_cloud()
      environment = peers.environment(place.home .. "/prefect", exported)
      environment.ACIHOST_HOME = place.environment.ACIHOST_HOME
      furnish(config_.load({ home = place.environment.ACIHOST_HOME }, { environment = {}, file = false }))
      task.sleep(1) -- until the application is known everywhere
   end)
   teardown(function() if place then place:close() end end)

   local function python()
      local path = peers.path "p2"
      if not path then return pending "vendor/peers p2" end
      if not seen then
         environment.AZURE_CLIENT_ID = app.appId
         local ran = assert(process.run { timeout = 120, env = environment, args = { path .. "/bin/python",
            "tests/journey/credentials.py", exported.AZURE_TENANT_ID, app.appId, place.home, process.self(), "sim",
            "login" } })
         assert(ran.code == 0, ran.stderr)
         seen = assert(json.decode(ran.stdout))
      end
      return seen
   end

   it("log in by certificate: PEM, PKCS#12, with the chain, RS256 and PS256, and by the environment", function()
      local got = python()
      for _, name in ipairs { "pem", "chain", "pfx", "msal_pfx", "default" } do
         assert.equal(app.appId, got[name].appid, name .. ": " .. json.encode(got[name]))
         assert.equal("2", got[name].appidacr)
      end
      assert.equal("https://vault.azure.net", got.default.aud)
   end)

   it("read why another certificate is refused", function()
      assert.matches("AADSTS700027", python().other.failed)
   end)

   it("log in by federated token and by device code", function()
      local got = python()
      assert.equal(app.appId, got.workload.appid, got.workload.failed)
      assert.equal("user", got.device.first and got.device.first.idtyp, got.device.failed)
      assert.equal("https://vault.azure.net", got.device.second.aud)
   end)

   it("az logs in by certificate, and our credential takes its tokens; without it says what to do", function()
      local path = peers.path "az"
      if not path then return pending "vendor/peers az" end
      local variables = { PATH = path .. "/bin:" .. os.getenv "PATH", AZURE_CONFIG_DIR = place.home .. "/az",
         AZURE_TOKEN_CREDENTIALS = "AzureCliCredential", AZURE_CORE_COLLECT_TELEMETRY = "no" }
      for name, value in pairs(exported) do variables[name] = value end
      local text = [[
         local auth, config = require "aci.auth", require "aci.config"
         local credential = auth.credential(config.load({}, { file = false }))
         local token, ends = credential:token "https://vault.azure.net/.default"
         local claims = require("aci.auth.assertion").claims(token)
         print(claims.appid, claims.aud, math.abs(ends - claims.exp) < 3, credential)]]
      local code, out, err = place:lua(text, variables)
      assert.same({ 4, "" }, { code, out })
      assert.matches("nobody is signed in with az", err)
      local all = {}
      for name, value in pairs(place.environment) do all[name] = value end
      for name, value in pairs(variables) do all[name] = value end
      local login = assert(process.run { timeout = 120, env = all, args = { path .. "/bin/az", "login",
         "--service-principal", "--username", app.appId, "--tenant", exported.AZURE_TENANT_ID, "--certificate",
         place.home .. "/login.pem", "--allow-no-subscriptions", "--output", "none" } })
      assert.equal(0, login.code, login.stderr)
      code, out, err = place:lua(text, variables)
      assert.equal(0, code, err)
      assert.equal(app.appId .. "\thttps://vault.azure.net\ttrue\tcredential: az\n", out)
   end)
end)
