-- equals, less, lessOrEquals, greater, greaterOrEquals, coalesce.
local eval = require "aci.template.eval"
local expect = require "aci.template.expect"
local text = require "aci.template.text"
local value = require "aci.template.value"

local comparison = {}

comparison.equals = { min = 2, max = 2, run = function(args)
   return value.same(args[1], args[2])
end }

local function order(args, call)
   local a, b = args[1], args[2]
   if type(a) == "string" and type(b) == "string" then
      return text.compare(a, b)
   elseif type(a) == "number" and type(b) == "number" then
      return a < b and -1 or a > b and 1 or 0
   end
   expect.raise(call, "expects two parameters of matching types. The function was invoked with values of "
      .. "type '%s' and '%s' which do not match.", value.type(a), value.type(b))
end

local function ordering(test)
   return { min = 2, max = 2, run = function(args, call)
      return test(order(args, call))
   end }
end

comparison.less = ordering(function(o) return o < 0 end)
comparison.lessOrEquals = ordering(function(o) return o <= 0 end)
comparison.greater = ordering(function(o) return o > 0 end)
comparison.greaterOrEquals = ordering(function(o) return o >= 0 end)

comparison.coalesce = { min = 1, lazy = true, run = function(nodes, call)
   for i = 1, #nodes do
      local v = eval.tree(nodes[i], call.scope)
      if v ~= value.null then
         return v
      end
   end
   return value.null
end }

return comparison
