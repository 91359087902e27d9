--- What is wrong with a request body, in the words of the two Prefects: Prefect 2's models speak as pydantic 1
-- does, Prefect 3's as pydantic 2.
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local version = require "sim.prefect.version"

local faults = {}

-- A kind of fault -> type and message for Prefect 2 and 3; %s stands for the detail.
local KINDS = {
   missing = { "value_error.missing", "field required", "missing", "Field required" },
   extra = { "value_error.extra", "extra fields not permitted", "extra_forbidden",
      "Extra inputs are not permitted" },
   string = { "type_error.str", "str type expected", "string_type", "Input should be a valid string" },
   uuid = { "type_error.uuid", "value is not a valid uuid", "uuid_parsing", "Input should be a valid UUID, %s" },
   uuid_type = { "type_error.uuid", "value is not a valid uuid", "uuid_type",
      "UUID input should be a string, bytes or UUID object" },
   integer = { "type_error.integer", "value is not a valid integer", "int_parsing",
      "Input should be a valid integer, unable to parse string as an integer" },
   integer_type = { "type_error.integer", "value is not a valid integer", "int_type",
      "Input should be a valid integer" },
   fraction = { "type_error.integer", "value is not a valid integer", "int_from_float",
      "Input should be a valid integer, got a number with a fractional part" },
   number = { "type_error.float", "value is not a valid float", "float_parsing",
      "Input should be a valid number, unable to parse string as a number" },
   boolean = { "type_error.bool", "value could not be parsed to a boolean", "bool_parsing",
      "Input should be a valid boolean, unable to interpret input" },
   boolean_type = { "type_error.bool", "value could not be parsed to a boolean", "bool_type",
      "Input should be a valid boolean" },
   object = { "type_error.dict", "value is not a valid dict", "dict_type", "Input should be a valid dictionary" },
   model = { "type_error.dict", "value is not a valid dict", "model_attributes_type",
      "Input should be a valid dictionary or object to extract fields from" },
   array = { "type_error.list", "value is not a valid list", "list_type", "Input should be a valid list" },
   sequence = { "type_error.list", "value is not a valid list", "is_instance_of",
      "Input should be an instance of Sequence" },
   time = { "value_error.datetime", "invalid datetime format", "value_error",
      "Value error, Unable to parse string [%s]" },
   moment = { "value_error.parser", "Unable to parse string [%s]", "value_error",
      "Value error, Unable to parse string [%s]" },
   invalid_name = { "value_error.invalidname", "Name '%s' contains an invalid character. Must not contain any of: "
      .. "['/', '%%', '&', '>', '<'].", "string_pattern_mismatch", "String should match pattern '^[^/%%&><]+$'" },
   null = { "type_error.none.not_allowed", "none is not an allowed value" },
   enum = { "type_error.enum", "value is not a valid enumeration member; permitted: %s", "enum",
      "Input should be %s" },
   literal = { "value_error.const", "unexpected value; permitted: %s", "literal_error", "Input should be %s" },
   least = { "value_error.number.not_ge", "ensure this value is greater than or equal to %s",
      "greater_than_equal", "Input should be greater than or equal to %s" },
   above = { "value_error.number.not_gt", "ensure this value is greater than %s", "greater_than",
      "Input should be greater than %s" },
   value = { "value_error", "%s", "value_error", "Value error, %s" },
   long = { "value_error.any_str.max_length", "ensure this value has at most %s characters", "too_long",
      "Value should have at most %s items after validation, not %s" },
}

-- Numbers of Prefect 2 that its newer models check: the same words as Prefect 3's, in a frame of their own.
for name, word in pairs { least = "greater_than_equal", above = "greater_than", integer = "int_parsing",
   integer_type = "int_type" } do
   local of = KINDS[name]
   KINDS["constrained_" .. name] = { "value_error.validation", "1 validation error for constrained-int\n  "
      .. of[4] .. " [type=" .. word .. "]", of[3], of[4] }
end

-- What Prefect 3 says beside the message.
local CONTEXTS = {
   uuid = function(detail) return { error = detail } end,
   time = function() return { error = json.object {} } end,
   moment = function() return { error = json.object {} } end,
   value = function() return { error = json.object {} } end,
   invalid_name = function() return { pattern = "^[^/%&><]+$" } end,
   enum = function(detail) return { expected = detail } end,
   sequence = function() return { class = "Sequence" } end,
   least = function(detail) return { ge = detail } end,
   above = function(detail) return { gt = detail } end,
   long = function(detail, input)
      return { field_type = "Value", max_length = detail, actual_length = utf8.len(input) }
   end,
}
CONTEXTS.literal = CONTEXTS.enum
CONTEXTS.constrained_least, CONTEXTS.constrained_above = CONTEXTS.least, CONTEXTS.above

-- And Prefect 2.
local OLD_CONTEXTS = {
   least = function(detail) return { limit_value = detail } end,
   above = function(detail) return { limit_value = detail } end,
   long = function(detail) return { limit_value = detail } end,
}

local function render(text, detail, input)
   return (text:format(tostring(detail), type(input) == "string" and utf8.len(input) or ""))
end

--- Adds a fault.
-- @param loc where: a list of keys, the first "body" or "path"
-- @param kind a name of the table above
-- @param input the value that is wrong
-- @param detail what the message names
-- @param context Prefect 2's own context, where the kind does not say it
function faults.add(list, loc, kind, input, detail, context)
   local words, three = KINDS[kind], version.is(3)
   local with = (three and CONTEXTS or OLD_CONTEXTS)[kind]
   local fault = { loc = loc, type = words[three and 3 or 1], msg = render(words[three and 4 or 2], detail, input),
      ctx = with and with(detail, input) or not three and context or nil }
   if three then fault.input = input == nil and json.null or input end
   list[#list + 1] = fault
end

--- Refuses with 422 and the faults.
-- @param body the request's; nil where it was not read
function faults.refuse(list, body)
   refuse.with { status = 422, body = { exception_message = "Invalid request received.",
      exception_detail = json.array(list), request_body = body == nil and json.null or body } }
end

--- Refuses a body that is no JSON.
function faults.malformed(err, text)
   if version.is(2) then
      return faults.refuse { { loc = json.array { "body" }, type = "value_error.jsondecode",
         msg = "the body is not JSON: " .. tostring(err.message or err) } }
   end
   faults.refuse({ { loc = json.array { "body", math.max(0, (err.column or 1) - 1) }, type = "json_invalid",
      msg = "JSON decode error", input = json.object {}, ctx = { error = tostring(err.message or err) } } }, text)
end

return faults
