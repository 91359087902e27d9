-- The reference (bindings/meta) and the modules say the same: every module, function and method has a
-- block there, and every block is for something that exists.
package.path = "tests/support/?.lua;" .. package.path

local classes = require "classes"
local fs = require "aci.fs"

-- Parts of the program that no script calls.
local internal = { ["aci.repl"] = true }

-- Methods that their module calls on its own objects, and nobody else.
local own = {
   ["aci.azure.Operation"] = "fail fall_back fields finish next_wait poll_body poll_location poll_status read too_late",
   ["aci.http.Transfer"] = "began give hungry read seconds", ["aci.prefect.Logger"] = "send",
   ["aci.progress.Progress"] = "draw erase find format say", ["aci.process.Process"] = "stream",
   ["aci.prefect.Prefect"] = "deployment_fields write_deployment", ["aci.template.Plan"] = "build",
   ["aci.store.Db"] = "take_failure",
}

local function documented(text)
   local names, table_name = {}, text:match "\nreturn ([%w_]+)%s*$"
   if not table_name then return nil end
   for name in text:gmatch("\nfunction " .. table_name .. "%.([%w_]+)") do names[name] = true end
   return names
end

local function exported(module)
   local names = {}
   for name, value in pairs(module) do
      if type(value) == "function" then names[name] = true end
   end
   return names
end

-- Class name -> methods, also those that share a block ("Logger.debug, Logger.error = ...") and plain functions.
local function documented_classes(text)
   local found = {}
   for name in text:gmatch "\n%-%-%-@class [^\n]+\nlocal ([%w_]+) = {}" do found[name] = {} end
   for name in text:gmatch "\n%-%-%-@class [^\n]+\n[^\n]*%-%-%-@[^\n]+\nlocal ([%w_]+) = {}" do found[name] = {} end
   for name, method in text:gmatch "\nfunction ([%w_]+)[:.]([%w_]+)" do
      if name:find "^%u" then
         found[name] = found[name] or {}
         found[name][method] = true
      end
   end
   for line in text:gmatch "\n(%u[%w_]*%.[^\n]*) = " do
      for name, method in line:gmatch "([%w_]+)%.([%w_]+)" do found[name][method] = true end
   end
   return found
end

local function methods_of(full, real)
   local names, hidden = {}, {}
   for name in (own[full] or ""):gmatch "[%w_]+" do hidden[name] = true end
   for name, value in pairs(real) do
      local private = name:find "^_" or hidden[name]
      if type(value) == "function" and not private then names[name] = true end
   end
   return names
end

local function modules()
   local names = {}
   for _, file in ipairs(fs.list "bindings/lua/aci") do
      local name = file:match "^([%w_]+)%.lua$"
      if name then names["aci." .. name] = true end
   end
   for name in pairs(package.preload) do
      if name:find "^aci%.%a" then names[name] = true end
   end
   return names
end

describe("the reference", function()
   local stubs = {}
   for _, file in ipairs(fs.list "bindings/meta") do
      local text = fs.read("bindings/meta/" .. file)
      local name = text:match "%-%-%-@meta ([%w_.]+)"
      stubs[name] = true

      it("names the functions of " .. file, function()
         assert.equal("aci." .. file:gsub("%.lua$", ""), name)
         local module = require(name)
         if type(module) ~= "table" then return end
         assert.same(exported(module), documented(text))
      end)

      for class, methods in pairs(documented_classes(text)) do
         if next(methods) then
            it(("names the methods of %s in %s"):format(class, file), function()
               local real = assert(classes.methods(name, class), "this class is nowhere to be found")
               assert.same(methods_of(name .. "." .. class, real), methods)
            end)
         end
      end
   end

   it("has a file for every module", function()
      for name in pairs(modules()) do
         if not internal[name] then assert(stubs[name], name .. " has no file in bindings/meta") end
      end
   end)
end)
