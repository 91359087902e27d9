-- Evaluating trees and whole JSON values in a scope.
--
-- A scope is a table with these members; inner scopes inherit from outer ones (eval.inside):
--   root        what the deployment is: subscription, resource group, callbacks (see scopes.lua)
--   place       "parameter" | "variable" | "start" | "properties" | "output" | "function"
--   parameters  function(name) -> value        variables  function(name) -> value
--   functions   user functions by lower-case "space.name"
--   loops       { { name =, index = }, ... } innermost last
--   lambdas     { [name] = value } or nil
--   defer       true: a call that needs the deployment raises eval.deferred instead of being made
local fault = require "aci.template.fault"
local tree = require "aci.template.tree"
local value = require "aci.template.value"

local eval = {}

eval.deferred = setmetatable({}, { __tostring = function() return "deferred" end })

--- A scope that inherits everything but what `fields` says.
function eval.inside(scope, fields)
   return setmetatable(fields, { __index = scope })
end

local function property_of(base, name)
   if not value.is_object(base) then
      fault.raise("The language expression property '%s' can't be evaluated.", name)
   end
   local found = value.member(base, name)
   if found == nil then
      fault.raise("The language expression property '%s' doesn't exist, available properties are '%s'.",
         name, table.concat(value.names(base), ", "))
   end
   return found
end

local function element_of(base, index)
   if value.is_array(base) and math.type(index) == "integer" then
      if index < 0 or index >= #base then
         fault.raise("The language expression property array index '%d' is out of bounds.", index)
      end
      return base[index + 1]
   elseif value.is_object(base) and type(index) == "string" then
      return property_of(base, index)
   end
   fault.raise("The language expression property '%s' can't be evaluated.", value.text(index) or "")
end

--- base.name or base[0]; the same rules for every way of writing it.
function eval.access(base, key)
   if type(key) == "string" then
      return property_of(base, key)
   end
   return element_of(base, key)
end

local function call(node, scope)
   local functions = require "aci.template.functions"
   if node.space then
      return functions.user(node, scope)
   end
   return functions.call(node, scope)
end

local by_kind = {
   string = function(node) return node.value end,
   integer = function(node) return node.value end,
   property = function(node, scope) return property_of(eval.tree(node[1], scope), node.name) end,
   index = function(node, scope)
      return element_of(eval.tree(node[1], scope), eval.tree(node[2], scope))
   end,
   call = call,
}

--- The value of a tree.
function eval.tree(node, scope)
   return by_kind[node.kind](node, scope)
end

--- The value of a JSON string: an expression's result, or the literal.
function eval.string(s, scope)
   if not tree.is_expression(s) then
      return tree.literal(s)
   end
   return eval.tree(tree.parse(s), scope)
end

-- With scope.defer, an expression that meets the deployment's part stays as it is written.
local function late_string(s, scope)
   local node = tree.parse(s)
   if not tree.needs_runtime(node) then
      return eval.tree(node, scope)
   end
   local ok, result = pcall(eval.tree, node, scope)
   if ok then
      return result
   elseif result ~= eval.deferred then
      error(result, 0)
   end
   if scope.on_deferred then
      scope.on_deferred(s, scope)
   end
   return s
end

--- The name of a member, which may be an expression that gives a string.
function eval.name(name, scope)
   if not tree.is_expression(name) then
      return tree.literal(name)
   end
   local result = eval.string(name, scope)
   if type(result) ~= "string" then
      fault.raise("The template language expression '%s' used as a property name must evaluate to a string. "
         .. "The provided value is of type '%s'.", name, value.type(result))
   end
   return result
end

local function eval_object(object, scope)
   local out = {}
   for name, v in value.members(object) do
      local evaluated = eval.name(name, scope)
      if out[evaluated] ~= nil then
         fault.raise("The property name '%s' is given more than once after its expression is evaluated.",
            evaluated)
      end
      value.put(out, evaluated, eval.json(v, scope))
   end
   return out
end

local function eval_array(array, scope)
   local out = value.array {}
   for i = 1, #array do
      out[i] = eval.json(array[i], scope)
   end
   return out
end

--- A JSON value with every expression in it evaluated; scope.copies expands "copy" members.
function eval.json(v, scope)
   if type(v) == "string" then
      if not tree.is_expression(v) then
         return tree.literal(v)
      end
      return scope.defer and late_string(v, scope) or eval.string(v, scope)
   elseif value.is_array(v) then
      return eval_array(v, scope)
   elseif value.is_object(v) then
      if scope.copies and v.copy ~= nil then
         return scope.copies(v, scope)
      end
      return eval_object(v, scope)
   end
   return v
end

--- The same without looking for "copy" in this object itself (its members are looked at).
eval.object = eval_object

return eval
