-- Whole templates: order, copies, conditions, children, nested deployments, outputs.
local template = require "aci.template"
local json = require "aci.json"
local task = require "aci.task"

local group = "/subscriptions/s/resourceGroups/rg"
local head = [[{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
   "contentVersion": "1.0.0.0", ]]

local function plan_of(body, options)
   options = options or {}
   options.subscription, options.resource_group = "s", { name = "rg", location = "northeurope" }
   return template.evaluate(assert(template.read(head .. body .. "}")), options)
end

local function resource(name, more)
   return ('{"type": "A.B/c", "apiVersion": "2020-01-01", "name": "%s"%s}'):format(name, more and ", "
      .. more or "")
end

local function names(plan)
   local out = {}
   for i, r in ipairs(plan.resources) do
      out[i] = r.name
   end
   return table.concat(out, " ")
end

local function output(body, options)
   local plan = assert(plan_of('"resources": [], "outputs": {"o": ' .. body .. "}", options))
   local found = assert(plan:outputs())
   return found.o and found.o.value
end

describe("a plan", function()
   it("puts what others need before them", function()
      local plan = assert(plan_of([["resources": []] .. table.concat({
         resource("one", [["dependsOn": ["two", "[resourceId('A.B/c', 'three')]"] ]]),
         resource("two", [["dependsOn": ["A.B/c/three"] ]]), resource "three",
      }, ",") .. "]"))
      assert.equal("three two one", names(plan))
      assert.same({ group .. "/providers/A.B/c/two", group .. "/providers/A.B/c/three" },
         plan.resources[3].depends)
   end)

   it("takes a reference by name as a dependency, by id only without a version", function()
      local function depends(call)
         local plan = assert(plan_of([["resources": []] .. resource("a", '"properties": {"x": "' .. call
            .. '"}') .. ","
            .. resource "b" .. "]"))
         return names(plan) == "b a"
      end
      assert.is_true(depends "[reference('b').x]")
      assert.is_true(depends "[listKeys('b', '2020-01-01').x]")
      assert.is_true(depends "[reference(resourceId('A.B/c', 'b')).x]")
      assert.is_false(depends "[reference(resourceId('A.B/c', 'b'), '2020-01-01').x]")
      assert.is_false(depends "[if(false(), reference('b').x, 'y')]")
   end)

   it("leaves skipped resources out of dependencies", function()
      local plan = assert(plan_of('"resources": [' .. resource("a", [["dependsOn": ["b"] ]]) .. ","
         .. resource("b", [["condition": "[equals(1, 2)]" ]]) .. "]"))
      assert.is_false(plan.resources[1].condition)
      assert.equal(0, #plan.resources[2].depends)
   end)

   it("brings children to the top and warns when they don't wait", function()
      local plan = assert(plan_of([["resources": [{"type": "A.B/c", "apiVersion": "1", "name": "p",
         "resources": [
         {"type": "d", "apiVersion": "1", "name": "q", "dependsOn": ["p"]},
         {"type": "d", "apiVersion": "1", "name": "r"}]}] ]]))
      assert.equal("p p/q p/r", names(plan))
      assert.equal("A.B/c/d", plan.resources[2].type)
      assert.equal(group .. "/providers/A.B/c/p/d/q", plan.resources[2].id)
      assert.same({ group .. "/providers/A.B/c/p/d/r does not depend on its parent " .. group
         .. "/providers/A.B/c/p" },
         plan.warnings)
   end)

   it("copies resources, one batch after the other when serial", function()
      local plan = assert(plan_of([["resources": [{"type": "A.B/c", "apiVersion": "1",
         "name": "[format('n{0}', copyIndex(1))]", "properties": {"i": "[copyIndex('loop')]",
            "copy": [{"name": "list", "count": 2,
               "input": "[add(copyIndex('list'), mul(10, copyIndex()))]"}]},
         "copy": {"name": "loop", "count": 3, "mode": "serial", "batchSize": 2}},
         {"type": "A.B/c", "apiVersion": "1", "name": "last", "dependsOn": ["loop"]}] ]]))
      assert.equal("n1 n2 n3 last", names(plan))
      assert.same({ i = 2, list = { 20, 21 } }, plan.resources[3].body.properties)
      assert.same({ group .. "/providers/A.B/c/n1" }, plan.resources[3].depends)
      assert.equal(3, #plan.resources[4].depends)
      assert.equal(2, plan.resources[3].index)
   end)

   it("makes no instance of a copy of none", function()
      local plan = assert(plan_of('"resources": [' .. resource("n", [["copy": {"name": "l", "count": 0}]])
         .. "]"))
      assert.equal(0, #plan.resources)
   end)

   it("evaluates names of members", function()
      local plan = assert(plan_of('"resources": [' .. resource("n", [["identity": {"userAssignedIdentities":
         {"[resourceId('A.B/c', 'x')]": {}}}]]) .. "]"))
      assert.same({ [group .. "/providers/A.B/c/x"] = {} },
         plan.resources[1].body.identity.userAssignedIdentities)
   end)

   it("puts extension resources under their scope, in both spellings", function()
      local plan = assert(plan_of([["resources": [
         {"type": "X.Y/z", "apiVersion": "1", "name": "n", "scope": "A.B/c/v"},
         {"type": "X.Y/z", "apiVersion": "1", "name": "m", "scope": "[resourceId('A.B/c', 'v')]"},
         {"type": "A.B/c/providers/z", "apiVersion": "1", "name": "v/X.Y/o"},
         {"type": "X.Y/z", "apiVersion": "1", "name": "t", "scope": "/"}] ]]))
      assert.equal(group .. "/providers/A.B/c/v/providers/X.Y/z/n", plan.resources[1].id)
      assert.equal(group .. "/providers/A.B/c/v/providers/X.Y/z/m", plan.resources[2].id)
      assert.equal(group .. "/providers/A.B/c/v/providers/X.Y/z/o", plan.resources[3].id)
      assert.equal("/providers/X.Y/z/t", plan.resources[4].id)
   end)

   it("waits with what only the deployment knows", function()
      local asked = {}
      local plan = assert(plan_of([["resources": []] .. resource("a", [=["properties": {
         "x": "[reference('b').p]", "y": "[reference('b', '2020-01-01', 'Full').location]",
         "z": "[concat('k', 'n')]", "k": "[listKeys('b', '2021-01-01').keys[0]]"}]=]) .. ","
            .. resource "b" .. "]", {
         reference = function(id, version, full)
            asked[#asked + 1] = { id, version, full }
            return full and { location = "here" } or { p = "late" }
         end,
         list = function(id, name, version)
            asked[#asked + 1] = { id, name, version }
            return { keys = json.array { "secret" } }
         end,
      }))
      local late = plan.resources[2]
      assert.is_true(late.unknown)
      assert.equal("[reference('b').p]", late.body.properties.x)
      assert.equal("kn", late.body.properties.z)
      assert.equal(0, #asked)
      assert.same({ x = "late", y = "here", z = "kn", k = "secret" },
         assert(plan:resource(2)).body.properties)
      assert.equal(3, #asked)
      assert.is_false(late.unknown)
      assert.equal(late, plan:resource(2))
      assert.equal(3, #asked)
   end)

   it("hands on the error of a state that isn't there", function()
      local plan = assert(plan_of([["resources": []] .. resource("a", [["properties": {"x":
         "[reference('/subscriptions/s/resourceGroups/g/providers/A.B/c/d', '1').p]"}]]) .. "]", {
         reference = function()
            return nil, { code = "ResourceNotFound", message = "The Resource 'A.B/c/d' was not found." }
         end,
      }))
      local got, err = plan:resource(1)
      assert.is_nil(got)
      assert.equal("ResourceNotFound", err.code)
   end)

   it("may be asked from tasks whose callbacks wait", function()
      local plan = assert(plan_of([["resources": []] .. resource("a",
         [["properties": {"x": "[reference('b').p]"}]])
         .. "," .. resource "b" .. "]", { reference = function()
            task.sleep(0.01)
            return { p = "late" }
         end }))
      local bodies = task.all { function() return assert(plan:resource(2)).body end }
      assert.equal("late", bodies[1].properties.x)
   end)

   it("lets another error of a callback through", function()
      local plan = assert(plan_of([["resources": []] .. resource("a",
         [["properties": {"x": "[reference('b').p]"}]])
         .. "," .. resource "b" .. "]", { reference = function() error("broken", 0) end }))
      assert.has_error(function() plan:resource(2) end, "broken")
   end)

   it("keeps an inner nested template and evaluates an outer one", function()
      local function nested(scope)
         local plan = assert(plan_of([["variables": {"v": "w"},
            "resources": [{"type": "Microsoft.Resources/deployments",
            "apiVersion": "1", "name": "n", "properties": {"mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "]] .. scope .. [["},
            "parameters": {"p": {"value": "[variables('v')]"}},
            "template": {"x": "[variables('v')]"}}}] ]]))
         return plan.resources[1].body.properties, plan.resources[1].inner
      end
      local properties, inner = nested "inner"
      assert.equal("[variables('v')]", properties.template.x)
      assert.equal("w", properties.parameters.p.value)
      assert.is_true(inner)
      assert.equal("w", (nested "outer").template.x)
   end)

   it("reads members in any letter case", function()
      local tpl = assert(template.read(head:gsub("contentVersion", "ContentVersion")
         .. [["Parameters": {"p": {"Type": "int", "DefaultValue": 1}}, "Resources": [
         {"Type": "A.B/c", "APIVersion": "1", "Name": "n", "Properties": {"x": "[parameters('p')]"}}]}]]))
      local plan = assert(template.evaluate(tpl, { subscription = "s", resource_group = "rg" }))
      assert.same({ properties = { x = 1 } }, plan.resources[1].body)
      assert.is_nil(tpl.parameters)
   end)

   it("follows long chains of variables and parameters", function()
      local function chain(section, one, last)
         local list = {}
         for i = 1, 250 do
            list[i] = one:format(i, i + 1)
         end
         local body = ('"%s": {%s, "v251": %s}, "resources": []'):format(section, table.concat(list, ","),
            last)
         return assert(plan_of(body))
      end
      chain("variables", [["v%d": "[variables('v%d')]"]], "1")
      local plan = chain("parameters", [["v%d": {"type": "int", "defaultValue": "[parameters('v%d')]"}]],
         '{"type": "int", "defaultValue": 7}')
      assert.equal(7, plan.parameters.v1.value)
   end)

   it("does not change the template", function()
      local tpl = assert(template.read(head .. '"resources": [' .. resource("[concat('a')]",
         '"tags": {"[concat(1)]": 1}')
         .. "]}"))
      local before = json.encode(tpl.resources)
      assert(template.evaluate(tpl, { subscription = "s", resource_group = "rg" }))
      assert.equal(before, json.encode(tpl.resources))
   end)
end)

describe("parameters", function()
   it("have defaults that may use each other", function()
      local plan = assert(plan_of([["parameters": {"A": {"type": "string",
         "defaultValue": "[concat(parameters('b'), 1)]"},
         "b": {"type": "String", "defaultValue": "x"}, "c": {"type": "int"}, "s": {"type": "secureString"},
         "u": {"type": "string", "defaultValue": "[utcNow('yyyy')]"}}, "resources": [],
         "outputs": {"o": {"type": "string",
            "value": "[concat(parameters('a'), parameters('C'), parameters('s'))]"}}]], {
         parameters = template.arguments { c = 3, S = "hush", U = json.null }, now = function() return 0 end,
      }))
      assert.same({ type = "String", value = "x1" }, plan.parameters.A)
      assert.same({ type = "SecureString" }, plan.parameters.s)
      assert.same({ type = "String", value = "1970" }, plan.parameters.u)
      assert.equal("x13hush", assert(plan:outputs()).o.value)
   end)

   it("are literal when supplied", function()
      assert.equal("[concat('a')]", assert(plan_of([["parameters": {"p": {"type": "string"}}, "resources": [],
         "outputs": {"o": {"type": "string", "value": "[parameters('p')]"}}]], {
         parameters = template.arguments { p = "[concat('a')]" } })):outputs().o.value)
   end)

   it("may come from a vault", function()
      local plan = assert(plan_of([["parameters": {"p": {"type": "secureString"}}, "resources": []
         ]] .. ',"outputs": {"o": {"type": "int", "value": "[length(parameters(\'p\'))]"}}', {
         parameters = { p = { reference = { secretName = "n" } } },
         secret = function(reference) return reference.secretName .. "-value" end,
      }))
      assert.equal(7, assert(plan:outputs()).o.value)
   end)
end)

describe("variables", function()
   it("may use each other in any order and letter case", function()
      local plan = assert(plan_of([["variables": {"a": "[concat(variables('B').c, '!')]", "b": {"c": "d"}},
         "resources": [],
         "outputs": {"o": {"type": "string", "value": "[variables('A')]"}}]]))
      assert.equal("d!", assert(plan:outputs()).o.value)
   end)

   it("can be copied", function()
      local plan = assert(plan_of([["variables": {"copy": [{"name": "l", "count": 3,
         "input": "[copyIndex('l', 1)]"}],
         "o": {"x": 1, "copy": [{"name": "m", "count": 2, "input": {"n": "[copyIndex('m')]"}}]}},
            "resources": [],
         "outputs": {"o": {"type": "array", "value": "[createArray(variables('l'), variables('o'))]"}}]]))
      assert.same({ { 1, 2, 3 }, { x = 1, m = { { n = 0 }, { n = 1 } } } }, assert(plan:outputs()).o.value)
   end)
end)

describe("outputs", function()
   it("can be copied, skipped and secure", function()
      assert.same({ 0, 2, 4 }, output [[{"type": "array",
         "copy": {"count": 3, "input": "[mul(2, copyIndex())]"}}]])
      assert.is_nil(output [[{"type": "string", "condition": false, "value": "x"}]])
      assert.is_nil(output [[{"type": "secureString", "value": "x"}]])
   end)

   it("use the template's functions", function()
      local plan = assert(plan_of([["functions": [{"namespace": "n", "members": {"f": {
         "parameters": [{"name": "x", "type": "string"}],
         "output": {"type": "string", "value": "[concat('<', parameters('X'), '>')]"}}}}], "resources": [],
         "outputs": {"o": {"type": "string", "value": "[N.F('a')]"}}]]))
      assert.equal("<a>", assert(plan:outputs()).o.value)
   end)
end)

describe("symbolic names", function()
   it("name resources, copies and instances", function()
      local plan = assert(plan_of([["languageVersion": "2.0", "resources": {
         "many": {"type": "A.B/c", "apiVersion": "1", "name": "[concat('n', copyIndex())]",
            "copy": {"name": "many", "count": 2}},
         "old": {"existing": true, "type": "A.B/c", "apiVersion": "1", "name": "o"},
         "one": {"type": "A.B/c", "apiVersion": "1", "name": "x", "dependsOn": ["many[1]", "old"]}}]]))
      assert.equal("n0 n1 o x", names(plan))
      assert.is_true(plan.resources[3].existing)
      assert.same({ group .. "/providers/A.B/c/n1", group .. "/providers/A.B/c/o" },
         plan.resources[4].depends)
   end)
end)

describe("template.error_body", function()
   it("is the service's envelope", function()
      local _, err = plan_of('"resources": [' .. resource("n",
         [["properties": {"x": "[parameters('x')]"}]]) .. "]")
      local body = template.error_body(err)
      assert.equal("InvalidTemplate", body.error.code)
      assert.same({ type = "TemplateViolation", info = { lineNumber = 2, linePosition = 47,
         path = "properties.template.resources[0]" } }, body.error.additionalInfo[1])
      assert.truthy(json.encode(body))
   end)
end)

describe("template.evaluate", function()
   it("completes what it is told of the surroundings, in a copy", function()
      local subscription, place = { subscriptionId = "s1" }, { name = "rg" }
      local options = { subscription = subscription, tenant = "t1", resource_group = place }
      local function get(text)
         return template.expression(text, options)
      end
      assert.equal("/subscriptions/s1", get "[subscription().id]")
      assert.equal("t1", get "[subscription().tenantId]")
      assert.equal("/subscriptions/s1/resourceGroups/rg", get "[resourceGroup().id]")
      assert.same({ { subscriptionId = "s1" }, { name = "rg" } }, { subscription, place })
   end)

   it("raises for options that don't exist", function()
      assert.has_error(function() template.evaluate({}, { subscripton = "x" }) end, "unknown option "
         .. "'subscripton'")
   end)
end)
