-- filter, map, reduce, sort, toObject, groupBy, mapValues, lambda, lambdaVariables.
local eval = require "aci.template.eval"
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"
local value = require "aci.template.value"

local lambdas = {}

-- The Lua function of a lambda('a', 'b', body) node: the values go to the names in order.
local function closure(node, call, most)
   if node.kind ~= "call" or node.space or node.name:lower() ~= "lambda" then
      expect.raise(call, "expects a lambda function as its parameter.")
   end
   local names = {}
   for i = 1, #node - 1 do
      if node[i].kind ~= "string" then
         fault.raise("The template language function 'lambda' expects the names of its variables as string "
            .. "literals.")
      end
      names[i] = node[i].value
   end
   if #names > most then
      expect.raise(call, "expects a lambda function with at most %d parameter(s) while %d were provided.",
         most, #names)
   end
   local outer = call.scope.lambdas or {}
   return function(...)
      local variables = setmetatable({}, { __index = outer })
      for i, name in ipairs(names) do
         variables[name] = (select(i, ...))
      end
      return eval.tree(node[#node], eval.inside(call.scope, { lambdas = variables }))
   end
end

local function source(nodes, call, wanted)
   return expect.type(call, eval.tree(nodes[1], call.scope), wanted or "Array")
end

local function yes(call, result)
   if type(result) ~= "boolean" then
      expect.raise(call, "expects its lambda function to return a value of type 'Boolean'. "
         .. "The returned value is of type '%s'.", value.type(result))
   end
   return result
end

lambdas.filter = { min = 2, max = 2, lazy = true, run = function(nodes, call)
   local list, keep, out = source(nodes, call), closure(nodes[2], call, 2), value.array {}
   for i, v in ipairs(list) do
      if yes(call, keep(v, i - 1)) then
         out[#out + 1] = v
      end
   end
   return out
end }

lambdas.map = { min = 2, max = 2, lazy = true, run = function(nodes, call)
   local list, change, out = source(nodes, call), closure(nodes[2], call, 2), value.array {}
   for i, v in ipairs(list) do
      out[i] = change(v, i - 1)
   end
   return out
end }

lambdas.reduce = { min = 3, max = 3, lazy = true, run = function(nodes, call)
   local list, so_far = source(nodes, call), eval.tree(nodes[2], call.scope)
   local combine = closure(nodes[3], call, 3)
   for i, v in ipairs(list) do
      so_far = combine(so_far, v, i - 1)
   end
   return so_far
end }

-- Merge sort: stable, and content with any comparison a template may come up with.
local function merge_sort(list, before)
   if #list < 2 then
      return list
   end
   local middle, out = #list // 2, {}
   local a = merge_sort({ table.unpack(list, 1, middle) }, before)
   local b = merge_sort({ table.unpack(list, middle + 1) }, before)
   local i, j = 1, 1
   while i <= #a or j <= #b do
      if j > #b or (i <= #a and not before(b[j], a[i])) then
         out[#out + 1], i = a[i], i + 1
      else
         out[#out + 1], j = b[j], j + 1
      end
   end
   return out
end

lambdas.sort = { min = 2, max = 2, lazy = true, run = function(nodes, call)
   local list, before = source(nodes, call), closure(nodes[2], call, 2)
   return value.array(merge_sort(list, function(a, b)
      return yes(call, before(a, b))
   end))
end }

local function key_of(call, key)
   if type(key) ~= "string" then
      expect.raise(call, "expects its key lambda to return a value of type 'String'. "
         .. "The returned value is of type '%s'.", value.type(key))
   end
   return key
end

local function key_and_value(nodes, call)
   local value_of = nodes[3] and closure(nodes[3], call, 1)
   return closure(nodes[2], call, 1), value_of or function(v) return v end
end

lambdas.toObject = { min = 2, max = 3, lazy = true, run = function(nodes, call)
   local list, out = source(nodes, call), {}
   local key_function, value_function = key_and_value(nodes, call)
   for _, v in ipairs(list) do
      local key = key_of(call, key_function(v))
      if value.member(out, key) ~= nil then
         expect.raise(call, "was given more than one item with the key '%s'.", key)
      end
      value.put(out, key, value_function(v))
   end
   return out
end }

lambdas.groupBy = { min = 2, max = 3, lazy = true, run = function(nodes, call)
   local list, out = source(nodes, call), {}
   local key_function, value_function = key_and_value(nodes, call)
   for _, v in ipairs(list) do
      local key = key_of(call, key_function(v))
      local group = value.member(out, key)
      if not group then
         group = value.array {}
         value.put(out, key, group)
      end
      group[#group + 1] = value_function(v)
   end
   return out
end }

lambdas.mapValues = { min = 2, max = 2, lazy = true, run = function(nodes, call)
   local object, change, out = source(nodes, call, "Object"), closure(nodes[2], call, 1), {}
   for name, v in value.members(object) do
      value.put(out, name, change(v))
   end
   return out
end }

lambdas.lambda = { min = 1, lazy = true, run = function(_, call)
   fault.raise("The template function '%s' is not expected at this location.", call.name)
end }

lambdas.lambdaVariables = { min = 1, max = 1, run = function(args, call)
   local name, known = expect.type(call, args[1], "String"), call.scope.lambdas
   local found = known and known[name]
   if found == nil then
      fault.raise("The template lambda variable '%s' is not found.", name)
   end
   return found
end }

return lambdas
