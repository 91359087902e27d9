local config = require "aci.config"
local variables = require "aci.config.environment"
local error_ = require "aci.error"
local fs = require "aci.fs"
local process = require "aci.process"
local secret = require "aci.secret"
local settings = require "aci.config.settings"

local SUBSCRIPTION = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"

local function load(overrides, environment, options)
   options = options or {}
   options.environment = environment or {}
   if options.file == nil then options.file = false end
   return config.load(overrides, options)
end

local function refused(overrides, environment, options)
   local ok, err = pcall(load, overrides, environment, options)
   assert.is_false(ok)
   assert.is_true(error_.is(err, "usage"), tostring(err))
   assert.equal(2, error_.exit_code(err))
   return err
end

local function file_with(text)
   local folder = fs.tempdir()
   local path = folder .. "/config.lua"
   assert(fs.write(path, text))
   return path, folder
end

describe("aci.config", function()
   it("works with nothing set: the local cloud under the original's names", function()
      local c = load()
      assert.equal("local", c.cloud)
      assert.same({ "aci-rg", "northeurope", "flows", "armaci", "orionid", "orinet", "agentnet",
         "prefect-agent", "prefect-aci" }, { c.group, c.location, c.container, c.queue, c.identity, c.vnet,
         c.subnet, c.agent, c.principal })
      assert.is_true(secret.is(c.testsecret))
      assert.equal("default", c.from.group)
   end)

   it("lets the script win over the environment, that over the file, that over defaults", function()
      local path, folder = file_with 'return { group = "from-file", queue = "filequeue", vnet = "filenet" }'
      local c = load({ group = "from-script" }, { AZURE_RESOURCE_GROUP = "from-env", ACIHOST_QUEUE = "envq" },
         { file = path })
      fs.remove_tree(folder)
      assert.equal("from-script", c.group)
      assert.equal("envq", c.queue)
      assert.equal("filenet", c.vnet)
      assert.equal("agentnet", c.subnet)
      assert.equal("the environment, ACIHOST_QUEUE", c.from.queue)
      assert.equal(path, c.from.vnet)
   end)

   it("reads the original's names and Azure's, Azure's first, and says when they differ", function()
      local original = load({}, { TENANT_ID = SUBSCRIPTION, CLIENT_ID = SUBSCRIPTION, CLIENT_SECRET = "s",
         SUBSCRIPTION_ID = SUBSCRIPTION, KV_NAME = "kv-mine" })
      assert.equal("kv-mine", original.vault)
      assert.equal(SUBSCRIPTION, original.subscription)
      assert.equal("s", secret.reveal(original.client_secret))
      local both = load({}, { AZURE_TENANT_ID = "contoso.com", TENANT_ID = "other.com" })
      assert.equal("contoso.com", both.tenant)
      assert.matches("AZURE_TENANT_ID and TENANT_ID differ", both.notes[1])
   end)

   it("never shows a secret", function()
      local c = load({}, { AZURE_CLIENT_SECRET = "hunter2" })
      assert.equal("<secret>", tostring(c.client_secret))
      local err = refused({}, { AZURE_CLIENT_SECRET = " hunter2 " })
      assert.not_matches("hunter2", tostring(err))
      assert.matches("white space", err.message)
   end)

   it("derives the names that the original left to its reader, the same every time", function()
      local a = load { subscription = SUBSCRIPTION }
      local b = load { subscription = SUBSCRIPTION:upper() }
      local other = load { subscription = SUBSCRIPTION, group = "other-rg" }
      assert.matches("^kv%-%w+$", a.vault)
      assert.matches("^aci[a-z0-9]+$", a.storage_account)
      assert.is_true(#a.vault <= 24 and #a.storage_account <= 24)
      assert.equal(a.vault, b.vault)
      assert.not_equal(a.vault, other.vault)
      assert.is_nil(load().vault)
   end)

   local bad = {
      { "vault", "this-vault-name-is-far-too-long", "too long: 31 characters, at most 24" },
      { "vault", "kv", "too short" },
      { "vault", "my_vault", '"_" in it; only letters, digits' },
      { "vault", "1vault", "begin with a letter" },
      { "vault", "vault-", "end with a letter or a digit" },
      { "vault", "my--vault", "two '%-' in a row" },
      { "storage_account", "My-Account", "only small letters and digits" },
      { "storage_account", "ab", "too short" },
      { "location", "atlantis", "region that we know %(any_location" },
      { "location", "westus9", "nearest name is westus" },
      { "location", "north europa", "nearest name is northeurope" },
      { "subscription", "12345", "not a GUID" },
      { "client_id", "not-a-guid", "not a GUID" },
      { "tenant", "what ever", "neither a GUID nor a domain" },
      { "group", "ends-with.", "ends with a full stop" },
      { "group", "has space", "a blank in it" },
      { "group", ("g"):rep(91), "too long" },
      { "container", "Flows", "only small letters" },
      { "container", "a--b", "two '%-' in a row" },
      { "agent", "Prefect_Agent", "only small letters" },
      { "identity", "-id", "begin with a letter or a digit" },
      { "subnet", "net-", "end with a letter" },
      { "queue", "a/b", "only characters other than" },
      { "prefect_url", "localhost:4200/api", "not an http or https address" },
      { "prefect_url", "https://app.prefect.cloud/account/x", "web pages" },
      { "prefect_url", "http://user:pw@host/api", "user name in it" },
      { "prefect_key", "", "is empty" },
      { "vault", "", "is empty" },
      { "cloud", "aws", "neither local nor azure" },
      { "flow_language", "perl", "neither lua nor python" },
      { "storage_key", "abc", "not base64" },
      { "vault", 12, "has to be text, not a number" },
      { "agent_image", "Foo Bar", "capitals in its path" },
      { "agent_image", "foo bar", "is no image: " },
      { "job_image", "me/it:", "has a tag that no image can have" },
      { "job_image", "me//it", "is no image: " },
      { "job_image", "https://me/it", "no registry's name in front" },
      { "job_image", "h_st.io:1/it", "no registry's name in front" },
      { "job_image", "me/it@sha256:12", "64 hexadecimal digits" },
   }
   for _, case in ipairs(bad) do
      local shown = tostring(case[2])
      it(("refuses %s = %q before any request"):format(case[1], #shown > 30 and shown:sub(1, 30) or shown),
         function()
            local err = refused { [case[1]] = case[2] }
            assert.matches(case[1], err.message)
            assert.matches(case[3], err.message)
            assert.matches("for example: ", err.message, 1, true)
            assert.equal(case[1], err.details[1].setting)
         end)
   end

   it("takes what Azure takes", function()
      local c = load { location = "North Europe", group = "Grüppe_(1).x", vault = "a-Vault-1",
         subscription = "{" .. SUBSCRIPTION:upper() .. "}", tenant = "contoso.onmicrosoft.com",
         prefect_url = "http://127.0.0.1:4200/api/" }
      assert.equal("northeurope", c.location)
      assert.equal(SUBSCRIPTION, c.subscription)
      assert.equal("http://127.0.0.1:4200/api", c.prefect_url)
      assert.equal("mars1", load({ location = "mars1", any_location = true }).location)
      assert.equal("mars1", load({ location = "mars1" }, { ACIHOST_ANY_LOCATION = "true" }).location)
   end)

   it("names the variable that a bad value comes from, and where to mend it", function()
      local err = refused({}, { KV_NAME = "bad_name" })
      assert.matches("the environment, KV_NAME", err.message, 1, true)
      assert.equal("correct KV_NAME in the environment", err.advice)
      err = refused { vault = "bad_name" }
      assert.equal("set vault in config.lua or KV_NAME in the environment", err.advice)
   end)

   it("reports all wrong settings at once", function()
      local err = refused { vault = "x", location = "nowhere" }
      assert.equal(2, #err.details)
      assert.matches("2 wrong settings", err.message)
      assert.matches("vault", err.message)
      assert.matches("location", err.message)
   end)

   it("asks for a subscription and Prefect's address only on azure, or what a script needs", function()
      local err = refused { cloud = "azure" }
      assert.matches("subscription is missing", err.message)
      assert.matches("prefect_url is missing", err.message)
      assert.equal("azure", load({ cloud = "azure" }, {}, { need = {} }).cloud)
   end)

   it("never switches to azure because credentials are there", function()
      local c = load({}, { AZURE_TENANT_ID = SUBSCRIPTION, AZURE_CLIENT_ID = SUBSCRIPTION,
         AZURE_CLIENT_SECRET = "s", AZURE_SUBSCRIPTION_ID = SUBSCRIPTION })
      assert.equal("local", c.cloud)
   end)

   it("misses the rest of half a login on azure, and the key of Prefect Cloud", function()
      local err = refused { cloud = "azure", subscription = SUBSCRIPTION, client_secret = "s",
         prefect_url = "https://api.prefect.cloud/api/accounts/a/workspaces/w" }
      assert.matches("client_id is missing", err.message)
      assert.matches("tenant is missing", err.message)
      assert.matches("prefect_key is missing", err.message)
   end)

   it("takes tags as a table, or as the environment has them, and sizes of a run's group as numbers", function()
      assert.same({}, load().tags)
      assert.same({ 1, 1 }, { load().job_cpu, load().job_memory })
      local c = load({ tags = { team = "data", ["cost centre"] = "" }, job_cpu = 1.5 }, { ACIHOST_JOB_MEMORY = "4" })
      assert.same({ team = "data", ["cost centre"] = "" }, c.tags)
      assert.same({ 1.5, 4 }, { c.job_cpu, c.job_memory })
      assert.same({ team = "data", stage = "a=b" }, load({}, { ACIHOST_TAGS = "team=data, stage=a=b" }).tags)
      for why, tags in pairs { ["is not NAME=VALUE"] = "team", ["not a number"] = 5,
         ["texts by their names"] = { a = 1 },
         ["in its name"] = { ["a/b"] = "x" }, ["keeps these names"] = { ACIhost = "x" } } do
         assert.matches(why, refused({ tags = tags }).message, 1, true)
      end
      local many = {}
      for i = 1, 14 do many["tag" .. i] = "x" end
      assert.matches("has 14 tags, and 13 are the most", refused({ tags = many }).message)
      assert.matches("job_cpu is not between 1 and 31 CPUs", refused({ job_cpu = 0.5 }).message)
      assert.matches('job_memory "lots" is not a number', refused({ job_memory = "lots" }).message)
   end)

   it("refuses unknown settings and names the nearest", function()
      local err = refused { vault_name = "x" }
      assert.matches("vault_name", err.message)
      assert.matches("did you mean vault", err.advice)
      assert.equal("did you mean agent_image?", refused({ image = "x" }).advice)
      assert.equal("did you mean job_memory?", refused({ memory = 2 }).advice)
      for _, other in ipairs { "schedule", "whatever" } do assert.is_nil(refused({ [other] = "x" }).advice) end
      local path, folder = file_with 'return { locaton = "northeurope" }'
      err = refused({}, {}, { file = path })
      fs.remove_tree(folder)
      assert.matches("locaton", err.message)
      assert.matches("location", err.advice)
   end)

   it("explains a settings file that is broken or returns nothing", function()
      local path, folder = file_with "return {"
      local err = refused({}, {}, { file = path })
      assert.matches("cannot be read", err.message)
      fs.write(path, "x = 1")
      err = refused({}, {}, { file = path })
      assert.matches("has to return a table", err.message)
      fs.remove_tree(folder)
   end)

   it("finds config.lua beside the script", function()
      local path, folder = file_with 'return { queue = "beside" }'
      local c = config.load({}, { environment = {}, script = folder .. "/setup.lua" })
      fs.remove_tree(folder)
      assert.equal("beside", c.queue)
      assert.equal(path, c.file)
   end)

   it("knows every setting of config.example.lua, and takes its values", function()
      local count = 0
      local example = assert(fs.read "scripts/config.example.lua")
      local text = example:gsub("\n   %-%- ([%a_]+)( *= [^\n]*)", function(name, rest)
         count = count + 1
         return "\n   " .. name .. rest
      end)
      assert.is_true(count > 15)
      local path, folder = file_with(text)
      local c = load({}, {}, { file = path })
      fs.remove_tree(folder)
      assert.equal("kv-orion-dev", c.vault)
      assert.equal(path, c.from.agent_image)
   end)

   it("names every setting in config.example.lua: a line of its own, or a secret's variable", function()
      local example = assert(fs.read "scripts/config.example.lua")
      for _, setting in ipairs(settings) do
         local shown = setting.secret and "[%[%s]" .. setting.env[1] .. "[%],;]"
            or "\n   %-%- " .. setting.name .. " *= "
         assert.is_truthy(example:find(shown), setting.name .. " is not in config.example.lua")
      end
   end)

   it("takes a whole number for prefect_version", function()
      assert.equal("3", load({ prefect_version = 3 }).prefect_version)
      assert.equal("2", load({}, { ACIHOST_PREFECT = "2" }).prefect_version)
      assert.matches("is neither 2 nor 3", refused({ prefect_version = 3.5 }).message)
   end)

   it("takes images as registries name them", function()
      for _, image in ipairs { "me/it:1", "ubuntu", "localhost:5000/a/b_c", "ours.azurecr.io/acihost:V1.0",
         "docker.io/a/b:1@sha256:" .. ("0f"):rep(32), "a@sha256:" .. ("0f"):rep(32) } do
         assert.equal(image, load({ job_image = image }).job_image)
      end
   end)

   describe("in the environment", function()
      local function noted(name) return load({}, { [name] = "x" }).notes end

      it("notes a variable of ours that is no setting, and the one that was meant", function()
         assert.same({ "ACIHOST_CLUOD is no setting; did you mean ACIHOST_CLOUD?" }, noted "ACIHOST_CLUOD")
         assert.same({ "ACIHOST_POOL is no setting; did you mean ACIHOST_WORK_POOL?" }, noted "ACIHOST_POOL")
         assert.same({ "ACIHOST_TENANT is no setting; did you mean AZURE_TENANT_ID?" }, noted "ACIHOST_TENANT")
         assert.same({ "ACIHOST_XYZZY is no setting" }, noted "ACIHOST_XYZZY")
      end)

      it("notes none that the program, its images or its specs use", function()
         local used = assert(process.run { args = { "grep", "-rhoE", "ACIHOST_[A-Z_]*[A-Z]", "bindings", "host",
            "scripts", "tests/run", "tests/support", "tests/bench", "tests/fuzz", "vendor/bootstrap", "README.md" },
            timeout = 60 }).stdout
         local all, count = {}, 0
         for name in used:gmatch "[^\n]+" do all[name], count = name, count + 1 end
         assert.is_true(count > 40)
         assert.same({}, variables.notes(all))
      end)
   end)
end)
