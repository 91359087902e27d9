--- What a value becomes that is taken though it is of another type, by the type that is wanted.
local json  = require "aci.json"
local types = require "sim.prefect.types"

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
   return types.is_yes(tostring(value):lower())
end

function coercions.strings(value)
   local out = json.array {}
   for index, each in ipairs(value) do out[index] = as_text(each) end
   return out
end

return coercions
