-- The copy element: of resources, of properties, of variables and of outputs.
local eval = require "aci.template.eval"
local fault = require "aci.template.fault"
local tree = require "aci.template.tree"
local value = require "aci.template.value"

local copies = {}

local most = 800

--- The number of instances a copy element asks for.
function copies.count(copy, scope)
   local count = copy.count
   if type(count) == "string" then
      count = eval.string(count, eval.inside(scope, { place = "start", defer = false }))
   end
   if math.type(count) ~= "integer" or count < 0 or count > most then
      fault.raise("Copy count must be a positive integer value and cannot exceed '%d'.", most)
   end
   return count
end

--- A scope inside instance `index` (from 0) of a loop; `main` loops answer copyIndex() without a name.
function copies.inside(scope, name, index, main)
   local loops = table.move(scope.loops, 1, #scope.loops, 1, {})
   loops[#loops + 1] = { name = name, index = index, main = main }
   return eval.inside(scope, { loops = loops })
end

local members = { name = true, count = true, input = true }

local function check(copy)
   if not value.is_object(copy) then
      fault.raise("The copy definition must be an object with the members 'name', 'count' and 'input'.")
   end
   for _, name in ipairs(value.names(copy)) do
      if not members[name] then
         fault.raise("Could not find member '%s' on object of type 'TemplateCopy'.", name)
      end
   end
   if type(copy.name) ~= "string" or copy.name == "" then
      fault.raise("The copy definition must have a name.")
   end
   local input = copy.input
   local fine = type(input) == "string" and true or value.is_object(input)
   if not fine then
      fault.raise("The copy input of '%s' must be an object or a string; other values are given by an "
         .. "expression.",
         copy.name)
   end
end

--- The array that one { name, count, input } element stands for.
function copies.array(copy, scope, main)
   local list = value.array {}
   for index = 0, copies.count(copy, scope) - 1 do
      local inside = copies.inside(scope, copy.name, index, main)
      list[index + 1] = eval.json(copy.input, inside)
   end
   return list
end

local function is_copy_list(list)
   return value.is_array(list) and value.is_object(list[1]) and list[1].input ~= nil
end

local function others(object)
   local rest = {}
   for name, v in value.members(object) do
      if name ~= "copy" then
         value.put(rest, name, v)
      end
   end
   return rest
end

--- An object with a member "copy": each element of it becomes an array beside the other members.
--- Any other "copy" is a property like others.
function copies.object(object, scope)
   if not is_copy_list(object.copy) then
      return eval.object(object, scope)
   end
   local out = eval.object(others(object), scope)
   for _, copy in ipairs(object.copy) do
      check(copy)
      local name = tree.literal(copy.name)
      if out[name] ~= nil then
         fault.raise("The property '%s' is defined by a copy and beside it.", name)
      end
      value.put(out, name, copies.array(copy, scope, false))
   end
   return out
end

--- The elements of variables.copy, checked.
function copies.variables(list)
   if not value.is_array(list) then
      fault.raise("The template variable 'copy' must be an array.")
   end
   for _, copy in ipairs(list) do
      check(copy)
   end
   return list
end

return copies
