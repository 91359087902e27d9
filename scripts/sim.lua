--- The local cloud: Azure and Prefect on this machine.
local daemon = require "sim.daemon"
local errors = require "aci.error"
local fs     = require "aci.fs"
local json   = require "aci.json"

local USAGE = [[
usage: acihost sim COMMAND [options]

  start      find the local cloud or start it in the background
  run        run it here, until Ctrl-C
  stop       end it and its containers
  status     say where it listens; exit 1 where it does not run
  reset      stop it and forget all it knew
  env        print the settings that point az, SDKs and Prefect at it: eval "$(acihost sim env)"
  requests   print its request log, one JSON object per line
  fault      plant a fault: acihost sim fault '{"match":"PUT "
     .. ".*vaults","status":429,"times":3,"retry_after":2}'
  taken      mark a name as somebody else's: acihost sim taken storage NAME, or vault NAME

  --prefect 2|3    the Prefect version that it plays (start, run)
  --strict         answer as recorded: no hints when to poll again (start, run)
  --clock FACTOR   Azure's seconds times this are ours, default 0.02 (start, run)
  --write          only requests that write (requests)
  --clear          forget the log (requests), take all faults away (fault)
  --secret         with the owner's secret (env)
  --output json    for programs (start, status)
]]

local function misuse(message, ...)
   io.stderr:write("sim: ", message:format(...), "\n", USAGE)
   os.exit(2, true)
end

local VALUES = { prefect = true, clock = true, output = true }
local SWITCHES = { strict = true, write = true, clear = true, secret = true, help = true }

-- The command, its arguments and its options.
local function read(list)
   local words, options, index = {}, {}, 1
   while index <= #list do
      local name, value = list[index]:match "^%-%-([^=]+)=?(.*)$"
      if not name then
         words[#words + 1] = list[index]
      elseif VALUES[name] then
         if value == "" then
            index, value = index + 1, list[index + 1]
         end
         options[name] = value or misuse("--%s needs a value", name)
      elseif SWITCHES[name] then
         options[name] = true
      else
         misuse("unknown option --%s", name)
      end
      index = index + 1
   end
   return words, options
end

local function run_options(options)
   local factor = options.clock and (tonumber(options.clock) or misuse("--clock needs a number"))
   if options.prefect and options.prefect ~= "2" and options.prefect ~= "3" then
      misuse "--prefect needs 2 or 3"
   end
   return { prefect = options.prefect, strict = options.strict, factor = factor }
end

local function show(address, options, word)
   if options.output == "json" then
      return print(json.encode(address))
   end
   print(("the local cloud %s: TLS %d, proxy %d, Prefect http://127.0.0.1:%d/api, pid %d"):format(word,
      address.https_port, address.proxy_port, address.prefect_port, address.pid))
end

local commands = {}
local home = daemon.home()

function commands.run(_, options)
   daemon.run(home, run_options(options))
end

function commands.start(_, options)
   local address, fresh = daemon.start(home, run_options(options))
   show(address, options, fresh and "was started" or "runs")
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

function commands.env(_, options)
   local address = daemon.start(home, {})
   local owner = assert(json.decode(assert(fs.read(home .. "/owner.json"))))
   local proxy = "http://127.0.0.1:" .. address.proxy_port
   local rows = {
      { "HTTPS_PROXY", proxy }, { "https_proxy", proxy }, { "NO_PROXY", "127.0.0.1,localhost" },
      { "no_proxy", "127.0.0.1,localhost" }, { "REQUESTS_CA_BUNDLE", address.ca_file },
      { "SSL_CERT_FILE", address.ca_file }, { "CURL_CA_BUNDLE", address.ca_file },
      { "AZURE_TENANT_ID", owner.tenant }, { "AZURE_SUBSCRIPTION_ID", owner.subscription },
      { "AZURE_CLIENT_ID", owner.client_id },
      { "PREFECT_API_URL", ("http://127.0.0.1:%d/api"):format(address.prefect_port) },
   }
   if options.secret then
      rows[#rows + 1] = { "AZURE_CLIENT_SECRET", owner.client_secret }
   end
   for _, row in ipairs(rows) do
      print(("export %s=%s"):format(row[1], quoted(row[2])))
   end
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
   local rule, err = json.decode(words[2] or misuse "fault needs a JSON object")
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

local words, options = read(arg)
if options.help or not words[1] then
   io.stdout:write(USAGE)
   os.exit(options.help and 0 or 2, true)
end
local command = commands[words[1]] or misuse("unknown command %s", words[1])
local ok, err = xpcall(command, function(e) return errors.is(e) and e or debug.traceback(e, 2) end, words,
   options)
if not ok then
   io.stderr:write("sim: ", tostring(err), "\n")
   os.exit(errors.is(err) and errors.exit_code(err) or 1, true)
end
