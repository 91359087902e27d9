--- The local cloud as a process: started once in the background, found again, stopped. In its home:
-- cloud.lock (held as long as it lives), cloud.json (where it listens), owner.json (who owns the
-- subscription), options.json (what it was started with), cloud.log, start.lock (held while somebody
-- starts it).
local clock    = require "aci.clock"
local crypto   = require "aci.crypto"
local errors   = require "aci.error"
local fs       = require "aci.fs"
local json     = require "aci.json"
local process  = require "aci.process"
local secret   = require "aci.secret"
local task     = require "aci.task"

local daemon = {}

local PRIVATE = tonumber("600", 8)
local START_LIMIT, STOP_LIMIT = 30, 15

local function read_json(path)
   local text = fs.read(path)
   local value = text and json.decode(text)
   return type(value) == "table" and value or nil
end

-- The folder of the cloud's own scripts.
local function scripts()
   local here = assert(fs.realpath(assert(package.searchpath("sim.daemon", package.scripts))))
   return (here:match "^(.*)/sim/daemon%.lua$")
end

--- What the running program is made of; a cloud of another version is restarted.
function daemon.version()
   local size, newest, top = 0, 0, scripts()
   local files = { process.self(), top .. "/sim.lua" }
   for _, name in ipairs(fs.walk(top .. "/sim") or {}) do
      files[#files + 1] = top .. "/sim/" .. name
   end
   for _, path in ipairs(files) do
      local stat = fs.stat(path)
      size, newest = size + (stat and stat.size or 0), math.max(newest, stat and stat.mtime or 0)
   end
   return ("%d.%.3f"):format(size, newest)
end

local function alive(home)
   local lock = fs.stat(home .. "/cloud.lock") and fs.lock(home .. "/cloud.lock")
   if lock then
      lock:close()
   end
   return fs.stat(home .. "/cloud.lock") ~= nil and not lock
end

--- The addresses of the cloud that runs in a home, or nil.
function daemon.find(home)
   local address = read_json(home .. "/cloud.json")
   if address and alive(home) and process.start_time(address.pid) then
      return address
   end
end

-- Running.

local function fail(code, message, ...)
   errors.raise { kind = "failed", code = code, message = message:format(...) }
end

local function announce(opened, home)
   local ports = opened.ports
   assert(fs.write(home .. "/cloud.json", json.encode {
      pid = process.pid(), https_port = ports.https, proxy_port = ports.proxy, prefect_port = ports.prefect,
      prefect = opened.prefect, prefect_auth = opened.prefect_auth and secret.reveal(opened.prefect_auth),
      ca_file = opened.ca_file, version = daemon.version(), started = clock.iso(clock.now()),
   }, { mode = PRIVATE }))
end

local function control_key(home)
   local path = home .. "/control.key"
   local key = fs.read(path)
   if not key then
      key = crypto.hex(crypto.random(24))
      assert(fs.write(path, key, { mode = PRIVATE }))
   end
   return key
end

-- Whoever removes the state folder of a running cloud means the cloud too: nobody could find it any more.
local function end_with_folder(opened, home)
   return task.spawn(function()
      repeat task.sleep(2) until not fs.stat(home .. "/cloud.lock")
      opened:log "the state folder is gone"
      opened.shutdown()
   end)
end

-- Serves until the listener is closed, by a TERM signal or by the controls.
local function serve(opened, listening, home)
   opened.shutdown = function()
      opened.stopping = true
      listening:close()
   end
   local watch <close> = task.spawn(function()
      task.wait(task.signal "TERM")
      opened.shutdown()
   end)
   local folder <close> = end_with_folder(opened, home)
   listening:serve()
   return watch, folder
end

--- Runs the cloud in this process until it is told to stop. `options`: prefect, strict, factor, prefect_auth,
-- prefect_csrf.
function daemon.run(home, options)
   assert(fs.mkdir(home, tonumber("700", 8)))
   local lock <close> = fs.lock(home .. "/cloud.lock", { wait = 2 })
   if not lock then
      errors.raise { kind = "conflict", code = "AlreadyRunning",
         message = "a local cloud already runs in " .. home }
   end
   fs.remove(home .. "/cloud.json")
   local opened = require("sim.cloud").open { home = home, prefect = options.prefect,
      strict = options.strict, factor = options.factor, prefect_csrf = options.prefect_csrf,
      prefect_auth = options.prefect_auth and secret.new(options.prefect_auth) }
   local ending <close> = setmetatable({}, { __close = function()
      fs.remove(home .. "/cloud.json")
      opened:close()
   end })
   opened.control_key = control_key(home)
   assert(opened:write_owner())
   local listening, err = require("sim.listener").open(opened)
   if not listening then
      fail("PortTaken", "%s", err)
   end
   announce(opened, home)
   opened:log("listening on %d (TLS), %d (proxy), %d (Prefect)", opened.ports.https, opened.ports.proxy,
      opened.ports.prefect)
   serve(opened, listening, home)
   opened:log "stopped"
   return ending
end

-- Starting and stopping.

-- Why a cloud that was started has ended: the last line of its log, without the program's name.
local function last_words(path)
   local last = (fs.read(path) or ""):match "([^\n]+)\n*$" or "it said nothing"
   return (last:gsub("^%S*acihost: ", ""):gsub(" %[%w+%]$", ""))
end

local function launch(home, options)
   local args = { process.self(), scripts() .. "/sim.lua", "run" }
   for _, name in ipairs { "prefect", "factor" } do
      if options[name] then
         table.move({ "--" .. (name == "factor" and "clock" or name), tostring(options[name]) }, 1, 2,
            #args + 1, args)
      end
   end
   if options.strict then
      args[#args + 1] = "--strict"
   end
   local environment = process.environment()
   environment.ACIHOST_HOME = home
   environment.PREFECT_SERVER_API_AUTH_STRING = options.prefect_auth
   environment.PREFECT_SERVER_CSRF_PROTECTION_ENABLED = options.prefect_csrf and "true" or nil
   return assert(process.spawn { args = args, env = environment, cwd = "/", stdin = "null",
      stdout = { file = home .. "/cloud.log" }, stderr = "stdout", detach = true })
end

local function wait_for(home, child)
   local limit = clock.monotonic() + START_LIMIT
   repeat
      local address = read_json(home .. "/cloud.json")
      if address and address.pid == child:pid() then
         return address
      end
      if child:result() then
         fail("LocalCloud", "the local cloud does not start: %s", last_words(home .. "/cloud.log"))
      end
      task.sleep(0.02)
   until clock.monotonic() > limit
   fail("LocalCloud", "the local cloud did not answer in %d seconds; see %s/cloud.log", START_LIMIT, home)
end

local function differs(options, kept)
   for _, name in ipairs { "prefect", "strict", "factor", "prefect_auth", "prefect_csrf" } do
      if options[name] ~= nil and options[name] ~= kept[name] then
         return true
      end
   end
   return false
end

--- Finds the cloud of a home or starts it in the background; two at once end in one. One of another
-- version, or with other options than asked for, is restarted.
-- @return its addresses, and what was done: "started", "restarted" or false
function daemon.start(home, options)
   assert(fs.mkdir(home, tonumber("700", 8)))
   local lock <close> = assert(fs.lock(home .. "/start.lock", { wait = START_LIMIT * 2 }))
   local kept = read_json(home .. "/options.json") or {}
   local running = daemon.find(home)
   if running and running.version == daemon.version() and not differs(options, kept) then
      return running, false
   elseif running then
      daemon.stop(home)
   end
   for name, value in pairs(options) do
      kept[name] = value
   end
   local address = wait_for(home, launch(home, kept))
   assert(fs.write(home .. "/options.json", json.encode(json.object(kept)), { mode = PRIVATE }))
   return address, running and "restarted" or "started", lock
end

--- Ends the cloud of a home and its containers; false when none runs.
function daemon.stop(home)
   local address = daemon.find(home)
   if not address then
      return false
   end
   local pid, born = address.pid, process.start_time(address.pid)
   process.signal(pid, "TERM", born)
   local limit = clock.monotonic() + STOP_LIMIT
   while alive(home) or (born and process.start_time(pid) == born) do
      if clock.monotonic() > limit then
         process.signal(pid, "KILL", born)
      end
      task.sleep(0.02)
   end
   return true
end

-- What a home may hold of the cloud's; the services name theirs.
local function own_files()
   local names = { "cloud.json", "cloud.log", "cloud.db", "cloud.db-wal", "cloud.db-shm", "owner.json",
      "ca.pem", "ca-key.pem", "control.key", "options.json", "requests.jsonl", "start.log" }
   for _, name in ipairs(require "sim.services") do
      if package.searchpath("sim." .. name, package.scripts) then
         table.move(require("sim." .. name).files or {}, 1, 32, #names + 1, names)
      end
   end
   return names
end

--- Stops the cloud and forgets all it knew.
function daemon.reset(home)
   daemon.stop(home)
   for _, name in ipairs(own_files()) do
      fs.remove_tree(home .. "/" .. name)
   end
end

--- The words of a refusal, where it has some.
local function refusal(body)
   local decoded = json.decode(body)
   local told = type(decoded) == "table" and type(decoded.error) == "table" and decoded.error.message
   return type(told) == "string" and told or body
end

--- Sends a request to the controls of the running cloud; gives the decoded body.
function daemon.control(home, method, path, body)
   local address = daemon.find(home) or fail("NotRunning", "no local cloud runs in %s", home)
   local response, err = require("aci.http").request {
      method = method, url = "https://control.acihost.local" .. path, json = body,
         ca_file = address.ca_file,
      connect_to = "127.0.0.1:" .. address.https_port, headers = { ["x-control-key"] = fs.read(home
         .. "/control.key") },
   }
   if not response then
      error(err, 0)
   elseif response.status >= 300 then
      fail("Refused", "the local cloud refused it: %s", refusal(response.body))
   end
   return response.body ~= "" and json.decode(response.body) or nil
end

return daemon
