--- Task runs as Prefect 3's client tells of them: it orchestrates them itself, and each state that one enters
-- is an event that holds the run as it then was.
local clock   = require "aci.clock"
local json    = require "aci.json"
local objects = require "sim.prefect.objects"
local run     = require "sim.prefect.run"
local taskrun = require "sim.prefect.taskrun"

local recorder = {}

local function id_of(resource, kind)
   return (resource["prefect.resource.id"] or ""):match("^prefect%." .. kind:gsub("%-", "%%-") .. "%.(%x[%x-]+)$")
end

local function flow_run_of(event)
   for _, resource in ipairs(event.related) do
      if resource["prefect.resource.role"] == "flow-run" then return id_of(resource, "flow-run") end
   end
end

local function wanted(event)
   return event.event:find "^prefect%.task%-run" and event.resource["prefect.orchestration"] == "client"
      and type(event.payload.validated_state) == "table" and type(event.payload.task_run) == "table"
end

local function state_of(event, owner)
   local state = run.state(event.payload.validated_state, owner)
   state.id, state.timestamp = event.id, event.occurred
   return state
end

-- A late event does not bring back what the run has left behind.
local function is_older(row, state)
   local current = row.body.state
   return current ~= json.null and clock.parse_iso(current.timestamp) >= clock.parse_iso(state.timestamp)
end

local function enter(db, row, fields, state)
   for name, value in pairs(fields) do row.body[name] = value end
   row.body.state, row.body.state_id = state, state.id
   row.body.state_type, row.body.state_name = state.type, state.name
   row.at = clock.parse_iso(state.timestamp)
   run.save(db, row)
end

--- Records the task run of an event, where it tells of one.
function recorder.record(db, event)
   local id = wanted(event) and id_of(event.resource, "task-run")
   if not id then return end
   local fields, flow_run_id = event.payload.task_run, flow_run_of(event)
   fields.flow_run_id = flow_run_id or json.null
   local row = objects.get(db, "task_run", id) or flow_run_id and taskrun.find(db, fields)
   if not row then
      row = objects.add(db, { kind = "task_run", id = id, parent = flow_run_id,
         body = taskrun.body(fields, objects.get(db, "flow_run", flow_run_id)) })
   end
   local state = state_of(event, { flow_run_id = flow_run_id, task_run_id = row.id })
   if is_older(row, state) then
      return objects.add(db, { kind = "task_run_state", id = state.id, parent = row.id, body = state })
   end
   enter(db, row, fields, state)
end

return recorder
