--- Work queues and pools. Without a pool a queue is one of the agents' pool ("default-agent-pool").

local clock  = require "aci.clock"
local json   = require "aci.json"
local escape = require("aci.http").escape

local queues = {}

local function path(name, pool)
   if pool then return ("/work_pools/%s/queues/%s"):format(escape(pool), escape(name)) end
   return "/work_queues/name/" .. escape(name)
end

--- A queue; nil where there is none.
function queues:queue(name, pool)
   return (self:request("GET", path(name, pool), { missing = true }))
end

--- The queue, made where it is missing, with a description where one is given.
function queues:put_queue(name, pool, description)
   local found = self:queue(name, pool)
   if found then return found end
   local where = pool and ("/work_pools/%s/queues"):format(escape(pool)) or "/work_queues/"
   return (self:request("POST", where, { json = { name = name, description = description } }))
end

function queues:delete_queue(name, pool)
   local found = self:queue(name, pool)
   if not found then return false end
   local where = pool and path(name, pool) or "/work_queues/" .. found.id
   self:request("DELETE", where, { missing = true })
   return true
end

--- Seconds since somebody asked the queue for work; nil when nobody ever has.
function queues:queue_idle(queue)
   local polled = self.time(queue.last_polled)
   return polled and clock.now() - polled
end

--- The runs that are due: what an agent asks every few seconds. Asking is what marks the queue as served.
-- @param options `limit` (10), `ahead` (seconds, 15: runs that start so soon come too)
function queues:due_runs(queue, options)
   options = options or {}
   local before = clock.iso(clock.now() + (options.ahead or 15))
   return (self:request("POST", ("/work_queues/%s/get_runs"):format(queue.id), {
      json = { limit = options.limit or 10, scheduled_before = before } }))
end

--- The runs of a work pool that are due: what a worker asks every few seconds. Asking marks the queues as
-- served; the server sees to their limits, pauses and priorities.
-- @param options `queues` (names; default all), `limit`, `ahead` (seconds, 10)
function queues:due_pool_runs(pool, options)
   local found = self:request("POST", ("/work_pools/%s/get_scheduled_flow_runs"):format(escape(pool)), { json = {
      work_queue_names = json.array(options.queues or {}), limit = options.limit,
      scheduled_before = clock.iso(clock.now() + (options.ahead or 10)) } })
   local runs = {}
   for i, each in ipairs(found) do runs[i] = each.flow_run end
   return runs
end

--- The queues of a pool, or those of the agents.
function queues:queues(pool)
   if not pool then return self:pages("/work_queues/filter") end
   return self:pages(("/work_pools/%s/queues/filter"):format(escape(pool)))
end

--- Tells that a worker of a pool is alive.
-- @param seconds how often it says so
function queues:worker_heartbeat(pool, name, seconds)
   self:request("POST", ("/work_pools/%s/workers/heartbeat"):format(escape(pool)),
      { json = { name = name, heartbeat_interval_seconds = seconds }, tries = 2 })
end

--- The workers that a pool has heard of: `name`, `last_heartbeat_time`, `status`.
function queues:workers(pool)
   return self:pages(("/work_pools/%s/workers/filter"):format(escape(pool)))
end

--- Takes a worker off a pool's list.
function queues:delete_worker(pool, name)
   self:request("DELETE", ("/work_pools/%s/workers/%s"):format(escape(pool), escape(name)), { missing = true })
end

function queues:work_pool(name)
   return (self:request("GET", "/work_pools/" .. escape(name), { missing = true }))
end

--- Makes a work pool, or changes one. Its type can't be changed.
-- @param fields `name`, and for a new one `type`; `base_job_template`, `description`, `is_paused`,
--   `concurrency_limit`
function queues:put_work_pool(fields)
   local there = self:work_pool(fields.name)
   if not there then return (self:request("POST", "/work_pools/", { json = fields })) end
   local change = {}
   for key, value in pairs(fields) do change[key] = value end
   change.name, change.type = nil, nil
   self:request("PATCH", "/work_pools/" .. escape(fields.name), { json = change })
   return self:work_pool(fields.name)
end

--- Deletes a work pool with its queues; deployments in it stay, without a pool.
function queues:delete_work_pool(name)
   local _, status = self:request("DELETE", "/work_pools/" .. escape(name), { missing = true })
   return status ~= 404
end

function queues:work_pools()
   return self:pages("/work_pools/filter")
end

return queues
