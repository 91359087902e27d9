--- The local cloud: Azure and Prefect on this machine.
local cli     = require "aci.cli"
local cloud   = require "aci.local"
local config  = require "aci.config"
local daemon  = require "sim.daemon"
local errors  = require "aci.error"
local fs      = require "aci.fs"
local json    = require "aci.json"
local nearest = require "aci.nearest"
local process = require "aci.process"
local rules   = require "aci.config.rules"

local USAGE = [[
acihost sim COMMAND [options]

  start      find the local cloud or start it in the background
  run        run it here, until Ctrl-C
  stop       end it and its containers
  status     say where it listens; exit 1 where it does not run
  reset      stop it and forget all it knew
  env        print the settings that point az, SDKs and Prefect at it: eval "$(acihost sim env)"
  requests   print its request log, one JSON object per line
  fault      list the planted faults, or plant one:
             acihost sim fault '{"match":"PUT .*vaults","status":429,"times":3,"retry_after":2}';
             or what befalls a new container group: '{"match":"PUT .*containergroups/","play":"memory"}' (also
             quota, undelegated, no-room, image, maintenance, restart)
  login      enter a device code in the browser's place: acihost sim login CODE
  taken      mark a name as somebody else's: acihost sim taken storage NAME, or vault NAME
  venv       have a Python virtual environment stand for an image: acihost sim venv IMAGE FOLDER; no
             folder ends it]]

local OPTIONS = {
   prefect = { value = "VERSION", choices = { "2", "3" }, help = "the Prefect that it plays (start, run)" },
   strict = { help = "answer as recorded: no hints when to poll again (start, run)" },
   clock = { value = "FACTOR", number = true, help = "Azure's seconds times this are ours (start, run)" },
   write = { help = "only requests that write (requests)" },
   clear = { help = "forget the log (requests), take all faults away (fault)" },
   secret = { help = "with the owner's secret (env)" },
}

local function misuse(message, ...)
   errors.raise { kind = "usage", message = message:format(...) }
end

-- How Prefect is guarded is said as to its own server.
local function run_options(options)
   local said = process.environment()
   local auth, csrf = said.PREFECT_SERVER_API_AUTH_STRING, said.PREFECT_SERVER_CSRF_PROTECTION_ENABLED
   return { prefect = options.prefect or rules.prefect_version(said.ACIHOST_PREFECT), strict = options.strict,
      factor = options.clock, prefect_auth = auth ~= "" and auth or nil,
      prefect_csrf = csrf and (rules.boolean(csrf)) }
end

local function show(address, options, word)
   address.prefect_auth = nil
   if options.output == "json" then
      return print(json.encode(address))
   end
   print(("the local cloud %s: TLS %d, proxy %d, Prefect http://127.0.0.1:%d/api, pid %d"):format(word,
      address.https_port, address.proxy_port, address.prefect_port, address.pid))
end

local commands = {}
local home

function commands.run(_, options)
   daemon.run(home, run_options(options))
end

function commands.start(_, options)
   local address, done = daemon.start(home, run_options(options))
   show(address, options, done and "was " .. done or "runs")
end

function commands.stop()
   print(daemon.stop(home) and "the local cloud was stopped" or "no local cloud runs")
end

function commands.status(_, options)
   local address = daemon.find(home)
   if not address then
      print(options.output == "json" and "null" or "no local cloud runs in " .. home)
      os.exit(1, true)
   end
   show(address, options, "runs")
end

function commands.reset()
   daemon.reset(home)
   print "the local cloud was reset"
end

local function quoted(text)
   return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function show_variables(rows, options)
   if options.output == "json" then
      local map = {}
      for _, row in ipairs(rows) do
         map[row[1]] = row[2]
      end
      return cli.output(map, options)
   end
   for _, row in ipairs(rows) do
      print(("export %s=%s"):format(row[1], quoted(row[2])))
   end
   if not options.secret then
      print "# add --secret for AZURE_CLIENT_SECRET" -- last: eval of one line, unquoted, takes it for a comment too
   end
end

function commands.env(_, options)
   local address = daemon.start(home, {})
   local owner = assert(json.decode(assert(fs.read(home .. "/owner.json"))))
   local proxy = "http://127.0.0.1:" .. address.proxy_port
   local rows = {
      { "HTTPS_PROXY", proxy }, { "https_proxy", proxy }, { "NO_PROXY", "127.0.0.1,localhost" },
      { "no_proxy", "127.0.0.1,localhost" }, { "REQUESTS_CA_BUNDLE", address.ca_file },
      { "SSL_CERT_FILE", address.ca_file }, { "CURL_CA_BUNDLE", address.ca_file },
      { "NODE_EXTRA_CA_CERTS", address.ca_file },
      { "AZURE_TENANT_ID", owner.tenant }, { "AZURE_SUBSCRIPTION_ID", owner.subscription },
      { "AZURE_CLIENT_ID", owner.client_id },
      { "PREFECT_API_URL", ("http://127.0.0.1:%d/api"):format(address.prefect_port) },
   }
   if options.secret and address.prefect_auth then
      rows[#rows + 1] = { "PREFECT_API_AUTH_STRING", address.prefect_auth }
   end
   if options.secret then
      rows[#rows + 1] = { "AZURE_CLIENT_SECRET", owner.client_secret }
   end
   show_variables(rows, options)
end

function commands.requests(_, options)
   local path = home .. "/requests.jsonl"
   if options.clear then
      local file = io.open(path, "w")
      return file and file:close()
   end
   for line in (fs.read(path) or ""):gmatch "[^\n]+" do
      if not options.write or line:find('"write":true', 1, true) then
         print(line)
      end
   end
end

function commands.fault(words, options)
   if options.clear then
      return daemon.control(home, "DELETE", "/faults")
   end
   if not words[2] then
      return print(json.encode(daemon.control(home, "GET", "/faults")))
   end
   local rule, err = json.decode(words[2])
   if type(rule) ~= "table" then
      misuse("fault needs a JSON object: %s", tostring(err))
   end
   print(json.encode(daemon.control(home, "POST", "/faults", rule)))
end

function commands.taken(words)
   if (words[2] ~= "storage" and words[2] ~= "vault") or not words[3] then
      misuse "taken needs storage or vault, and a name"
   end
   daemon.control(home, "POST", "/taken", { kind = words[2], name = words[3] })
end

function commands.venv(words)
   local image, folder = words[2] or misuse "venv needs an image, and the folder of a virtual environment", words[3]
   if folder then
      folder = fs.realpath(folder) or misuse("there is no folder %s", folder)
      if not fs.stat(folder .. "/bin/python") then misuse("%s has no bin/python", folder) end
   end
   daemon.control(home, "POST", "/venv", { image = image, folder = folder })
end

function commands.login(words)
   daemon.control(home, "POST", "/devicelogin", { user_code = words[2] or misuse "login needs a code" })
   print "signed in"
end

local function names()
   local list = {}
   for name in pairs(commands) do
      list[#list + 1] = name
   end
   table.sort(list)
   return list
end

local function command_of(word)
   local near = nearest(word, names())
   return commands[word] or misuse("sim: unknown command '%s'%s; see %s --help", word,
      near and (" (did you mean '%s'?)"):format(near) or "", cli.command())
end

-- How many words a command takes after its name, where it takes any.
local TAKES = { fault = 1, login = 1, taken = 2, venv = 2 }

local function check_words(words)
   local extra = words[(TAKES[words[1]] or 0) + 2]
   if extra then
      misuse("sim: unexpected argument '%s' of %s; see %s --help", extra, words[1], cli.command())
   end
end

local options, words = cli.parse(arg, { usage = USAGE, options = OPTIONS, arguments = { "COMMAND", "[MORE...]" } })
local command = command_of(words[1])
check_words(words)
if options.clock and options.clock <= 0 then
   misuse("sim: --clock is more than 0, not %g", options.clock)
end
home = cloud.home(cli.notes(config.load { cloud = "local" }))
command(words, options)
