--- The witnesses (vendor/peers): found, started on a free port with a home of their own, stopped by pid.
-- A spec asks `peers.path "p2"` first: nil means that it is not installed, and the spec is pending;
-- with ACIHOST_REQUIRE_WITNESSES=1 (tests/run --all) that is an error instead.
local clock   = require "aci.clock"
local fs      = require "aci.fs"
local process = require "aci.process"
local server  = require "aci.server"
local task    = require "aci.task"

local peers = {}

--- Where a witness is installed; nil where it is not.
function peers.path(name)
   local checked = assert(process.run { args = { "vendor/peers", "--check", name } })
   if checked.code == 0 then
      return (assert(process.run { args = { "vendor/peers", "--path", name } }).stdout:gsub("%s+$", ""))
   end
   assert(os.getenv "ACIHOST_REQUIRE_WITNESSES" ~= "1", "witness " .. name .. " is not installed")
end

--- A port that nobody uses now.
function peers.free_port()
   local listener = assert(server.listen { host = "127.0.0.1", port = 0 })
   local port = listener:port()
   listener:close()
   return port
end

--- The environment of a Prefect program: nothing of the caller's own Prefect, proxies or telemetry.
function peers.environment(home, more)
   local environment = process.environment()
   for name in pairs(environment) do
      if name:find "^PREFECT" or name:lower():find "_proxy$" then environment[name] = nil end
   end
   local fixed = { PREFECT_HOME = home, PREFECT_SERVER_ANALYTICS_ENABLED = "false", DO_NOT_TRACK = "1",
      PREFECT_UI_ENABLED = "false", AZURE_CORE_COLLECT_TELEMETRY = "no" }
   for name, value in pairs(fixed) do environment[name] = value end
   for name, value in pairs(more or {}) do environment[name] = value end
   return environment
end

--- Waits until something answers. @param seconds at most so long
function peers.wait_until(what, seconds, ready)
   local deadline = clock.monotonic() + seconds
   repeat
      if ready() then return end
      task.sleep(0.2)
   until clock.monotonic() > deadline
   error(("%s is not ready after %d s"):format(what, seconds), 2)
end

local Peer = {}
Peer.__index = Peer

--- Ends it by its pid, and its home with it.
function Peer:stop()
   if self.stopped then return end
   self.stopped = true
   self.process:stop(10)
   if self.home then fs.remove_tree(self.home) end
end

local function healthy(url)
   local response = require("aci.http").request { url = url .. "/health", timeout = 2, retry = false }
   return response ~= nil and response.status == 200
end

local function start_once(path, home, more)
   local port = peers.free_port()
   local url = ("http://127.0.0.1:%d/api"):format(port)
   -- one process, so that its pid is the one to stop
   local started = assert(process.spawn {
      args = { path .. "/bin/python", "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app",
         "--host", "127.0.0.1", "--port", tostring(port) },
      env = peers.environment(home, more), stdin = "null", stdout = { file = home .. "/server.log" },
      stderr = "stdout", parent_death = "TERM" })
   local peer = setmetatable({ process = started, home = home, url = url, port = port, path = path,
      python = path .. "/bin/python" }, Peer)
   local ok, err = pcall(peers.wait_until, "Prefect", 120, function()
      return started:result() or healthy(url)
   end)
   if ok and not started:result() then return peer end
   return nil, tostring(err) .. "\n" .. (fs.read(home .. "/server.log") or ""):sub(-2000), peer
end

--- Starts a server; once more where another program took its port in between.
local function start_prefect(path, home, more)
   local peer, err, failed = start_once(path, home, more)
   if not peer and err:find "address already in use" then
      failed.process:stop(10)
      peer, err, failed = start_once(path, home, more)
   end
   if peer then return peer end
   failed:stop()
   error(err, 0)
end

--- A new database takes a server half a minute; a migrated one is kept beside the peer and copied.
local function seeded_home(path)
   local home, template = assert(fs.tempdir "acihost-prefect-"), path .. "/migrated.db"
   local seed = fs.read(template)
   if not seed then
      local first = start_prefect(path, home)
      first.home = nil
      first:stop()
      seed = assert(fs.read(home .. "/prefect.db"))
      assert(fs.write(template, seed))
   end
   assert(fs.write(home .. "/prefect.db", seed))
   return home
end

--- A real Prefect server ("p2" or "p3"): `url`, `home`, `python`, `stop()`.
-- @param more settings of the server's environment
function peers.prefect(name, more)
   local path = assert(peers.path(name))
   return start_prefect(path, seeded_home(path), more)
end

--- Runs Python of a peer. @return code, standard output, standard error
function peers.python(path, script, environment)
   local ran = assert(process.run { args = { path .. "/bin/python", "-c", script }, env = environment })
   return ran.code, ran.stdout, ran.stderr
end

return peers
