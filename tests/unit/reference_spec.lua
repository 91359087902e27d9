-- The reference (bindings/meta) and the modules say the same: every function has a block there, and
-- every block a function.
local fs = require "aci.fs"

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

describe("the reference", function()
   for _, file in ipairs(fs.list "bindings/meta") do
      local text = fs.read("bindings/meta/" .. file)
      local name = text:match "%-%-%-@meta ([%w_.]+)"
      it("names the functions of " .. file, function()
         assert.is_string(name)
         local module = require(name)
         if type(module) ~= "table" then return end
         assert.same(exported(module), documented(text))
      end)
   end

   it("has a block for every module in C and more", function()
      assert.is_true(#fs.list "bindings/meta" >= 10)
   end)
end)
