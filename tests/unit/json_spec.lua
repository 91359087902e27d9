local json = require "aci.json"
local secret = require "aci.secret"
local errors = require "aci.error"
local cjson = require "cjson"

local function place_of(text, options)
   local value, err = json.decode(text, options)
   assert.is_nil(value)
   assert.is_true(errors.is(err, "invalid"))
   assert.truthy(err.message:find(("line %d, column %d: "):format(err.line, err.column), 1, true))
   return err.line .. ":" .. err.column .. " " .. err.message:match "column %d+: (.*)"
end

describe("json.decode", function()
   it("reads every kind of value", function()
      local value = json.decode ' {"a": [1, -2.5, true, false, null, "x"], "b": {}, "": "" } '
      assert.same({ 1, -2.5, true, false, json.null, "x" }, value.a)
      assert.same({}, value.b)
      assert.equal("", value[""])
      assert.equal(7, json.decode "7")
      assert.equal("x", json.decode '"x"')
      assert.equal(json.null, json.decode "null")
   end)

   it("keeps integers exact and floats floats", function()
      for _, text in ipairs { "0", "-1", "9007199254740993", "9223372036854775807",
         "-9223372036854775808" } do
         local number = json.decode(text)
         assert.equal("integer", math.type(number))
         assert.equal(text, tostring(number))
      end
      assert.equal("float", math.type(json.decode "1.0"))
      assert.equal(1e3, json.decode "1e3")
      assert.equal("float", math.type(json.decode "1e3"))
      assert.equal(2.0 ^ 63, json.decode "9223372036854775808")
      assert.equal("-0.0", tostring(json.decode "-0"))
      assert.equal(5e-324, json.decode "5e-324")
      assert.equal(0.1, json.decode "0.1")
      assert.equal(1.7976931348623157e308, json.decode "1.7976931348623157e308")
      assert.equal(123456789012345680000.0, json.decode "123456789012345678901")
      assert.equal(0.0, json.decode "1e-400")
   end)

   it("gives back what it was given: empty ones, large integers, NUL", function()
      local text = [[{"a":[],"b":{},"n":9007199254740993,"f":0.1,"s":"é/\u0000"}]]
      local value = assert(json.decode(text))
      assert.equal(9007199254740993, value.n)
      assert.equal("integer", math.type(value.n))
      assert.equal(0.1, value.f)
      assert.equal("é/\0", value.s)
      assert.is_true(json.is_array(value.a))
      assert.is_false(json.is_array(value.b))
      assert.equal([[{"a":[],"b":{},"f":0.1,"n":9007199254740993,"s":"é/\u0000"}]], json.encode(value))
      assert.same(value, json.decode(json.encode(value)))
   end)

   it("does not mind the locale", function()
      local before = os.setlocale(nil, "numeric")
      finally(function() os.setlocale(before, "numeric") end)
      for _, name in ipairs { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8" } do
         if os.setlocale(name, "numeric") then break end
      end
      assert.equal(1e-7 / 3, json.decode(json.encode(1e-7 / 3)))
      assert.equal(1e300, json.decode "1e300")
   end)

   it("resolves escapes", function()
      assert.equal('"\\/\b\f\n\r\t', json.decode [["\"\\\/\b\f\n\r\t"]])
      assert.equal("\0é€😀Z", json.decode [["\u0000\u00e9\u20AC\ud83d\ude00\u005a"]])
      assert.equal("é€😀", json.decode '"é€😀"')
   end)

   it("tells arrays from objects", function()
      assert.is_true(json.is_array(json.decode "[]"))
      assert.is_false(json.is_array(json.decode "{}"))
      assert.equal("[]", json.encode(json.decode "[]"))
      assert.equal("{}", json.encode(json.decode "{}"))
      assert.equal('{"a":[{},[]]}', json.encode(json.decode '{"a":[{},[]]}'))
   end)

   it("names line and column of every fault", function()
      local faults = {
         { "", "1:1 the text ends too early" },
         { "  \n ", "2:2 the text ends too early" },
         { "[1,\n2,]", "2:2 trailing comma" },
         { '{"a":1,}', "1:7 trailing comma" },
         { "[1 2]", "1:4 expected ',' or ']'" },
         { '{"a":1 "b":2}', "1:8 expected ',' or '}'" },
         { '{"a" 1}', "1:6 expected ':' after the member's name" },
         { "{a:1}", "1:2 expected a member's name in double quotes" },
         { "{'a':1}", "1:2 expected a member's name in double quotes" },
         { "['a']", "1:2 strings need double quotes" },
         { "[,1]", "1:2 expected a value before the comma" },
         { "[}", "1:2 expected a value before the closing bracket" },
         { "[1}", "1:3 expected ',' or ']'" },
         { "{]", "1:2 expected a member's name in double quotes" },
         { "]", "1:1 expected a value before the closing bracket" },
         { "1 2", "1:3 something follows the value" },
         { "nan", "1:1 unknown word (JSON has true, false and null)" },
         { "[nulls]", "1:2 unknown word (JSON has true, false and null)" },
         { "tru", "1:1 unknown word (JSON has true, false and null)" },
         { "Infinity", "1:1 unknown word (JSON has true, false and null)" },
         { "01", "1:1 numbers cannot begin with 0" },
         { "-01", "1:2 numbers cannot begin with 0" },
         { "-", "1:2 expected a digit" },
         { "+1", "1:1 expected a value" },
         { ".5", "1:1 expected a value" },
         { "1.", "1:3 expected a digit after the decimal point" },
         { "2.e3", "1:3 expected a digit after the decimal point" },
         { "1e", "1:3 expected a digit in the exponent" },
         { "1e+", "1:4 expected a digit in the exponent" },
         { "1e999", "1:1 the number is too large" },
         { "0x10", "1:2 something follows the value" },
         { '["abc', "1:2 the string never ends" },
         { '["abc\\"', "1:2 the string never ends" },
         { '"a\nb"', "1:3 a control character in a string must be escaped" },
         { '"\0"', "1:2 a control character in a string must be escaped" },
         { [["\x"]], "1:2 unknown escape" },
         { [["\u12g4"]], [[1:2 \u needs four hexadecimal digits]] },
         { [["\ud800"]], "1:2 half of a surrogate pair" },
         { [["\udc00\ud800"]], "1:2 half of a surrogate pair" },
         { [["\ud800\u0041"]], "1:2 half of a surrogate pair" },
         { '"é\xff"', "1:3 not valid UTF-8" },
         { '"\xc0\x80"', "1:2 not valid UTF-8" },
         { '"\xed\xa0\x80"', "1:2 not valid UTF-8" },
         { '"\xf4\x90\x80\x80"', "1:2 not valid UTF-8" },
         { '"\xe2\x82"', "1:2 not valid UTF-8" },
         { "\xef\xbb\xbf1", "1:1 expected a value" },
         { "1 // one", "1:3 something follows the value" },
         { "[/**/]", "1:2 comments are not allowed here" },
         { '{"é":1,\r\n\r"é":2}', "3:1 a member of this name was there before" },
         { '{"a":{"b":1,"c":{},"b":2}}', "1:20 a member of this name was there before" },
         { '{"a":1,"\\u0061":2}', "1:8 a member of this name was there before" },
      }
      for _, case in ipairs(faults) do
         assert.equal(case[2], place_of(case[1]), case[1])
      end
   end)

   it("takes 512 levels and no more", function()
      local function nested(levels) return ("["):rep(levels) .. ("]"):rep(levels) end
      assert.is_table(json.decode(nested(512)))
      assert.equal(nested(512), json.encode(json.decode(nested(512))))
      assert.equal("1:513 nested too deeply (at most 512 levels)", place_of(nested(513)))
      assert.equal("1:513 nested too deeply (at most 512 levels)", place_of(("["):rep(1000000)))
      local objects = ('{"a":'):rep(512) .. "1" .. ("}"):rep(512)
      assert.equal(objects, json.encode(json.decode(objects)))
   end)

   it("lets through what is asked for and nothing else", function()
      local text = '\xef\xbb\xbf// an ARM template\n{/* one */"a": "x\n\ty", // two\n"b": [1 /**/ ]}//'
      local value = json.decode(text, { comments = true, line_breaks = true })
      assert.same({ a = "x\n\ty", b = { 1 } }, value)
      assert.same({ template = { _a1 = 1, ["$b"] = 2 } },
         json.decode("{template: {_a1: 1, $b :2}}", { bare_names = true }))
      assert.equal("1:2 the comment never ends", place_of("[/* x", { comments = true }))
      assert.equal("1:2 the comment never ends", place_of("[/*/", { comments = true }))
      assert.equal("1:5 expected a value", place_of("[1, /]", { comments = true }))
      assert.equal("1:2 expected a member's name in double quotes", place_of("{1: 1}", { bare_names = true }))
      assert.equal("1:2 a control character in a string must be escaped",
         place_of('"\1"', { line_breaks = true }))
      assert.has_error(function() json.decode("1", { coments = true }) end)
   end)

   it("reads secrets, and gives chosen members as secrets", function()
      assert.same({ 1 }, json.decode(secret.new "[1]"))
      local answer = json.decode(secret.new [[{"access_token": "a\nb", "expires_in": 3599,
         "inner": {"access_token": ""}, "list": ["x"]}]], { secrets = { "access_token", "list" } })
      assert.equal("a\nb", secret.reveal(answer.access_token))
      assert.equal("", secret.reveal(answer.inner.access_token))
      assert.equal(3599, answer.expires_in)
      assert.same({ "x" }, answer.list)
      local _, err = json.decode(secret.new '{"hunter2": hunter2}')
      assert.is_nil(tostring(err):find("hunter2", 1, true))
   end)

   it("raises for what is no text", function()
      assert.has_error(function() json.decode(1) end)
      assert.has_error(function() json.decode() end)
   end)
end)

describe("json.encode", function()
   it("writes every kind of value, names sorted", function()
      assert.equal('{"":0,"B":[1,2],"a":{},"aa":null,"b":true,"é":"x"}',
         json.encode { b = true, a = {}, B = { 1, 2 }, aa = json.null, ["é"] = "x", [""] = 0 })
      assert.equal("[]", json.encode(json.array()))
      assert.equal("{}", json.encode(json.object {}))
      assert.equal('{"1":"a","10":"c","2":"b"}', json.encode(json.object { "a", "b", [10] = "c" }))
   end)

   it("writes numbers that read back as the same number of the same kind", function()
      local numbers = {
         { 0, "0" }, { -7, "-7" }, { math.mininteger, "-9223372036854775808" },
         { math.maxinteger, "9223372036854775807" }, { 0.1, "0.1" }, { 1.5, "1.5" }, { 3.0, "3.0" },
         { -0.0, "-0.0" }, { 100.25, "100.25" }, { 1e300, "1e+300" }, { 5e-324, "5e-324" },
         { 1 / 3, "0.3333333333333333" }, { 0.30000000000000004, "0.30000000000000004" },
         { 99999999999999.5, "99999999999999.5" }, { 2.0 ^ 53, "9007199254740992.0" }, { 1e-5, "0.00001" },
      }
      for _, case in ipairs(numbers) do
         assert.equal(case[2], json.encode(case[1]))
         assert.equal(case[1], json.decode(case[2]))
         assert.equal(math.type(case[1]), math.type(json.decode(case[2])))
      end
      for _ = 1, 20000 do
         local bits = string.unpack("n", string.pack("j", math.random(0)))
         if bits == bits and math.abs(bits) ~= math.huge then
            assert(json.decode(json.encode(bits)) == bits)
         end
         local usual = math.random(10 ^ 9) / math.random(1000)
         assert(json.decode(json.encode(usual)) == usual)
      end
   end)

   it("escapes what must be escaped and nothing else", function()
      assert.equal([["\"\\/\b\f\n\r\t\u0000\u001f]] .. "\127é€😀\"",
         json.encode('"\\/\b\f\n\r\t\0\31\127é€😀'))
   end)

   it("sorts many members, and members of long equal beginnings", function()
      local value, names = {}, {}
      for i = 1, 2000 do
         names[i] = ("member%05d"):format(i)
         value[names[i]] = { i }
      end
      local text, at = json.encode(value), 1
      for _, name in ipairs(names) do
         local found = text:find('"' .. name .. '":[', at, true)
         assert(found, name)
         at = found
      end
      assert.same(value, json.decode(text))
      assert.equal('{"aaaaaaaa":1,"aaaaaaaab":2,"aaaaaaaac":3}',
         json.encode { aaaaaaaac = 3, aaaaaaaa = 1, aaaaaaaab = 2 })
      assert.equal('{"a":1,"a\\u0000":2}', json.encode { ["a\0"] = 2, a = 1 })
   end)

   it("writes many members named by whole numbers", function()
      local value, collected = json.object {}, json.object {}
      for i = 1, 1000 do value[i * 7919] = { i } end
      local text = json.encode(value)
      for name, each in pairs(json.decode(text)) do collected[math.tointeger(name)] = each end
      assert.same(value, collected)
      assert.equal(text, json.encode(json.decode(text)))
   end)

   it("writes pretty text", function()
      assert.equal([[
{
  "a": [
    1,
    {
      "b": {}
    }
  ],
  "c": []
}]], json.encode({ c = json.array {}, a = { 1, { b = {} } } }, { pretty = true }))
      assert.equal("1", json.encode(1, { pretty = true }))
   end)

   it("hides secrets unless it is asked to make one", function()
      local value = { password = secret.new 'p"w', user = "ada" }
      assert.equal('{"password":"<secret>","user":"ada"}', json.encode(value))
      local text = json.encode(value, { secrets = true })
      assert.is_true(secret.is(text))
      assert.equal('{"password":"p\\"w","user":"ada"}', secret.reveal(text))
      assert.is_true(secret.is(json.encode(1, { secrets = true })))
      local long = secret.new(("x"):rep(10000))
      assert.equal(10004, #json.encode({ long }, { secrets = true }))
   end)

   it("refuses what JSON cannot hold, naming the place", function()
      local loop = {}
      loop.loop = { loop }
      local cases = {
         { { a = { b = { 1, 2, print } } }, "the value.a.b[3]: JSON has no function" },
         { { a = 0 / 0 }, "the value.a: JSON has no infinity and no nan" },
         { math.huge, "the value: JSON has no infinity and no nan" },
         { { 1, 2, nil, 4 }, "its keys are neither|the array has a hole" },
         { { 1, x = 2 }, "the value: its keys are neither 1, 2, ... n nor all strings" },
         { { [2] = 1 }, "the value: its keys are neither 1, 2, ... n nor all strings" },
         { { [true] = 1 }, "its keys are neither" },
         { json.array { x = 1 }, "its keys are neither" },
         { json.object { [1.5] = 1 }, "its keys are neither" },
         { json.object { "a", ["1"] = "b" }, "the value.1: two members have this name" },
         { { "\xff" }, "the value[1]: a string is not valid UTF-8" },
         { { ["\xff"] = 1 }, "a string is not valid UTF-8" },
         { io.stdout, "the value: JSON has no userdata" },
         { coroutine.create(print), "JSON has no thread" },
         { loop, "nested more than 512 levels deep (does it contain itself?)" },
      }
      for _, case in ipairs(cases) do
         local ok, err = pcall(json.encode, case[1])
         assert.is_false(ok)
         local found
         for part in case[2]:gmatch "[^|]+" do found = found or err:find(part, 1, true) end
         assert(found, err)
         assert(#err < 400, "too long: " .. #err)
      end
      assert.has_error(function() json.encode() end)
      assert.has_error(function() json.encode(nil) end)
      assert.has_error(function() json.encode(1, { prety = true }) end)
   end)
end)

describe("aci.json beside cjson", function()
   it("agrees where both keep the value", function()
      local texts = { '{"a":[1.5,"x",{"b":false}],"c":null,"d":"\\u00e9\\ud83d\\ude00"}', "[[[0.25]]]",
         '"a\\nb"', "[1e10,-2.5E-3]", '{"k":{"k":{"k":["v"]}}}' }
      for _, text in ipairs(texts) do
         assert.same(cjson.decode(text), json.decode(text))
         assert.same(cjson.decode(json.encode(json.decode(text))), cjson.decode(text))
         assert.same(json.decode(cjson.encode(json.decode(text))), json.decode(text))
      end
      assert.equal(cjson.null, json.null)
   end)

   it("refuses whatever cjson refuses", function()
      local pieces = { "{", "}", "[", "]", ",", ":", '"a"', "1", "-", ".5", "e3", "null", "tru", " ",
         "\\u12" }
      local agreed = 0
      for _ = 1, 20000 do
         local parts = {}
         for i = 1, math.random(6) do parts[i] = pieces[math.random(#pieces)] end
         local text = table.concat(parts)
         local theirs, ours = pcall(cjson.decode, text), json.decode(text) ~= nil
         assert(theirs or not ours, text)
         agreed = agreed + (ours and 1 or 0)
      end
      assert(agreed > 100)
   end)
end)

describe("json.null", function()
   it("prints as null", function()
      assert.equal("null", tostring(json.null))
   end)
end)
