-- Which strings are expressions, their trees, and walking over them.
local c = require "aci._template"
local fault = require "aci.template.fault"

local tree = {}

-- The same expression stands in many places and is evaluated several times.
local parsed, kept = {}, 0

--- Is this string "[...]"? "[[..." is a literal, and so is "[..." without its end.
function tree.is_expression(s)
   return s:byte(1) == 91 and s:byte(-1) == 93 and #s > 1 and s:byte(2) ~= 91
end

--- What a string that is no expression stands for: "[[x]" loses one bracket.
function tree.literal(s)
   if s:byte(1) == 91 and s:byte(2) == 91 and s:byte(-1) == 93 then
      return s:sub(2)
   end
   return s
end

--- The tree of an expression string with its brackets; a fault when it does not parse.
function tree.parse(s)
   local found = parsed[s]
   if found then
      return found
   end
   local inner = s:sub(2, -2)
   local node, why = c.parse(inner)
   if not node then
      fault.raise("%s", why)
   end
   kept = kept + 1
   if kept > 4096 then
      parsed, kept = {}, 1
   end
   parsed[s] = node
   return node
end

--- Call visit(node) for every call in a tree, outer ones first.
function tree.each_call(node, visit)
   if node.kind == "call" then
      visit(node)
   end
   for i = 1, #node do
      tree.each_call(node[i], visit)
   end
end

local runtime_names = { reference = true, references = true }

--- Does this function need what only a deployment knows?
function tree.is_runtime(name)
   name = name:lower()
   return runtime_names[name] or name:find "^list%a" ~= nil
end

--- Does the expression contain such a call anywhere?
function tree.needs_runtime(node)
   if node.runtime == nil then
      local needs = false
      tree.each_call(node, function(call)
         needs = needs or (not call.space and tree.is_runtime(call.name))
      end)
      node.runtime = needs
   end
   return node.runtime
end

return tree
