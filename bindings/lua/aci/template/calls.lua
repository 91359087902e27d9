-- Which resources an expression will ask for, found without asking.
local eval = require "aci.template.eval"
local tree = require "aci.template.tree"

local calls = {}

local function try(node, scope)
   local ok, result = pcall(eval.tree, node, scope)
   if ok then
      return result
   end
   return nil
end

local walk

local function walk_if(node, scope, visit)
   walk(node[1], scope, visit)
   local chosen = try(node[1], scope)
   if chosen ~= false then
      walk(node[2], scope, visit)
   end
   if chosen ~= true then
      walk(node[3], scope, visit)
   end
end

function walk(node, scope, visit)
   if node.kind == "call" and not node.space and node.name:lower() == "if" and #node == 3 then
      return walk_if(node, scope, visit)
   elseif node.kind == "call" and not node.space and tree.is_runtime(node.name) and node[1] then
      visit(try(node[1], scope), node)
   end
   for i = 1, #node do
      walk(node[i], scope, visit)
   end
end

--- Call visit(name or id, node) for each runtime call that an expression will make, as far as that
--- can be known: branches not taken are left out, and a target that can't be known yet is nil.
function calls.each(s, scope, visit)
   walk(tree.parse(s), scope, visit)
end

return calls
