--- The files of a running container group, between the cloud and the group's supervisor. The folder is
-- HOME/groups/KEY, 0700:
--
--    spec.json         what to run, secrets included; the supervisor reads it and removes it
--    lock              held by the supervisor as long as it lives
--    supervisor.json   { pid, start_time, port }
--    NAME.log          what a container wrote; NAME.times: "offset seconds" lines
--    NAME.json         { restartCount, currentState, previousState, events }: its instance view
--    stop              there when the client asked to stop, so that the end is told so
--    end               there when the group is to end, for a supervisor that only begins
local fs      = require "aci.fs"
local json    = require "aci.json"
local process = require "aci.process"

local groupfiles = {}

local PRIVATE = tonumber("600", 8)

function groupfiles.read(path)
   local text = fs.read(path)
   local value = text and json.decode(text)
   return type(value) == "table" and value or nil
end

--- Writes a file at once and only for us. `value` may hold secrets.
function groupfiles.write(path, value)
   assert(fs.write(path, json.encode(value, { secrets = true }), { mode = PRIVATE }))
end

--- True while the group's supervisor lives.
function groupfiles.alive(folder)
   if not fs.stat(folder .. "/lock") then return false end
   local lock = fs.lock(folder .. "/lock")
   if lock then lock:close() end
   return not lock
end

--- The instance view of one container, or nil before it has been started.
function groupfiles.container(folder, name)
   return groupfiles.read(("%s/%s.json"):format(folder, name))
end

--- Asks the supervisor to end the group; true when there was one. One that has not said yet who it is finds
-- the file `end`, which is therefore written before we look.
function groupfiles.terminate(folder, by_client)
   if not fs.stat(folder) then return false end
   if by_client then fs.write(folder .. "/stop", "") end
   fs.write(folder .. "/end", "")
   local owner = groupfiles.read(folder .. "/supervisor.json")
   return owner and process.signal(owner.pid, "TERM", owner.start_time) or false
end

return groupfiles
