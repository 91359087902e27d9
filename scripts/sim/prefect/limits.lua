--- Concurrency limits by name: the local cloud has none, so whoever takes slots has them at once. Prefect 3's engine
-- takes some for every task that has tags, under a lease.
local clock   = require "aci.clock"
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local objects = require "sim.prefect.objects"

local MODE = { enum = { "concurrency", "rate_limit" }, literal = true }
local DURATION = { type = "number", least = 60 }

local TAKE = { names = "array!", slots = { type = "integer", above = 0, required = true }, mode = MODE,
   create_if_missing = "boolean", holder = "object", lease_duration = DURATION }
local GIVE = { names = "array!", slots = { type = "integer", above = 0, required = true } }

local function none(fields)
   return function(req)
      check.parts(req, fields)
      return 200, json.array {}
   end
end

local function lease(state, seconds, id)
   local body = { ends = clock.now() + (seconds or 300) }
   return objects.add(state, { kind = "lease", id = id, body = body })
end

local function take(req)
   local asked = check.parts(req, TAKE)
   return 200, { lease_id = lease(req.state, asked.lease_duration).id, limits = json.array {} }
end

local function renew(req)
   local asked, id = check.parts(req, { lease_duration = DURATION }), check.id(req)
   local row = objects.get(req.state, "lease", id)
   refuse.unless(row and row.body.ends > clock.now(), 410, "detail",
      "Lease not found - it may have expired or been revoked")
   row.body.ends = clock.now() + (asked.lease_duration or 300)
   objects.save(req.state, row)
   return 204
end

local function give(req)
   local asked = check.parts(req, { lease_id = "uuid!" })
   objects.delete(req.state, "lease", asked.lease_id)
   return 204
end

return function(prefect)
   local function route(path, handler)
      prefect:route("POST /api/" .. path, { anonymous = true, write = false, only = 3 }, handler)
   end
   route("v2/concurrency_limits/increment", none(TAKE))
   route("v2/concurrency_limits/decrement", none(GIVE))
   route("v2/concurrency_limits/increment-with-lease", take)
   route("v2/concurrency_limits/decrement-with-lease", give)
   route("v2/concurrency_limits/leases/:id/renew", renew)
   route("v2/concurrency_limits/filter", none {})
   route("concurrency_limits/increment", none { names = "array!", task_run_id = "uuid!" })
   route("concurrency_limits/decrement", none { names = "array!", task_run_id = "uuid!" })
   route("concurrency_limits/filter", none {})
end
