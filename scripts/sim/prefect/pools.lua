--- Work pools and their queues.
local clock   = require "aci.clock"
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"
local queue   = require "sim.prefect.queue"
local related = require "sim.prefect.related"
local run     = require "sim.prefect.run"
local workers = require "sim.prefect.workers"
local version = require "sim.prefect.version"

local LIMIT, PRIORITY = queue.LIMIT, queue.PRIORITY

local POOL = { name = "pool_name!", type = "string", base_job_template = "job_template", description = "string",
   is_paused = "boolean", concurrency_limit = LIMIT, storage_configuration = "object@3" }
local QUEUE = { name = "name!", description = "string", is_paused = "boolean", priority = PRIORITY,
   concurrency_limit = LIMIT, filter = "object" }

local QUEUE_UPDATE = { name = "string" }
for name, rule in pairs(QUEUE) do QUEUE_UPDATE[name] = QUEUE_UPDATE[name] or rule end

-- The status follows what is said of the pausing; else it waits for who serves the pool.
local function pool_view(row, state)
   local body = row.body
   if body.status ~= json.null then
      body.status = body.is_paused and "PAUSED" or workers.online(state, row) and "READY" or "NOT_READY"
   end
   if version.is(3) then
      body.active_slots = body.concurrency_limit ~= json.null and queue.busy(state, "work_pool_id", row.id)
         or json.null
   end
   return body
end

local function pool_of(req)
   return queue.pool(req.state, req.params.pool)
end

local function change(row, req, fields)
   local body = check.body(req, fields)
   if run.given(body.priority) then queue.place(req.state, pool_of(req), row, body.priority) end
   for key, value in pairs(body) do row.body[key] = value end
   objects.save(req.state, row)
   return 204
end

local function create_pool(req)
   local body = check.body(req, POOL)
   refuse.when(body.name == "", 400, "detail", "Work pool name cannot be empty.")
   refuse.when(body.name:lower():find "^prefect", 403, "detail",
      "Work pools starting with 'Prefect' are reserved for internal use.")
   refuse.when(objects.find(req.state, "pool", body.name), 409, "detail",
      "A work pool with this name already exists.")
   body.type = body.type or "prefect-agent"
   return 201, pool_view(queue.add_pool(req.state, body), req.state)
end

local function matching(req, asked)
   local found = {}
   for _, row in ipairs(objects.list(req.state, "pool")) do
      if filters.match(row.body, asked.work_pools or {}) then found[#found + 1] = pool_view(row, req.state) end
   end
   filters.sort(found, "NAME_ASC")
   return found
end

local function find_pools(req)
   local asked = filters.read(req, { "work_pools" })
   return 200, filters.page(matching(req, asked), asked)
end

local function find_queues(req)
   local asked, found = filters.read(req, { "work_queues" }), {}
   for _, row in ipairs(queue.by_priority(req.state, pool_of(req))) do
      if filters.match(row.body, asked.work_queues or {}) then found[#found + 1] = queue.view(row, req.state) end
   end
   return 200, filters.page(found, asked)
end

local function queue_of(req, pool, name)
   return refuse.unless(objects.find(req.state, "queue", name, pool.id), 404, "detail",
      ("Work pool queue '%s/%s' not found."):format(pool.body.name, name))
end

local function one_queue(req)
   return queue_of(req, pool_of(req), req.params.name)
end

local function create_queue(req)
   local body, pool = check.body(req, QUEUE), pool_of(req)
   -- the braces are the server's own slip
   refuse.when(objects.find(req.state, "queue", body.name, pool.id), 409, "detail",
      "A work queue with this name already exists in work pool {work_pool_name!r}.")
   return 201, queue.view(queue.add(req.state, pool, body), req.state)
end

local function delete_pool(req)
   local pool = pool_of(req)
   objects.delete_under(req.state, "queue", pool.id)
   objects.delete_under(req.state, "worker", pool.id)
   objects.delete(req.state, "pool", pool.id)
   return 204
end

local function scheduled(req)
   local body = check.body(req, { work_queue_names = "array", scheduled_before = "moment",
      scheduled_after = "moment", limit = "integer" })
   local pool, list = pool_of(req), json.array {}
   local before = type(body.scheduled_before) == "string" and clock.parse_iso(body.scheduled_before)
   local rows = {}
   for _, name in ipairs(body.work_queue_names or {}) do rows[#rows + 1] = queue_of(req, pool, name) end
   if #rows == 0 then rows = objects.list(req.state, "queue", pool.id) end
   for _, each in ipairs(queue.due_in_pool(req.state, pool, rows, before, body.limit)) do
      list[#list + 1] = { work_pool_id = pool.id, work_queue_id = each.queue.id,
         flow_run = run.view(req.state, each.run) }
   end
   for _, row in ipairs(rows) do queue.polled(req.state, row) end
   return 200, list
end

return function(prefect)
   prefect:route("POST /api/work_pools", { anonymous = true }, create_pool)
   prefect:route("POST /api/work_pools/filter", { anonymous = true, write = false }, find_pools)
   prefect:route("GET /api/work_pools/:pool", { anonymous = true }, function(req)
      return 200, pool_view(pool_of(req), req.state)
   end)
   prefect:route("PATCH /api/work_pools/:pool", { anonymous = true }, function(req)
      return change(pool_of(req), req, { description = "string", is_paused = "boolean",
         base_job_template = "job_template", concurrency_limit = LIMIT, storage_configuration = "object@3" })
   end)
   prefect:route("DELETE /api/work_pools/:pool", { anonymous = true }, delete_pool)
   prefect:route("POST /api/work_pools/:pool/queues", { anonymous = true }, create_queue)
   prefect:route("POST /api/work_pools/:pool/queues/filter", { anonymous = true, write = false }, find_queues)
   prefect:route("POST /api/work_pools/count", { anonymous = true, write = false }, function(req)
      return related.count(#matching(req, filters.read(req, { "work_pools" })))
   end)
   prefect:route("GET /api/work_pools/:pool/queues/:name", { anonymous = true }, function(req)
      return 200, queue.view(one_queue(req), req.state)
   end)
   prefect:route("PATCH /api/work_pools/:pool/queues/:name", { anonymous = true }, function(req)
      return change(one_queue(req), req, QUEUE_UPDATE)
   end)
   prefect:route("DELETE /api/work_pools/:pool/queues/:name", { anonymous = true }, function(req)
      return queue.delete(req.state, one_queue(req))
   end)
   prefect:route("POST /api/work_pools/:pool/get_scheduled_flow_runs", { anonymous = true, write = false },
      scheduled)
end
