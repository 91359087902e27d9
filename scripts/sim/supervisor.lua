--- The supervisor of one container group: a process of its own, so that a group outlives the cloud.
-- `acihost sim/supervisor.lua FOLDER`; the files are those of sim/groupfiles.lua. It runs the init
-- containers in order, then the others at once, restarts them as the policy says, writes what they say and
-- how they end, and answers for the group's managed identity. SIGTERM ends the group.
local clock      = require "aci.clock"
local fs         = require "aci.fs"
local process    = require "aci.process"
local task       = require "aci.task"
local groupfiles = require "sim.groupfiles"
local groupprobe = require "sim.groupprobe"

local folder = arg[1]
-- Who asks whether the group lives takes the lock for a moment: that is not another supervisor.
local lock = fs.lock(folder .. "/lock", { wait = 1 })
if not lock then os.exit(0) end -- another one has the group already

local spec = groupfiles.read(folder .. "/spec.json")
if not spec then os.exit(0) end
assert(process.subreaper())

local stopping = false
local stop = task.future()
local live = {}

local function now() return (clock.iso(clock.now()):gsub("Z$", "0Z")) end

local function event(name, message, kind)
   local moment = now():gsub("%.%d+Z$", "Z")
   return { count = 1, firstTimestamp = moment, lastTimestamp = moment, name = name, message = message,
      type = kind or "Normal" }
end

local function record(container)
   groupfiles.write(("%s/%s.json"):format(folder, container.name), container.view)
end

--- Notes how far the log grew and when, so that its lines can be told with their times.
local function note_growth(container)
   local base = ("%s/%s"):format(folder, container.name)
   local info, seen = fs.stat(base .. ".log"), container.logged or 0
   if info and info.size < seen then -- begun anew
      fs.remove(base .. ".times")
      seen = 0
   end
   if not info or info.size == seen then return end
   fs.append(base .. ".times", ("%d %d %.7f\n"):format(seen, info.size, clock.now()))
   container.logged = info.size
end

local function follow(container)
   while true do
      note_growth(container)
      task.sleep(0.25)
   end
end

local function started(container)
   local view = container.view
   if view.currentState then
      view.previousState, view.restartCount = view.currentState, view.restartCount + 1
   end
   view.currentState = { state = "Running", startTime = now(), detailStatus = "" }
   view.events[#view.events + 1] = event("Started", "Started container")
   record(container)
end

local function ended(container, result)
   local state = container.view.currentState
   note_growth(container)
   state.state, state.finishTime = "Terminated", now()
   if stopping and fs.stat(folder .. "/stop") then
      container.view.previousState = { state = "Running", startTime = state.startTime, detailStatus = "" }
      state.startTime, state.detailStatus = nil, "Container stopped per client request"
   else
      state.exitCode = result.code or 128 + (({ KILL = 9, TERM = 15, INT = 2, SEGV = 11, ABRT = 6 })[result.signal]
         or 1)
      state.detailStatus = state.exitCode == 0 and "Completed" or "Error"
      local part = container.played
      if part then state.exitCode, state.detailStatus = part.code, part.detail end
   end
   container.view.events[#container.view.events + 1] = event("Killing", "Killing container")
   record(container)
end

-- What sim/groupplays.lua has for the containers: their end comes from outside.
local PLAYED = { memory = { signal = "KILL", code = 137, detail = "OOMKilled" },
   maintenance = { signal = "TERM", code = 7147, detail = "Error" } }

--- Ends the container by its play. @return the task that does; nil where it has none
local function play(container, proc)
   local part = PLAYED[spec.play]
   return part and task.spawn(function()
      task.sleep(0.3)
      container.played = part
      process.kill_tree(proc:pid(), { grace = part.signal == "TERM" and spec.grace or 0 })
   end)
end

local function could_not_start(container, err)
   fs.append(("%s/%s.log"):format(folder, container.name), tostring(err) .. "\n")
   container.view.currentState = container.view.currentState or { startTime = now() }
   ended(container, { code = 127 })
   return { code = 127 }
end

--- Ends a container that does not answer its probe any more.
local function end_container(proc)
   proc:kill "TERM"
   task.spawn(function()
      task.sleep(spec.grace or 5)
      proc:kill "KILL"
   end)
end

--- Runs a container once; gives how it ended, nil when the group is to end.
local function run_once(container)
   if stopping then return nil end
   started(container)
   local proc, err = process.spawn { args = container.args, env = container.env, cwd = container.cwd,
      stdout = { file = ("%s/%s.log"):format(folder, container.name) }, stderr = "stdout",
      parent_death = "KILL" }
   if not proc then return could_not_start(container, err) end
   live[container] = proc
   local played = play(container, proc)
   local probing = container.liveness and task.spawn(groupprobe.watch, container, function() end_container(proc) end)
   local result = proc:wait()
   if probing then probing:cancel() end
   if played then played:cancel() end
   live[container] = nil
   ended(container, result)
   return result
end

local function again(container, result)
   if stopping then return false end
   if spec.play == "restart" and result.code ~= 0 then return container.view.restartCount == 0 end
   if spec.policy == "Never" then return false end
   return spec.policy == "Always" or result.code ~= 0
end

local function run(container)
   local watcher <close> = task.spawn(follow, container)
   local pause = spec.backoff or 0.2
   while true do
      local result = run_once(container)
      if not result or not again(container, result) then break end
      pcall(stop.wait, stop, pause)
      pause = math.min(pause * 2, 10)
   end
   task.sleep(0.3) -- the last lines get their time
   return watcher
end

-- An image of a registry is unpacked and the command found in it; raises why the image cannot be had. A command
-- that it does not have ends as one that cannot be started.
local function unpack(container)
   local imagerun = require "sim.imagerun"
   if container.pull.refused then error("image not found, or no right to pull it", 0) end
   local root, settings = imagerun.prepare(container.pull, container.images)
   local ok, args, env = pcall(imagerun.start, root, settings, container.command, container.env)
   container.args = ok and args or { "/bin/sh", "-c", 'echo "$0" >&2; exit 127', tostring(args) }
   container.env = ok and env or container.env
end

local function pull(container)
   local image, events = container.pull and container.pull.image or container.image, container.view.events
   events[#events + 1] = event("Pulling", ('pulling image "%s"'):format(image))
   local ok, err = spec.play ~= "image", "image not found (played)"
   if ok and container.pull then ok, err = pcall(unpack, container) end
   if ok then
      events[#events + 1] = event("Pulled", ('Successfully pulled image "%s"'):format(image))
      return true
   end
   events[#events + 1] = event("Failed", ('Failed to pull image "%s": %s'):format(image, tostring(err)), "Warning")
   events[#events + 1] = event("BackOff", ('Back-off pulling image "%s"'):format(image))
   container.view.currentState = { state = "Waiting", startTime = now(), detailStatus = "" }
   record(container)
   return false
end

--- True when every container has its image; an image that cannot be had stays so: what a registry keeps under a
-- digest does not change.
local function prepare(list)
   local all = true
   for _, container in ipairs(list) do
      container.view = groupfiles.container(folder, container.name)
      local before = container.view and container.view.currentState
      if before and before.state == "Waiting" then container.view = nil end
      local fresh = not container.view
      container.view = container.view or { restartCount = 0, events = {} }
      if fresh or container.pull then all = pull(container) and all end
   end
   return all
end

local function run_group()
   for _, container in ipairs(spec.init) do
      local result = run_once(container)
      if not result or result.code ~= 0 then return end
   end
   local functions = {}
   for index, container in ipairs(spec.containers) do
      functions[index] = function() run(container) end
   end
   task.all(functions)
end

local function end_group()
   stopping = true
   stop:set(true)
   for _, proc in pairs(live) do proc:kill "TERM" end
   task.spawn(function()
      task.sleep(spec.grace or 5)
      process.kill_tree(process.pid(), { grace = 0 })
   end)
end

--- The endpoint of the group's managed identity; Azure's is silent in the first seconds, too.
local function identity_server()
   local endpoint = require "sim.metadata_endpoint"
   local listener, address = endpoint.listen()
   for _, list in ipairs { spec.init, spec.containers } do
      for _, container in ipairs(list) do container.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = address end
   end
   return task.spawn(function()
      task.sleep(spec.identity.delay)
      endpoint.run(spec.identity, listener)
   end)
end

groupfiles.write(folder .. "/supervisor.json",
   { pid = process.pid(), start_time = process.start_time(process.pid()) })
fs.remove(folder .. "/spec.json")
local pulled = prepare(spec.init)
pulled = prepare(spec.containers) and pulled

local identity <close> = spec.identity and identity_server() or nil -- luacheck: ignore
task.spawn(function()
   local signal <close> = task.signal "TERM"
   task.wait(signal)
   end_group()
end)
-- With the state folder the cloud has gone, and what could find this group.
task.spawn(function()
   repeat task.sleep(2) until stopping or not fs.stat(folder)
   if not stopping then end_group() end
end)

--- Azure tries for half an hour; then the group's provisioning has failed, and the group stays.
local function without_images()
   if not pcall(stop.wait, stop, spec.give_up) then groupfiles.write(folder .. "/failed.json", { events = {} }) end
   pcall(stop.wait, stop)
end

-- The end may have been asked for before there was anybody to tell.
if not fs.stat(folder .. "/end") then
   if pulled then run_group() else without_images() end
end
process.kill_tree(process.pid(), { grace = 0 })
os.exit(0, true)
