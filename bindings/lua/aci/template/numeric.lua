-- add, sub, mul, div, mod, int, float, min, max: 64-bit integers that refuse to overflow.
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"
local value = require "aci.template.value"

local numeric = {}

local function overflow(call, a, b)
   expect.raise(call, "overflowed with the operants '%d' and '%d'.", a, b)
end

local function binary(operate)
   return { min = 2, max = 2, run = function(args, call)
      local a, b = expect.nth(call, args, 1, "Integer"), expect.nth(call, args, 2, "Integer")
      return operate(a, b, call)
   end }
end

numeric.add = binary(function(a, b, call)
   local sum = a + b
   return (a ~ sum) & (b ~ sum) < 0 and overflow(call, a, b) or sum
end)

numeric.sub = binary(function(a, b, call)
   local difference = a - b
   return (a ~ b) & (a ~ difference) < 0 and overflow(call, a, b) or difference
end)

numeric.mul = binary(function(a, b, call)
   local product = a * b
   local wrong = (a == -1 and b == math.mininteger) or (a ~= 0 and a ~= -1 and (product % a ~= 0
      or product // a ~= b))
   return wrong and overflow(call, a, b) or product
end)

local function divisor(b, call)
   if b == 0 then
      fault.raise("The template language function '%s' attempted to divide by zero.", call.name)
   end
   return b
end

-- Towards zero, as .NET divides; Lua's // goes down.
local function quotient(a, b)
   local q = a // b
   return (q < 0 and q * b ~= a) and q + 1 or q
end

numeric.div = binary(function(a, b, call)
   if a == math.mininteger and b == -1 then
      overflow(call, a, b)
   end
   return quotient(a, divisor(b, call))
end)

numeric.mod = binary(function(a, b, call)
   return math.fmod(a, divisor(b, call))
end)

local function to_integer(v)
   if math.type(v) == "integer" then
      return v
   elseif math.type(v) == "float" and v >= -0x1p63 and v < 0x1p63 then
      return math.tointeger(v - math.fmod(v, 1))
   elseif type(v) == "string" and v:find "^%s*[+-]?%d+%s*$" then
      local sign, digits = v:match "([+-]?)0*(%d+)"
      return #digits < 19 and tonumber(sign .. digits) or math.tointeger(tonumber((v:gsub("%+", ""))))
   end
   return nil
end

numeric.int = { min = 1, max = 1, run = function(args, call)
   local result = to_integer(args[1])
   if not result then
      expect.raise(call, "cannot convert provided value '%s' to integer value.",
         value.text(args[1]) or value.json(args[1]))
   end
   return result
end }

numeric.float = { min = 1, max = 1, run = function(args, call)
   local v = args[1]
   local result = (type(v) == "number" or type(v) == "string" and not v:lower():find "[xn]") and tonumber(v)
   if not result then
      expect.raise(call, "cannot convert provided value '%s' to float value.", value.text(v) or value.json(v))
   end
   return result + 0.0
end }

local function extreme(better)
   return { min = 1, run = function(args, call)
      local list = value.is_array(args[1]) and args.n == 1 and args[1] or args
      local best = expect.type(call, list[1], "Integer")
      for i = 2, list == args and args.n or #list do
         local v = expect.type(call, list[i], "Integer")
         best = better(v, best) and v or best
      end
      return best
   end }
end

numeric.max = extreme(function(a, b) return a > b end)
numeric.min = extreme(function(a, b) return a < b end)

return numeric
