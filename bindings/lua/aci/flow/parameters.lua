--- A run's parameters against the schema of its deployment (JSON Schema, as far as Prefect writes it).

local json = require "aci.json"

local parameters = {}

local function is_object(value)
   return type(value) == "table" and value ~= json.null and not (json.is_array(value) and #value > 0)
end

local types = {
   object = is_object,
   array = function(value) return type(value) == "table" and value ~= json.null and not (next(value) ~= nil
      and not json.is_array(value)) end,
   string = function(value) return type(value) == "string" end,
   boolean = function(value) return type(value) == "boolean" end,
   integer = function(value) return math.tointeger(value) ~= nil and type(value) == "number" end,
   number = function(value) return type(value) == "number" end,
   null = function(value) return value == json.null end,
}

local check

local function resolve(schema, root)
   local name = type(schema["$ref"]) == "string" and schema["$ref"]:match "([^/]+)$"
   return name and ((root.definitions or {})[name] or (root["$defs"] or {})[name]) or schema
end

local function named_types(schema)
   local kind = schema.type
   if type(kind) == "string" then return { kind } end
   return type(kind) == "table" and kind ~= json.null and kind or {}
end

local function check_type(schema, value, place, problems)
   local names = named_types(schema)
   for _, name in ipairs(names) do
      if not types[name] or types[name](value) then return true end
   end
   if #names == 0 then return true end
   problems[#problems + 1] = ("%s is not of type %s"):format(place, table.concat(names, " or "))
   return false
end

local function check_any(schema, value, place, problems, root)
   local choices = schema.anyOf or schema.oneOf
   if type(choices) ~= "table" then return end
   for _, choice in ipairs(choices) do
      local found = {}
      check(choice, value, place, found, root)
      if #found == 0 then return end
   end
   problems[#problems + 1] = place .. " is none of what it may be"
end

local function check_enum(schema, value, place, problems)
   if type(schema.enum) ~= "table" then return end
   local shown = {}
   for _, each in ipairs(schema.enum) do
      if each == value then return end
      shown[#shown + 1] = tostring(each)
   end
   problems[#problems + 1] = ("%s is none of %s"):format(place, table.concat(shown, ", "))
end

local limits = {
   { "minimum", function(value, limit) return type(value) ~= "number" or value >= limit end, "is less than" },
   { "maximum", function(value, limit) return type(value) ~= "number" or value <= limit end, "is more than" },
   { "exclusiveMinimum", function(value, limit) return type(value) ~= "number" or value > limit end,
      "is not more than" },
   { "exclusiveMaximum", function(value, limit) return type(value) ~= "number" or value < limit end,
      "is not less than" },
   { "minLength", function(value, limit) return type(value) ~= "string" or (utf8.len(value) or #value) >= limit end,
      "is shorter than" },
   { "maxLength", function(value, limit) return type(value) ~= "string" or (utf8.len(value) or #value) <= limit end,
      "is longer than" },
   { "minItems", function(value, limit) return not json.is_array(value) or #value >= limit end, "has less than" },
   { "maxItems", function(value, limit) return not json.is_array(value) or #value <= limit end, "has more than" },
}

local function check_limits(schema, value, place, problems)
   for _, limit in ipairs(limits) do
      local name, holds, said = table.unpack(limit)
      if type(schema[name]) == "number" and not holds(value, schema[name]) then
         problems[#problems + 1] = ("%s %s %s"):format(place, said, schema[name])
      end
   end
end

local function check_members(schema, value, place, problems, root)
   local properties = schema.properties or {}
   for _, name in ipairs(schema.required or {}) do
      if value[name] == nil then
         problems[#problems + 1] = ("%s is required"):format(place == "" and name or place .. "." .. name)
      end
   end
   for name, inner in pairs(properties) do
      if value[name] ~= nil then
         check(inner, value[name], place == "" and name or place .. "." .. name, problems, root)
      end
   end
end

--- @param place the value's path, "" for all of them
function check(schema, value, place, problems, root)
   if type(schema) ~= "table" then return end
   schema = resolve(schema, root)
   if not check_type(schema, value, place, problems) then return end
   check_any(schema, value, place, problems, root)
   check_enum(schema, value, place, problems)
   check_limits(schema, value, place, problems)
   for _, part in ipairs(schema.allOf or {}) do check(part, value, place, problems, root) end
   if types.object(value) and (schema.properties or schema.required) then
      check_members(schema, value, place, problems, root)
   end
   if json.is_array(value) and type(schema.items) == "table" then
      for index, item in ipairs(value) do
         check(schema.items, item, ("%s[%d]"):format(place, index - 1), problems, root)
      end
   end
end

--- Checks parameters; those that are missing get the schema's defaults.
-- @param schema the deployment's `parameter_openapi_schema`, or nil
-- @return the parameters, and the list of what is wrong (empty where nothing is)
function parameters.check(schema, given)
   local all, problems = json.object {}, {}
   for name, value in pairs(given or {}) do all[name] = value end
   if type(schema) ~= "table" or schema == json.null then return all, problems end
   for name, property in pairs(schema.properties or {}) do
      local default
      if type(property) == "table" and property.default ~= json.null then default = property.default end
      if all[name] == nil then all[name] = default end
   end
   check(schema, all, "", problems, schema)
   table.sort(problems)
   return all, problems
end

return parameters
