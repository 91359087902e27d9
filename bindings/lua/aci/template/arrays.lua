-- array, createArray, flatten, range, indexFromEnd, tryIndexFromEnd.
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"
local value = require "aci.template.value"

local arrays = {}

arrays.array = { min = 1, max = 1, run = function(args)
   return value.is_array(args[1]) and args[1] or value.array { args[1] }
end }

arrays.createArray = { min = 0, run = function(args)
   return value.array { table.unpack(args, 1, args.n) }
end }

arrays.flatten = { min = 1, max = 1, run = function(args, call)
   local flat = value.array {}
   for _, inner in ipairs(expect.type(call, args[1], "Array")) do
      for _, v in ipairs(expect.type(call, inner, "Array")) do
         flat[#flat + 1] = v
      end
   end
   return flat
end }

arrays.range = { min = 2, max = 2, run = function(args, call)
   local start, count = expect.nth(call, args, 1, "Integer"), expect.nth(call, args, 2, "Integer")
   if count < 0 or count > 10000 or start + count > 2147483647 then
      expect.raise(call, "expects a count between 0 and 10000 and a last value of at most 2147483647. "
         .. "The start index: '%d', the count: '%d'.", start, count)
   end
   local list = value.array {}
   for i = 1, count do
      list[i] = start + i - 1
   end
   return list
end }

local function from_end(args, call)
   local list, back = expect.nth(call, args, 1, "Array"), expect.nth(call, args, 2, "Integer")
   return back >= 1 and list[#list + 1 - back]
end

arrays.indexFromEnd = { min = 2, max = 2, run = function(args, call)
   local found = from_end(args, call)
   if found == nil or found == false and (args[2] < 1) then
      fault.raise("The language expression property array index '%d' is out of bounds.", args[2])
   end
   return found
end }

arrays.tryIndexFromEnd = { min = 2, max = 2, run = function(args, call)
   if args[1] == value.null then
      return value.null
   end
   local found = from_end(args, call)
   if found == nil or found == false and args[2] < 1 then
      return value.null
   end
   return found
end }

return arrays
