--- Checks request bodies as the server's models do: unknown keys are refused, and each fault is named by
-- its place.
--
--    check.body(req, { name = "name!", tags = "array", state = { fields = STATE, required = true } })
--
-- A field is a type's name, with "!" where it is required. A field may be null unless it is required.
local clock  = require "aci.clock"
local json   = require "aci.json"
local refuse = require "sim.refuse"

local check = {}

local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local function is_object(value)
   return type(value) == "table" and not json.is_array(value)
end

local function is_array(value)
   return type(value) == "table" and json.is_array(value)
end

local function bad_name(value)
   if type(value) == "string" and value:find "[/%%&><]" then
      return ("Name '%s' contains an invalid character. Must not contain any of: "
         .. "['/', '%%', '&', '>', '<']."):format(value), "value_error.invalidname"
   end
end

local function slug(what)
   return function(value)
      if type(value) ~= "string" or value:find "[^a-z0-9-]" then
         return what .. " must only contain lowercase letters, numbers, and dashes.", "value_error"
      end
   end
end

local function simple(test, message, kind)
   return function(value)
      if not test(value) then return message, kind end
   end
end

local function scalar(value)
   return type(value) == "string" or type(value) == "number"
end

local function whole(value)
   return math.tointeger(tonumber(value)) ~= nil
end

-- Each gives nothing, or what is wrong and the kind of fault.
local types = {
   any = function() end,
   string = simple(scalar, "str type expected", "type_error.str"),
   uuid = simple(function(v) return type(v) == "string" and v:find(UUID) end, "value is not a valid uuid",
      "type_error.uuid"),
   integer = simple(whole, "value is not a valid integer", "type_error.integer"),
   number = simple(tonumber, "value is not a valid float", "type_error.float"),
   boolean = simple(function(v) return type(v) == "boolean" end, "value could not be parsed to a boolean",
      "type_error.bool"),
   object = simple(is_object, "value is not a valid dict", "type_error.dict"),
   array = simple(is_array, "value is not a valid list", "type_error.list"),
   ids = simple(is_array, "value is not a valid list", "type_error.list"),
   time = simple(function(v) return type(v) == "string" and clock.parse_iso(v) end,
      "invalid datetime format", "value_error.datetime"),
   name = bad_name,
   block_name = slug "Block document name",
   slug = slug "Block type slug",
   variable_name = simple(function(v) return type(v) == "string" and v:find "^[a-z0-9_]*$" end,
      "Variable name must only contain lowercase letters, numbers, and underscores.", "value_error"),
}

local function extend(loc, key)
   local out = json.array(table.move(loc, 1, #loc, 1, {}))
   out[#out + 1] = key
   return out
end

local function is_uuid(value)
   return type(value) == "string" and value:find(UUID) ~= nil
end

local function fault(faults, loc, message, kind, context)
   faults[#faults + 1] = { loc = loc, msg = message, type = kind, ctx = context }
end

local function check_ids(faults, loc, list)
   for index, value in ipairs(list) do
      if not is_uuid(value) then
         fault(faults, extend(loc, index - 1), "value is not a valid uuid", "type_error.uuid")
      end
   end
end

local function check_enum(faults, loc, value, values)
   for _, allowed in ipairs(values) do
      if value == allowed then return end
   end
   fault(faults, loc, "value is not a valid enumeration member; permitted: '"
      .. table.concat(values, "', '") .. "'", "type_error.enum", { enum_values = json.array(values) })
end

local check_object

local function check_value(faults, loc, value, rule)
   if rule.enum then return check_enum(faults, loc, value, rule.enum) end
   if rule.fields then return check_object(faults, loc, value, rule.fields, rule.open) end
   local message, kind = types[rule.type](value)
   if message then return fault(faults, loc, message, kind) end
   if rule.type == "ids" then check_ids(faults, loc, value) end
   if rule.least and value < rule.least then
      fault(faults, loc, "ensure this value is greater than or equal to " .. rule.least,
         "value_error.number.not_ge", { limit_value = rule.least })
   end
end

local function expand(rule)
   if type(rule) == "table" then return rule end
   return { type = rule:match "^[%a_]+", required = rule:sub(-1) == "!" }
end

local function sorted(map)
   local keys = {}
   for key in pairs(map) do keys[#keys + 1] = key end
   table.sort(keys)
   return keys
end

function check_object(faults, loc, value, fields, open)
   if not is_object(value) then
      return fault(faults, loc, "value is not a valid dict", "type_error.dict")
   end
   for _, key in ipairs(sorted(fields)) do
      local rule, given = expand(fields[key]), value[key]
      if given == nil then
         if rule.required then fault(faults, extend(loc, key), "field required", "value_error.missing") end
      elseif given == json.null then
         if rule.required then
            fault(faults, extend(loc, key), "none is not an allowed value", "type_error.none.not_allowed")
         end
      else
         check_value(faults, extend(loc, key), given, rule)
      end
   end
   for _, key in ipairs(sorted(value)) do
      if fields[key] == nil and not open then
         fault(faults, extend(loc, key), "extra fields not permitted", "value_error.extra")
      end
   end
end

--- Refuses with 422 and the list of faults.
function check.refuse(faults, body)
   refuse.with { status = 422, body = { exception_message = "Invalid request received.",
      exception_detail = json.array(faults), request_body = body == nil and json.null or body } }
end

--- True for the text of a UUID.
check.is_id = is_uuid

--- Adds a fault of a field of the body.
function check.add(faults, field, message, kind)
   fault(faults, json.array { "body", field }, message, kind)
end

--- The body of a request, checked.
-- @param more function(body, faults): adds faults that no single field has
function check.body(req, fields, more)
   local body, faults = req:json(), {}
   check_object(faults, json.array { "body" }, body, fields)
   if more and is_object(body) then more(body, faults) end
   if #faults > 0 then check.refuse(faults, body) end
   return body
end

--- The body as a list of objects, checked.
function check.list(req, fields)
   local body, faults = req:json(), {}
   if not is_array(body) then
      fault(faults, json.array { "body" }, "value is not a valid list", "type_error.list")
   else
      for index, item in ipairs(body) do
         check_object(faults, json.array { "body", index - 1 }, item, fields)
      end
   end
   if #faults > 0 then check.refuse(faults, body) end
   return body
end

--- A path parameter that is a UUID.
function check.id(req, name)
   local id = req.params[name or "id"]
   if not id:find(UUID) then
      check.refuse({ { loc = json.array { "path", name or "id" }, msg = "value is not a valid uuid",
         type = "type_error.uuid" } })
   end
   return id:lower()
end

--- A fault of the whole body.
function check.root(message, body)
   check.refuse({ { loc = json.array { "body", "__root__" }, msg = message, type = "value_error" } }, body)
end

return check
