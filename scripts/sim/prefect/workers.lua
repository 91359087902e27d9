--- The workers of a pool: who they are by their heartbeats.
local clock   = require "aci.clock"
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"
local version = require "sim.prefect.version"

local workers = {}

-- A worker is there as long as it missed no three heartbeats of, unless it says else, 30 s.
local INTERVAL, MISSED = 30, 3

local function view(row)
   local body = row.body
   local every = body.heartbeat_interval_seconds
   local limit = MISSED * (every ~= json.null and every or INTERVAL)
   local silent = clock.now() - clock.parse_iso(body.last_heartbeat_time)
   body.status = silent <= limit and "ONLINE" or "OFFLINE"
   return body
end

--- Whether any worker serves a pool.
function workers.online(state, pool)
   for _, row in ipairs(objects.list(state, "worker", pool.id)) do
      if view(row).status == "ONLINE" then return true end
   end
   return false
end

local function pool_of(req)
   return refuse.unless(objects.find(req.state, "pool", req.params.pool), 404, "detail",
      ('Work pool "%s" not found.'):format(req.params.pool))
end

--- Notes that a worker is there.
function workers.beat(state, pool, name, every)
   local row = objects.find(state, "worker", name, pool.id)
   local fields = { last_heartbeat_time = objects.time(), heartbeat_interval_seconds = every or json.null }
   if not row then
      fields.name, fields.work_pool_id = name, pool.id
      return objects.add(state, { kind = "worker", parent = pool.id, body = fields })
   end
   for key, value in pairs(fields) do row.body[key] = value end
   return objects.save(state, row)
end

local function heartbeat(req)
   local body = check.parts(req, { name = "string!", heartbeat_interval_seconds = "integer" })
   workers.beat(req.state, pool_of(req), body.name, body.heartbeat_interval_seconds)
   return 204
end

local function find(req)
   local asked, found = filters.read(req, { "workers" }), {}
   -- Prefect 2 takes this filter and does not look at it
   if version.is(2) and asked.workers then asked.workers.status = nil end
   for _, row in ipairs(objects.list(req.state, "worker", pool_of(req).id)) do
      local body = view(row)
      if filters.match(body, asked.workers or {}) then found[#found + 1] = body end
   end
   return 200, filters.page(found, asked)
end

return setmetatable(workers, { __call = function(_, prefect)
   local path = " /api/work_pools/:pool/workers/"
   prefect:route("POST" .. path .. "heartbeat", { anonymous = true, write = false }, heartbeat)
   prefect:route("POST" .. path .. "filter", { anonymous = true, write = false }, find)
   prefect:route("DELETE" .. path .. ":name", { anonymous = true }, function(req)
      local row = objects.find(req.state, "worker", req.params.name, pool_of(req).id)
      objects.delete(req.state, "worker", refuse.unless(row, 404, "detail", "Worker not found.").id)
      return 204
   end)
end })
