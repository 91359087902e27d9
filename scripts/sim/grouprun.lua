--- Starting and ending the processes of container groups. The table container_groups says which folder a
-- group has; a job starts the supervisor, so that it is started after the request that asked for it is kept.
local crypto     = require "aci.crypto"
local fs         = require "aci.fs"
local process    = require "aci.process"
local groupfiles = require "sim.groupfiles"
local groupplays = require "sim.groupplays"
local groupprobe = require "sim.groupprobe"
local imagepull  = require "sim.imagepull"
local runners    = require "sim.runners"
local state      = require "sim.state"
local task       = require "aci.task"

local grouprun = {}

local PRIVATE = tonumber("700", 8)

-- Azure's seconds: until a group starts, until the identity endpoint answers, until it stops to try.
local START, IDENTITY, GIVE_UP = 15, 10, 1800

local function root(cloud)
   if not cloud.groups_root then
      cloud.groups_root = cloud.home and cloud.home .. "/groups" or assert(fs.tempdir "acihost-groups-")
      assert(fs.mkdir(cloud.groups_root, PRIVATE))
   end
   return cloud.groups_root
end

local function entry(cloud, row)
   return cloud.state.db:row("SELECT * FROM container_groups WHERE key = ?", state.key(row.id))
end

--- The folder of a group's files (it need not exist).
function grouprun.folder(cloud, row)
   local found = entry(cloud, row)
   return root(cloud) .. "/" .. (found and found.folder or "none")
end

function grouprun.is_stopped(cloud, row)
   local found = entry(cloud, row)
   return found ~= nil and found.stopped == 1
end

function grouprun.is_running(cloud, row)
   return groupfiles.alive(grouprun.folder(cloud, row))
end

--- Between the request and the start.
function grouprun.in_transition(cloud, row)
   local found = entry(cloud, row)
   return found ~= nil and found.started == nil and found.stopped == 0
end

--- Has a group started; what ran before in it is forgotten.
function grouprun.begin(req, row)
   local cloud, key = req.cloud, state.key(row.id)
   local folder = crypto.hex(crypto.random(8))
   cloud.state.db:run("DELETE FROM container_groups WHERE key = ?", key)
   cloud.state.db:run("INSERT INTO container_groups (folder, id, key) VALUES (?, ?, ?)", folder, row.id, key)
   cloud.state:put_secret(row.id, "metadata-key", crypto.hex(crypto.random(16)))
   cloud.state:later("launch", cloud:seconds(START), { folder = folder, play = req.play })
end

-- The named few that tell a local process where the local cloud is.
local function surroundings(cloud)
   local ports = cloud.ports or {}
   return {
      PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      ACIHOST_CLOUD = "azure", -- as far as a container can see
      HTTPS_PROXY = ports.proxy and "http://127.0.0.1:" .. ports.proxy or nil,
      NO_PROXY = "127.0.0.1,localhost",
      REQUESTS_CA_BUNDLE = cloud.home and cloud.home .. "/ca.pem" or nil,
      SSL_CERT_FILE = cloud.home and cloud.home .. "/ca.pem" or nil,
      ACIHOST_DUMPABLE = os.getenv "ACIHOST_DUMPABLE", -- who debugs us debugs our containers
   }
end

local function environment(cloud, row, container, folder)
   local env = surroundings(cloud)
   env.HOME = folder
   for _, variable in ipairs(container.properties.environmentVariables or {}) do
      env[variable.name] = variable.value
         or cloud.state:secret(row.id, ("env/%s/%s"):format(container.name, variable.name)) or ""
   end
   return env
end

local function tools()
   return { program = process.self(), scripts = package.searchpath("sim.grouprun", package.scripts):match
      "^(.*)/sim/[^/]*$" }
end

local function container_spec(cloud, row, container, folder)
   local env = environment(cloud, row, container, folder)
   local image, command = container.properties.image, container.properties.command or {}
   if imagepull.parse(image) then
      return { name = container.name, image = image, env = env, cwd = folder, command = command,
         pull = imagepull.source(cloud, row, image) or { refused = true },
         images = (cloud.home or root(cloud)) .. "/images" }
   end
   local args, why = runners.find(image, cloud.state)(command, env, tools())
   return { name = container.name, image = image, env = env, cwd = folder,
      args = args or { "/bin/sh", "-c", 'echo "$0" >&2; exit 127', why } }
end

local function list_spec(cloud, row, list, folder)
   local specs = {}
   for index, container in ipairs(list or {}) do
      specs[index] = container_spec(cloud, row, container, folder)
      specs[index].liveness = groupprobe.spec(container.properties.livenessProbe,
         function(real) return cloud:seconds(real) end)
   end
   return specs
end

local function identity_spec(cloud, row, folder_name)
   local identity = row.body.identity
   if not identity or not next(identity.userAssignedIdentities or {}) or not cloud.ports then return nil end
   return { group = folder_name, key = cloud.state:secret(row.id, "metadata-key"), delay = cloud:seconds(IDENTITY),
      https_port = cloud.ports.https, ca_file = cloud.home .. "/ca.pem" }
end

local function spec_of(cloud, row, folder, name)
   local properties = row.body.properties
   return { policy = properties.restartPolicy, init = list_spec(cloud, row, properties.initContainers, folder),
      containers = list_spec(cloud, row, properties.containers, folder), backoff = cloud:seconds(10),
      give_up = cloud:seconds(GIVE_UP),
      identity = identity_spec(cloud, row, name) }
end

--- The job: writes what is to run and starts the supervisor. Doing it twice does it once: the second
-- supervisor finds the lock held.
function grouprun.launch(cloud, data)
   local found = cloud.state.db:row("SELECT * FROM container_groups WHERE folder = ?", data.folder)
   local row = found and cloud.state:resource(found.id)
   if not row or found.stopped == 1 then return end
   local folder = root(cloud) .. "/" .. found.folder
   if data.play == "no-room" then
      assert(fs.mkdir(folder, PRIVATE))
      groupfiles.write(folder .. "/failed.json", { events = groupplays.no_room(row.body.location) })
   elseif not groupfiles.alive(folder) then
      assert(fs.mkdir(folder, PRIVATE))
      fs.remove(folder .. "/end")
      local spec = spec_of(cloud, row, folder, found.folder)
      spec.play = data.play
      groupfiles.write(folder .. "/spec.json", spec)
      local place = tools()
      assert(process.spawn { args = { place.program, place.scripts .. "/sim/supervisor.lua", folder }, detach = true,
         stdout = { file = folder .. "/supervisor.log" }, stderr = "stdout" })
   end
   cloud.state.db:run("UPDATE container_groups SET started = ? WHERE folder = ?", cloud.state:now(), found.folder)
end

--- Ends a group because its client asked so; it can be started again.
function grouprun.stop(cloud, row)
   cloud.state.db:run("UPDATE container_groups SET stopped = 1 WHERE key = ?", state.key(row.id))
   groupfiles.terminate(grouprun.folder(cloud, row), true)
end

--- Ends a group for good; its folder goes when its processes had the time to end.
function grouprun.forget(cloud, row)
   local found = entry(cloud, row)
   if not found then return end
   local folder = root(cloud) .. "/" .. found.folder
   groupfiles.terminate(folder)
   cloud.state.db:run("DELETE FROM container_groups WHERE folder = ?", found.folder)
   cloud.state:later("sweep", 8, { folder = folder })
end

--- At the cloud's start: groups that must always run and whose processes are gone run again, as after the
-- failure of a machine.
function grouprun.resume_all(cloud)
   for _, found in ipairs(cloud.state.db:rows "SELECT * FROM container_groups WHERE stopped = 0") do
      local row = cloud.state:resource(found.id)
      local always = row and row.body.properties.restartPolicy == "Always"
      if always and found.started and not groupfiles.alive(root(cloud) .. "/" .. found.folder) then
         cloud.state:later("launch", 0, { folder = found.folder })
      end
   end
end

--- At the cloud's end: every group's processes end.
function grouprun.stop_all(cloud)
   local waiting = {}
   for _, found in ipairs(cloud.state.db:rows "SELECT folder FROM container_groups") do
      local folder = root(cloud) .. "/" .. found.folder
      if groupfiles.terminate(folder) then waiting[#waiting + 1] = folder end
   end
   for _ = 1, 350 do
      while waiting[1] and not groupfiles.alive(waiting[#waiting]) do waiting[#waiting] = nil end
      if not waiting[1] then break end
      task.sleep(0.02)
   end
   if not cloud.home and cloud.groups_root then fs.remove_tree(cloud.groups_root) end
end

return grouprun
