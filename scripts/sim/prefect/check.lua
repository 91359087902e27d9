--- Checks request bodies as the server's models do: unknown keys are refused, and each fault is named by
-- its place.
--
--    check.body(req, { name = "name!", tags = "array", state = { fields = STATE, required = true } })
--
-- A field is a type's name, with "!" where it is required, and "@2" or "@3" where only that Prefect has it
-- (`only` where the rule is a table). A field may be null unless it is required.
local clock   = require "aci.clock"
local json    = require "aci.json"
local faults  = require "sim.prefect.faults"
local refuse  = require "sim.refuse"
local version = require "sim.prefect.version"

local check = {}

local LONGEST_VALUE = 5000 -- characters of a variable's value

local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local function is_object(value)
   return type(value) == "table" and value ~= json.null and not json.is_array(value)
end

local function is_array(value)
   return type(value) == "table" and json.is_array(value)
end

local function is_uuid(value)
   return type(value) == "string" and value:find(UUID) ~= nil
end

-- Each gives nothing, or the kind of fault and what its message names.
local types = {}

function types.any() end

function types.string(value)
   local ok = type(value) == "string" or (type(value) == "number" and version.is(2))
   return not ok and "string" or nil
end

function types.uuid(value)
   if is_uuid(value) then return nil end
   if type(value) ~= "string" then return "uuid_type" end
   local at, bad = value:match "()([^%x%-])"
   if bad then return "uuid", ("invalid character: found `%s` at %d"):format(bad, at - 1) end
   return "uuid", "invalid length: found " .. #value
end

-- Prefect 2 cuts a fraction off.
function types.integer(value)
   if math.tointeger(tonumber(value)) or type(value) == "number" and version.is(2) then return nil end
   if type(value) == "number" then return "fraction" end
   return type(value) == "string" and "integer" or "integer_type"
end

function types.number(value)
   return not tonumber(value) and "number" or nil
end

local YES, NO = {}, {}
for word in ("1 on t true y yes"):gmatch "%S+" do YES[word] = true end
for word in ("0 off f false n no"):gmatch "%S+" do NO[word] = true end

function types.boolean(value)
   local word = tostring(value):lower()
   if type(value) == "boolean" or type(value) ~= "table" and (YES[word] or NO[word]) then return nil end
   return type(value) == "string" and "boolean" or "boolean_type"
end

function types.object(value)
   return not is_object(value) and "object" or nil
end

function types.array(value)
   return not is_array(value) and "array" or nil
end

-- Lists whose items have a type.
local EACH = { ids = "uuid", strings = "string", objects = "object" }
for name in pairs(EACH) do types[name] = types.array end

-- The names in "{{ }}" of a text, a list or an object.
local function placeholders(value, found)
   if type(value) == "string" then
      for name in value:gmatch "{{%s*([%w_]+)%s*}}" do found[name] = true end
   elseif type(value) == "table" then
      for _, each in pairs(value) do placeholders(each, found) end
   end
   return found
end

--- A pool's job template: its variables are declared.
function types.job_template(value)
   if not is_object(value) then return "object" end
   if next(value) == nil then return nil end
   if not value.job_configuration or not value.variables then
      return "value", "The `base_job_template` must contain both a `job_configuration` key and a `variables` key."
   end
   local missing, declared = {}, value.variables.properties or {}
   for name in pairs(placeholders(value.job_configuration, {})) do
      if declared[name] == nil then missing[#missing + 1] = name end
   end
   if #missing == 0 then return nil end
   table.sort(missing)
   return "value", "The variables specified in the job configuration template must be present as properties in the "
      .. "variables schema. Your job configuration uses the following undeclared variable(s): "
      .. table.concat(missing, " ,") .. "."
end

function types.time(value)
   if type(value) ~= "string" or not clock.parse_iso(value) then return "time", value end
end

-- A time of another class of the server's than the above: it says so in its own words.
function types.moment(value)
   if type(value) ~= "string" or not clock.parse_iso(value) then return "moment", value end
end

function types.deployment_name(value)
   if type(value) == "string" and value:find "[/%%&><]" then return "invalid_name", value end
   return types.string(value)
end

-- Prefect 3 takes no empty one.
function types.name(value)
   if value == "" and version.is(3) then return "invalid_name", value end
   return types.deployment_name(value)
end

function types.pool_name(value)
   if value == "" and version.is(3) then return "value", "name cannot be an empty string" end
   return types.name(value)
end

-- What a value becomes that is taken though it is of another type.
local coercions = {}

local function as_text(value)
   if type(value) ~= "number" then return value end
   return math.type(value) == "integer" and ("%d"):format(value) or tostring(value)
end

for name in ("string name deployment_name pool_name"):gmatch "%S+" do coercions[name] = as_text end

function coercions.integer(value)
   local number = tonumber(value)
   return math.tointeger(number) or math.tointeger(number < 0 and math.ceil(number) or math.floor(number)) or value
end

function coercions.number(value) return tonumber(value) end

function coercions.boolean(value)
   if type(value) == "boolean" then return value end
   return YES[tostring(value):lower()] == true
end

function coercions.strings(value)
   local out = json.array {}
   for index, each in ipairs(value) do out[index] = as_text(each) end
   return out
end

local function coerced(rule, value)
   local coerce = coercions[rule.type]
   if coerce then return coerce(value) end
   return value
end

local function made_of(pattern, message)
   return function(value)
      if type(value) ~= "string" or value:find(pattern) then return "value", message end
   end
end

types.block_name = made_of("[^a-z0-9-]",
   "Block document name must only contain lowercase letters, numbers, and dashes.")
types.slug = made_of("[^a-z0-9-]", "Block type slug must only contain lowercase letters, numbers, and dashes.")
types.artifact_key = made_of("[^a-z0-9-]", "Artifact key must only contain lowercase letters, numbers, and dashes.")

local old_variable_name = made_of("[^a-z0-9_]",
   "Variable name must only contain lowercase letters, numbers, and underscores.")
local new_variable_name = made_of("[^a-z0-9_-]",
   "Variable name must only contain lowercase letters, numbers, and dashes or underscores.")

function types.variable_name(value)
   return version.pick(old_variable_name, new_variable_name)(value)
end

function types.variable_value(value)
   if version.is(2) then
      local kind = types.string(value)
      if not kind and #tostring(value) > LONGEST_VALUE then return "long", LONGEST_VALUE end
      return kind
   end
   if #json.encode(value) > LONGEST_VALUE then
      return "value", ("Variable value must be less than %d characters"):format(LONGEST_VALUE)
   end
end

local function extend(loc, key)
   local out = json.array(table.move(loc, 1, #loc, 1, {}))
   out[#out + 1] = key
   return out
end

local function check_each(list, loc, values, each)
   for index, value in ipairs(values) do
      local kind, detail = types[each](value)
      if kind then faults.add(list, extend(loc, index - 1), kind, value, detail) end
   end
end

-- 'A', 'B' or 'C'
local function listed(values)
   if version.is(2) then return "'" .. table.concat(values, "', '") .. "'" end
   if #values == 1 then return "'" .. values[1] .. "'" end
   return ("'%s' or '%s'"):format(table.concat(values, "', '", 1, #values - 1), values[#values])
end

local function check_enum(list, loc, value, values, kind)
   for _, allowed in ipairs(values) do
      if value == allowed then return end
   end
   local permitted = json.array(table.move(values, 1, #values, 1, {}))
   faults.add(list, loc, kind, value, listed(values), { enum_values = permitted })
end

local function check_items(list, loc, values, rule)
   for index, value in ipairs(values) do check_enum(list, extend(loc, index - 1), value, rule.enum, "enum") end
end

-- A bound that Prefect 2's models have of a newer kind ("constrained") is told in the words of that kind.
local function check_bounds(list, loc, value, rule)
   local newer = rule.constrained and "constrained_" or ""
   if rule.least and value < rule.least then faults.add(list, loc, newer .. "least", value, rule.least) end
   if rule.above and value <= rule.above then faults.add(list, loc, newer .. "above", value, rule.above) end
   if rule.longest and utf8.len(value) and utf8.len(value) > rule.longest then
      faults.add(list, loc, "long", value, rule.longest)
   end
end

local check_object

local function check_value(list, loc, value, rule)
   if rule.enum then return check_enum(list, loc, value, rule.enum, rule.literal and "literal" or "enum") end
   if rule.fields then return check_object(list, loc, value, rule.fields, rule.open) end
   local kind, detail = types[rule.type](value)
   if rule.constrained and type(value) == "number" and not math.tointeger(value) then kind = "integer_type" end
   if kind and rule.constrained then kind = "constrained_" .. kind end
   if kind then return faults.add(list, loc, kind, value, detail) end
   if EACH[rule.type] then check_each(list, loc, value, EACH[rule.type]) end
   if rule.items then check_items(list, loc, value, rule.items) end
   check_bounds(list, loc, coerced(rule, value), rule)
end

local function expand(rule)
   if type(rule) == "table" then return rule end
   local name, mark, only = rule:match "^([%a_]+)(!?)@?(%d?)$"
   return { type = name, required = mark == "!", only = tonumber(only) }
end

-- What Prefect 3 takes null for: the type's own words, "a valid string".
local function check_null(list, loc, rule)
   if rule.type == "variable_value" and version.is(3) then return end
   if version.is(2) then return faults.add(list, loc, "null", json.null) end
   check_value(list, loc, json.null, rule)
end

local function sorted(map)
   local keys = {}
   for key in pairs(map) do keys[#keys + 1] = key end
   table.sort(keys)
   return keys
end

local function has(fields, key)
   local rule = fields[key] and expand(fields[key])
   return rule and (not rule.only or version.is(rule.only)) and rule
end

-- Values are changed when all is checked: a refusal shows the body as it came.
local function settle(list, holder, key, rule)
   local count = #list
   return function()
      if #list == count and coercions[rule.type] then
         list.settled = list.settled or {}
         table.insert(list.settled, function() holder[key] = coerced(rule, holder[key]) end)
      end
   end
end

--- Refuses where there are faults, else lets the values be what they are taken for.
local function finish(list, body)
   local settled = list.settled or {}
   list.settled = nil
   if #list > 0 then faults.refuse(list, body) end
   for _, change in ipairs(settled) do change() end
   return body
end

local function check_field(list, loc, value, rule, owner)
   if value == nil then
      if rule.required then faults.add(list, loc, "missing", owner) end
   elseif value == json.null then
      if rule.required then check_null(list, loc, rule) end
   else
      check_value(list, loc, value, rule)
   end
end

function check_object(list, loc, value, fields, open)
   if not is_object(value) then return faults.add(list, loc, "model", value) end
   for _, key in ipairs(sorted(fields)) do
      local rule = has(fields, key)
      if rule then
         local done = settle(list, value, key, rule)
         check_field(list, extend(loc, key), value[key], rule, value)
         if value[key] ~= nil and value[key] ~= json.null then done() end
      end
   end
   for _, key in ipairs(sorted(value)) do
      if not has(fields, key) and not open then
         faults.add(list, extend(loc, key), "extra", value[key])
      end
   end
end

--- True for the text of a UUID.
check.is_id = is_uuid

--- The kind of fault that a text is which is no UUID, and what it names.
check.uuid = types.uuid

--- A fault of the whole body: a check of the model, which Prefect 3 does before those of the fields.
function check.whole(list, message, body)
   if version.is(2) then return faults.add(list, json.array { "body", "__root__" }, "value", body, message) end
   for index in ipairs(list) do list[index] = nil end
   faults.add(list, json.array { "body" }, "value", body, message)
end

--- A fault of one field.
function check.add(list, field, kind, value, detail)
   faults.add(list, json.array { "body", field }, kind, value, detail)
end

--- The body of a request, checked.
-- @param more function(body, faults): adds faults that no single field has
-- @param before function(body): what the model does to the body first
function check.body(req, fields, more, before)
   local body, list = req:json(), {}
   if before and is_object(body) then before(body) end
   check_object(list, json.array { "body" }, body, fields)
   if more and is_object(body) then more(body, list) end
   return finish(list, body)
end

--- The body of a route that takes each of its fields by itself, checked: what else it says is ignored.
function check.parts(req, fields)
   local body, list = req:json(), {}
   local known = json.object {}
   for key in pairs(fields) do known[key] = type(body) == "table" and body[key] or nil end
   for _, key in ipairs(sorted(fields)) do
      local rule = has(fields, key)
      if rule then
         local done = settle(list, known, key, rule)
         check_field(list, json.array { "body", key }, known[key], rule)
         if known[key] ~= nil and known[key] ~= json.null then done() end
      end
   end
   finish(list, body)
   return known
end

--- The body as a list of objects, checked.
-- @param other the kind of fault where it is no list
function check.list(req, fields, other, open)
   local body, list = req:json(), {}
   if not is_array(body) then
      faults.add(list, json.array { "body" }, other or "array", body)
   else
      for index, item in ipairs(body) do
         check_object(list, json.array { "body", index - 1 }, item, fields, open)
      end
   end
   return finish(list, body)
end

--- The faults of an item of a list in a body.
function check.item(list, field, index, value, fields)
   check_object(list, json.array { "body", field, index - 1 }, value, fields)
end

--- The faults of a value that is no request's body; nil where it has none. @param closed no other fields
function check.value(value, fields, closed)
   local list = {}
   check_object(list, json.array {}, value, fields, not closed)
   list.settled = nil
   return #list > 0 and list or nil
end

--- Refuses a body that is no object where each field is taken by itself: all of them are missing then.
function check.fields_of(body, fields)
   if is_object(body) then return end
   local list = {}
   for _, key in ipairs(sorted(fields)) do faults.add(list, json.array { "body", key }, "missing") end
   faults.refuse(list, body)
end

--- A path parameter that is a UUID. Where it is none, Prefect 3 knows no such route.
function check.id(req, name)
   local id = req.params[name or "id"]
   if id:find(UUID) then return id:lower() end
   refuse.when(version.is(3), 404, "detail", "Not Found")
   local list = {}
   faults.add(list, json.array { "path", name or "id" }, "uuid", id)
   faults.refuse(list, req:text() ~= "" and req:json() or nil)
end

--- One that stands in the pattern of the route itself: what is none is no route with either Prefect.
function check.path_id(req)
   refuse.unless(is_uuid(req.params.id), 404, "detail", "Not Found")
   return req.params.id:lower()
end

--- Refuses the whole body.
function check.root(message, body)
   local list = {}
   check.whole(list, message, body)
   faults.refuse(list, body)
end

return check
