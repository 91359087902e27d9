-- and, or, not, bool, if, true, false.
local eval = require "aci.template.eval"
local expect = require "aci.template.expect"
local value = require "aci.template.value"

local logical = {}

local function condition(node, call)
   return expect.type(call, eval.tree(node, call.scope), "Boolean")
end

logical["and"] = { min = 2, lazy = true, run = function(nodes, call)
   for i = 1, #nodes do
      if not condition(nodes[i], call) then
         return false
      end
   end
   return true
end }

logical["or"] = { min = 2, lazy = true, run = function(nodes, call)
   for i = 1, #nodes do
      if condition(nodes[i], call) then
         return true
      end
   end
   return false
end }

logical["not"] = { min = 1, max = 1, run = function(args, call)
   return not expect.type(call, args[1], "Boolean")
end }

local function to_bool(v)
   if type(v) == "boolean" then
      return v
   elseif math.type(v) == "integer" then
      return v ~= 0
   elseif type(v) == "string" and v:lower():find "^%s*true%s*$" then
      return true
   elseif type(v) == "string" and v:lower():find "^%s*false%s*$" then
      return false
   end
   return nil
end

logical.bool = { min = 1, max = 1, run = function(args, call)
   local result = to_bool(args[1])
   if result == nil then
      expect.raise(call, "was invoked with a parameter that is not valid. "
         .. "The value cannot be converted to the target type.")
   end
   return result
end }

-- Only the branch that is taken is evaluated: the other may refer to what does not exist.
logical["if"] = { min = 3, max = 3, lazy = true, run = function(nodes, call)
   local chosen = eval.tree(nodes[1], call.scope)
   if type(chosen) ~= "boolean" then
      expect.raise(call, "expects its first parameter to be of type 'Boolean'. The provided value is of "
         .. "type '%s'.",
         value.type(chosen))
   end
   return eval.tree(nodes[chosen and 2 or 3], call.scope)
end }

logical["true"] = { min = 0, max = 0, run = function() return true end }
logical["false"] = { min = 0, max = 0, run = function() return false end }

return logical
