--- What a container wrote, as the service gives it: the last lines, with their times where asked.
local clock      = require "aci.clock"
local fs         = require "aci.fs"
local groupfiles = require "sim.groupfiles"

local grouplogs = {}

-- A running container shows 4 MB, one that has ended 16 KB or 1,000 lines.
local RUNNING, ENDED, LINES = 4 * 1024 * 1024, 16 * 1024, 1000

local function tail_bytes(path, most)
   local info = fs.stat(path)
   if not info then return nil end
   local from = math.max(0, info.size - most)
   local text = fs.read(path, { offset = from, limit = most }) or ""
   if from > 0 then
      local cut = text:find("\n", 1, true)
      text, from = cut and text:sub(cut + 1) or text, cut and from + cut or from
   end
   return text, from
end

local function read_times(path)
   local times = {}
   for from, to, moment in (fs.read(path) or ""):gmatch "(%d+) (%d+) ([%d.]+)\n" do
      times[#times + 1] = { from = tonumber(from), to = tonumber(to), moment = tonumber(moment) }
   end
   return times
end

local function stamp(moment)
   return (clock.iso(moment):gsub("(%.%d+)Z$", function(digits) return (digits .. "0000000"):sub(1, 8) .. "Z" end))
end

--- The lines with the time at which each was first seen in the file. What nobody has seen yet is not shown:
-- a line's time must be the same whenever it is read.
local function with_times(text, from, times)
   local lines, at, index = {}, from, 1
   for line in text:gmatch "[^\n]*\n?" do
      if line == "" then break end
      while times[index] and times[index].to < at + #line do index = index + 1 end
      if not times[index] then break end
      lines[#lines + 1] = stamp(times[index].moment) .. " " .. line
      at = at + #line
   end
   return lines
end

local function split(text)
   local lines = {}
   for line in text:gmatch "[^\n]*\n?" do
      if line == "" then break end
      lines[#lines + 1] = line
   end
   return lines
end

--- The text of a container's log, or nil where it was not started yet.
function grouplogs.read(folder, name, tail, timestamps)
   local view = groupfiles.container(folder, name)
   if not (view and view.currentState) then return nil end
   local running = view.currentState.state == "Running"
   if view.currentState.detailStatus == "Container stopped per client request" then return "" end
   local base = ("%s/%s"):format(folder, name)
   local text, from = tail_bytes(base .. ".log", running and RUNNING or ENDED)
   if not text then return "" end
   local lines = timestamps and with_times(text, from, read_times(base .. ".times")) or split(text)
   local most = math.min(tail or #lines, running and #lines or LINES)
   return table.concat(lines, "", math.max(1, #lines - most + 1))
end

return grouplogs
