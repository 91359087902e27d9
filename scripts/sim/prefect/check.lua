--- Checks request bodies as the server's models do: unknown keys are refused, and each fault is named by
-- its place.
--
--    check.body(req, { name = "name!", tags = "array", state = { fields = STATE, required = true } })
--
-- A field is a type's name, with "!" where it is required, and "@2" or "@3" where only that Prefect has it
-- (`only` where the rule is a table). A field may be null unless it is required.
local json    = require "aci.json"
local coercions = require "sim.prefect.coercions"
local faults  = require "sim.prefect.faults"
local refuse  = require "sim.refuse"
local types   = require "sim.prefect.types"
local version = require "sim.prefect.version"

local check = {}

local function extend(loc, key)
   local out = json.array(table.move(loc, 1, #loc, 1, {}))
   out[#out + 1] = key
   return out
end

local function coerced(rule, value)
   local coerce = coercions[rule.type]
   if coerce then return coerce(value) end
   return value
end

local function check_each(list, loc, values, each)
   for index, value in ipairs(values) do
      local kind, detail = types.tests[each](value)
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
   local kind, detail = types.tests[rule.type](value)
   if rule.constrained and type(value) == "number" and not math.tointeger(value) then kind = "integer_type" end
   if kind and rule.constrained then kind = "constrained_" .. kind end
   if kind then return faults.add(list, loc, kind, value, detail) end
   if types.items[rule.type] then check_each(list, loc, value, types.items[rule.type]) end
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
   if not types.is_object(value) then return faults.add(list, loc, "model", value) end
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
check.is_id = types.is_uuid

--- The kind of fault that a text is which is no UUID, and what it names.
check.uuid = types.tests.uuid

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
   if before and types.is_object(body) then before(body) end
   check_object(list, json.array { "body" }, body, fields)
   if more and types.is_object(body) then more(body, list) end
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
   if not types.is_array(body) then
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
   if types.is_object(body) then return end
   local list = {}
   for _, key in ipairs(sorted(fields)) do faults.add(list, json.array { "body", key }, "missing") end
   faults.refuse(list, body)
end

--- A path parameter that is a UUID. Where it is none, Prefect 3 knows no such route.
function check.id(req, name)
   local id = req.params[name or "id"]
   if id:find(types.UUID) then return id:lower() end
   refuse.when(version.is(3), 404, "detail", "Not Found")
   local list = {}
   faults.add(list, json.array { "path", name or "id" }, "uuid", id)
   faults.refuse(list, req:text() ~= "" and req:json() or nil)
end

--- One that stands in the pattern of the route itself: what is none is no route with either Prefect.
function check.path_id(req)
   refuse.unless(types.is_uuid(req.params.id), 404, "detail", "Not Found")
   return req.params.id:lower()
end

--- Refuses the whole body.
function check.root(message, body)
   local list = {}
   check.whole(list, message, body)
   faults.refuse(list, body)
end

return check
