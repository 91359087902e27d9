--- The supervisor of one container group: a process of its own, so that a group outlives the cloud.
-- `acihost sim/supervisor.lua FOLDER`; the files are those of sim/groupfiles.lua. It runs the init
-- containers in order, then the others at once, restarts them as the policy says, writes what they say and
-- how they end, and answers for the group's managed identity. SIGTERM ends the group.
local clock      = require "aci.clock"
local fs         = require "aci.fs"
local process    = require "aci.process"
local task       = require "aci.task"
local groupfiles = require "sim.groupfiles"

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

local function event(name, message)
   local moment = now():gsub("%.%d+Z$", "Z")
   return { count = 1, firstTimestamp = moment, lastTimestamp = moment, name = name, message = message,
      type = "Normal" }
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
   end
   container.view.events[#container.view.events + 1] = event("Killing", "Killing container")
   record(container)
end

local function could_not_start(container, err)
   fs.append(("%s/%s.log"):format(folder, container.name), tostring(err) .. "\n")
   container.view.currentState = container.view.currentState or { startTime = now() }
   ended(container, { code = 127 })
   return { code = 127 }
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
   local result = proc:wait()
   live[container] = nil
   ended(container, result)
   return result
end

local function again(result)
   if stopping or spec.policy == "Never" then return false end
   return spec.policy == "Always" or result.code ~= 0
end

local function run(container)
   local watcher <close> = task.spawn(follow, container)
   local pause = spec.backoff or 0.2
   while true do
      local result = run_once(container)
      if not result or not again(result) then break end
      pcall(stop.wait, stop, pause)
      pause = math.min(pause * 2, 10)
   end
   task.sleep(0.3) -- the last lines get their time
   return watcher
end

local function prepare(list)
   for _, container in ipairs(list) do
      container.view = groupfiles.container(folder, container.name)
         or { restartCount = 0, events = { event("Pulling", ('pulling image "%s"'):format(container.image)),
            event("Pulled", ('Successfully pulled image "%s"'):format(container.image)) } }
   end
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

prepare(spec.init)
prepare(spec.containers)
groupfiles.write(folder .. "/supervisor.json",
   { pid = process.pid(), start_time = process.start_time(process.pid()) })
fs.remove(folder .. "/spec.json")

local identity <close> = spec.identity and identity_server() or nil -- luacheck: ignore
task.spawn(function()
   local signal <close> = task.signal "TERM"
   task.wait(signal)
   end_group()
end)
-- The end may have been asked for before there was anybody to tell.
if not fs.stat(folder .. "/end") then run_group() end
process.kill_tree(process.pid(), { grace = 0 })
os.exit(0, true)
