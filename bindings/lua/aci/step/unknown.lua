--- A value that is known only after a step has run. In a plan it stands for everything that comes from
-- things which do not exist yet; whatever is taken from it or joined to it is unknown as well.
local unknown = {}

local value = {}

setmetatable(value, {
   __name = "aci.unknown",
   __index = function() return value end,
   __call = function() return value end,
   __concat = function() return value end,
   __tostring = function() return "(known after the run)" end,
})

unknown.value = value

--- Is it unknown, or a table with something unknown in it?
function unknown.within(other, depth)
   if rawequal(other, value) then return true end
   if type(other) ~= "table" or (depth or 0) > 20 or getmetatable(other) == "aci.error" then return false end
   for _, inner in next, other do
      if unknown.within(inner, (depth or 0) + 1) then return true end
   end
   return false
end

return unknown
