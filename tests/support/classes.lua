-- The real tables behind the classes of the reference: their methods, by names that Lua or C gave them.
local classes = {}

-- Where the name in the source differs from the one in the reference, or the class is made in C.
local other_names = { ["aci.prefect.Prefect"] = "Api", ["aci.auth.SharedKey"] = "Signer" }
local in_c = {
   ["aci.crypto.Digest"] = "aci.crypto.digest", ["aci.fs.Lock"] = "aci.fs.lock",
   ["aci.http.Transfer"] = "aci.http.transfer", ["aci.process.Process"] = "aci.process.proc",
   ["aci.server.Server"] = "aci.server", ["aci.server.Request"] = "aci.server.request.fields",
   ["aci.store.Db"] = "aci.store.db", ["aci.task.Task"] = "aci.task",
}
-- Modules that are loaded when they are used; one is the class itself.
local makers = { ["aci.flow.Artifact"] = "aci.flow.artifact", ["aci.template.Plan"] = "aci.template.plan" }

-- Calls visit(name, table) for each table among the upvalues of a function and of those that it calls.
local function upvalues(f, visit, seen)
   if seen[f] then return end
   seen[f] = true
   for i = 1, 255 do
      local name, value = debug.getupvalue(f, i)
      if not name then return end
      if type(value) == "function" then upvalues(value, visit, seen) end
      if type(value) == "table" and not seen[value] then
         seen[value] = true
         visit(name, value)
         for _, member in next, value do
            if type(member) == "function" then upvalues(member, visit, seen) end
         end
      end
   end
end

local function in_lua(module, wanted)
   local found
   for _, f in pairs(module) do
      if type(f) == "function" then
         upvalues(f, function(name, value)
            if name == wanted and type(value.__index) == "table" then found = found or value.__index end
         end, {})
      end
   end
   return found
end

--- The table of methods of class `name` of the module `from` ("aci.azure", "Azure"); nil when none is found.
function classes.methods(from, name)
   local full = from .. "." .. name
   local module = require(makers[full] or from)
   if type(module) == "table" and rawget(module, "__index") then return module.__index end
   local meta = in_c[full] and debug.getregistry()[in_c[full]]
   return meta and meta.__index or in_lua(module, other_names[full] or name)
end

return classes
