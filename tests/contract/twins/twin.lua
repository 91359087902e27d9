-- Flows in Lua whose runs are compared with those of twin.py.
local flow = require "aci.flow"
local task = require "aci.task"

local seen = {}

local function once(what)
   seen[what] = (seen[what] or 0) + 1
   return seen[what] == 1
end

local flaky = flow.task { name = "flaky", retries = 1, function(n)
   flow.logger():info("try %d", (seen.flaky or 0) + 1)
   if once "flaky" then error("ValueError: boom", 0) end
   return n * 2
end }

local slowly = flow.task { name = "slowly", retries = 1, retry_delay = 1, function(n)
   if once "slowly" then error("ValueError: boom", 0) end
   return n
end }

local hopeless = flow.task { name = "hopeless", function() error("ValueError: no luck", 0) end }

local late = flow.task { name = "late", timeout = 0.5, function() task.sleep(2) end }

local sleepy = flow.task { name = "sleepy", function() task.sleep(30) end }

local plus = flow.task { name = "plus", function(a, b) return a + b end }

local choosy = flow.task { name = "choosy", function(n)
   if n == 1 then error("ValueError: not this one", 0) end
   return n
end }

local stuck = flow.task { name = "stuck", timeout = 0.5, retries = 1, function()
   if once "stuck" then task.sleep(2) end
end }

local function leave_artifacts()
   flow.artifact { key = "note", markdown = "**it**", description = "what it is" }
   flow.artifact { key = "rows", table = { { a = 1 }, { a = 2 } } }
   flow.artifact { key = "where", link = "https://example.com", text = "there" }
   if flow.prefect():major() < 3 then return end -- (Python's library for 2.20 has no progress)
   flow.artifact { key = "far", progress = 12.5 }:update(75)
end

return {
   good = flow.flow { name = "Twin good", function(p)
      flow.logger():warning("n is %d, %s", p.n, p.word)
      assert(io.open "twin.py"):close()
      plus(flaky(p.n), 1)
      leave_artifacts()
   end },
   bad = flow.flow { name = "Twin bad", function() hopeless() end },
   half = flow.flow { name = "Twin half", function()
      pcall(hopeless)
      slowly(1)
      stuck()
   end },
   again = flow.flow { name = "Twin again", retries = 1, retry_delay = 1, function()
      if once "again" then error("ValueError: once", 0) end
      return plus(1, 2)
   end },
   too_late = flow.flow { name = "Twin late", function() late() end },
   long = flow.flow { name = "Twin long", timeout = 1, function() task.sleep(3) end },
   many = flow.flow { name = "Twin many", function()
      local started, sum = {}, 0
      for i = 0, 2 do started[#started + 1] = plus:submit(i, i) end
      for _, each in ipairs(started) do sum = sum + each:wait() end
      return sum
   end },
   endless = flow.flow { name = "Twin endless", function() sleepy() end },
   mapped = flow.flow { name = "Twin mapped", function()
      local sum = 0
      for _, each in ipairs(choosy:map { 0, 1, 2 }) do sum = sum + each:wait() end
      return sum
   end },
   unread = flow.flow { name = "Twin unread", function() choosy:submit(1) end },
   picky = flow.flow { name = "Twin picky", function(p) plus(p.n, 1) end },
}
