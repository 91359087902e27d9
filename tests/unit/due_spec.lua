-- What of a template is deployed again: what is missing, what differs, what depends on what is missing.
local due = require "aci.step.due"
local template = require "aci.template"

local TEMPLATE = [[{
   "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
   "contentVersion": "1.0.0.0", // comments are kept out
   "resources": [
      { "type": "Microsoft.Test/vaults", "apiVersion": "2020-01-01", "name": "v", "resources": [
         { "type": "secrets", "apiVersion": "2020-01-01", "name": "one", "dependsOn": [ "v" ] },
         { "type": "secrets", "apiVersion": "2020-01-01", "name": "two", "dependsOn": [ "v" ] } ] },
      { "type": "Microsoft.Test/ids", "apiVersion": "2020-01-01", "name": "i" },
      { "type": "Microsoft.Test/groups", "apiVersion": "2020-01-01", "name": "g", "dependsOn": [ "i" ] },
      { "type": "Microsoft.Test/copies", "apiVersion": "2020-01-01", "name": "[concat('c', copyIndex())]",
        "copy": { "name": "many", "count": 2 } }
   ],
   "outputs": { "x": { "type": "string", "value": "x" } }
}]]

local function reduced(states)
   local read = assert(template.read(TEMPLATE))
   local sub = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
   local plan = assert(template.evaluate(read, { subscription = sub, tenant = sub,
      resource_group = { name = "g", location = "l", id = "/subscriptions/" .. sub .. "/resourceGroups/g" } }))
   local found = due.reduced(read, plan, due.indexes(plan, function(index)
      return states[plan.resources[index].name]
   end))
   if not found then return "all" end
   assert.is_nil(found.outputs)
   assert.is_nil(read.resources[1].condition) -- the original stays as it is
   local names = {}
   local function look(list)
      for _, each in ipairs(list) do
         if each.condition ~= false then names[#names + 1] = each.name end
         look(each.resources or {})
      end
   end
   look(found.resources)
   return table.concat(names, " ")
end

describe("the part of a template that is due", function()
   it("is what differs, without its dependents and its siblings", function()
      assert.equal("two", reduced { ["v/two"] = "differs" })
      assert.equal("v", reduced { v = "differs" })
      assert.equal("i", reduced { i = "differs" })
   end)

   it("is what is missing, with all that depends on it", function()
      assert.equal("i g", reduced { i = "missing" })
      assert.equal("v one two", reduced { v = "missing" })
   end)

   it("is every copy where one is due", function()
      assert.equal("[concat('c', copyIndex())]", reduced { c1 = "missing" })
      assert.equal("[concat('c', copyIndex())]", reduced { c0 = "differs" })
   end)

   it("is the template as its author wrote it where everything is due", function()
      assert.equal("all", reduced { v = "missing", i = "missing", c0 = "missing" })
   end)
end)
