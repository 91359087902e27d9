--- Events of a flow run for Prefect 3: sent in order, in batches, while the flow goes on.

local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local json   = require "aci.json"
local task   = require "aci.task"

local events = {}

local Events = {}
Events.__index = Events

local function related(run)
   local list = json.array {
      { ["prefect.resource.id"] = "prefect.flow-run." .. run.id, ["prefect.resource.role"] = "flow-run",
         ["prefect.resource.name"] = run.name },
      { ["prefect.resource.id"] = "prefect.flow." .. run.flow_id, ["prefect.resource.role"] = "flow",
         ["prefect.resource.name"] = run.declared.name },
   }
   if run.deployment_id then
      list[#list + 1] = { ["prefect.resource.id"] = "prefect.deployment." .. run.deployment_id,
         ["prefect.resource.role"] = "deployment" }
   end
   return list
end

--- The sender of a run: `id`, `name`, `flow_id`, `deployment_id`, `declared`, `api`.
function events.new(run)
   return setmetatable({ api = run.api, run = run, related = related(run), pending = json.array {} }, Events)
end

--- An event about something in the run; `fields`: event, resource, payload, id, occurred, follows.
-- @return the event as it will be sent
function Events:event(fields)
   local made = { id = crypto.uuid4(), occurred = clock.iso(clock.now()), related = self.related,
      payload = json.object {} }
   for key, value in pairs(fields) do made[key] = value end
   return made
end

--- Sends one event now; raises what goes wrong.
function Events:send_now(fields)
   self.api:request("POST", "/events", { json = json.array { self:event(fields) } })
end

local MAX_BATCH, MAX_PENDING = 200, 1000

local function send(self)
   while #self.pending > 0 do
      local batch = json.array(table.move(self.pending, 1, math.min(#self.pending, MAX_BATCH), 1, {}))
      self.pending = json.array(table.move(self.pending, #batch + 1, #self.pending, 1, {}))
      local ok, err = pcall(self.api.request, self.api, "POST", "/events", { json = batch })
      if not ok then
         io.stderr:write(("acihost: Prefect did not take %d events: %s\n"):format(#batch, tostring(err)))
      end
   end
end

--- Has an event sent soon, after those before it; waits where too many have not been sent. @return it
function Events:emit(fields)
   local made = self:event(fields)
   self.pending[#self.pending + 1] = made
   if not self.sender or self.sender:done() then self.sender = task.spawn(send, self) end
   if #self.pending >= MAX_PENDING then self:flush() end
   return made
end

--- Waits until all is sent.
function Events:flush()
   while self.sender and not (self.sender:done() and #self.pending == 0) do
      if self.sender:done() then self.sender = task.spawn(send, self) end
      self.sender:wait()
   end
end

--- The heartbeat of the run, by which automations know that its process lives.
function Events:heartbeat()
   return { event = "prefect.flow-run.heartbeat", related = { table.unpack(self.related, 2) }, resource = {
      ["prefect.resource.id"] = "prefect.flow-run." .. self.run.id, ["prefect.resource.name"] = self.run.name } }
end

return events
