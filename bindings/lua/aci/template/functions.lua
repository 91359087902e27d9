-- The table of template functions: the groups put together, arguments counted, places checked.
local eval = require "aci.template.eval"
local fault = require "aci.template.fault"
local tree = require "aci.template.tree"
local value = require "aci.template.value"

local functions = {}

-- name in lower case -> { run =, min =, max =, lazy =, places =, count = }
--   run(args, call)  args.n values; call = { name (as written), scope, node }
--   lazy             run(nodes, call): the arguments' trees, not their values
--   places           the places where it may stand; nil: everywhere
--   count(call, n)   raises this function's own words about a wrong number of arguments
local builtin = {}

local groups = {
   "arrays", "cidr", "collections", "comparison", "dates", "ids", "lambdas", "logical", "numeric", "objects",
   "runtime", "scopes", "strings", "uris",
}

for _, group in ipairs(groups) do
   for name, entry in pairs(require("aci.template." .. group)) do
      builtin[name:lower()] = entry
   end
end

local function requires(entry)
   if not entry.max then
      return ("at least %d argument(s)"):format(entry.min)
   elseif entry.min ~= entry.max then
      return ("between %d and %d argument(s)"):format(entry.min, entry.max)
   end
   return ("%d argument(s)"):format(entry.min)
end

local function check_count(entry, call, n)
   if n >= entry.min and (not entry.max or n <= entry.max) then
      return
   end
   if entry.count then
      entry.count(call, n)
   end
   fault.raise("Unable to evaluate template language function '%s': function requires %s while %d were "
      .. "provided.",
      call.name, requires(entry), n)
end

local function find(name)
   local entry = builtin[name:lower()]
   if not entry and name:lower():find "^list%a" then
      entry = builtin["list*"]
   end
   return entry
end

local function checked(node, place)
   local entry = find(node.name)
   if not entry then
      fault.raise("The template function '%s' is not valid.", node.name)
   end
   if entry.places and not entry.places[place] then
      fault.raise("The template function '%s' is not expected at this location.%s", node.name, entry.hint
         or "")
   end
   return entry
end

local function arguments(node, scope)
   local args = { n = #node }
   for i = 1, #node do
      args[i] = eval.tree(node[i], scope)
   end
   return args
end

--- Evaluate a call of one of the language's own functions.
function functions.call(node, scope)
   local entry = checked(node, scope.place)
   local call = { name = node.name, scope = scope, node = node }
   check_count(entry, call, #node)
   if entry.lazy then
      return entry.run(node, call)
   end
   return entry.run(arguments(node, scope), call)
end

local function check_user_arguments(user, node, args)
   if #node ~= #user.parameters then
      fault.raise("The template function '%s.%s' expects %d parameter(s) while %d were provided.",
         node.space, node.name, #user.parameters, #node)
   end
   local types = require "aci.template.types"
   for i, parameter in ipairs(user.parameters) do
      types.check(parameter.type, args[i])
   end
end

--- Evaluate a call of a function that the template defines.
function functions.user(node, scope)
   local name = node.space .. "." .. node.name
   local user = scope.functions and scope.functions[name:lower()]
   if not user then
      fault.raise("The template function '%s' is not valid.", name)
   end
   local args, given = arguments(node, scope), {}
   check_user_arguments(user, node, args)
   for i, parameter in ipairs(user.parameters) do
      given[parameter.name:lower()] = args[i]
   end
   local depth = (scope.depth or 0) + 1
   if depth > 64 then
      fault.raise("The template function '%s' calls itself too often.", name)
   end
   return eval.json(user.output, {
      root = scope.root, place = "function", functions = user.functions, loops = {}, depth = depth,
      parameters = function(wanted)
         return given[wanted:lower()]
      end,
   })
end

--- Refuse, before anything is evaluated, what can never be right: functions that don't exist or
--- may not stand in this place.
function functions.validate(s, place)
   if tree.is_expression(s) then
      tree.each_call(tree.parse(s), function(node)
         if not node.space then
            checked(node, place)
         end
      end)
   end
end

local function validate_object(v, place)
   for name, member in value.members(v) do
      functions.validate(name, place)
      functions.validate_json(member, place)
   end
end

--- The same for every string in a JSON value.
function functions.validate_json(v, place)
   if type(v) == "string" then
      functions.validate(v, place)
   elseif value.is_array(v) then
      for i = 1, #v do
         functions.validate_json(v[i], place)
      end
   elseif value.is_object(v) then
      validate_object(v, place)
   end
end

return functions
