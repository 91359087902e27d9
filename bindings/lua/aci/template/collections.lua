-- What works on strings as well as on arrays or objects: concat, contains, empty, first, last,
-- indexOf, lastIndexOf, length, skip, take, union, intersection.
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"
local text = require "aci.template.text"
local value = require "aci.template.value"

local collections = {}

local function one_at_least(word)
   return function(call)
      fault.raise("Unable to evaluate template language function '%s'. At least %s parameter should be "
         .. "provided.",
         call.name, word)
   end
end

local function count_arrays(args)
   local count = 0
   for i = 1, args.n do
      count = count + (value.is_array(args[i]) and 1 or 0)
   end
   return count
end

local function join_arrays(args)
   local all = value.array {}
   for i = 1, args.n do
      table.move(args[i], 1, #args[i], #all + 1, all)
   end
   return all
end

local function join_texts(args, call)
   local all = ""
   for i = 1, args.n do
      local v = args[i]
      local part = value.type(v) == "SecureString" and v or value.text(v)
      if part == nil or v == value.null then
         fault.raise("The provided parameters for language function '%s' are invalid. Either all or none of "
            .. "the parameters must be an array.", call.name)
      end
      all = all .. part
   end
   return all
end

collections.concat = { min = 1, count = one_at_least "one", run = function(args, call)
   local arrays = count_arrays(args)
   if arrays == args.n then
      return join_arrays(args)
   elseif arrays > 0 then
      fault.raise("The provided parameters for language function '%s' are invalid. Either all or none of the "
         .. "parameters must be an array.", call.name)
   end
   return join_texts(args, call)
end }

local function find_in(list, wanted, from, to, step)
   for i = from, to, step do
      if value.same(list[i], wanted) then
         return i - 1
      end
   end
   return -1
end

collections.contains = { min = 2, max = 2, run = function(args, call)
   local container, item = args[1], args[2]
   if value.is_array(container) then
      return find_in(container, item, 1, #container, 1) >= 0
   elseif value.is_object(container) then
      return value.member(container, expect.nth(call, args, 2, "String")) ~= nil
   elseif type(container) == "string" then
      return container:find(expect.nth(call, args, 2, "String"), 1, true) ~= nil
   end
   expect.raise(call, "expects its first parameter to be an array, an object, or a string. "
      .. "The provided value is of type '%s'.", value.type(container))
end }

collections.empty = { min = 1, max = 1, run = function(args, call)
   local v, kind = args[1], value.type(args[1])
   if kind == "Array" or kind == "String" or kind == "SecureString" then
      return #v == 0
   elseif kind == "Object" then
      return next(v) == nil
   elseif kind == "Null" then
      return true
   end
   fault.raise("The template function '%s' expects its parameter to be an object, an array, or a string. "
      .. "The provided value is of type '%s'.", call.name, kind)
end }

local function end_of(pick_text, pick_array)
   return { min = 1, max = 1, run = function(args, call)
      local v = args[1]
      if value.is_array(v) then
         local found = pick_array(v)
         return found == nil and value.null or found
      elseif type(v) == "string" then
         return pick_text(v)
      end
      expect.raise(call, "expects its parameter be an array or a string. The provided value is of type '%s'.",
         value.type(v))
   end }
end

collections.first = end_of(function(s) return text.sub(s, 0, 1) end, function(a) return a[1] end)
collections.last = end_of(function(s) return text.sub(s, text.length(s) - 1, 1) end,
   function(a) return a[#a] end)

collections.indexOf = { min = 2, max = 2, run = function(args, call)
   if value.is_array(args[1]) then
      return find_in(args[1], args[2], 1, #args[1], 1)
   end
   return text.find(expect.nth(call, args, 1, "String", "String or Array"), expect.nth(call, args, 2,
      "String"))
end }

collections.lastIndexOf = { min = 2, max = 2, run = function(args, call)
   if value.is_array(args[1]) then
      return find_in(args[1], args[2], #args[1], 1, -1)
   end
   local s = expect.nth(call, args, 1, "String", "String or Array")
   return text.find(s, expect.nth(call, args, 2, "String"), true)
end }

collections.length = { min = 1, max = 1, run = function(args, call)
   local v, kind = args[1], value.type(args[1])
   if kind == "String" then
      return text.length(v)
   elseif kind == "Array" or kind == "SecureString" then
      return #v
   elseif kind == "Object" then
      return #value.names(v)
   end
   expect.raise(call, "expects its parameter to be an array, object, or a string. "
      .. "The provided value is of type '%s'.", kind)
end, count = function(call, n)
   fault.raise("The template language function '%s' expects exactly one parameter: an array, object, or a "
      .. "string "
      .. "the length of which is returned. The function was invoked with '%d' parameters.", call.name, n)
end }

local function slice(v, from, count)
   if type(v) == "string" then
      return text.sub(v, from, count)
   end
   return value.array(table.move(v, from + 1, math.min(from + count, #v), 1, {}))
end

local function part(verb, cut)
   return { min = 2, max = 2, run = function(args, call)
      local v, n = args[1], args[2]
      if math.type(n) ~= "integer" then
         expect.raise(call, "expects its second parameter 'count' to be an integer. "
            .. "The provided value is of type '%s'.", value.type(n))
      elseif type(v) ~= "string" and not value.is_array(v) then
         expect.raise(call, "expects its first parameter 'collection' to be an array or a string. "
            .. "The provided value is of type '%s'.", value.type(v))
      end
      local size = type(v) == "string" and text.length(v) or #v
      n = math.max(0, math.min(n, size))
      return cut(v, n, size)
   end, count = function(call, n)
      fault.raise("The template language function '%s' expects exactly two parameters: the collection to %s "
         .. "the "
         .. "objects from as the first parameter and the count of objects to %s as the second parameter. "
         .. "The function was invoked with '%d' parameter(s).", call.name, verb, verb, n)
   end }
end

collections.skip = part("skip", function(v, n, size) return slice(v, n, size - n) end)
collections.take = part("take", function(v, n) return slice(v, 0, n) end)

-- The arguments from the first, or the one that is said.
local function all_of(args, test, from)
   for i = from or 1, args.n do
      if not test(args[i]) then
         return false
      end
   end
   return true
end

-- union and intersection take either arrays or objects, never both.
local function two_kinds(of_arrays, of_objects)
   return { min = 2, count = one_at_least "two", run = function(args, call)
      if all_of(args, value.is_array) then
         return of_arrays(args)
      elseif all_of(args, value.is_object) then
         return of_objects(args)
      end
      local first = value.type(args[1])
      if not all_of(args, function(v) return value.type(v) == first end) then
         fault.raise("Template language function '%s' expects parameters of the same type, "
            .. "but found multiple types.", call.name)
      end
      expect.raise(call, "expects either a comma separated list of arrays or a comma separated list of "
         .. "objects as its parameters.")
   end }
end

local function merge(into, from)
   local out = {}
   for name, v in value.members(into) do
      value.put(out, name, v)
   end
   for name, v in value.members(from) do
      local old, stored = value.member(out, name)
      local both = value.is_object(old) and value.is_object(v)
      value.put(out, stored or name, both and merge(old, v) or v)
   end
   return out
end

collections.union = two_kinds(function(args)
   local all = value.array {}
   for i = 1, args.n do
      for _, v in ipairs(args[i]) do
         if find_in(all, v, 1, #all, 1) < 0 then
            all[#all + 1] = v
         end
      end
   end
   return all
end, function(args)
   local all = args[1]
   for i = 2, args.n do
      all = merge(all, args[i])
   end
   return all
end)

collections.intersection = two_kinds(function(args)
   local common = value.array {}
   for _, v in ipairs(args[1]) do
      local everywhere = all_of(args, function(list) return find_in(list, v, 1, #list, 1) >= 0 end, 2)
      if everywhere and find_in(common, v, 1, #common, 1) < 0 then
         common[#common + 1] = v
      end
   end
   return common
end, function(args)
   local common = {}
   for name, v in value.members(args[1]) do
      local everywhere = all_of(args, function(object)
         local other = value.member(object, name)
         return other ~= nil and value.same(other, v)
      end, 2)
      if everywhere then
         value.put(common, name, v)
      end
   end
   return common
end)

return collections
