--- Logs: written as a list, read by filter.
local clock   = require "aci.clock"
local json    = require "aci.json"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"
local run     = require "sim.prefect.run"

local ENTRY = { name = "string!", level = "integer!", message = "string!", timestamp = "moment!",
   flow_run_id = "uuid", task_run_id = "uuid" }

local SORTS = { "TIMESTAMP_ASC", "TIMESTAMP_DESC", default = "TIMESTAMP_ASC" }

local function write(req)
   for _, entry in ipairs(check.list(req, ENTRY, "sequence")) do
      local at = clock.parse_iso(entry.timestamp)
      entry.timestamp = objects.time(at)
      entry.flow_run_id, entry.task_run_id = entry.flow_run_id or json.null, entry.task_run_id or json.null
      local name = entry.name
      objects.add(req.state, { kind = "log", parent = run.given(entry.flow_run_id), at = at, name = name,
         body = entry })
   end
   return 201, "null", { ["content-type"] = "application/json" }
end

--- Only the runs asked for are read: a log may be long.
local function candidates(state, asked)
   local ids = asked and asked.flow_run_id and asked.flow_run_id.any_
   if not ids then return objects.list(state, "log") end
   local rows = {}
   for _, id in ipairs(ids) do
      local some = objects.list(state, "log", id)
      table.move(some, 1, #some, #rows + 1, rows)
   end
   return rows
end

local function read(req)
   local asked, found = filters.read(req, { "logs" }, SORTS), {}
   for _, row in ipairs(candidates(req.state, asked.logs)) do
      if filters.match(row.body, asked.logs or {}) then found[#found + 1] = row.body end
   end
   return 200, filters.page(found, asked)
end

return function(prefect)
   prefect:route("POST /api/logs", { anonymous = true }, write)
   prefect:route("POST /api/logs/filter", { anonymous = true, write = false }, read)
end
