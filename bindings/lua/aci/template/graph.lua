-- Who waits for whom: dependsOn, references by name, batches of serial copies; cycles; an order.
local calls = require "aci.template.calls"
local eval = require "aci.template.eval"
local fault = require "aci.template.fault"
local path = require "aci.template.path"
local resources = require "aci.template.resources"

local graph = {}

-- Lookup tables over the flat list. A name may stand for several resources.
local function index(list)
   local tables = { ids = {}, paths = {}, names = {}, loops = {}, symbols = {} }
   local function add(table_name, key, resource)
      local bucket = tables[table_name]
      key = key:lower()
      bucket[key] = bucket[key] or {}
      table.insert(bucket[key], resource)
   end
   for _, resource in ipairs(list) do
      add("ids", resource.id, resource)
      add("paths", path.weave(path.segments(resource.type), path.segments(resource.name)), resource)
      add("names", resource.name, resource)
      if resource.loop then
         add("loops", resource.loop.name, resource)
      end
      if resource.symbol then
         add("symbols", resource.symbol, resource)
         add("symbols", resource.loop and ("%s[%d]"):format(resource.symbol, resource.loop.index)
            or resource.symbol,
            resource)
      end
   end
   return tables
end

--- All resources a name, an unqualified or a full id, a loop's name or a symbol means; nil for none.
function graph.lookup(tables, wanted)
   local key = wanted:lower():gsub("/$", "")
   return tables.ids[key] or tables.symbols[key] or tables.paths[key] or tables.names[key]
      or tables.loops[key]
end

local function not_found(wanted)
   local text
   if wanted:find("/", 1, true) then
      text = ("The resource '%s' is not defined in the template.%s"):format(wanted,
         fault.see "arm-syntax-resources")
   else
      text = ("The template reference '%s' is not valid: could not find template resource or resource copy "
         .. "with this name.%s"):format(wanted, fault.see "arm-template-expressions/#reference")
   end
   fault.raise("%s", text)
end

local function self_reference(resource)
   fault.invalid(("The template resource '%s' cannot reference itself.%s"):format(resource.id,
      fault.see "arm-function-reference"), resource.place, resource.path)
end

local function link(resource, other)
   if other == resource then
      self_reference(resource)
   elseif not resource.edges[other] then
      resource.edges[other] = true
      table.insert(resource.waits_for, other)
   end
end

local function ambiguous(found)
   local first = found[1]
   for i = 2, #found do
      if found[i].type:lower() ~= first.type:lower() then
         return true
      end
   end
   return false
end

-- Faults here speak of the reference, not of the resource that holds it.
local function bare(f, ...)
   return fault.dress(function(err)
      err.bare = true
   end, f, ...)
end

local function link_named(resource, tables, wanted)
   local found = graph.lookup(tables, wanted) or not_found(wanted)
   if ambiguous(found) then
      fault.raise("The template reference '%s' is not valid: more than one resource has this name.%s", wanted,
         fault.see "arm-syntax-resources")
   end
   for _, other in ipairs(found) do
      link(resource, other)
   end
end

local function link_declared(resource, tables)
   local list = resource.raw.dependsOn
   for _, entry in ipairs(list or {}) do
      local wanted = eval.json(entry, eval.inside(resource.scope, { place = "start" }))
      if type(wanted) ~= "string" then
         fault.raise("The entries of dependsOn must be strings")
      end
      bare(link_named, resource, tables, wanted)
   end
end

-- reference('name') makes the resource wait; an id does only when the template must know the
-- resource because no version is given.
local function link_runtime(resource, tables, s, scope)
   calls.each(s, scope, function(wanted, node)
      local found = type(wanted) == "string" and graph.lookup(tables, wanted)
      local by_id = found and wanted:sub(1, 1) == "/"
      if not found or (by_id and node.name:lower() == "reference" and #node > 1) then
         return
      end
      for _, other in ipairs(found) do
         link(resource, other)
      end
   end)
end

local function link_batches(list)
   local loops = {}
   for _, resource in ipairs(list) do
      local loop = resource.loop
      if loop and loop.batch then
         local key = loop.name:lower() .. "\0" .. resource.path
         loops[key] = loops[key] or {}
         loops[key][loop.index] = resource
         local before = loops[key][loop.index - loop.batch]
         if before then
            link(resource, before)
         end
      end
   end
end

local function circular(resource)
   fault.invalid(("Circular dependency detected on resource: '%s'.%s"):format(resource.id,
      fault.see "arm-syntax-resources"), resource.place, resource.path)
end

-- Depth first, in the template's order: what a resource waits for stands before it.
local function visit(resource, state, out)
   if state[resource] == "done" then
      return
   elseif state[resource] then
      circular(resource)
   end
   state[resource] = "open"
   for _, other in ipairs(resource.waits_for) do
      visit(other, state, out)
   end
   state[resource] = "done"
   out[#out + 1] = resource
end

--- Start the graph of a flat list; returns the lookup tables.
function graph.new(list)
   for _, resource in ipairs(list) do
      resource.edges, resource.waits_for = {}, {}
   end
   return index(list)
end

--- Link everything: dependsOn, what the bodies refer to (resource.late = { {expression, scope} }),
--- serial copies.
function graph.link(list, tables)
   for _, resource in ipairs(list) do
      resources.guarded(resource, link_declared, resource, tables)
      for _, late in ipairs(resource.late) do
         link_runtime(resource, tables, late[1], late[2])
      end
   end
   link_batches(list)
end

--- The list in an order in which every resource comes after those it waits for.
function graph.order(list)
   local state, out = {}, {}
   for _, resource in ipairs(list) do
      visit(resource, state, out)
   end
   return out
end

--- A child written inside its parent, or named under it, that does not wait for it: the service
--- would start both at once.
function graph.warnings(list, tables)
   local found = {}
   for _, resource in ipairs(list) do
      local parent_name = resource.name:match "^(.*)/[^/]+$"
      local parent_type = resource.type:match "^(.*)/[^/]+$"
      local parents = parent_name and tables.ids[path.join(resource.base, parent_type, parent_name):lower()]
      if parents and not resource.edges[parents[1]] then
         found[#found + 1] = ("%s does not depend on its parent %s"):format(resource.id, parents[1].id)
      end
   end
   return found
end

return graph
