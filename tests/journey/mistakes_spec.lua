--- What a user does wrong, and what the program says: one message that names the thing, the cause and what
-- to do, the exit code that the README tells, never a traceback.
local fs      = require "aci.fs"
local journey = require "tests.support.journey"
local json    = require "aci.json"
local process = require "aci.process"
local server  = require "aci.server"

local plan = { "setup", "--plan" }
local demo = "Key Vault Demo/Manual Deployment"

-- { what is typed, exit code, what the message has to say ... }
local typed = {
   { { "setup", "--pln" }, 2, "unknown option '--pln' (did you mean '--plan'?)" },
   { { "setup", "-x" }, 2, "unknown option '-x'" },
   { { "setup", "--cloud", "azur" }, 2, "--cloud is one of local, azure, not 'azur'" },
   { { "setup", "--cloud" }, 2, "--cloud needs a value: local|azure" },
   { { "setup", "extra" }, 2, "unexpected argument 'extra'" },
   { { "setup", "--cloud", "azure" }, 2, "subscription is missing", "AZURE_SUBSCRIPTION_ID", "prefect_url is missing",
     "PREFECT_API_URL in the environment" },
   { { "run" }, 2, "FLOW/DEPLOYMENT is missing", " run --help" },
   { { "run", "Key", "Vault", "Demo/Manual", "Deployment" }, 2, "unexpected argument 'Vault'", "needs quotes" },
   { { "run", demo, "--wait", "-1" }, 2, "--wait is at least 0, not -1" },
   { { "logs", "some-run", "--agent" }, 2, "logs: RUN and --agent ask for different logs. give one of them" },
   { { "logs", "--agent", "-g", "x" }, 2, "--agent and --group ask for different logs" },
   { { "worker", "--limit", "-1" }, 2, "--limit is at least 1, not -1" },
   { { "worker", "--interval", "nan" }, 2, "--interval is a number, not 'nan'" },
   { { "execute" }, 2, "PREFECT__FLOW_RUN_ID is not set" },
   { { "execute", "mine" }, 2, '"mine" is not the id of a flow run' },
   { { "sim" }, 2, "COMMAND is missing", " sim --help" },
   { { "sim", "stat" }, 2, "unknown command 'stat' (did you mean 'start'?)" },
   { { "sim", "start", "--clock", "-1" }, 2, "--clock is more than 0, not -1" },
   { { "sim", "start", "--clock", "0" }, 2, "--clock is more than 0, not 0" },
   { { "sim", "status", "extra" }, 2, "unexpected argument 'extra' of status" },
   { { "sim", "taken", "vault", "a", "b" }, 2, "unexpected argument 'b' of taken" },
   { { "image", "--name", "my image" }, 2, '--name "my image" is no image', "for example: --name acihost:latest" },
   { { "--eject" }, 1, "'--eject' needs argument" },
   { { "--eject", "steps/nothing" }, 2, "there is no script 'steps/nothing' to copy out" },
}

-- { config.lua, what the message has to say ... }
local configs = {
   { 'return { vault = "my_vault" }', 'vault "my_vault" has "_" in it', "config.lua", "KV_NAME" },
   { 'return { location = "nowhere" }', 'location "nowhere" is not an Azure region that we know', "northeurope" },
   { 'return { prefect_key = "" }', "prefect_key is empty", "PREFECT_API_KEY" },
   { 'return { loction = "westeurope" }', 'unknown setting "loction"', "did you mean location?" },
   { 'return { vault = 5 }', "vault has to be text, not a number" },
   { 'return { agent_image = "Foo Bar" }', '"Foo Bar" has capitals in its path', "for example: docker.io/" },
   { 'return { nat_gateway = "no" }', 'nat_gateway "no" is neither true nor false' },
   { 'return { vault = "x", queue = "" }', "2 wrong settings", 'vault "x" is too short', "set vault in config.lua",
     "queue is empty", "set queue in config.lua" },
   { 'return { "northeurope" }', 'unknown setting "1"' },
   { 'return nil', "config.lua has to return a table of settings", 'for example: return { location' },
   { 'return {', "config.lua:1: unexpected symbol near <eof>" },
   { 'return { vault = names.vault }', "the settings file fails: config.lua:1: attempt to index a nil value" },
   { 'error "not today"', "the settings file fails: config.lua:1: not today" },
   { 'require "nothing.here"', "the settings file fails: config.lua:1: module 'nothing.here' not found" },
}

describe("a mistake", function()
   local j

   setup(function() j = journey.new() end)
   teardown(function() j:close() end)

   --- Checks a result: the code, every text, one message, no traceback.
   local function says(code, texts, got, out, err)
      assert.equal(code, got, out .. err)
      for _, text in ipairs(texts) do
         assert.is_truthy(err:find(text, 1, true), ("%q is not in:\n%s"):format(text, err))
      end
      assert.not_matches("traceback", out .. err)
      assert.not_matches("attempt to [^\n]*\n\t", err)
   end

   for _, case in ipairs(typed) do
      it("in the command: " .. table.concat(case[1], " "), function()
         says(case[2], { table.unpack(case, 3) }, j:run(case[1]))
      end)
   end

   --- In a folder of its own with this config.lua.
   local function beside(config, words, homeless)
      local options = j:options(words)
      if homeless then options.env.ACIHOST_HOME = nil end
      options.cwd = assert(fs.tempdir "acihost-mistake-")
      if config then assert(fs.write(options.cwd .. "/config.lua", config)) end
      options.timeout = 60
      local result = assert(process.run(options))
      fs.remove_tree(options.cwd)
      return result.code, result.stdout, result.stderr
   end

   for _, case in ipairs(configs) do
      it("in config.lua: " .. case[1], function()
         says(2, { table.unpack(case, 2) }, beside(case[1], plan))
      end)
   end

   it("in the environment is told with its name", function()
      says(2, { 'location "mars"', "correct ACIHOST_LOCATION in the environment" },
         j:run(plan, { ACIHOST_LOCATION = "mars" }))
      says(2, { "home is empty", "correct ACIHOST_HOME" }, j:run(plan, { ACIHOST_HOME = "" }))
   end)

   it("in the setting home, which is a folder's whole path or one from here", function()
      says(2, { "begins with '~'", "set home in config.lua" }, beside('return { home = "~/cloud" }', plan, true))
   end)

   it("in the name of a variable is noted once by every script that reads them", function()
      for _, words in ipairs { plan, { "status" }, { "run", demo }, { "logs" }, { "sim", "status" } } do
         local options = j:options(words, { ACIHOST_CLUOD = "azure", PREFECT_API_URL = "http://127.0.0.1:9/api" })
         options.timeout = 60
         local result = assert(process.run(options))
         local _, count = result.stderr:gsub("note: ACIHOST_CLUOD is no setting; did you mean ACIHOST_CLOUD%?\n", "")
         assert.equal(1, count, words[1] .. ": " .. result.stderr)
      end
   end)

   it("in the state folder is told with the folder and the way out", function()
      for _, home in ipairs { "/proc/nothing", "/dev/null", "/dev/null/deeper" } do
         says(2, { ("the state folder %s cannot be used"):format(home), "set ACIHOST_HOME to a folder" },
            j:run(plan, { ACIHOST_HOME = home }))
      end
   end)

   it("of a cloud that does not run", function()
      local nowhere = { ACIHOST_HOME = j.home .. "/nowhere" }
      says(1, { "no local cloud runs in " .. nowhere.ACIHOST_HOME }, j:run({ "sim", "fault", "{}" }, nowhere))
   end)

   describe("with a cloud that runs", function()
      setup(function() j:good { "setup" } end)

      it("in the name of a deployment", function()
         says(1, { 'there is no deployment "Nope/Manual Deployment"', "acihost status.lua lists them" },
            j:run { "run", "Nope/Manual Deployment" })
         says(1, { 'did you mean "Key Vault Demo/Manual Deployment"?' },
            j:run { "run", "Key Vault Demo/Manual Deploymnt" })
         says(2, { '"KeyVault" is not FLOW/DEPLOYMENT' }, j:run { "run", "KeyVault" })
      end)

      it("in a parameter", function()
         says(2, { '"n" is not NAME=VALUE' }, j:run { "run", demo, "-p", "n" })
         says(2, { 'has no parameter "nosuch"', "it takes none" }, j:run { "run", demo, "-p", "nosuch=3" })
      end)

      it("in the id of a flow run", function()
         says(1, { "there is no flow run 657758fa-c955-44bc-b10a-72e587d0eb7c" },
            j:run { "execute", "657758fa-c955-44bc-b10a-72e587d0eb7c" })
      end)

      it("in the address of Prefect", function()
         local nowhere = { PREFECT_API_URL = "http://127.0.0.1:9/api" }
         says(7, { "cannot connect to 127.0.0.1:9", "does the Prefect server run", "PREFECT_API_URL, prefect_url" },
            j:run({ "status" }, nowhere))
         local code, out, err = j:run({ "doctor" }, nowhere)
         says(7, { "" }, code, out, err)
         assert.truthy((out .. err):find("prefect: does the Prefect server run", 1, true), out)
      end)

      it("in what a fault is to be", function()
         says(2, { "fault needs a JSON object: line 1, column 2" }, j:run { "sim", "fault", "{bad" })
         says(1, { 'is no Lua pattern: unfinished capture' }, j:run { "sim", "fault", '{"match":"(","status":500}' })
         for rule, why in pairs { ['{"match":"PUT","statu":429}'] = "A fault has no statu (did you mean status?)",
            ['{"match":"PUT","status":"429"}'] = "The status of a fault is a number",
            ['{"match":"PUT"}'] = "it has a status, drop, delay or play",
            ['{"status":500}'] = "A fault has a match" } do
            says(1, { "the local cloud refused it: ", why }, j:run { "sim", "fault", rule })
         end
         says(1, { "refused it: No sign-in waits for that code. [" }, j:run { "sim", "login", "X" })
         assert.equal("[]\n", (j:good { "sim", "fault" }))
         j:good { "sim", "fault", '{"match":"%S+/resourceGroups","status":400,"times":9}' }
         assert.equal(1, (j:run { "status" }))
         local planted = json.decode((j:good { "sim", "fault" }))
         assert.equal("%S+/resourceGroups", planted[1].match)
         assert.is_true(planted[1].times < 9)
         j:good { "sim", "fault", "--clear" }
         assert.equal("[]\n", (j:good { "sim", "fault" }))
         says(2, { "taken needs storage or vault, and a name" }, j:run { "sim", "taken", "stoarge", "x" })
      end)

      it("is no mistake: sim env as JSON, or evaluated without a secret", function()
         local out = j:good { "sim", "env" }
         local last = out:match "([^\n]+)\n$"
         assert.equal("# add --secret for AZURE_CLIENT_SECRET", last)
         local map = json.decode((j:good { "sim", "env", "--output", "json", "--secret" }))
         assert.is_truthy(map.AZURE_CLIENT_SECRET and map.HTTPS_PROXY:find "^http://127")
         for name, value in out:gmatch "export ([%w_]+)='([^'\n]*)'" do assert.equal(value, map[name]) end
         local shell = assert(process.run { timeout = 10,
            args = { "sh", "-c", 'out=$1; eval $out; echo "$PREFECT_API_URL"', "sh", out } })
         assert.equal(map.PREFECT_API_URL .. "\n", shell.stdout)
         assert.equal("", shell.stderr)
      end)

      it("is no mistake: a state folder named from here", function()
         local folder = j.home:match "[^/]*$"
         local options = j:options({ "status" }, { ACIHOST_HOME = folder .. "/state" })
         options.cwd = j.home:match "^(.*)/"
         local result = assert(process.run(options))
         assert.equal(0, result.code, result.stderr)
         assert.matches("in place *resource group aci%-rg", result.stdout)
         result = { beside(('return { home = %q }'):format(j.home .. "/state"), { "sim", "status" }, true) }
         assert.equal(0, result[1], result[2])
      end)

      it("of a full disk under the result", function()
         local options = j:options { "status", "-o", "json" }
         options.stdout, options.stderr = { file = "/dev/full" }, { file = j.home .. "/said" }
         assert.equal(1, assert(process.spawn(options)):wait().code)
         assert.matches("standard output did not take everything", (fs.read(j.home .. "/said")))
      end)

      --- Ctrl-C as soon as it has said this; gives its exit code and all it said.
      local function interrupted(words, after)
         local started = j:start(words)
         journey.eventually(20, function() return (fs.read(j.home .. "/started.log") or ""):find(after) end)
         started:kill "INT"
         return started:wait().code, fs.read(j.home .. "/started.log")
      end

      it("that is noticed in a teardown: what is left is told, and the next set-up waits for what is going", function()
         local code, said = interrupted({ "teardown", "--yes" }, "removing +resource group")
         assert.equal(130, code)
         assert.matches("what is left goes with the same command again", said)
         j:good { "setup" }
         assert.equal(0, (j:run(plan)))
      end)

      it("that is noticed: Ctrl-C tells what goes on and what stays", function()
         local code, said = interrupted({ "run", demo }, "STATE")
         assert.equal(130, code)
         assert.matches("the run [%w-]+ goes on without us", said)
         j:good { "teardown", "--yes", "--purge" }
         code, said = interrupted({ "setup" }, "template +running")
         assert.equal(130, code)
         assert.matches("what was made before stays; run the same command again", said)
         assert.matches("made or changed", (j:good { "setup" }))
      end)

      it("of another program: it took a port of the cloud's", function()
         local port = j:cloud().prefect_port
         j:good { "sim", "stop" }
         local taker = assert(server.listen { port = port })
         says(1, { "prefect port " .. port .. " is taken by another program", "acihost sim reset" }, j:run { "status" })
         taker:close()
         j:good { "status" }
      end)

      it("of a teardown that nobody confirmed", function()
         says(2, { "without a terminal add --yes" }, j:run { "teardown" })
      end)

      it("of a teardown without --purge is mended by set-up, or by one with it", function()
         j:good { "teardown", "--yes" }
         assert.matches("deleted *Microsoft.KeyVault/vaults ", (j:good { "status" }))
         assert.matches("recover", select(2, j:run(plan)))
         j:good { "setup" }
         j:good { "teardown", "--yes" }
         assert.matches("purged", select(2, j:good { "teardown", "--purge", "--yes" }))
         assert.equal(3, (j:run(plan)))
      end)

      it("of a vault's name that another set-up has deleted", function()
         j:good { "setup" }
         local name = (j:good { "status" }):match "vaults (kv%-%w+)"
         j:good { "teardown", "--yes" }
         says(6, { "is deleted but not purged", "it is not of this set-up" },
            j:run({ "setup" }, { AZURE_RESOURCE_GROUP = "another-rg", KV_NAME = name }))
      end)
   end)
end)
