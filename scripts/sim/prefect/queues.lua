--- The agents' queues ("/work_queues/...").
local clock   = require "aci.clock"
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"
local queue   = require "sim.prefect.queue"
local run     = require "sim.prefect.run"
local version = require "sim.prefect.version"

local CREATE = { name = "name!", description = "string", is_paused = "boolean", priority = queue.PRIORITY,
   concurrency_limit = queue.LIMIT, filter = "object" }
local UPDATE = { name = "string", description = "string", is_paused = "boolean", priority = queue.PRIORITY,
   concurrency_limit = queue.LIMIT, last_polled = "time", filter = "object" }

local function by_name(req)
   local pool = objects.find(req.state, "pool", queue.AGENT_POOL)
   local row = pool and objects.find(req.state, "queue", req.params.name, pool.id)
   return 200, queue.view(refuse.unless(row, 404, "detail", "work queue not found"), req.state)
end

local function one(req, words)
   local id = check.id(req)
   return refuse.unless(objects.get(req.state, "queue", id), 404, "exception",
      (words or "Work queue with id %s not found."):format(id))
end

-- The routes have words of their own for a queue that is none, one of them not what was meant.
local function named(req, message)
   return refuse.unless(objects.get(req.state, "queue", check.id(req)), 404, "detail",
      message or "work queue not found")
end

local function create(req)
   local body, pool = check.body(req, CREATE), queue.agent_pool(req.state)
   refuse.when(objects.find(req.state, "queue", body.name, pool.id), 409, "detail",
      "A work queue with this name already exists.")
   return 201, queue.view(queue.add(req.state, pool, body), req.state)
end

local function change(req)
   local body, row = check.body(req, UPDATE), named(req, ("Work Queue %s not found"):format(
      version.pick("<built-in function id>", req.params.id)))
   for key, value in pairs(body) do row.body[key] = value end
   objects.save(req.state, row)
   return 204
end

local function get_runs(req)
   local body = check.body(req, { limit = "integer", scheduled_before = "time", agent_id = "uuid" })
   local row, limit = one(req), body.limit or 200
   refuse.unless(limit <= 200, 422, "detail", "Invalid limit: must be less than or equal to 200.")
   local before = type(body.scheduled_before) == "string" and clock.parse_iso(body.scheduled_before)
   local list = json.array {}
   for _, each in ipairs(queue.due(req.state, row, before, limit)) do
      local shown = run.view(req.state, each)
      if version.is(3) then shown.work_pool_id, shown.work_pool_name = json.null, json.null end
      list[#list + 1] = shown
   end
   queue.polled(req.state, row)
   return 200, list
end

local function status(req)
   local row, late = one(req, "Work queue with id %s not found"), 0
   for _, each in ipairs(objects.list(req.state, "flow_run")) do
      if each.body.work_queue_id == row.id and each.body.state_name == "Late" then late = late + 1 end
   end
   local served = queue.view(row, req.state).status == "READY"
   return 200, { healthy = served and late == 0, late_runs_count = late, last_polled = row.body.last_polled,
      health_check_policy = { maximum_late_runs = 0, maximum_seconds_since_last_polled = 60 } }
end

local function find(req)
   local asked, found = filters.read(req, { "work_queues" }), {}
   for _, row in ipairs(objects.list(req.state, "queue")) do
      if filters.match(row.body, asked.work_queues or {}) then found[#found + 1] = queue.view(row, req.state) end
   end
   return 200, filters.page(found, asked)
end

return function(prefect)
   prefect:route("POST /api/work_queues", { anonymous = true }, create)
   prefect:route("GET /api/work_queues/name/:name", { anonymous = true }, by_name)
   prefect:route("GET /api/work_queues/:id", { anonymous = true }, function(req)
      return 200, queue.view(named(req), req.state)
   end)
   prefect:route("PATCH /api/work_queues/:id", { anonymous = true }, change)
   prefect:route("DELETE /api/work_queues/:id", { anonymous = true }, function(req)
      return queue.delete(req.state, named(req))
   end)
   -- marks the queue as polled, but changes nothing that anybody set up
   prefect:route("POST /api/work_queues/:id/get_runs", { anonymous = true, write = false }, get_runs)
   prefect:route("GET /api/work_queues/:id/status", { anonymous = true }, status)
   prefect:route("POST /api/work_queues/filter", { anonymous = true, write = false }, find)
end
