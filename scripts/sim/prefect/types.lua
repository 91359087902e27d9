--- The types of the fields of request bodies, as Prefect's models have them.
local clock   = require "aci.clock"
local json    = require "aci.json"
local version = require "sim.prefect.version"

-- A test gives nothing, or the kind of fault and what its message names.
local tests = {}

local types = { tests = tests }

local LONGEST_VALUE = 5000 -- characters of a variable's value

types.UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

function types.is_object(value)
   return type(value) == "table" and value ~= json.null and not json.is_array(value)
end

function types.is_array(value)
   return type(value) == "table" and json.is_array(value)
end

function types.is_uuid(value)
   return type(value) == "string" and value:find(types.UUID) ~= nil
end

function tests.any() end

function tests.string(value)
   local ok = type(value) == "string" or (type(value) == "number" and version.is(2))
   return not ok and "string" or nil
end

function tests.uuid(value)
   if types.is_uuid(value) then return nil end
   if type(value) ~= "string" then return "uuid_type" end
   local at, bad = value:match "()([^%x%-])"
   if bad then return "uuid", ("invalid character: found `%s` at %d"):format(bad, at - 1) end
   return "uuid", "invalid length: found " .. #value
end

-- Prefect 2 cuts a fraction off.
function tests.integer(value)
   if math.tointeger(tonumber(value)) or type(value) == "number" and version.is(2) then return nil end
   if type(value) == "number" then return "fraction" end
   return type(value) == "string" and "integer" or "integer_type"
end

function tests.number(value)
   return not tonumber(value) and "number" or nil
end

local YES, NO = {}, {} -- words that are taken for booleans
for word in ("1 on t true y yes"):gmatch "%S+" do YES[word] = true end
for word in ("0 off f false n no"):gmatch "%S+" do NO[word] = true end

function types.is_yes(word) return YES[word] == true end

function tests.boolean(value)
   local word = tostring(value):lower()
   if type(value) == "boolean" or type(value) ~= "table" and (YES[word] or NO[word]) then return nil end
   return type(value) == "string" and "boolean" or "boolean_type"
end

function tests.object(value)
   return not types.is_object(value) and "object" or nil
end

function tests.array(value)
   return not types.is_array(value) and "array" or nil
end

-- Lists whose items have a type.
types.items = { ids = "uuid", strings = "string", objects = "object" }
for name in pairs(types.items) do tests[name] = tests.array end

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
function tests.job_template(value)
   if not types.is_object(value) then return "object" end
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

function tests.time(value)
   if type(value) ~= "string" or not clock.parse_iso(value) then return "time", value end
end

-- A time of another class of the server's than the above: it says so in its own words.
function tests.moment(value)
   if type(value) ~= "string" or not clock.parse_iso(value) then return "moment", value end
end

function tests.deployment_name(value)
   if type(value) == "string" and value:find "[/%%&><]" then return "invalid_name", value end
   return tests.string(value)
end

-- Prefect 3 takes no empty one.
function tests.name(value)
   if value == "" and version.is(3) then return "invalid_name", value end
   return tests.deployment_name(value)
end

function tests.pool_name(value)
   if value == "" and version.is(3) then return "value", "name cannot be an empty string" end
   return tests.name(value)
end

local function made_of(pattern, message)
   return function(value)
      if type(value) ~= "string" or value:find(pattern) then return "value", message end
   end
end

tests.block_name = made_of("[^a-z0-9-]",
   "Block document name must only contain lowercase letters, numbers, and dashes.")
tests.slug = made_of("[^a-z0-9-]", "Block type slug must only contain lowercase letters, numbers, and dashes.")
tests.artifact_key = made_of("[^a-z0-9-]", "Artifact key must only contain lowercase letters, numbers, and dashes.")

local old_variable_name = made_of("[^a-z0-9_]",
   "Variable name must only contain lowercase letters, numbers, and underscores.")
local new_variable_name = made_of("[^a-z0-9_-]",
   "Variable name must only contain lowercase letters, numbers, and dashes or underscores.")

function tests.variable_name(value)
   return version.pick(old_variable_name, new_variable_name)(value)
end

function tests.variable_value(value)
   if version.is(2) then
      local kind = tests.string(value)
      if not kind and #tostring(value) > LONGEST_VALUE then return "long", LONGEST_VALUE end
      return kind
   end
   if #json.encode(value) > LONGEST_VALUE then
      return "value", ("Variable value must be less than %d characters"):format(LONGEST_VALUE)
   end
end

return types
