-- Every secret is a canary. The scripts run at -vvv under strace, the local cloud and its containers too, and
-- none may be in an argument, the name of a file, an output, a log or a file; but for what design.md names:
-- the bodies and headers of requests to this machine, the local cloud's store and its 0600 files.
local crypto   = require "aci.crypto"
local fs       = require "aci.fs"
local http     = require "aci.http"
local journey  = require "tests.support.journey"
local json     = require "aci.json"
local process  = require "aci.process"
local registry = require "tests.support.registry"
local secret   = require "aci.secret"
local strace   = require "tests.support.strace"
local task     = require "aci.task"

local demo, simple = "Key Vault Demo/Manual Deployment", "Simple Demo/Simple Deployment"

-- Below the local cloud's state folder: the store and the files of mode 0600 that hold secrets.
local store = { "^/cloud%.db", "^/owner%.json", "^/control%.key", "^/ca%-key%.pem", "^/groups/%x+/spec%.json" }

local function token(name)
   return ("canary%s%s"):format(name, crypto.hex(crypto.random(6)))
end

describe("secrets", function()
   local here, logs, canaries, outputs
   local number = 0

   local function trace_environment(extra)
      local environment = {}
      for name, value in pairs(here.environment) do environment[name] = value end
      for name, value in pairs(extra or {}) do environment[name] = value or nil end
      return environment
   end

   local function options(words, extra)
      number = number + 1
      local log = ("%s/trace/%02d"):format(here.home, number)
      logs[#logs + 1] = log
      local program = { process.self() }
      table.move(words, 1, #words, 2, program)
      return { args = strace.command(log, program), env = trace_environment(extra), stdin = "null", cwd = here.cwd }
   end

   -- A command under strace; its output is searched too.
   local function traced(words, extra, exit)
      local wanted = options(words, extra)
      wanted.timeout = 100
      local ran = assert(process.run(wanted))
      local said = ran.stdout .. ran.stderr
      outputs[#outputs + 1] = { table.concat(words, " "), said }
      assert.equal(exit or 0, ran.code, table.concat(words, " ") .. "\n" .. said:sub(-2000))
      return said
   end

   local function in_background(words, extra)
      local wanted = options(words, extra)
      wanted.stdout, wanted.stderr = { file = ("%s/logs/%s.log"):format(here.home, words[1]) }, "stdout"
      return assert(process.spawn(wanted))
   end

   -- What only the local cloud and Prefect know: made by the set-up.
   local function made()
      local out = here:good { "-e", [[
         local secret = require "aci.secret"
         local c = require "aci.setup".connect()
         local block = c.prefect:block("azure-container-instance-credentials", "aci-sp", { secrets = true })
         local cloud = require "aci.local".home(c.config)
         local owner = require "aci.json".decode(require "aci.fs".read(cloud .. "/owner.json"))
         local token = c.azure.client.credential:token(c.config.arm_endpoint .. "/.default")
         print(require "aci.json".encode {
            client_secret = secret.reveal(block.data.client_secret),
            storage_key = secret.reveal(c.azure:storage_key(c.config.storage_account)),
            owner_secret = owner.client_secret, token = secret.reveal(token),
            signature = secret.reveal(require "aci.blob".connect(c.config, nil, c.azure:storage_key(
               c.config.storage_account)):sas("flows", nil, { expires = "2099-01-01T00:00:00Z" })):match "&sig=(.*)",
            control_key = require "aci.fs".read(cloud .. "/control.key") })]] }
      return assert(json.decode(out))
   end

   local function add(name, value)
      canaries[name] = value
      local escaped, base64 = http.escape(value), crypto.base64(value):gsub("=+$", "")
      if escaped ~= value then canaries[name .. " (escaped)"] = escaped end
      canaries[name .. " (base64)"] = base64
   end

   local function is_named(target)
      if not target then return false end
      if target:find "^TCP" then return true end -- strangers are looked for apart
      local state = here.environment.ACIHOST_HOME
      for _, pattern in ipairs(store) do
         if target:sub(1, #state) == state and target:sub(#state + 1):find(pattern) then return true end
      end
      return false
   end

   local TOKEN = "eyJ[%w_%-]+%.eyJ[%w_%-]+%."

   local function leaks(log)
      local found = {}
      local function note(hit)
         if not is_named(hit.target) then
            found[#found + 1] = ("%s in %s: %s"):format(hit.name, log:match "[^/]*$", hit.line:sub(1, 300))
         end
      end
      for _, hit in ipairs(strace.find(log, canaries)) do note(hit) end
      for _, hit in ipairs(strace.find(log, { ["a token"] = "eyJ" })) do
         if hit.line:find(TOKEN) then note(hit) end
      end
      return found
   end

   setup(function()
      if not strace.works() then return end
      local secret_of_prefect = token "prefect"
      here = journey.new { ACIHOST_TESTSECRET = token "test", PREFECT_API_KEY = secret_of_prefect,
         ACIHOST_DUMPABLE = "1" } -- else strace of an ordinary user sees nothing
      canaries, logs, outputs = {}, {}, {}
      add("testsecret", here.environment.ACIHOST_TESTSECRET)
      add("prefect key", secret_of_prefect)
      for _, name in ipairs { "trace", "logs", "cwd", "user", "tmp" } do assert(fs.mkdir(here.home .. "/" .. name)) end
      here.cwd = here.home .. "/cwd"
      here.environment.HOME, here.environment.TMPDIR = here.home .. "/user", here.home .. "/tmp"
   end)

   teardown(function()
      if here then here:close() end
   end)

   -- The id of a run that nobody but execute.lua takes.
   local function scheduled()
      return (here:good { "-e", ([[
         local api = require "aci.setup".connect().prefect
         print(api:create_run(api:deployment("%s").id).id)]]):format(simple) }):match "%S+"
   end

   local cloud

   local function begin()
      cloud = in_background { "sim", "run", "-vvv" }
      journey.eventually(60, function() return here:cloud() end)
   end

   it("go through every script", function()
      if not strace.works() then return pending "no strace here" end
      begin()
      traced { "sim", "status", "-vvv" }
      traced { "sim", "env", "-vvv" }
      traced({ "setup", "--plan", "-vvv" }, nil, 3)
      traced { "setup", "-vvv" }
      traced { "setup", "-vvv", "--output", "json" }
      local worker = in_background { "worker", "-q", "armaci", "-vvv" }
      traced { "run", demo, "-vvv" }
      traced { "run", simple, "-vvv" }
      traced({ "run", simple, "-vvv", "--job-variable", "env.STAGE=test" }, nil, 2)
      traced { "doctor", "-vvv" }
      worker:kill "TERM"
      assert.is_true(task.wait(worker, 60))
      traced { "status", "-vvv" }
      traced { "logs", "-vvv" }
      traced { "logs", "-vvv", "--output", "json", "--tail", "5" }
      traced { "logs", "--agent", "-vvv" }
      traced { "execute", scheduled(), "-vvv" }
      traced({ "teardown", "--plan", "-vvv" }, nil, 3)
      traced { "sim", "requests", "-vvv" }
      traced { "sim", "venv", "spec.example/image:1", "-vvv" }
      traced { "sim", "taken", "storage", "somebodyelses", "-vvv" }
      for name, value in pairs(made()) do add(name, value) end
   end)

   it("go through images and registries", function()
      if not here then return pending "no strace here" end
      local image = here.home .. "/image.tar"
      traced { "image", image, "-vvv" }
      local own = { ACIHOST_REGISTRY = "true" }
      traced({ "setup", "-vvv" }, own)
      local host = here:good({ "status" }, own):match "aci%w+%.azurecr%.io"
      traced({ "push", host .. "/spec:1", image, "-vvv" }, own)
      if not process.find "docker-registry" then return pending "no docker-registry here" end
      add("registry password", "correct horse")
      local wrong = token "push"
      add("wrong registry password", wrong)
      local theirs <close> = registry.start(registry.basic("spec", registry.HASH))
      local to = theirs.host .. "/acihost:1"
      traced({ "push", "-u", "spec", to, image, "-vvv" }, { ACIHOST_REGISTRY_PASSWORD = "correct horse" })
      traced({ "push", "-u", "spec", to, image, "-vvv" }, { ACIHOST_REGISTRY_PASSWORD = wrong }, 4)
   end)

   it("go through logins", function()
      if not here then return pending "no strace here" end
      local owner = here:owner()
      local login = assert(crypto.login_certificate { name = "canary" })
      local password, other = token "pfx", token "wrongpfx"
      add("certificate password", password)
      add("wrong certificate password", other)
      add("private key", secret.reveal(login.key):match "\n([^\n]+)\n")
      local path = here.home .. "/user/login.pfx"
      assert(fs.write(path, secret.reveal(crypto.write_pkcs12(login.key, login.certificate, password))))
      local environment = { AZURE_CLIENT_ID = owner.client_id, AZURE_TENANT_ID = owner.tenant,
         AZURE_CLIENT_CERTIFICATE_PATH = path, AZURE_CLIENT_CERTIFICATE_PASSWORD = password }
      assert.matches("AADSTS700027", traced({ "status", "-vvv" }, environment, 4))
      environment.AZURE_CLIENT_CERTIFICATE_PASSWORD = other
      traced({ "status", "-vvv" }, environment, 2)
      local asking = in_background({ "status", "-vvv" }, { AZURE_TOKEN_CREDENTIALS = "DeviceCodeCredential",
         AZURE_TENANT_ID = owner.tenant, AZURE_CLIENT_ID = owner.client_id })
      local code
      journey.eventually(30, function()
         code = (fs.read(here.home .. "/logs/status.log") or ""):match "acihost sim login (%w+)"
         return code
      end)
      traced { "sim", "login", code, "-vvv" }
      assert.is_true(task.wait(asking, 60))
   end)

   it("go through an address with a signature", function()
      if not here then return pending "no strace here" end
      local said = traced({ "-e", [[
         require "aci.trace".to(3)
         local c, blob = require "aci.setup".connect(), require "aci.blob"
         local link = blob.connect(c.config, nil, c.azure:storage_key(c.config.storage_account)):sas("flows", nil,
            { expires = "2099-01-01T00:00:00Z" })
         local guest = blob.connect(c.config, nil, link)
         print(link, #guest:list "flows", require "aci.json".encode { link = link })
         require "aci.pretty".print(guest)
         print(pcall(guest.put, guest, "flows", "x", "y"))
         error("it is " .. require "aci.secret".reveal(link))]] }, nil, 1)
      assert.matches("the SAS allows rl only", said)
   end)

   it("go through failures", function()
      if not here then return pending "no strace here" end
      local owner = assert(json.decode(assert(fs.read(here.environment.ACIHOST_HOME .. "/owner.json"))))
      local wrong = token "wrong"
      add("wrong secret", wrong)
      local login = { AZURE_CLIENT_SECRET = wrong, AZURE_CLIENT_ID = owner.client_id, AZURE_TENANT_ID = owner.tenant }
      traced({ "status", "-vvv" }, login, 4)
      traced({ "status", "-vvv" }, { AZURE_CLIENT_SECRET = wrong, AZURE_CLIENT_ID = "no-guid" }, 2)
      traced({ "status", "-vvv" }, { AZURE_STORAGE_KEY = wrong }, 2)
      traced({ "status", "-vvv" }, { PREFECT_API_URL = "http://127.0.0.1:1/api" }, 7)
      local other = token "other"
      add("another testsecret", other)
      traced { "sim", "fault", '{"match":"PUT .*deployments","status":400,"times":1}' }
      traced({ "setup", "-vvv" }, { ACIHOST_TESTSECRET = other }, 1)
      traced { "setup", "-vvv" }
      traced({ "status", "-vvv" }, { PREFECT_API_KEY = false, PREFECT_API_AUTH_STRING = "admin:" .. wrong })
      traced({ "-e", [[
         local config = require "aci.config".load()
         print(config.testsecret, config.prefect_key, require "aci.json".encode(config.testsecret))
         require "aci.pretty".print(config)
         error(config.testsecret .. " is wrong")]] }, nil, 1)
      traced({ "-e", [[local s = require "aci.config".load().testsecret; return s.x.y]] }, nil, 1)
      traced({ "-e", [[require "aci.json".decode(require "aci.config".load().testsecret); return nil + 1]] }, nil, 1)
      traced({ "-e", [[local s = require "aci.config".load().testsecret
         require "aci.http".request { url = "http://" .. s .. " /" }]] }, nil, 1)
   end)

   it("are taken down", function()
      if not here then return pending "no strace here" end
      traced { "teardown", "--yes", "--purge", "-vvv" }
      traced { "sim", "stop", "-vvv" }
      assert.is_true(task.wait(cloud, 60))
      local started = in_background { "sim", "start", "-vvv" } -- strace ends with the cloud that it starts
      journey.eventually(60, function() return here:cloud() end)
      traced { "sim", "reset", "-vvv" }
      assert.is_true(task.wait(started, 60))
   end)

   it("are in no argument, name of a file, output or log", function()
      if not here then return pending "no strace here" end
      local found = {}
      for _, log in ipairs(logs) do table.move(leaks(log), 1, 1000, #found + 1, found) end
      assert.equal("", table.concat(found, "\n"))
   end)

   it("are in nothing that was said, tokens neither", function()
      if not here then return pending "no strace here" end
      for _, said in ipairs(outputs) do
         for name, value in pairs(canaries) do
            assert.is_nil(said[2]:find(value, 1, true), name .. " in the output of " .. said[1])
         end
         assert.is_nil(said[2]:find(TOKEN), "a token in the output of " .. said[1])
      end
   end)

   it("are in no file but the store, which only its owner may read", function()
      if not here then return pending "no strace here" end
      for _, name in ipairs(fs.walk(here.home)) do
         local path = here.home .. "/" .. name
         local text = not name:find "^trace/" and fs.read(path) or ""
         if is_named(path) then
            assert.equal(tonumber("600", 8), fs.stat(path).mode & tonumber("777", 8), name)
            text = ""
         end
         for canary, value in pairs(canaries) do
            assert.is_nil(text:find(value, 1, true), canary .. " in " .. name)
         end
         assert.is_nil(text:find(TOKEN), "a token in " .. name)
      end
   end)

   it("went nowhere but to this machine", function()
      if not here then return pending "no strace here" end
      for _, log in ipairs(logs) do assert.same({}, strace.strangers(log)) end
   end)

   it("would be found if they were said", function()
      if not here then return pending "no strace here" end
      local stored = 0
      for _, log in ipairs(logs) do
         for _, hit in ipairs(strace.find(log, canaries)) do stored = stored + (is_named(hit.target) and 1 or 0) end
      end
      assert.is_true(stored > 10)
      number = 98
      for _, leak in ipairs { [[io.stderr:write(os.getenv "ACIHOST_TESTSECRET")]],
         [[require "aci.process".run { args = { "/bin/true", os.getenv "PREFECT_API_KEY" } }]],
         [[io.open(os.getenv "HOME" .. "/x", "w"):write(os.getenv "PREFECT_API_KEY")]] } do
         local wanted = options { "-e", leak }
         assert(process.run(wanted))
         assert.is_true(#leaks(table.remove(logs)) > 0, leak)
      end
   end)
end)
