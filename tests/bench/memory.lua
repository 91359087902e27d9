-- How much memory the worker holds: at rest, and while it watches container groups.
--
--     build/acihost tests/bench/memory.lua [GROUPS]
--
-- Starts a local cloud and the worker, waits until it has asked its queue for a while, then lets it start
-- GROUPS (default 200) runs whose containers go on, and waits until all are watched. Prints VmRSS and RssAnon
-- of /proc/PID/status in MB; exits 1 where a limit is passed: at rest 15 and 5, watching 25 (VmRSS).
package.path = "./?.lua;./scripts/?.lua;" .. package.path

local clock = require "aci.clock"
local fs    = require "aci.fs"
local task  = require "aci.task"
local field = require "tests.support.chaos.field"

local count = tonumber(arg[1]) or 200
local LIMITS = { rest = { VmRSS = 15, RssAnon = 5 }, watching = { VmRSS = 25 } }

local function memory(pid)
   local status = assert(fs.read(("/proc/%d/status"):format(pid)))
   local function megabytes(name) return tonumber(status:match(name .. ":%s+(%d+) kB")) / 1024 end
   return { VmRSS = megabytes "VmRSS", RssAnon = megabytes "RssAnon", VmHWM = megabytes "VmHWM" }
end

-- The most of several looks: it must hold at every moment.
local function most(pid, seconds)
   local top = {}
   for _ = 1, seconds * 2 do
      task.sleep(0.5)
      for name, value in pairs(memory(pid)) do top[name] = math.max(top[name] or 0, value) end
   end
   return top
end

local good = true

local function show(what, found, limits)
   local parts = {}
   for _, name in ipairs { "VmRSS", "RssAnon" } do
      local limit = limits[name]
      parts[#parts + 1] = ("%s %5.1f MB%s"):format(name, found[name], limit and (" (limit %d)"):format(limit) or "")
      good = good and (not limit or found[name] <= limit)
   end
   print(("%-24s %s; highest ever %.1f MB"):format(what, table.concat(parts, ", "), found.VmHWM))
end

-- How many containers have started, by their own marks.
local function started(here, runs)
   local number = 0
   for _, id in ipairs(runs) do
      if here:marked(id).start then number = number + 1 end
   end
   return number
end

local function wait_for_starts(here, runs)
   local deadline = clock.monotonic() + 120
   while started(here, runs) < #runs do
      assert(clock.monotonic() < deadline, here:worker_log())
      task.sleep(0.5)
   end
end

local here = field.open { prefect = "2", clock = 0.02, limit = count }
local ok, err = pcall(function()
   here:start_worker(1)
   local pid = here.workers[1].proc:pid()
   task.sleep(3)
   show("the worker at rest", most(pid, 5), LIMITS.rest)
   -- one worker starts a hundred groups in five minutes, as Azure allows: the next one takes them up and goes on
   local runs = {}
   while #runs < count do
      for _ = 1, math.min(95, count - #runs) do runs[#runs + 1] = here.api:create_run(here.deployments.hung.id).id end
      wait_for_starts(here, runs)
      here:kill_worker(1)
      here:start_worker(1)
   end
   pid = here.workers[1].proc:pid()
   task.sleep(30)
   local _, taken = here:worker_log():match "(.*) serves the (.*)$"
   _, taken = taken:gsub(": taken up,", "")
   assert(taken == count, ("it took up %d of %d groups"):format(taken, count))
   show(("watching %d groups"):format(count), most(pid, 10), LIMITS.watching)
   here:kill_worker(1)
   print(("CPU of the worker in all: %.2f s"):format(here.cpu))
end)
here:close()
if not ok then error(err, 0) end
os.exit(good and 0 or 1, true)
