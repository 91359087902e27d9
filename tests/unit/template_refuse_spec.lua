-- What a template must not get past us, in the service's words. The numbers are those of the list
-- "What a strict evaluator must refuse" in the project's fact sheet on templates.
local template = require "aci.template"
local json = require "aci.json"
local errors = require "aci.error"

local head = [[{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
"contentVersion": "1.0.0.0", ]]

local function whole(text, options)
   options = options or {}
   options.subscription = options.subscription or "s"
   options.resource_group = options.resource_group or "rg"
   local tpl, err = template.read(text, { strict = options.strict })
   options.strict = nil
   if not tpl then
      return nil, err
   end
   return template.evaluate(tpl, options)
end

-- The error of a template made of `body`, which must be refused with this code and these words.
local function refused(code, words, body, options)
   local plan, err = whole(head .. body .. "}", options)
   assert.is_nil(plan, "was not refused: " .. body)
   assert.is_true(errors.is(err, "invalid"))
   assert.equal(400, err.status)
   assert.equal(code, err.code, err.message)
   assert.truthy(err.message:find(words, 1, true), err.message)
   return err
end

local function invalid(words, body, options)
   local err = refused("InvalidTemplate", words, body, options)
   assert.truthy(err.message:find "^Deployment template validation failed: '.*'%.$", err.message)
   return err
end

local function unreadable(words, body, options)
   return refused("InvalidRequestContent", words, body, options)
end

local function resource(more)
   return '"resources": [{"type": "A.B/c", "apiVersion": "1", "name": "n"' .. (more and ", " .. more or "")
      .. "}]"
end

local function parameter(declaration, v)
   return '"parameters": {"p": ' .. declaration .. '}, "resources": []',
      { parameters = v ~= nil and template.arguments { p = v } or nil }
end

local function outputs_fail(words, output, options)
   local plan = assert(whole(head .. '"resources": [], "outputs": {"o": ' .. output .. "}}", options))
   local found, err = plan:outputs()
   assert.is_nil(found)
   assert.equal("DeploymentOutputEvaluationFailed", err.code)
   assert.truthy(err.message:find("Unable to evaluate template outputs: 'o'.", 1, true))
   assert.equal("o", err.details[1].target)
   assert.truthy(err.details[1].message:find(words, 1, true), err.details[1].message)
end

describe("a template is refused for", function()
   it("1: members nobody knows", function()
      unreadable("Could not find member 'x' on object of type 'Template'. Path 'properties.template.x', "
         .. "line 2, "
         .. "position 33.", '"x": 1, "resources": []')
      unreadable("'x' on object of type 'TemplateResource'. Path 'properties.template.resources[0].x'",
         resource '"x": 1')
      unreadable("'x' on object of type 'TemplateParameter'", '"parameters": {"p": {"type": "int", "x": 1}}, '
         .. '"resources": []')
      unreadable("'x' on object of type 'TemplateOutputParameter'",
         '"outputs": {"o": {"type": "int", "value": 1, '
         .. '"x": 1}}, "resources": []')
      unreadable("'x' on object of type 'TemplateCopy'", resource '"copy": {"name": "l", "count": 1, "x": 1}')
   end)

   it("2: what is no JSON, when strict", function()
      for _, text in ipairs { '"resources": [] /* c */}', '"resources": [],}', "resources: []}",
         '"resources": [], "outputs": {"a\n": 1}}' } do
         local plan, err = whole(head .. text, { strict = true })
         assert.is_nil(plan, text)
         assert.equal("InvalidRequestContent", err.code)
      end
      local plan, err = whole(head .. '"resources": [], "resources": []}')
      assert.is_nil(plan)
      assert.equal("InvalidRequestContent", err.code)
   end)

   it("3: a schema or a missing member", function()
      local function with_schema(schema)
         return whole(('{"$schema": "%s", "contentVersion": "1.0.0.0", "resources": []}'):format(schema))
      end
      local base = "https://schema.management.azure.com/schemas/"
      local _, err = with_schema(base .. "2015-01-02/deploymentTemplate.json#")
      assert.truthy(err.message:find("Template schema '" .. base .. "2015-01-02/deploymentTemplate.json#' "
         .. "is not "
         .. "supported. Supported versions are "
         .. "'2014-04-01-preview,2015-01-01,2018-05-01,2019-04-01,2019-08-01'.", 1, true))
      _, err = with_schema(base .. "2018-05-01/subscriptionDeploymentTemplate.json#")
      assert.equal("InvalidTemplate", err.code)
      unreadable("Required property 'resources' not found in JSON.", '"outputs": {}')
      _, err = whole '{"contentVersion": "1.0.0.0", "resources": []}'
      assert.truthy(err.message:find("Required property '$schema' not found in JSON.", 1, true))
      unreadable("Required property 'apiVersion' not found", '"resources": [{"type": "A.B/c", "name": "n"}]')
      unreadable("Required property 'type' not found", '"resources": [{"apiVersion": "1", "name": "n"}]')
   end)

   it("3: an output without a type", function()
      unreadable("Required property 'type' not found in JSON. Path 'properties.template.outputs.o'",
         '"outputs": {"o": {"value": 1}}, "resources": []')
   end)

   it("4: parameters", function()
      invalid("The template parameters 'q, r' in the parameters file are not valid; they are not present in "
         .. "the "
         .. "original template and can therefore not be provided at deployment time. The only supported "
         .. "parameters for "
         .. "this template are 'p'.", '"parameters": {"p": {"type": "int"}}, "resources": []',
         { parameters = template.arguments { q = 1, r = 2 } })
      invalid("The value for the template parameter 'p' at line '2' and column '50' is not provided.",
         '"parameters": {"p": {"type": "int"}}, "resources": []')
      invalid("Template parameter JToken type is not valid. Expected 'Integer'. Actual 'String'.",
         parameter('{"type": "int"}', "3"))
      invalid("Expected 'Boolean'. Actual 'Integer'.", parameter('{"type": "bool"}', 1))
      invalid("Expected 'String, Uri'. Actual 'Integer'.", parameter('{"type": "string"}', 1))
      invalid("Expected 'Integer'. Actual 'Float'.", parameter('{"type": "int"}', 1.5))
      invalid("Expected 'Object'. Actual 'Array'.", parameter('{"type": "object"}', json.array {}))
      invalid("Expected 'Array'. Actual 'Null'.", parameter('{"type": "array"}', json.null))
      unreadable("Error converting value \"text\"", parameter('{"type": "text"}', "x"))
   end)

   it("4: a parameter's rules", function()
      local sku = '{"type": "string", "allowedValues": ["Standard_LRS", "Standard_ZRS"]}'
      invalid("The provided value 'badSku' for the template parameter 'p' at line '2' and column '50' is "
         .. "not valid. "
         .. "The parameter value is not part of the allowed value(s): 'Standard_LRS,Standard_ZRS'.",
         parameter(sku, "badSku"))
      invalid("not part of the allowed value(s)", parameter(sku, "standard_lrs"))
      invalid("not part of the allowed value(s)", parameter('{"type": "array", "allowedValues": ["a", "b"]}',
         json.array { "a", "c" }))
      invalid("Length of the value should be less than or equal to '2'.",
         parameter('{"type": "string", "maxLength": 2}',
         "abc"))
      invalid("Length of the value should be greater than or equal to '4'.",
         parameter('{"type": "securestring", '
         .. '"minLength": 4}', "abc"))
      invalid("should be less than or equal to '2'.", parameter('{"type": "int", "maxValue": 2}', 3))
      invalid("should be greater than or equal to '2'.", parameter('{"type": "int", "minValue": 2}', 1))
      assert(whole(head .. parameter('{"type": "array", "allowedValues": ["a", "b"]}') .. "}",
         { parameters = template.arguments { p = json.array { "b" } } }))
   end)

   it("4: a secure parameter, without telling it", function()
      local body, options = parameter('{"type": "secureString", "allowedValues": ["a"]}', "hush")
      local err = invalid("is not part of the allowed value(s).", body, options)
      assert.falsy(err.message:find("hush", 1, true))
   end)

   it("5: expressions that don't parse", function()
      invalid("The template variable 'v' is not valid: Unable to parse language expression '': expected "
         .. "token "
         .. "'Identifier' and actual 'EndOfData'..", '"variables": {"v": "[]"}, "resources": []')
      invalid("The template resource 'n' at line '2' and column '44' is not valid: Unable to parse language "
         .. "expression "
         .. "'concat(1': expected token 'RightParenthesis' and actual 'EndOfData'.. Please see "
         .. "https://aka.ms/arm-template-expressions for usage details.",
         resource '"tags": {"t": "[concat(1]"}')
      invalid("the string character '+' at position '1'",
         '"resources": [], "outputs": {"o": {"type": "int", "value": "[1+]"}}')
   end)

   it("6: functions and arguments", function()
      invalid("The template function 'nonexistent' is not valid.",
         resource '"properties": {"x": "[nonexistent()]"}')
      invalid("The template function 'nonexistent' is not valid.",
         '"resources": [], "outputs": {"o": {"type": "int", "value": "[nonexistent()]"}}')
      invalid("must have only one parameter.", resource '"properties": {"x": "[base64()]"}')
      invalid("expects its parameter to be of type 'String'.", resource '"properties": {"x": "[toUpper(1)]"}')
      outputs_fail("The template output 'o' is not valid: The template language function 'int' cannot "
         .. "convert "
         .. "provided value 'asdf' to integer value..", [[{"type": "int", "value": "[int('asdf')]"}]])
   end)

   it("7: functions in the wrong place", function()
      local place = "is not expected at this location."
      invalid("The template function 'newGuid' " .. place,
         '"variables": {"v": "[newGuid()]"}, "resources": []')
      invalid("The template function 'UtcNow' " .. place, resource '"tags": {"t": "[UtcNow()]"}')
      for _, member in ipairs { '"location": "%s"', '"condition": "%s"', '"tags": {"t": "%s"}',
         '"dependsOn": ["%s"]',
         '"sku": {"name": "%s"}', '"identity": {"%s": 1}', '"scope": "%s"' } do
         invalid("The template function 'reference' " .. place, resource(member:format "[reference('x').y]"))
      end
      invalid("The template function 'listKeys' " .. place, '"variables": {"v": "[listKeys(\'x\', \'1\')]"}, '
         .. '"resources": []')
      invalid("The template function 'variables' " .. place, parameter('{"type": "int", "defaultValue": '
         .. '"[variables(\'x\')]"}'))
      invalid("The template function 'reference' " .. place,
         resource '"copy": {"name": "l", "count": "[reference(1)]"}')
   end)

   it("8: an expression as the type", function()
      invalid("The template resource 'n' at line '2' and column '84' is not valid. The type property cannot "
         .. "be an "
         .. "expression.", '"resources": [{"apiVersion": "1", "type": "[concat(1)]", "name": "n"}]')
   end)

   it("9: names that are not there", function()
      invalid("The template parameter 'x' is not found.",
         resource [["properties": {"x": "[parameters('x')]"}]])
      invalid("The template variable 'x' is not found.", resource [["properties": {"x": "[variables('x')]"}]])
      invalid("The template function 'n.f' is not valid.", resource '"properties": {"x": "[n.f()]"}')
      invalid("The template lambda variable 'x' is not found.",
         resource [["properties": {"x": "[map(range(0,1),lambda('y',lambdaVariables('x')))]"}]])
      invalid("The template function 'copyIndex' is not expected at this location. The function can only be "
         .. "used in a "
         .. "resource with copy specified.", resource '"properties": {"x": "[copyIndex()]"}')
      invalid("The template function 'copyIndex' is not expected",
         resource('"properties": {"x": "[copyIndex(\'m\')]"}, '
         .. '"copy": {"name": "l", "count": 1}'))
   end)

   it("11: names, types and ids", function()
      invalid("has incorrect segment lengths. A nested resource type must have identical number of segments "
         .. "as its "
         .. "resource name. A root resource type must have segment length one greater than its resource "
         .. "name.",
         '"resources": [{"type": "A.B/c/d", "apiVersion": "1", "name": "n"}]')
      invalid("incorrect segment lengths",
         resource '"resources": [{"type": "A.B/c/d", "apiVersion": "1", "name": "n/m"}]')
      invalid("The template resource '' at line '2' and column '90' is not valid. The name property cannot "
         .. "be null or "
         .. "empty.", '"resources": [{"type": "A.B/c", "apiVersion": "1", "name": ""}]')
      invalid("The resource 'a.b/C/N' at line '2' and column '95' is defined multiple times in a template.",
         '"resources": [{"type": "A.B/c", "apiVersion": "1", "name": "n"}, '
         .. '{"type": "a.b/C", "apiVersion": "1", "name": "N"}]')
   end)

   it("11: dependencies", function()
      invalid("The template reference 'x' is not valid: could not find template resource or resource copy "
         .. "with this "
         .. "name.", resource '"dependsOn": ["x"]')
      invalid("The resource 'A.B/c/x' is not defined in the template.", resource '"dependsOn": ["A.B/c/x"]')
      invalid("Circular dependency detected on resource: "
         .. "'/subscriptions/s/resourceGroups/rg/providers/A.B/c/n'.",
         [["resources": [{"type": "A.B/c", "apiVersion": "1", "name": "n", "dependsOn": ["m"]},
         {"type": "A.B/c", "apiVersion": "1", "name": "m", "dependsOn": ["n"]}] ]])
      invalid("The template resource '/subscriptions/s/resourceGroups/rg/providers/A.B/c/n' cannot "
         .. "reference itself.",
         resource '"dependsOn": ["n"]')
      invalid("more than one resource has this name", [["resources": [
         {"type": "A.B/c", "apiVersion": "1", "name": "n"}, {"type": "A.B/d", "apiVersion": "1", "name": "n"},
         {"type": "A.B/c", "apiVersion": "1", "name": "m", "dependsOn": ["n"]}] ]])
   end)

   it("11: but not for a diamond", function()
      assert(whole(head .. [["resources": [
         {"type": "A.B/c", "apiVersion": "1", "name": "a", "dependsOn": ["b", "c"]},
         {"type": "A.B/c", "apiVersion": "1", "name": "c", "dependsOn": ["d"]},
         {"type": "A.B/c", "apiVersion": "1", "name": "d", "dependsOn": ["b"]},
         {"type": "A.B/c", "apiVersion": "1", "name": "b"}]}]]))
   end)

   it("12: what a function of its own may not do", function()
      local function fn(call)
         return '"functions": [{"namespace": "n", "members": {"f": {"output": {"type": "int", "value": "'
            .. call
            .. '"}}, "g": {"output": {"type": "int", "value": 1}}}}], "variables": {"v": 1}, "resources": []'
      end
      invalid("These function calls are not supported in a function definition: 'variables'.",
         fn "[variables('v')]")
      invalid("not supported in a function definition: 'reference'.", fn "[reference('v')]")
      invalid("not supported in a function definition: 'n.g'.", fn "[n.g()]")
      local plan = assert(whole(head .. '"languageVersion": "2.0", '
         .. fn("[n.g()]"):gsub('"resources": %[%]',
         '"resources": {}, "outputs": {"o": {"type": "int", "value": "[n.f()]"}}') .. "}"))
      assert.equal(1, assert(plan:outputs()).o.value)
   end)

   it("13: what only language 2.0 knows", function()
      unreadable("TemplateResource[]",
         '"resources": {"a": {"type": "A.B/c", "apiVersion": "1", "name": "n"}}')
      unreadable("'nullable'", '"parameters": {"p": {"type": "int", "nullable": true}}, "resources": []')
      unreadable("'existing'", resource '"existing": true')
      unreadable("'definitions'", '"definitions": {}, "resources": []')
   end)

   it("14: copies", function()
      local most = "Copy count must be a positive integer value and cannot exceed '800'."
      invalid(most, resource '"copy": {"name": "l", "count": -1}')
      invalid(most, resource '"copy": {"name": "l", "count": 801}')
      invalid(most, resource '"copy": {"name": "l", "count": "2"}')
      invalid("batch size", resource '"copy": {"name": "l", "count": 1, "batchSize": 1}')
      invalid("batch size", resource '"copy": {"name": "l", "count": 1, "mode": "serial", "batchSize": 0}')
      invalid("must have a name", resource '"copy": {"count": 1}')
      invalid("must be an object or a string",
         resource '"properties": {"copy": [{"name": "x", "count": 1, "input": 1}]}')
      invalid("not supported in a nested child",
         resource('"resources": [{"type": "d", "apiVersion": "1", "name": "m", '
         .. '"copy": {"name": "l", "count": 1}}]'))
   end)

   it("15: outputs", function()
      outputs_fail("Template output JToken type is not valid. Expected 'Integer'. Actual 'Null'.Please see",
         '{"type": "int", "value": null}')
      outputs_fail("either the property 'value' or the property 'copy'", '{"type": "int"}')
      outputs_fail("either the property 'value' or the property 'copy'",
         '{"type": "array", "value": 1, "copy": {"count": 1, "input": "x"}}')
   end)

   it("16: nested deployments", function()
      local function nested(more)
         return '"resources": [{"type": "Microsoft.Resources/deployments", "apiVersion": "1", "name": "n"'
            .. more .. "}]"
      end
      invalid("The deployment must have Properties property set", nested "")
      invalid("must be 'Incremental'", nested ', "properties": {"mode": "Complete", "template": {}}')
      invalid("must not have both",
         nested ', "properties": {"mode": "Incremental", "template": {}, "templateLink": {}}')
   end)

   it("17: values out of range", function()
      local function fails(text)
         local got, err = template.expression(text)
         assert.is_nil(got, text)
         assert.equal("InvalidTemplate", err.code)
      end
      for _, text in ipairs { "[padLeft('a', 17)]", "[range(0, 10001)]", "[range(2147483647, 2)]",
         "[replace('a', '', 'b')]",
         "[split(1, ',')]", "[add(json('9223372036854775807'), 1)]", "[sub(json('-9223372036854775808'), 1)]",
         "[mul(json('-9223372036854775808'), -1)]", "[div(json('-9223372036854775808'), -1)]", "[div(1, 0)]",
         "[mod(1, 0)]", "[bool('yes')]", "[int('1.5')]", "[int('9223372036854775808')]",
         "[dataUriToString('data:text/plain;charset=koi8-r,x')]", "[dataUriToString('x')]",
            "[base64ToString('?')]",
         "[toObject(createArray('a', 'a'), lambda('x', lambdaVariables('x')))]", "[createObject('a')]",
         "[json('{')]", "[guid(1)]", "[uniqueString(true())]", "[flatten(createArray(1))]" } do
         fails(text)
      end
   end)

   it("18: numbers of things", function()
      local list = {}
      for i = 1, 257 do
         list[i] = ('"v%d": 1'):format(i)
      end
      invalid("Limit: '256' and actual: '257'", '"variables": {' .. table.concat(list, ",")
         .. '}, "resources": []')
      invalid("The number of template resources limit exceeded. Limit: '800'", [["resources": [
         {"type": "A.B/c", "apiVersion": "1", "name": "[concat('a', copyIndex())]", "copy": {"name": "l",
            "count": 500}},
         {"type": "A.B/c", "apiVersion": "1", "name": "[concat('b', copyIndex())]", "copy": {"name": "m",
            "count": 301}}
         ] ]])
   end)

   it("19: names of members that are no text or collide", function()
      invalid("must evaluate to a string", resource '"properties": {"[add(1, 2)]": 1}')
      invalid("given more than once", resource [["properties": {"a": 1, "[concat('a')]": 1}]])
   end)

   it("cycles among variables and parameters", function()
      invalid("Circular dependency detected", [["variables": {"a": "[variables('b')]",
         "b": "[variables('a')]"},
         "resources": [] ]])
      invalid("Circular dependency detected", [["parameters": {"a": {"type": "int",
         "defaultValue": "[parameters('a')]"}},
         "resources": [] ]])
   end)

   it("a function that calls itself", function()
      local plan = assert(whole(head .. [["languageVersion": "2.0", "functions": [{"namespace": "n", "members": {
         "f": {"output": {"type": "int", "value": "[n.f()]"}}}}], "resources": {},
         "outputs": {"o": {"type": "int", "value": "[n.f()]"}}}]]))
      local found, err = plan:outputs()
      assert.is_nil(found)
      assert.truthy(err.details[1].message:find("calls itself too often", 1, true))
   end)

   it("a runtime expression that fails late, naming the resource", function()
      local plan = assert(whole(head .. [["resources": [{"type": "A.B/c", "apiVersion": "1", "name": "n",
         "properties": {
         "x": "[reference('/subscriptions/s/providers/A.B/c/m', '1').nope]"}}]}]],
         { reference = function() return { yes = 1 } end }))
      local got, err = plan:resource(1)
      assert.is_nil(got)
      assert.equal("Unable to process template language expressions for resource "
         .. "'/subscriptions/s/resourceGroups/rg/providers/A.B/c/n' at line '2' and column '44'. 'The "
         .. "language "
         .. "expression property 'nope' doesn't exist, available properties are 'yes'.'", err.message)
   end)
end)
