local actions = require "checks.actions"
local doctor  = require "aci.doctor"
local errors  = require "aci.error"

local function check(name, answer, needs)
   return { name = name, needs = needs, run = function()
      if errors.is(answer) then error(answer, 0) end
      return table.unpack(answer)
   end }
end

describe("aci.doctor", function()
   it("tells what each check saw, in order", function()
      local rows = doctor.examine({}, { check("a", { "ok", "fine" }), check("b", { "note", "x", "do it" }) })
      assert.same({ { check = "a", state = "ok", seen = "fine" },
         { check = "b", state = "note", seen = "x", advice = "do it" } }, rows)
      assert.equal(0, doctor.exit_code(rows))
   end)

   it("takes an error for wrong, and passes over what needs that check", function()
      local err = errors.new { kind = "auth", message = "no\n  login", advice = "sign in" }
      local rows = doctor.examine({}, { check("login", err), check("group", { "ok", "" }, { "login" }),
         check("inside", { "ok", "" }, { "group" }), check("other", { "wrong", "off" }) })
      assert.same({ "wrong", "skipped", "skipped", "wrong" },
         { rows[1].state, rows[2].state, rows[3].state, rows[4].state })
      assert.equal("no login", rows[1].seen)
      assert.equal("needs login", rows[2].seen)
      assert.equal(4, doctor.exit_code(rows))
   end)

   it("lets a check's own fault out, and an interrupt", function()
      local broken = { name = "broken", run = function() error "oops" end }
      local _, why = pcall(doctor.examine, {}, { broken })
      assert.matches("^check broken: .*oops$", why)
      local stop = errors.new { kind = "interrupted", message = "Ctrl-C" }
      local ok, err = pcall(doctor.examine, {}, { check("a", stop) })
      assert.is_false(ok)
      assert.is_true(errors.is(err, "interrupted"))
   end)

   it("says each advice once", function()
      local rows = { { check = "a", advice = "run setup" }, { check = "b" }, { check = "c", advice = "pay" },
         { check = "d", advice = "run setup" } }
      assert.same({ "a, d: run setup", "c: pay" }, doctor.advice(rows))
   end)

   it("reads permissions as Azure does: wildcards, exceptions within one role only", function()
      local contributor = { actions = { "*" }, notActions = { "Microsoft.Authorization/*/Write" } }
      local admin = { actions = { "Microsoft.Authorization/roleAssignments/*" } }
      assert.is_true(actions.allows({ contributor }, "Microsoft.Network/virtualNetworks/write"))
      assert.is_false(actions.allows({ contributor }, "microsoft.authorization/roleAssignments/write"))
      assert.is_true(actions.allows({ contributor, admin }, "Microsoft.Authorization/roleAssignments/write"))
      assert.is_false(actions.allows({ admin }, "Microsoft.Authorization/roleDefinitions/write"))
      assert.is_false(actions.allows({}, "Microsoft.Network/virtualNetworks/write"))
   end)
end)
