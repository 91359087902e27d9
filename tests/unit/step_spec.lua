local errors = require "aci.error"
local report = require "aci.step.report"
local run = require "aci.step.run"
local step = require "aci.step"
local task = require "aci.task"
local unknown = require "aci.step.unknown"
local compare = require "aci.step.compare"
local secret = require "aci.secret"

-- A kind whose world is a table: id -> value.
local world, writes
package.loaded["aci.thing.memory"] = {
   label = function(thing) return "thing " .. thing.id end,
   read = function(_, thing) return world[thing.id] end,
   differs = function(_, thing, current) return compare.changes(thing.body, current.body) end,
   foreign = function(_, _, current) return current.foreign end,
   write = function(_, thing)
      writes[#writes + 1] = thing.id
      if thing.fails then errors.raise { kind = "conflict", message = "taken" } end
      task.sleep(0.002)
      world[thing.id] = { body = thing.body, id = thing.id }
      return world[thing.id]
   end,
}

local function thing(id, body, more)
   local made = { kind = "memory", id = id, body = body or {} }
   for key, value in pairs(more or {}) do made[key] = value end
   return made
end

local quiet = report.new { quiet = true }

local function two_steps()
   return {
      step { name = "b", needs = { "a" }, want = function(c) return { thing("b", { from = c.a.id }) } end },
      step { name = "a", want = function() return { thing("a", { size = 1 }) } end,
         gives = function(_, a) return { id = a.id } end },
   }
end

local function go(steps, options)
   options = options or {}
   options.report = quiet
   return run.steps({}, step.order(steps), options)
end

describe("steps", function()
   before_each(function() world, writes = {}, {} end)

   it("run in the order of what they need, and write nothing the second time", function()
      local entries = go(two_steps())
      assert.same({ "a", "b" }, writes)
      assert.equal("create", entries[1].action)
      assert.equal("a", world.b.body.from)
      entries = go(two_steps())
      assert.same({ "a", "b" }, writes)
      assert.equal("nothing", entries[2].action)
   end)

   it("in a plan write nothing, and show what depends on new things as unknown", function()
      local entries = go(two_steps(), { plan = true })
      assert.same({}, writes)
      assert.equal("create", entries[1].action)
      assert.equal("create", entries[2].action)
      world.b = { body = { from = "x" } }
      entries = go(two_steps(), { plan = true })
      assert.equal("change", entries[2].action)
      assert.equal("from", entries[2].changes[1].path)
      assert.equal(unknown.value, entries[2].changes[1].new)
   end)

   it("write only what differs, and say which property", function()
      go(two_steps())
      world.a.body.size = 2
      writes = {}
      local entries = go(two_steps())
      assert.same({ "a" }, writes)
      assert.same({ path = "size", old = 2, new = 1 }, entries[1].changes[1])
   end)

   it("go on after a failure where they stopped", function()
      local steps = two_steps()
      steps[3] = step { name = "c", needs = { "b" },
         want = function() return { thing("c", {}, { fails = true }) } end }
      local ok, err = pcall(go, steps)
      assert.is_false(ok)
      assert.equal("c", err.step)
      assert.equal("thing c", err.thing)
      assert.is_table(world.b)
      writes = {}
      steps[3] = step { name = "c", needs = { "b" }, want = function() return { thing "c" } end }
      go(steps)
      assert.same({ "c" }, writes)
   end)

   it("tell a fault in their own Lua with the step and its line, and no traceback of ours", function()
      local function fault(want)
         local steps = two_steps()
         steps[3] = step { name = "c", needs = { "a" }, want = want }
         local ok, err = pcall(go, steps)
         assert.is_false(ok)
         assert.is_true(errors.is(err), tostring(err))
         assert.equal("c", err.step)
         return tostring(err), errors.exit_code(err)
      end
      local text, code = fault(function(c) return c.nothing.there end)
      assert.matches("^the step 'c' fails: tests/unit/step_spec.lua:%d+: attempt to index a nil value", text)
      assert.equal(1, code)
      text = fault(function() return { require("aci.azure.ids").join("/s", "Microsoft.X/y", nil) } end)
      assert.matches("^the step 'c' fails: aci/azure/ids.lua:.* %(called at tests/unit/step_spec.lua:%d+%)", text)
      text, code = fault(function() return { { kind = "fancy", id = "x" } } end)
      assert.matches("a thing of unknown kind 'fancy'", text)
      assert.equal(2, code)
      assert.matches("the step 'c': its want gives nil, not an array of things", (fault(function() end)))
   end)

   it("wait for what is there to be in force, also where an earlier run could not", function()
      local waited = {}
      package.loaded["aci.thing.memory"].settle = function(_, each) waited[#waited + 1] = each.id end
      go(two_steps())
      assert.same({}, waited) -- its write has waited
      go(two_steps(), { plan = true })
      assert.same({}, waited)
      go(two_steps())
      assert.same({ "a", "b" }, waited)
      package.loaded["aci.thing.memory"].settle = nil
   end)

   it("do not touch what somebody else made", function()
      world.a = { body = { size = 5 }, foreign = "it has no tag" }
      local ok, err = pcall(go, two_steps())
      assert.is_false(ok)
      assert.is_true(errors.is(err, "conflict"))
      assert.same({}, writes)
      go(two_steps(), { adopt = true })
      assert.same({ "a", "b" }, writes)
   end)

   it("give a thing what the things before it are", function()
      go { step { name = "s", want = function()
         return { thing "one", function(_, one) return thing("two", { of = one.id }) end }
      end } }
      assert.equal("one", world.two.body.of)
   end)

   it("name the file of a step whose fields are wrong, though it ends in a tail call", function()
      local function refused(text)
         local ok, err = pcall(load('local step = require "aci.step"\n' .. text, "@steps/mine.lua"))
         assert.is_false(ok)
         assert.is_true(errors.is(err, "usage"), tostring(err))
         return err.message, err.advice
      end
      local message, advice = refused 'return step { nam = "mine", want = function() return {} end }'
      assert.equal("steps/mine.lua: a step has no field 'nam' (name, about, needs, want, gives)", message)
      assert.equal("did you mean name?", advice)
      assert.equal("steps/mine.lua: a step's 'needs' is a table, not a string",
         (refused 'return step { name = "mine", needs = "group", want = function() return {} end }'))
      assert.equal("steps/mine.lua: a step needs a name and a want function",
         (refused 'return step { name = "mine", gives = function() return {} end }'))
      assert.equal("the step 'mine': a step needs a name and a want function",
         (refused 'return step { name = "mine" }'))
   end)

   it("name the place of what is no step in the list, as of a file that returns nothing", function()
      local fine = step { name = "a", want = function() return {} end }
      for _, stray in ipairs { true, "steps.b", { name = "b" } } do
         local ok, err = pcall(step.order, { fine, stray, fine })
         assert.is_false(ok)
         assert.truthy(errors.is(err, "usage"))
         assert.matches("number 2 in the list of steps is no step", tostring(err), 1, true)
      end
   end)

   it("refuse circles, unknown needs, two of a name and misspelt fields", function()
      local function want() return {} end
      local function fails(steps) return not pcall(step.order, steps) end
      assert.is_true(fails { step { name = "a", needs = { "b" }, want = want },
         step { name = "b", needs = { "a" }, want = want } })
      assert.is_true(fails { step { name = "a", needs = { "nowhere" }, want = want } })
      assert.is_true(fails { step { name = "a", want = want }, step { name = "a", want = want } })
      assert.is_false(pcall(step, { name = "a", wants = want }))
   end)
end)

describe("comparing", function()
   local function paths(want, have)
      local found = {}
      for _, change in ipairs(compare.changes(want, have)) do found[#found + 1] = change.path end
      return found
   end

   it("looks only at what was authored", function()
      assert.same({}, paths({ a = 1 }, { a = 1, b = 2 }))
      assert.same({ "p.x" }, paths({ p = { x = 1 } }, { p = { x = 2, y = 3 } }))
   end)

   it("takes the letter case of ids, locations, words and members as equal, as Azure does", function()
      assert.same({}, paths({ location = "North Europe" }, { location = "northeurope" }))
      assert.same({}, paths({ sku = { name = "standard_lrs" } }, { sku = { name = "Standard_LRS" } }))
      assert.same({}, paths({ subnet = "/subscriptions/A/X" }, { subnet = "/subscriptions/a/x" }))
      assert.same({}, paths({ ids = { ["/SUB/A"] = {} } }, { ids = { ["/sub/a"] = { clientId = 1 } } }))
   end)

   it("sees every other change of letter case or blanks", function()
      assert.same({ "description" }, paths({ description = "Old" }, { description = "old" }))
      assert.same({ "e[1].value" }, paths({ e = { { value = "a b" } } }, { e = { { value = "ab" } } }))
      assert.same({ "command[1]" }, paths({ command = { "-Q" } }, { command = { "-q" } }))
      assert.same({ "name", "tags.x" }, paths({ name = "A", tags = { x = "Y" } }, { name = "a", tags = { x = "y" } }))
   end)

   it("sees longer lists, secrets, and what is unknown", function()
      assert.same({ "l" }, paths({ l = { 1 } }, { l = { 1, 2 } }))
      assert.same({}, paths({ s = secret.new "x" }, { s = "x" }))
      assert.same({ "s" }, paths({ s = secret.new "x" }, { s = "y" }))
      assert.same({ "u" }, paths({ u = unknown.value .. "/more" }, { u = "z" }))
      assert.is_true(unknown.within { a = { b = unknown.value.c.d } })
   end)
end)
