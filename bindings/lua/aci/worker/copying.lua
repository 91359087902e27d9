--- A container's output as log entries of its run, without loss or repeats. Each look takes what was written
-- since the last one; entries wait until Prefect has taken them. After a doubtful answer, or when another worker
-- began the copying, Prefect's own log says which of them it has.

local clock   = require "aci.clock"
local output  = require "aci.azure.output"
local patience = require "aci.worker.patience"
local repeats = require "aci.worker.repeats"

local copying = {}

local NAME, INFO, WARNING = "prefect.flow_runs.container", 20, 30
local BATCH = 500

-- Prefect keeps microseconds; ACI tells ten times that.
local function micros(time)
   return math.floor((clock.parse_iso(time) or 0) * 1e6 + 0.5)
end

local function key_of(entry)
   return micros(entry.timestamp) .. " " .. entry.message
end

local function entry_of(self, held, line, level)
   local time = line.time and line.time:gsub("(%.%d%d%d%d%d%d)%d*Z$", "%1Z") or clock.iso(clock.now())
   return { name = NAME, level = level or INFO, message = self.api.log_text(line.text), timestamp = time,
      flow_run_id = held.id }
end

--- Begins to follow a container. @param doubtful somebody may have copied some of it before
function copying.begin(held, doubtful)
   held.tail = output.tail(held.azure, held.group, held.container)
   held.pending, held.doubt, held.is_repeat = {}, doubtful, held.logs_to_api and repeats.filter() or nil
end

local MISSING = "(Lines of the container's output are missing here: more was written than Azure keeps.)"

--- Takes what is new into the pending entries.
local function take(self, held)
   local lines, lost = held.tail:lines()
   if lost then
      held.pending[#held.pending + 1] = entry_of(self, held, { time = lines[1].time, text = MISSING }, WARNING)
   end
   for _, line in ipairs(lines) do
      if not (held.is_repeat and held.is_repeat(line.text)) then
         held.pending[#held.pending + 1] = entry_of(self, held, line)
      end
   end
end

--- Drops from the pending entries those that Prefect has.
local function reconcile(self, held)
   if not held.pending[1] then return end
   local have, left = {}, {}
   for _, entry in ipairs(self.api:logs(held.id, { after = held.pending[1].timestamp })) do
      if entry.name == NAME then
         local key = key_of(entry)
         have[key] = (have[key] or 0) + 1
      end
   end
   for _, entry in ipairs(held.pending) do
      local key = key_of(entry)
      if (have[key] or 0) > 0 then have[key] = have[key] - 1 else left[#left + 1] = entry end
   end
   held.pending = left
end

--- Sends one batch, once: a repeated POST would be a repeat in the log.
local function send(self, held)
   local count = math.min(BATCH, #held.pending)
   local batch = table.move(held.pending, 1, count, 1, {})
   held.doubt = true
   self.api:request("POST", "/logs/", { json = batch, tries = 1 })
   held.doubt = false
   held.pending = table.move(held.pending, count + 1, #held.pending, 1, {})
end

--- One look: what is new goes to Prefect. Raises what went wrong; nothing is lost by that.
function copying.look(self, held)
   if not held.tail then copying.begin(held) end
   take(self, held)
   if held.doubt then
      reconcile(self, held)
      held.doubt = false
   end
   while held.pending[1] do send(self, held) end
end

-- What says that there is nothing to be had any more.
local function gone(err)
   return err.kind == "not_found" or err.code == "ContainerGroupStopped"
end

--- The last look, before the group goes: waits for servers that are away.
function copying.finish(self, held)
   local ok, err = pcall(patience.with, self.say, held.name .. ": its output", copying.look, self, held)
   if ok then return end
   patience.rethrow(err)
   if type(err) ~= "string" and gone(err) then return end
   self.say("%s: the end of its output could not be copied: %s", held.name, tostring(err))
end

return copying
