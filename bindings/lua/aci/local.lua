-- The client side of the local cloud: finds the one that runs in the background, starts it where there is
-- none (or an older one), and points a configuration at it. `require "aci.local"`; the cloud itself is
-- scripts/sim. What the two agree on, in the state folder (ACIHOST_HOME, 0700):
--   cloud.lock   held by the cloud as long as it lives
--   cloud.json   0600: {pid, https_port, proxy_port, prefect_port, prefect, ca_file, version, started}
--   owner.json   0600: {tenant, client_id, client_secret, subscription}, a login that owns the subscription
--   cloud.log    what the background process has to say
local clock = require "aci.clock"
local error_ = require "aci.error"
local fs = require "aci.fs"
local json = require "aci.json"
local process = require "aci.process"
local secret = require "aci.secret"
local task = require "aci.task"

local cloud = {}

-- Seconds that a cloud may take to come up.
cloud.START_LIMIT = 30

--- The state folder: the setting home, else $XDG_STATE_HOME/acihost, else ~/.local/state/acihost.
function cloud.home(config)
   if config and config.home then return config.home end
   local given, state = os.getenv "ACIHOST_HOME", process.state_home()
   if given and given ~= "" then return given end
   if state then return state .. "/acihost" end
   error_.raise { kind = "usage", code = "StateFolder", message = "this user has no home folder",
      advice = "set ACIHOST_HOME to a folder that you may write" }
end

--- The state folder, made where it is not there yet. One that cannot be used is a wrong setting.
function cloud.make_home(config)
   local home = cloud.home(config)
   local usable, why = fs.mkdir(home, tonumber("700", 8))
   if usable then usable, why = fs.append(home .. "/start.lock", "") end
   if not usable then
      error_.raise { kind = "usage", code = "StateFolder",
         message = ("the state folder %s cannot be used: %s"):format(home, why.message),
         advice = "set ACIHOST_HOME to a folder that you may write" }
   end
   return home
end

local function read_json(path)
   local text = fs.read(path)
   local value = text and json.decode(text)
   return type(value) == "table" and value or nil
end

--- Whether a cloud holds the lock of the folder.
local function is_alive(home)
   if not fs.stat(home .. "/cloud.lock") then return false end
   local lock = fs.lock(home .. "/cloud.lock")
   if not lock then return true end
   lock:close()
   return false
end

--- The addresses of the cloud that runs for a state folder, or nil.
function cloud.find(home)
   local address = read_json(home .. "/cloud.json")
   if not address or not address.https_port or not process.start_time(address.pid) then return nil end
   return is_alive(home) and address or nil
end

--- Whether a cloud runs the scripts that we would start, and plays the Prefect that is wanted; `sim start`
-- restarts another one.
local function is_current(address, prefect)
   if prefect and address.prefect ~= prefect then return false end
   local found, daemon = pcall(require, "sim.daemon")
   return not found or address.version == daemon.version()
end

--- What `sim start` said last, without the program's name and the code, which come again.
local function last_words(path)
   local last = (fs.read(path) or ""):match "([^\n]+)\n*$"
   return last and last:gsub("^%S*acihost: ", ""):gsub(" %[%w+%]$", "") or nil
end

local function could_not(why, home)
   local said = last_words(home .. "/start.log")
   local known = said and said:find("the local cloud ", 1, true) == 1
   error_.raise { kind = "failed", code = "LocalCloud",
      message = known and said or ("the local cloud does not start: %s%s"):format(why, said and ": " .. said or ""),
      advice = ("see %s/cloud.log, or run: acihost sim.lua run"):format(home) }
end

local function launch(home, prefect)
   local environment = process.environment()
   environment.ACIHOST_HOME = home
   local args = { process.self(), "sim", "start", prefect and "--prefect", prefect }
   return process.spawn {
      args = args, env = environment, stdin = "null",
      stdout = { file = home .. "/start.log" }, stderr = "stdout", detach = true,
   }
end

--- Runs `sim start`, which ends when the cloud answers (or another start was first), and waits for that.
local function start(config, home)
   cloud.make_home(config)
   local starter, why = launch(home, config and config.prefect_version)
   if not starter then could_not(tostring(why), home) end
   local deadline = clock.monotonic() + cloud.START_LIMIT
   local left = starter:wait()
   if left.code ~= 0 then could_not(("it ended with %s"):format(left.code or left.signal), home) end
   repeat
      local address = cloud.find(home)
      if address then return address end
      task.sleep(0.05)
   until clock.monotonic() > deadline
   could_not(("no address after %d seconds"):format(cloud.START_LIMIT), home)
end

--- Finds the background cloud of a configuration or starts it (also in place of an older one); gives its
-- addresses: https_port, proxy_port, prefect_port, ca_file, pid, version, prefect ("2" or "3").
function cloud.ensure(config)
   local home = cloud.home(config)
   local running = cloud.find(home)
   return running and is_current(running, config and config.prefect_version) and running or start(config, home)
end

--- The built-in owner's login: `{tenant, client_id, client_secret, subscription}`, or nil.
function cloud.owner(config)
   local owner = read_json(cloud.home(config) .. "/owner.json")
   if owner and owner.client_secret then owner.client_secret = secret.new(owner.client_secret) end
   return owner
end

-- What a login may be made of, beside the client id.
local proofs = { "client_secret", "client_certificate", "federated_token_file", "credentials" }

--- Whether the settings hold a login of this cloud's own tenant.
local function has_own_login(config, owner)
   if config.tenant ~= owner.tenant then return false end
   for _, name in ipairs(proofs) do
      if config[name] and (config.client_id or name == "credentials") then return true end
   end
   return false
end

local function take_owner(config, owner)
   local given = config.client_secret or config.client_id
   for _, name in ipairs(proofs) do config[name] = nil end
   if given then
      config.notes[#config.notes + 1] = "the login in the settings belongs to another tenant than the local "
         .. "cloud's; its own is used"
   end
   for _, name in ipairs { "tenant", "client_id", "client_secret", "subscription" } do
      config[name], config.from[name] = owner[name], "the local cloud"
   end
end

local function point_at(config, address)
   config.connect_to = "127.0.0.1:" .. math.tointeger(address.https_port)
   config.ca_file = address.ca_file
   if not config.prefect_url then
      config.prefect_url = ("http://127.0.0.1:%d/api"):format(address.prefect_port)
      config.from.prefect_url = "the local cloud"
      config.prefect_auth = config.prefect_auth or address.prefect_auth and secret.new(address.prefect_auth)
   end
end

--- Makes a configuration ready for requests, once: on the local cloud that is started where needed, its
-- address and CA taken, its owner's login used unless the settings hold one of its tenant, and the derived
-- names filled. Does nothing for Azure, or where the script gave its own transport.
function cloud.settle(config)
   if config.settled or config.cloud ~= "local" or config.http then return config end
   point_at(config, cloud.ensure(config))
   local owner = cloud.owner(config)
   if not owner then could_not("it has written no owner.json", cloud.home(config)) end
   if not has_own_login(config, owner) then take_owner(config, owner) end
   config.subscription = config.subscription or owner.subscription
   config.poll = config.poll or { first = 0.03, longest = 0.5 } -- its clock runs fast
   config.settled = true
   return require("aci.config").derive(config)
end

return cloud
