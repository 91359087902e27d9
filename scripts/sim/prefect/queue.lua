--- Work queues as rows: the agents' pool and its queues come into being when they are first named.
local clock   = require "aci.clock"
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local objects = require "sim.prefect.objects"
local version = require "sim.prefect.version"

local queue = { AGENT_POOL = "default-agent-pool", READY_FOR = 60 }

--- What a limit and a priority in a request may be.
queue.LIMIT = { type = "integer", least = 0, constrained = true }
queue.PRIORITY = { type = "integer", above = 0, constrained = true }

local function by_priority(state, pool)
   local rows = objects.list(state, "queue", pool.id)
   table.sort(rows, function(a, b) return a.body.priority < b.body.priority end)
   return rows
end

-- The first that nobody has.
local function free_priority(state, pool)
   local rows = by_priority(state, pool)
   for place, row in ipairs(rows) do
      if row.body.priority ~= place then return place end
   end
   return #rows + 1
end

-- Moves the queues from a priority on down, as far as it needs to give that place away.
local function make_room(state, pool, place, moved)
   for _, row in ipairs(by_priority(state, pool)) do
      if row.body.priority == place and row.id ~= moved then
         row.body.priority, place = place + 1, place + 1
         objects.save(state, row)
      end
   end
end

--- Gives a queue of a pool another place. The row is not saved.
function queue.place(state, pool, row, priority)
   make_room(state, pool, priority, row.id)
   row.body.priority = priority
end

queue.by_priority = by_priority

--- Adds a queue to a pool. @param fields `name`, and optionally description, priority, ...
function queue.add(state, pool, fields)
   if fields.priority then make_room(state, pool, fields.priority) end
   local body = { name = fields.name, description = fields.description or "", filter = json.null,
      is_paused = fields.is_paused or false, concurrency_limit = fields.concurrency_limit or json.null,
      priority = fields.priority or free_priority(state, pool), last_polled = json.null,
      work_pool_id = pool.id, work_pool_name = pool.body.name, active_slots = version.pick(nil, json.null) }
   return objects.add(state, { kind = "queue", parent = pool.id, body = body })
end

--- Deletes one; not the one that its pool cannot be without.
function queue.delete(state, row)
   local pool = objects.get(state, "pool", row.parent)
   refuse.when(pool and pool.body.default_queue_id == row.id, 500, "exception", "Internal Server Error")
   objects.delete(state, "queue", row.id)
   return 204
end

local function storage(said)
   if version.is(2) then return nil end
   local out = { bundle_upload_step = json.null, bundle_execution_step = json.null,
      default_result_storage_block_id = json.null }
   for name, value in pairs(said or {}) do out[name] = value end
   return out
end

--- Adds a pool with its default queue. @param fields `name`, `type`, and optionally the rest of the body
function queue.add_pool(state, fields)
   local agents = fields.type == "prefect-agent"
   local pool = objects.add(state, { kind = "pool", body = { name = fields.name, type = fields.type,
      description = fields.description or json.null, is_paused = fields.is_paused or false,
      base_job_template = fields.base_job_template or json.object {},
      concurrency_limit = fields.concurrency_limit or json.null,
      status = agents and json.null or "NOT_READY", active_slots = version.pick(nil, json.null),
      storage_configuration = storage(fields.storage_configuration) } })
   local default = queue.add(state, pool, { name = "default",
      description = "The work pool's default queue." })
   pool.body.default_queue_id = default.id
   return objects.save(state, pool)
end

--- The pool of the agents' queues.
function queue.agent_pool(state)
   return objects.find(state, "pool", queue.AGENT_POOL)
      or queue.add_pool(state, { name = queue.AGENT_POOL, type = "prefect-agent" })
end

function queue.pool(state, name)
   return refuse.unless(objects.find(state, "pool", name), 404, "detail",
      ('Work pool "%s" not found.'):format(name))
end

--- The queue of that name, made where it is missing: then it is the first of its pool. Without a name the
-- pool's default one.
function queue.ensure(state, name, pool_name)
   local pool = pool_name and pool_name ~= queue.AGENT_POOL and queue.pool(state, pool_name)
      or queue.agent_pool(state)
   name = name or "default"
   return objects.find(state, "queue", name, pool.id)
      or queue.add(state, pool, { name = name, priority = 1 })
end

--- The runs that hold one of the slots of a queue or of a pool.
-- @param field which of the two the id is: "work_queue_id" or "work_pool_id"
local function busy(state, field, id)
   local count = 0
   for _, kind in ipairs { "PENDING", "RUNNING" } do
      for _, run in ipairs(objects.in_state(state, "flow_run", kind)) do
         if run.body[field] == id then count = count + 1 end
      end
   end
   return count
end

queue.busy = busy

--- The queue as the API shows it: served while somebody has asked it for work in the last minute.
function queue.view(row, state)
   local body = row.body
   if version.is(3) then
      body.active_slots = body.concurrency_limit ~= json.null and busy(state, "work_queue_id", row.id) or json.null
   end
   local polled = body.last_polled ~= json.null and clock.parse_iso(body.last_polled)
   local fresh = polled and clock.now() - polled <= queue.READY_FOR
   body.status = body.is_paused and "PAUSED" or fresh and "READY" or "NOT_READY"
   return body
end

--- Notes that somebody asked.
function queue.polled(state, row)
   row.body.last_polled = objects.time()
   objects.save(state, row)
end

local function room_of(state, row, field)
   local slots = row.body.concurrency_limit
   return slots == json.null and math.maxinteger or math.max(0, slots - busy(state, field, row.id))
end

--- The scheduled runs of a queue that are due before a time, earliest first, within its limit.
function queue.due(state, row, before, limit)
   if row.body.is_paused then return {} end
   local found = {}
   for _, run in ipairs(objects.in_state(state, "flow_run", "SCHEDULED")) do
      if run.body.work_queue_id == row.id and (not before or (run.at or 0) <= before) then
         found[#found + 1] = run
      end
   end
   table.sort(found, function(a, b)
      if a.at == b.at then return a.seq < b.seq end
      return (a.at or 0) < (b.at or 0)
   end)
   return table.move(found, 1, math.min(#found, room_of(state, row, "work_queue_id"), limit or #found), 1, {})
end

--- The runs of a pool's queues that are due, those of the more urgent queue first, within the pool's limit: each
-- as `{ queue =, run = }`. @param rows the queues that are asked for
function queue.due_in_pool(state, pool, rows, before, limit)
   local found = {}
   if pool.body.is_paused then return found end
   local room = math.min(room_of(state, pool, "work_pool_id"), limit or math.maxinteger)
   table.sort(rows, function(a, b) return a.body.priority < b.body.priority end)
   for _, row in ipairs(rows) do
      for _, run in ipairs(queue.due(state, row, before, limit)) do
         if #found < room then found[#found + 1] = { queue = row, run = run } end
      end
   end
   return found
end

return queue
