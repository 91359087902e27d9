--- Schedules of deployments: what the server refuses in them. The local cloud runs none, so it keeps only those
-- that are not active.
local fs      = require "aci.fs"
local json    = require "aci.json"
local check   = require "sim.prefect.check"
local objects = require "sim.prefect.objects"
local refuse  = require "sim.refuse"
local version = require "sim.prefect.version"

local schedules = {}

local ZONES = "/usr/share/zoneinfo/"

local ENTRY = { active = "boolean", schedule = "any!", max_scheduled_runs = { type = "integer", above = 0 },
   max_active_runs = { type = "integer", above = 0, only = 2 }, catchup = "boolean@2", parameters = "object@3",
   slug = "string@3", replaces = "string@3" }

-- A schedule is of the kind whose member it has.
local KINDS = {
   cron = { cron = "string!", timezone = "string", day_or = "boolean" },
   interval = { interval = "any!", timezone = "string", anchor_date = "moment" },
   rrule = { rrule = "string!", timezone = "string" },
}

local FREQUENCIES = {}
for word in ("YEARLY MONTHLY WEEKLY DAILY HOURLY MINUTELY SECONDLY"):gmatch "%S+" do FREQUENCIES[word] = true end

local tests = {}

function tests.cron(text)
   local count = 0
   for field in text:gmatch "%S+" do
      count = count + 1
      if field:find "[^%w%*/,%-#?]" then return false end
   end
   return count == 5 or count == 6
end

-- Seconds, or a duration as ISO 8601 or Python writes it.
function tests.interval(value)
   local seconds = tonumber(value)
   if seconds then return seconds > 0 end
   return type(value) == "string" and (value:find "^P[%dTYMWDHS.]+$" or value:find "^%d+:%d%d:%d%d") ~= nil
end

function tests.rrule(text)
   return FREQUENCIES[text:match "FREQ=(%u+)" or ""] == true
end

-- Where this machine knows no time zones, all are taken.
local function is_zone(name)
   return name == "UTC" or not fs.stat(ZONES) or (name:find "^[%w_+/-]+$" and fs.stat(ZONES .. name) ~= nil)
end

local function kind_of(schedule)
   local found
   for kind in pairs(KINDS) do
      if schedule[kind] ~= nil then
         if found then return nil end
         found = kind
      end
   end
   return found
end

local function is_good(schedule)
   if type(schedule) ~= "table" or json.is_array(schedule) then return false end
   local kind = kind_of(schedule)
   if not kind or check.value(schedule, KINDS[kind], true) then return false end
   local zone = schedule.timezone
   return tests[kind](schedule[kind]) and (zone == nil or zone == json.null or is_zone(zone))
end

--- Adds the faults of a body's schedules.
function schedules.check(body, faults)
   local list = body.schedules
   for index, each in ipairs(type(list) == "table" and list or {}) do
      check.item(faults, "schedules", index, each, ENTRY)
      local schedule = type(each) == "table" and each.schedule
      if schedule and not is_good(schedule) then
         check.add(faults, "schedules", "value", schedule, "The schedule is of no kind that there is.")
      end
   end
end

--- Refuses to keep active ones.
function schedules.refuse_active(body)
   local list = body.schedules
   for _, each in ipairs(list ~= json.null and list or {}) do
      refuse.when(each.active ~= false, 501, "detail", "The local cloud keeps no active schedules.")
   end
   refuse.when((body.schedule or json.null) ~= json.null, 501, "detail",
      "The local cloud keeps no active schedules.")
end

local function filled(schedule)
   local out = json.object { timezone = json.null }
   for name, value in pairs(schedule) do out[name] = value end
   if schedule.cron and out.day_or == nil then out.day_or = true end
   if schedule.interval then
      out.interval = (tonumber(schedule.interval) or 0) + 0.0
      out.anchor_date = out.anchor_date or objects.time()
      if out.timezone == json.null then out.timezone = "UTC" end
   elseif schedule.rrule and out.timezone == json.null then
      out.timezone = "UTC"
   end
   return out
end

--- The schedules of a deployment as they are kept.
function schedules.kept(list, deployment)
   local out, now = json.array {}, objects.time()
   for index, each in ipairs(list or {}) do
      out[index] = version.only({ id = objects.new_id(), created = now, updated = now, deployment_id = deployment,
         active = false, schedule = filled(each.schedule), max_scheduled_runs = json.null, catchup = false,
         max_active_runs = json.null, parameters = each.parameters or json.object {},
         slug = each.slug or json.null }, { [2] = "catchup max_active_runs", [3] = "parameters slug" })
   end
   return out
end

return schedules
