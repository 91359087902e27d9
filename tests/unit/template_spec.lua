-- The expression language against what the service (or its own engine) was seen to answer, and the
-- reader.
local template = require "aci.template"
local value = require "aci.template.value"
local json = require "aci.json"
local errors = require "aci.error"
local fs = require "aci.fs"

local subscription = "00000000-0000-0000-0000-000000000000"

local function evaluate(text, parameters, more)
   local options = { parameters = parameters, subscription = subscription, resource_group = "rg" }
   for key, v in pairs(more or {}) do
      options[key] = v
   end
   return template.expression(text, options)
end

local function fails(text, parameters, more)
   local result, err = evaluate(text, parameters, more)
   assert.is_nil(result, "did not fail: " .. text)
   assert.is_true(errors.is(err, "invalid"))
   return err.message
end

describe("template vectors", function()
   local vectors = assert(template.read(assert(fs.read "tests/vectors/template.json")))
   local sure = 0

   local function check(v)
      local got, err = template.expression(v.call, {
         parameters = v.with, subscription = v.subscription or subscription, resource_group = v.group or "rg",
      })
      if v.fails then
         assert.is_nil(got)
         assert.truthy(err.message:find(v.fails, 1, true), err.message)
      else
         assert.is_nil(err)
         assert.is_true(value.same(v.gives, got), ("wanted %s, got %s"):format(value.json(v.gives),
            value.json(got)))
      end
   end

   for name, list in value.members(vectors) do
      for _, v in ipairs(list) do
         if not v.unsure then
            sure = sure + 1
            it(name .. ": " .. v.call:sub(1, 90), function() check(v) end)
         end
      end
   end

   it("are all there", function()
      assert.equal(255, sure)
   end)
end)

describe("template expressions", function()
   it("are only strings in brackets", function()
      assert.equal("[x", evaluate "[x")
      assert.equal("x]", evaluate "x]")
      assert.equal(" [concat('a')]", evaluate " [concat('a')]")
      assert.equal("[[x", evaluate "[[x")
      assert.equal("[a]", evaluate "[[a]")
      assert.equal("abc", evaluate "['abc']")
      assert.equal(-42, evaluate "[-42]")
   end)

   it("ignore white space and letter case of names", function()
      assert.equal("ab", evaluate "[ CONCAT (\n 'a' ,\t'b' ) ]")
      assert.equal(1, evaluate("[Parameters('P').A.b]", { p = { a = { B = 1 } } }))
   end)

   it("double a quote inside a string", function()
      assert.equal("it's", evaluate "['it''s']")
      assert.equal("'", evaluate "['''']")
   end)

   it("reach into objects and arrays", function()
      local p = { o = { ["x-y"] = { json.null, "b" } } }
      assert.equal("b", evaluate("[parameters('o')['x-y'][1]]", p))
      assert.truthy(fails("[parameters('o').z]", p):find(
         "The language expression property 'z' doesn't exist, available properties are 'x-y'.", 1, true))
      assert.truthy(fails("[parameters('o')['x-y'][2]]", p):find(
         "The language expression property array index '2' is out of bounds.", 1, true))
      assert.truthy(fails("[concat('a')[0]]"):find("property '0' can't be evaluated.", 1, true))
      assert.truthy(fails("[concat('a').b]"):find("property 'b' can't be evaluated.", 1, true))
   end)

   it("name what the parser wanted and where", function()
      local cases = {
         ["[concat('a', uniqueString(resourceGroup().id)]"] = "Unable to parse language expression "
            .. "'concat('a', uniqueString(resourceGroup().id)': expected token 'RightParenthesis' and actual "
            .. "'EndOfData'.",
         ["[]"] = "Unable to parse language expression '': expected token 'Identifier' and actual "
            .. "'EndOfData'.",
         ["[ ]"] = "expected token 'Identifier' and actual 'EndOfData'.",
         ["[a({)]"] = "The language expression 'a({)' is not valid: the string character '{' at position "
            .. "'2' is not expected.",
         ["[concat('é', \"a\")]"] = "the string character '\"' at position '12' is not expected.",
         ["[concat('a)]"] = "the string constant at position '7' is not terminated. String constants must be "
            .. "enclosed within a pair of single quotes.",
         ["[-2147483649]"] = "the value '-2147483649' at position '0' cannot be converted to number.",
         ["[true]"] = "expected token 'LeftParenthesis' and actual 'EndOfData'.",
         ["[1.5]"] = "expected token 'Identifier' and actual 'IntegerLiteral'.",
         ["[add(1,2) add(1,2)]"] = "expected token 'EndOfData' and actual 'Identifier'.",
         ["[parameters('a').?b]"] = "the string character '?' at position '16' is not expected.",
         ["[(1)]"] = "expected token 'Identifier' and actual 'LeftParenthesis'.",
      }
      for text, words in pairs(cases) do
         local message = fails(text)
         assert.truthy(message:find(words, 1, true), text .. " gave: " .. message)
      end
   end)

   it("are bounded in length and depth", function()
      assert.equal(24570, #evaluate("['" .. ("x"):rep(24570) .. "']"))
      assert.truthy(fails("['" .. ("x"):rep(24575) .. "']"):find("limit exceeded", 1, true))
      local deep = ("not("):rep(150) .. "true()" .. (")"):rep(150)
      assert.is_true(evaluate("[" .. deep .. "]"))
      deep = ("not("):rep(4000) .. "true()" .. (")"):rep(4000)
      assert.truthy(fails("[" .. deep .. "]"):find("nested too deeply", 1, true))
      assert.truthy(fails("[a()" .. (".b"):rep(5000) .. "]"):find("nested too deeply", 1, true))
   end)

   it("evaluate only the branch that is taken", function()
      assert.equal("x", evaluate "[if(true(), 'x', first(1))]")
      assert.equal("x", evaluate "[if(false(), int('y'), 'x')]")
      assert.truthy(fails "[if('true', 1, 2)]")
   end)

   it("know scopes and ids", function()
      local more = { management_group = { name = "mg", id = "/mg" }, tenant = "t" }
      assert.equal("/subscriptions/" .. subscription .. "/resourceGroups/rg", evaluate "[resourceGroup().id]")
      assert.equal(subscription, evaluate "[subscription().subscriptionId]")
      assert.equal("t", evaluate("[tenant().tenantId]", nil, more))
      assert.equal("/subscriptions/" .. subscription .. "/resourceGroups/other/providers/A.B/c/d",
         evaluate "[resourceId('other', 'A.B/c', 'd')]")
      assert.equal("/subscriptions/" .. subscription .. "/resourceGroups/rg/providers/A.B/c/d",
         evaluate "[resourceId('A.B/c/', 'd')]")
      assert.equal("/providers/Microsoft.Management/managementGroups/mg/providers/A.B/c/d",
         evaluate("[managementGroupResourceId('A.B/c', 'd')]", nil, more))
      assert.equal(".vault.azure.net", evaluate "[environment().suffixes.keyvaultDns]")
      assert.truthy(fails("[resourceId('Microsoft.Storage/storageAccounts')]", nil):find("argument(s)", 1,
         true))
      assert.truthy(fails("[resourceId('Microsoft.Storage/storageAccounts', 'a', 'b')]"):find(
         "the type 'Microsoft.Storage/storageAccounts' requires '1' resource name argument(s).", 1, true))
      assert.truthy(fails("[managementGroup()]"):find("is not expected at this location", 1, true))
   end)

   it("compute dates", function()
      assert.equal("2020-02-29T00:00:00Z", evaluate "[dateTimeAdd('2020-01-31 00:00:00Z', 'P1M')]")
      assert.equal("2020-03-29T14:53:14Z", evaluate "[dateTimeAdd('2020-04-07 14:53:14Z', '-P9D')]")
      assert.equal("2023-04-07T15:53:14Z", evaluate "[dateTimeAdd('2020-04-07 14:53:14Z', 'P3YT1H')]")
      assert.equal("07.04.20 02:53 PM Tue",
         evaluate "[dateTimeAdd('20200407T145314Z', 'PT0S', 'dd.MM.yy hh:mm tt ddd')]")
      assert.equal(0, evaluate "[dateTimeToEpoch('1970-01-01T02:00:00+02:00')]")
      assert.equal("1969-12-31T23:59:59Z", evaluate "[dateTimeFromEpoch(-1)]")
   end)

   it("compute networks", function()
      assert.equal("10.144.15.0/24", evaluate "[cidrSubnet('10.144.0.0/20', 24, 15)]")
      assert.equal("10.144.3.1", evaluate "[cidrHost('10.144.3.0/24', 0)]")
      assert.equal("fdad:3236:5555:1::/64", evaluate "[cidrSubnet('fdad:3236:5555::/48', 64, 1)]")
      assert.truthy(fails "[cidrSubnet('10.144.0.0/20', 24, 16)]")
      assert.truthy(fails "[cidrHost('10.144.3.0/24', 254)]")
      assert.truthy(fails "[parseCidr('10.144.3.0/33')]")
      assert.truthy(fails "[parseCidr('10.144.3.256/24')]")
   end)

   it("count strings in UTF-16 units", function()
      local p = { s = "aé😀z" }
      assert.equal(5, evaluate("[length(parameters('s'))]", p))
      assert.equal("😀", evaluate("[substring(parameters('s'), 2, 2)]", p))
      assert.equal("z", evaluate("[last(parameters('s'))]", p))
      assert.equal("AÉ😀Z", evaluate("[toUpper(parameters('s'))]", p))
   end)

   it("format numbers as .NET does", function()
      assert.equal("0042 2A 1,234.00 { 7  |",
         evaluate "[format('{0:D4} {0:X} {1:N2} {{ {2,-2} |', 42, 1234, 7)]")
      assert.equal("  7|007|1,234,567", evaluate "[format('{0,3}|{0:000}|{1:#,##0}', 7, 1234567)]")
      assert.truthy(fails "[format('{0', 1)]")
   end)

   it("sort any list, stably", function()
      local list = "createArray(createObject('k',2,'n','a'),createObject('k',1,'n','b'),"
         .. "createObject('k',2,'n','c'))"
      local by = "lambda('x','y',less(lambdaVariables('x').k,lambdaVariables('y').k))"
      local got = evaluate("[join(map(sort(" .. list .. "," .. by
         .. "),lambda('i',lambdaVariables('i').n)),'')]")
      assert.equal("bac", got)
   end)

   it("never tell a secure value apart from a string, and never print it", function()
      local secret = require "aci.secret"
      local p = { s = secret.new "hush" }
      local joined = evaluate("[concat('Bearer ', parameters('s'))]", p)
      assert.equal("Bearer hush", secret.reveal(joined))
      assert.is_false(evaluate("[empty(parameters('s'))]", p))
      local message = fails("[toUpper(parameters('s'))]", p)
      assert.falsy(message:find("hush", 1, true))
   end)
end)

describe("template.unique_string and guid", function()
   it("are the functions of the language", function()
      assert.equal("bhxq2thzm5dym", template.unique_string("test", "value"))
      assert.equal("aaaaaaaaaaaaa", template.unique_string "")
      assert.equal("95b33d6a-06a0-5961-9b94-a0f6c648352b", template.guid("test", "value"))
      assert.equal(template.guid "a-b", template.guid("a", "b"))
      assert.has_error(function() template.unique_string(1) end, "argument 1 must be a string, not number")
   end)
end)

describe("template.read", function()
   it("lets through what the service lets through", function()
      local text = '// c\n{"properties": {"mode": "x", template:{ /* d */ "a": "1\n2" }\n}}'
      local got = assert(template.read(text))
      assert.same({ properties = { mode = "x", template = { a = "1\n2" } } }, got)
   end)

   it("is strict when asked", function()
      for _, text in ipairs { '{"a": 1 /* c */}', '{a: 1}', '"a\nb"' } do
         assert.truthy(template.read(text))
         local got, err = template.read(text, { strict = true })
         assert.is_nil(got)
         assert.equal("InvalidRequestContent", err.code)
      end
   end)

   it("keeps the order of members", function()
      local got = assert(template.read '{"z": 1, "a": {"y": 2, "b": [3]}}')
      assert.equal('{"z":1,"a":{"y":2,"b":[3]}}', value.json(got))
      assert.equal('{"b":1,"a":2}', evaluate([==[[string(json('{"b":1,"a":2}'))]]==]))
   end)

   it("knows where each value ends", function()
      local got = assert(template.read '{\n  "a": "xyz",\n  "b": [ { } ]\n}')
      local function at(container, key)
         local place = value.place(container, key)
         return (place >> 32) .. ":" .. (place & 0xffffffff)
      end
      assert.equal("1:1", at(got))
      assert.equal("2:12", at(got, "a"))
      assert.equal("3:8", at(got, "b"))
      assert.equal("3:10", at(got.b, 1))
   end)

   it("refuses what is no JSON", function()
      for _, text in ipairs { "", "{", '{"a": 1,}', '{"a": 1, "a": 2}', "[1 2]", '{"a": 1} x', "nul" } do
         local got, err = template.read(text)
         assert.is_nil(got, text)
         assert.equal("InvalidRequestContent", err.code)
         assert.equal("integer", math.type(err.line))
      end
   end)
end)
