local task = require "aci.task"
local errors = require "aci.error"

describe("aci.task", function()
   it("runs functions at once and returns their first results in order", function()
      local order = {}
      local results = task.all {
         function() task.sleep(0.03) order[#order + 1] = "slow" return "a" end,
         function() task.sleep(0.01) order[#order + 1] = "fast" return "b" end,
      }
      assert.same({ "a", "b" }, results)
      assert.same({ "fast", "slow" }, order)
   end)

   it("cancels the siblings of a failure and waits for their clean-ups", function()
      local cleaned = false
      local ok, err = pcall(task.all, {
         function()
            local _ <close> = setmetatable({}, { __close = function() task.sleep(0.01) cleaned = true end })
            task.sleep(10)
         end,
         function() error("boom", 0) end,
      })
      assert.is_false(ok)
      assert.equal("boom", err)
      assert.is_true(cleaned)
   end)

   it("gives a task's results, with nils in them", function()
      local child = task.spawn(function(...) return nil, ..., nil end, 1)
      assert.same({ n = 3, [2] = 1 }, table.pack(child:wait()))
   end)

   it("raises a task's error where it is waited for, as often as it is asked", function()
      local err = errors.new { kind = "conflict", message = "taken" }
      local child = task.spawn(function() error(err) end)
      for _ = 1, 2 do
         local ok, got = pcall(child.wait, child)
         assert.is_false(ok)
         assert.equal(err, got)
      end
   end)

   it("cannot be kept alive by a pcall loop once canceled", function()
      local child = task.spawn(function() while true do pcall(task.sleep, 10) end end)
      task.sleep(0.005)
      child:cancel()
      local ok, err = pcall(child.wait, child)
      assert.is_false(ok)
      assert.is_true(errors.is(err, "canceled"))
   end)

   it("waits where Lua cannot yield", function()
      local numbers = { 3, 1, 2 }
      task.spawn(function()
         table.sort(numbers, function(a, b) task.sleep(0.001) return a < b end)
      end):wait()
      assert.same({ 1, 2, 3 }, numbers)
      assert.equal("xx", (("ab"):gsub(".", function() task.sleep(0.001) return "x" end)))
   end)

   it("is not resumed and not closed by what gets hold of its coroutine", function()
      local own
      local sleeper = task.spawn(function()
         own = coroutine.running()
         task.sleep(0.02)
         return "woken"
      end)
      task.sleep(0.001)
      assert.same({ false, "cannot resume the coroutine of a task" }, { coroutine.resume(own) })
      local ok, message = pcall(coroutine.close, own)
      assert.is_false(ok)
      assert.matches("task:cancel%(%) ends it", message)
      collectgarbage()
      assert.equal("woken", sleeper:wait())
   end)

   it("waits inside the coroutines of a task", function()
      local produce = coroutine.wrap(function()
         for i = 1, 2 do task.sleep(0.001) coroutine.yield(i) end
      end)
      assert.same({ 1, 2 }, { task.spawn(function() return produce(), produce() end):wait() })
   end)

   it("says when nothing is left that could end a wait", function()
      local ok, err = pcall(function() task.future():wait() end)
      assert.is_false(ok)
      assert.equal("deadlock", err.code)
   end)

   it("ends a task that takes too long", function()
      local ok, err = pcall(task.timeout, 0.01, task.sleep, 10)
      assert.is_false(ok)
      assert.is_true(errors.is(err, "timeout"))
      assert.equal(7, task.timeout(1, function() task.sleep(0.001) return 7 end))
   end)

   it("wakes everybody who waits for a future", function()
      local future = task.future()
      local waiting = {}
      for i = 1, 20 do waiting[i] = task.spawn(function() return future:wait() end) end
      task.sleep(0.005)
      future:set("v")
      for i = 1, 20 do assert.equal("v", waiting[i]:wait()) end
   end)

   it("keeps waiting tasks alive through a collection", function()
      local done = 0
      for _ = 1, 50 do task.spawn(function() task.sleep(0.02) done = done + 1 end) end
      task.sleep(0.001)
      collectgarbage()
      collectgarbage()
      task.sleep(0.05)
      assert.equal(50, done)
   end)

   it("refuses what cannot be waited for", function()
      assert.has_error(function() task.wait(3) end)
      assert.has_error(function() task.wait(io.stdout) end)
      assert.has_error(function() task.sleep("soon") end)
      assert.has_error(function() task.sleep(0 / 0) end)
   end)
end)
