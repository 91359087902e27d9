--- How a container group shows itself: its stored body with what its supervisor's files tell.
local json       = require "aci.json"
local groupfiles = require "sim.groupfiles"
local grouprun   = require "sim.grouprun"

local groupview = {}

--- The state of a container that has begun; one that waits for its image has not.
local function begun(view)
   local current = view and view.currentState
   return current and current.state ~= "Waiting" and current or nil
end

--- The events of the group as a whole: why it was not placed.
function groupview.events(cloud, row)
   local failed = groupfiles.read(grouprun.folder(cloud, row) .. "/failed.json")
   return json.array(failed and failed.events or {})
end

--- "Pending" until every container was started once, then "Succeeded", however it ended.
function groupview.provisioning(cloud, row)
   local folder = grouprun.folder(cloud, row)
   if groupfiles.read(folder .. "/failed.json") then return "Failed" end
   for _, container in ipairs(row.body.properties.containers) do
      if not begun(groupfiles.container(folder, container.name)) then
         local init_failed = groupview.state(cloud, row) == "Failed"
         return init_failed and "Succeeded" or "Pending"
      end
   end
   return "Succeeded"
end

local function container_states(folder, containers)
   local running, failed, started = 0, 0, 0
   for _, container in ipairs(containers) do
      local current = begun(groupfiles.container(folder, container.name))
      if current then
         started = started + 1
         if current.state == "Running" then running = running + 1 end
         if current.exitCode and current.exitCode ~= 0 then failed = failed + 1 end
      end
   end
   return running, failed, started
end

--- The state of the group as a whole.
function groupview.state(cloud, row)
   if grouprun.is_stopped(cloud, row) then return "Stopped" end
   local folder, properties = grouprun.folder(cloud, row), row.body.properties
   local running, failed, started = container_states(folder, properties.containers)
   local _, init_failed = container_states(folder, properties.initContainers or {})
   if init_failed > 0 then return "Failed" end
   if started < #properties.containers then return "Pending" end
   if running > 0 or properties.restartPolicy == "Always" then return "Running" end
   return failed > 0 and "Failed" or "Succeeded"
end

--- A container whose supervisor died with it ended unseen: there is no exit code to tell.
local function view_of(folder, name, alive)
   local view = groupfiles.container(folder, name)
   if not view then return nil end
   if view.currentState and view.currentState.state == "Running" and not alive then
      view.currentState = { state = "Terminated", startTime = view.currentState.startTime, detailStatus = "Unknown" }
   end
   return { restartCount = view.restartCount, currentState = view.currentState, previousState = view.previousState,
      events = view.events and json.array(view.events) }
end

--- The body as GET gives it; lists leave the instance views out.
function groupview.show(req, row)
   local body, cloud = row.body, req.cloud
   body.properties.provisioningState = groupview.provisioning(cloud, row)
   if req.method == "GET" and req.path:lower():find "/containergroups/*$" then return body end
   local folder = grouprun.folder(cloud, row)
   local alive = groupfiles.alive(folder)
   for _, kind in ipairs { "initContainers", "containers" } do
      for _, container in ipairs(body.properties[kind] or {}) do
         container.properties.instanceView = view_of(folder, container.name, alive)
      end
   end
   body.properties.instanceView = { events = groupview.events(cloud, row), state = groupview.state(cloud, row) }
   return body
end

return groupview
