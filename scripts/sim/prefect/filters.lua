--- `POST .../filter`: which objects, in which order, which page.
local clock  = require "aci.clock"
local json   = require "aci.json"
local refuse = require "sim.refuse"
local check  = require "sim.prefect.check"
local run    = require "sim.prefect.run"

local filters = {}

local function plain(value)
   if value == json.null then return nil end
   return value
end

local function has(list, value)
   for _, item in ipairs(list) do
      if item == value then return true end
   end
   return false
end

local function time_of(value)
   return type(value) == "string" and clock.parse_iso(value) or nil
end

-- SQL's LIKE between two wildcards, without regard to case: % is any text, _ any character.
local function like(value, text)
   local pattern = text:lower():gsub("%W", "%%%0"):gsub("%%%%", ".*"):gsub("%%_", ".")
   return type(value) == "string" and value:lower():find(pattern) ~= nil
end

local function contains(value, text)
   return type(value) == "string" and value:lower():find(text:lower(), 1, true) ~= nil
end

-- Null, or a list of nothing.
local function is_none(value)
   return value == nil or type(value) == "table" and #value == 0
end

-- What each operator means; `value` is the object's, nil for null.
local operators = {
   any_ = function(value, list)
      if type(value) ~= "table" then return value ~= nil and has(list, value) end
      for _, item in ipairs(value) do
         if has(list, item) then return true end
      end
      return false
   end,
   not_any_ = function(value, list) return value == nil or not has(list, value) end,
   like_ = like,
   startswith_ = function(value, list)
      for _, text in ipairs(list) do
         if type(value) == "string" and value:sub(1, #text) == text then return true end
      end
      return false
   end,
   is_null_ = function(value, wanted) return is_none(value) == wanted end,
   eq_ = function(value, wanted) return value == wanted end,
   ge_ = function(value, least) return value ~= nil and value >= least end,
   le_ = function(value, most) return value ~= nil and value <= most end,
   after_ = function(value, text) return value ~= nil and time_of(value) >= time_of(text) end,
   before_ = function(value, text) return value ~= nil and time_of(value) <= time_of(text) end,
   exists_ = function(value, wanted) return (value ~= nil) == wanted end,
   query = contains,
   all_ = function(value, list)
      for _, item in ipairs(list) do
         if not has(value or {}, item) then return false end
      end
      return true
   end,
}

local OPERATOR_TYPES = { any_ = "array", not_any_ = "array", like_ = "string", startswith_ = "array",
   is_null_ = "boolean", eq_ = "boolean", ge_ = "integer", le_ = "integer", after_ = "moment", before_ = "moment",
   all_ = "array", exists_ = "boolean", query = "string" }

local JOIN = { enum = { "and_", "or_" } }

-- Which fields have conditions that can be joined by "or_" too.
local JOINED = { tags = true, deployment = true, deployment_id = true, work_queue_name = true, state = true,
   parent_flow_run_id = true, parent_task_run_id = true, flow_run_id = true, created_by = true }
local UNJOINED = { block_types = true }

-- Lists of words that are not free.
local STATES, STATUSES = { enum = run.TYPES }, { enum = { "ONLINE", "OFFLINE" } }

local function operator_rule(field, operator, only)
   local of_ids = (field == "id" or field:find "_id$") and operator:find "any_$"
   local items = operator:find "any_$" and (field == "type_of_state" and STATES or field == "status" and STATUSES)
   return { type = of_ids and "ids" or OPERATOR_TYPES[operator], only = tonumber(only), items = items or nil }
end

local function operators_of(field, line)
   local rules = {}
   for operator, only in line:gmatch "([%a_]+)@?(%d?)" do rules[operator] = operator_rule(field, operator, only) end
   return rules
end

--- The fields that a filter object may have, from "name any_ like_" lines; what only Prefect 3 has ends "@3".
local function fields_of(lines, joined)
   local fields = { operator = joined and JOIN or nil }
   for name, line in pairs(lines) do
      local bare = name:match "^[^@]+"
      local inner
      if bare == "state" then
         inner = { type = { fields = operators_of("type_of_state", line.type) },
            name = { fields = operators_of("name", line.name) } }
      else
         inner = operators_of(bare, line)
      end
      inner.operator = JOINED[bare] and (bare ~= "flow_run_id" or lines.subflow_runs) and JOIN or nil
      fields[bare] = { fields = inner, only = tonumber(name:match "@(%d)$") }
   end
   return fields
end

-- Of each kind, what can be asked for, by which operators.
local KINDS = {
   flows = { id = "any_ not_any_@3", name = "any_ like_", tags = "all_ is_null_", deployment = "is_null_" },
   flow_runs = { id = "any_ not_any_", name = "any_ like_", tags = "all_ any_@3 is_null_",
      deployment_id = "any_ is_null_", work_queue_name = "any_ is_null_",
      state = { type = "any_ not_any_@3", name = "any_ not_any_@3" }, flow_version = "any_",
      start_time = "before_ after_ is_null_", expected_start_time = "before_ after_",
      next_scheduled_start_time = "before_ after_", ["end_time@3"] = "before_ after_ is_null_",
      parent_task_run_id = "any_ is_null_", idempotency_key = "any_ not_any_",
      parent_flow_run_id = "any_" },
   task_runs = { id = "any_", name = "any_ like_", tags = "all_ is_null_",
      state = { type = "any_", name = "any_" }, start_time = "before_ after_ is_null_",
      subflow_runs = "exists_", flow_run_id = "any_ is_null_", ["end_time@3"] = "before_ after_ is_null_",
      ["expected_start_time@3"] = "before_ after_" },
   deployments = { id = "any_ not_any_@3", name = "any_ like_", paused = "eq_",
      tags = "all_ any_@3 is_null_", work_queue_name = "any_", ["is_schedule_active@2"] = "eq_",
      ["flow_or_deployment_name@3"] = "like_", ["concurrency_limit@3"] = "ge_ le_ is_null_" },
   work_pools = { id = "any_", name = "any_", type = "any_" },
   work_pool_queues = { id = "any_", name = "any_ startswith_" },
   work_queues = { id = "any_", name = "any_ startswith_" },
   block_types = { name = "like_", slug = "any_" },
   block_schemas = { id = "any_", block_type_id = "any_", block_capabilities = "all_", version = "any_" },
   block_documents = { id = "any_", name = "any_ like_", block_type_id = "any_", is_anonymous = "eq_" },
   logs = { level = "ge_ le_", timestamp = "before_ after_", flow_run_id = "any_",
      task_run_id = "any_ is_null_@3", ["text@3"] = "query" },
   variables = { id = "any_", name = "any_ like_", ["value@2"] = "any_ like_", tags = "all_ is_null_" },
   workers = { last_heartbeat_time = "before_ after_", status = "any_ not_any_" },
   artifacts = { id = "any_", key = "any_ like_ exists_", type = "any_ not_any_", flow_run_id = "any_",
      task_run_id = "any_" },
}

local SPECS = {}
for kind, lines in pairs(KINDS) do SPECS[kind] = { fields = fields_of(lines, not UNJOINED[kind]) } end

local function field_of(body, name)
   if name == "block_capabilities" then return body.capabilities end
   if name == "text" then return body.message end
   return plain(body[name])
end

local match_filter

-- The conditions of one field: all of them, or one of them where they are joined so.
local function joined(filter, test)
   local any, either, count = false, plain(filter.operator) == "or_", 0
   for name, wanted in pairs(filter) do
      if name ~= "operator" and plain(wanted) ~= nil then
         local ok = test(name, wanted)
         if not ok and not either then return false end
         any, count = any or ok, count + 1
      end
   end
   return not either or any or count == 0
end

local function match_field(value, wanted)
   return joined(wanted, function(operator, operand) return operators[operator](value, operand) end)
end

--- True when an API body meets a filter object.
-- @param special functions for what is no field of the body: `special.name(body)` gives the value
function match_filter(body, filter, special)
   return joined(filter, function(name, wanted)
      if name == "state" then return match_filter(plain(body.state) or {}, wanted) end
      local own = special and special[name]
      local value
      if own then value = own(body) else value = field_of(body, name) end
      return match_field(value, wanted)
   end)
end

filters.match = match_filter

local function limit_of(body)
   local limit = plain(body.limit) or 200
   refuse.unless(limit <= 200, 422, "detail", "Invalid limit: must be less than or equal to 200.")
   refuse.unless(limit >= 0, 422, "detail", "Invalid limit: must be greater than or equal to 0.")
   return limit
end

--- The checked body of a filter request. Unknown top-level keys are ignored, as the server does.
-- @param kinds the filter objects that the route knows, for example { "flows", "deployments" }
-- @param sorts the sort orders it knows, `default` among them
function filters.read(req, kinds, sorts)
   local raw, fields = req:text(), { limit = "integer", offset = { type = "integer", least = 0 } }
   for _, kind in ipairs(kinds) do fields[kind] = SPECS[kind] end
   if sorts then fields.sort = { enum = sorts } end
   local body = raw == "" and json.object {} or req:json()
   check.fields_of(body, fields)
   local known = json.object {}
   for key, value in pairs(body) do
      if fields[key] then known[key] = value end
   end
   local view = setmetatable({ json = function() return known end }, { __index = req })
   check.body(view, fields)
   known.limit, known.offset = limit_of(known), plain(known.offset) or 0
   known.sort = plain(known.sort) or (sorts and sorts.default)
   for _, kind in ipairs(kinds) do known[kind] = plain(known[kind]) end
   return known
end

-- The columns of an order: what it is called after, but for these.
local COLUMNS = {
   BLOCK_TYPE_AND_NAME_ASC = { "block_type_name", "name" },
   START_TIME_ASC = { function(item) return plain(item.start_time) or plain(item.expected_start_time) end },
}
COLUMNS.START_TIME_DESC = COLUMNS.START_TIME_ASC

local function value_in(item, column)
   if type(column) == "function" then return column(item) or "" end
   return plain(item[column]) or ""
end

--- Sorts API bodies; what is equal stays in its order.
function filters.sort(list, sort)
   local field, direction = sort:match "^(.+)_(%u+)$"
   local columns, place = COLUMNS[sort] or { field:lower() }, {}
   for index, item in ipairs(list) do place[item] = index end
   table.sort(list, function(a, b)
      for _, column in ipairs(columns) do
         local x, y = value_in(a, column), value_in(b, column)
         if x ~= y then
            if direction == "ASC" then return x < y end
            return x > y
         end
      end
      return place[a] < place[b]
   end)
end

--- One page of a list of API bodies.
function filters.page(list, asked)
   if asked.sort then filters.sort(list, asked.sort) end
   local from = asked.offset + 1
   return json.array(table.move(list, from, math.min(#list, asked.offset + asked.limit), 1, {}))
end

return filters
