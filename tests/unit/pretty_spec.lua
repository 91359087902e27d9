local errors = require "aci.error"
local json = require "aci.json"
local pretty = require "aci.pretty"
local secret = require "aci.secret"

describe("aci.pretty", function()
   it("writes simple values", function()
      assert.equal("nil", pretty.format(nil))
      assert.equal("12", pretty.format(12))
      assert.equal("12.0", pretty.format(12.0))
      assert.equal('"a\\n\\"b\\"\\\\\\000\\027"', pretty.format 'a\n"b"\\\0\27')
      assert.equal('"grün"', pretty.format "grün")
      assert.equal('"\\xff\\x41"', (pretty.format "\xffA":gsub("A", "\\x41")))
      assert.equal("function (C)", pretty.format(print))
      assert.truthy(pretty.format(function() end):match "^function %(.*pretty_spec.lua:%d+%)$")
   end)

   it("tells arrays from objects, keys in order", function()
      assert.equal("{ 1, 2, 3 }", pretty.format { 1, 2, 3 })
      assert.equal('{ a = 1, b = { 2 }, ["end"] = true, ["x y"] = "z" }',
         pretty.format { b = { 2 }, ["x y"] = "z", a = 1, ["end"] = true })
      assert.equal("{ 1, [3] = 3, [4.5] = 0, a = 0, [true] = 0 }",
         pretty.format { 1, [3] = 3, a = 0, [true] = 0, [4.5] = 0 })
      assert.equal("{}", pretty.format {})
      assert.equal("[]", pretty.format(json.array {}))
      assert.equal("{ a = null }", pretty.format { a = json.null })
   end)

   it("breaks what does not fit a line, short entries together", function()
      assert.equal('{\n  long = "xxxxxxxxxxxxxxx",\n  other = { 1, 2 },\n}',
         pretty.format({ long = ("x"):rep(15), other = { 1, 2 } }, { width = 30 }))
      assert.equal("{\n  100, 101, 102,\n  103, 104, 105,\n}",
         pretty.format({ 100, 101, 102, 103, 104, 105 }, { width = 18 }))
   end)

   it("stops at cycles, depth, numbers of items and long texts", function()
      local cycle = { name = "x" }
      cycle.me = cycle
      assert.equal('{ me = { (itself) }, name = "x" }', pretty.format(cycle))
      local twice = { 1 }
      assert.equal("{ { 1 }, { 1 } }", pretty.format { twice, twice })
      assert.equal("{ a = { b = { ... } } }", pretty.format({ a = { b = { c = 1 } } }, { depth = 2 }))
      assert.equal("{ 1, 2, ... 2 more }", pretty.format({ 1, 2, 3, x = 4 }, { items = 2 }))
      assert.equal('"grü" .. 2 more bytes', pretty.format("grün!", { text = 4 }))
   end)

   it("masks secrets, and lets objects speak for themselves", function()
      local text = pretty.format { key = secret.new "hunter2", list = { secret.new "hunter2" } }
      assert.equal("{ key = <secret>, list = { <secret> } }", text)
      assert.equal("{ gone }", pretty.format { errors.new { kind = "failed", message = "gone" } })
      local object = setmetatable({ a = 1 }, { __name = "aci.thing", __index = function() error "no" end })
      assert.equal("aci.thing { a = 1 }", pretty.format(object))
      local broken = setmetatable({ b = 2 }, { __tostring = function() error "broken" end })
      assert.equal("{ 1, { b = 2 } }", pretty.format { 1, broken })
   end)

   it("shows like rows as a table", function()
      local rows = { { name = "b", size = 10, id = "x" }, { name = "grün", size = 2, id = "y" } }
      assert.equal("NAME  ID  SIZE\nb     x   10\ngrün  y   2", pretty.format(rows))
      assert.truthy(pretty.format(rows, { table = false }):find("{ id = ", 1, true))
      assert.truthy(pretty.format(rows, { width = 10 }):find("^{"))
      assert.equal("{ { a = 1 }, { b = 1 } }", pretty.format { { a = 1 }, { b = 1 } })
   end)

   it("shows rows of a service as a table too: with short tables in them, a key missing, cells shortened", function()
      assert.equal("NAME  N  TAGS\na     1  { x = 1 }\nb     2\nc     3  {}", pretty.format {
         { name = "a", n = 1, tags = { x = 1 } }, { name = "b", n = 2 }, { name = "c", n = 3, tags = {} } })
      local id = "/subscriptions/" .. ("ü"):rep(30) .. "/groups/g"
      assert.equal("NAME  ID\na     /subscript...üü/groups/g\nb     /x", pretty.format({ { name = "a", id = id },
         { name = "b", id = "/x" } }, { width = 30 }))
      local long = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }
      assert.truthy(pretty.format({ { a = 1, b = long }, { a = 2, b = long } }):find("^{"))
      assert.matches("{ key = <secret> }", pretty.format { { a = { key = secret.new "hidden" } }, { a = 1 } })
   end)

   it("stops at a number of entries in all", function()
      local wide = {}
      for i = 1, 30 do wide[i] = { { i }, { i } } end
      local _, lines = pretty.format(wide, { table = false, width = 12, total = 50 }):gsub("\n", "")
      assert.is_true(lines < 120)
      assert.matches("{ %.%.%. }", pretty.format(wide, { total = 50 }))
      assert.matches("%.%.%. 10 more", pretty.format({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, { total = 2 }))
   end)

   it("makes tables that no value can break", function()
      assert.equal("STEP  RESOURCE GROUP\na     x\\ny\\x1b[31m\n      true\n", pretty.table(
         { { step = "a", resource_group = "x\ny\27[31m" }, { resource_group = true } },
         { "step", "resource_group" }))
      assert.equal("N  HOW MANY\n1\n", pretty.table({ { n = 1 } }, { "n", { "m", title = "how many" } }))
   end)

   it("raises for an unknown option", function()
      assert.error_matches(function() pretty.format(1, { deep = 1 }) end, "unknown option 'deep'")
   end)
end)
