--- Events (Prefect 3; Prefect 2 has them only where they are switched on): taken, kept, and the task runs
-- that they tell of recorded. The Python client of Prefect 3 says nothing of its task runs elsewhere.
local clock    = require "aci.clock"
local json     = require "aci.json"
local refuse   = require "sim.refuse"
local check    = require "sim.prefect.check"
local faults   = require "sim.prefect.faults"
local feed     = require "sim.prefect.feed"
local objects  = require "sim.prefect.objects"
local recorder = require "sim.prefect.recorder"
local version  = require "sim.prefect.version"

local events = {}

local EVENT = { occurred = "time!", event = "string!", resource = "object!", related = "array", payload = "object",
   id = "uuid!", follows = "uuid" }

local KEPT = 2000 -- so many, then the oldest are forgotten

local function prune(state)
   local rows = objects.list(state, "event")
   for index = 1, #rows - KEPT do objects.delete(state, "event", rows[index].id) end
end

-- A task run's event and the state that it tells of have one id.
local PREFIX = "event-"

--- Takes an event: keeps it, records its task run, tells who listens.
function events.receive(state, event)
   local body = { id = event.id, occurred = event.occurred, event = event.event, resource = event.resource,
      related = event.related or json.array {}, payload = event.payload or json.object {},
      follows = event.follows or json.null, received = objects.time() }
   if objects.get(state, "event", PREFIX .. body.id) then return end
   recorder.record(state, body)
   objects.add(state, { kind = "event", id = PREFIX .. body.id, name = body.event, at = clock.parse_iso(body.occurred),
      body = body })
   if math.random(100) == 1 then prune(state) end
   feed.tell(body)
end

--- What is wrong with an event that came in other than by POST; nil where nothing is.
function events.faults(event)
   return check.value(event, EVENT)
end

local function create(req)
   refuse.when(version.is(2), 404, "detail", "Events are not enabled. Please enable the "
      .. "`PREFECT_EXPERIMENTAL_EVENTS` setting.")
   for _, event in ipairs(check.list(req, EVENT, nil, true)) do events.receive(req.state, event) end
   return 204
end

local function matches(body, filter)
   for _, wanted in ipairs { filter.event or {}, filter.resource or {}, filter.related or {} } do
      if wanted == json.null then return true end
   end
   return feed.matches(body, filter)
end

--- The body of a kept event.
function events.shown(row)
   row.body.created, row.body.updated, row.body.id = nil, nil, row.body.id:sub(#PREFIX + 1)
   return row.body
end

local function find(req)
   local asked = req:json()
   local limit = asked.limit or 50
   if type(limit) ~= "number" or limit < 0 or limit > 50 then
      local list = {}
      faults.add(list, json.array { "body", "limit" }, "least", limit, 0)
      faults.refuse(list, asked)
   end
   local rows, found = objects.list(req.state, "event"), json.array {}
   table.sort(rows, function(a, b) return a.at > b.at end)
   local total = 0
   for _, row in ipairs(rows) do
      local body = events.shown(row)
      if matches(body, asked.filter or {}) then
         total = total + 1
         if #found < limit then found[#found + 1] = body end
      end
   end
   return 200, { events = found, total = total, next_page = json.null }
end

return setmetatable(events, { __call = function(_, prefect)
   prefect:route("POST /api/events", { anonymous = true, write = false }, create)
   prefect:route("POST /api/events/filter", { anonymous = true, write = false, only = 3 }, find)
end })
