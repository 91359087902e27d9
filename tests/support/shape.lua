--- An answer with everything taken out that two servers may not share: ids (but which object is meant stays),
-- times, durations.
local json = require "aci.json"

local shape = {}

local Shape = {}
Shape.__index = Shape

local UUID = "%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x"
local TIME = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*"
local MEASURED = { total_run_time = true, estimated_run_time = true, estimated_start_time_delta = true,
   delay_seconds = true }

--- A shape that remembers ids by name. `zero` ids (of nobody) stay as they are.
function shape.new()
   return setmetatable({ names = {} }, Shape)
end

--- From now on that id is shown as <name>.
function Shape:know(id, name)
   if type(id) == "string" and not self.names[id] then self.names[id] = "<" .. name .. ">" end
end

function Shape:text(value)
   if value:find(TIME .. "%+00:00$") then return "<time>" end
   if value:find(TIME .. "Z$") then return "<time Z>" end
   return (value:gsub(UUID, function(id)
      if id:sub(1, 8) == "00000000" then return id end
      return self.names[id] or "<id>"
   end))
end

--- The value without what is not comparable. @param hidden names of fields whose values are left out
function Shape:of(value, hidden)
   if type(value) == "string" then return self:text(value) end
   if type(value) ~= "table" then return value end
   local out = json.is_array(value) and json.array {} or json.object {}
   for key, each in pairs(value) do
      local name = type(key) == "string" and self:text(key) or key
      if MEASURED[key] and type(each) == "number" then
         out[name] = "<number>"
      elseif hidden and hidden[key] and each ~= json.null then
         out[name] = "<hidden>"
      else
         out[name] = self:of(each, hidden)
      end
   end
   if type(out.tags) == "table" and json.is_array(out.tags) then table.sort(out.tags) end
   return out
end

--- Its text, for comparison.
function Shape:encode(value, hidden)
   if value == nil then return "(no body)" end
   return json.encode(self:of(value, hidden))
end

return shape
