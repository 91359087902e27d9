--- Parameters against a deployment's schema: which are required, and of which type. The rest of JSON Schema is
-- not checked here.
local json = require "aci.json"

local parameters = {}

local TESTS = {
   integer = function(v) return math.type(v) == "integer" end,
   number = function(v) return type(v) == "number" end,
   string = function(v) return type(v) == "string" end,
   boolean = function(v) return type(v) == "boolean" end,
   array = function(v) return type(v) == "table" and v ~= json.null and json.is_array(v) end,
   object = function(v) return type(v) == "table" and v ~= json.null and not json.is_array(v) end,
   null = function(v) return v == json.null end,
}

-- As Python writes a value.
local function written(value)
   if type(value) == "string" then return "'" .. value .. "'" end
   if type(value) == "boolean" then return value and "True" or "False" end
   return value == json.null and "None" or json.encode(value)
end

local function is_listed(list, name)
   for _, each in ipairs(list or {}) do
      if each == name then return true end
   end
   return false
end

local function type_fault(schema, name, property, value, options)
   local test = TESTS[property.type]
   if not test or test(value) then return nil end
   -- what may be left out may be null too
   local nullable = options.nullable and not is_listed(schema.required, name) and property.default == nil
   if nullable and value == json.null then return nil end
   return ("Validation failed for field '%s'. Failure reason: %s is not %s"):format(name, written(value), nullable
      and "valid under any of the given schemas" or ("of type '%s'"):format(property.type))
end

--- What is wrong with values, in the server's words; nil where nothing is.
-- @param options `required` (all that is required must be there), `nullable` (what is not may be null)
function parameters.fault(schema, values, options)
   if type(schema) ~= "table" or schema == json.null then return nil end
   for _, name in ipairs(options.required and schema.required or {}) do
      if values[name] == nil then
         return ("Validation failed. Failure reason: '%s' is a required property"):format(name)
      end
   end
   for name, property in pairs(schema.properties or {}) do
      local fault = values[name] ~= nil and type_fault(schema, name, property, values[name], options)
      if fault then return fault end
   end
end

return parameters
