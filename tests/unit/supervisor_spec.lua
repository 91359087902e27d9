-- What the local cloud's supervisors are made of, together: a detached process that owns a container,
-- survives its starter, and leaves a record of the end and nobody behind.
local eventually = require "tests.support.eventually"
local fs = require "aci.fs"
local process = require "aci.process"

local SUPERVISOR = [[
   local fs, process, task = require "aci.fs", require "aci.process", require "aci.task"
   local folder, command = arg[1], arg[2]
   local lock <close> = assert(fs.lock(folder .. "/lock"))
   local tree = assert(fs.lock(folder .. "/tree"))
   assert(process.subreaper())
   local proc = assert(process.spawn {
      args = { "sh", "-c", command }, stdout = { file = folder .. "/log" }, stderr = "stdout",
      keep = { tree }, parent_death = "KILL",
   })
   tree:close()
   local stopping <close> = task.spawn(function()
      local signal <close> = task.signal "TERM"
      fs.write(folder .. "/pid", ("%d %s"):format(process.pid(), process.start_time(process.pid())))
      task.wait(signal)
      process.kill_tree(proc:pid(), { grace = 0.3 })
   end)
   local result = proc:wait()
   assert(process.kill_tree(process.pid(), { grace = 0 }))
   assert(fs.write(folder .. "/exit", result.signal or tostring(result.code), { sync = true }))
]]

local STARTER = [[
   local process, task = require "aci.process", require "aci.task"
   local proc = assert(process.spawn { args = { table.unpack(arg, 1, 4) }, detach = true })
   print(proc:pid())
   io.stdout:flush()
   task.sleep(30)
]]

describe("a supervisor", function()
   local top

   before_each(function()
      top = assert(fs.tempdir "supervisor")
      fs.write(top .. "/supervisor.lua", SUPERVISOR)
      fs.write(top .. "/starter.lua", STARTER)
   end)
   after_each(function()
      local pid = fs.read(top .. "/pid")
      if pid and not fs.stat(top .. "/exit") then
         process.signal(tonumber(pid:match "%d+"), "KILL", pid:match "%S+$")
      end
      fs.remove_tree(top)
   end)

   -- Starts it through a starter, and kills that one: only then does the test go on.
   local function start(command)
      local starter <close> = assert(process.spawn {
         args = { process.self(), top .. "/starter.lua",
            process.self(), top .. "/supervisor.lua", top, command },
         stdout = "pipe",
      })
      local pid = tonumber((starter:lines()()))
      starter:kill "KILL"
      starter:wait()
      local text = eventually("the supervisor says who it is", function() return fs.read(top .. "/pid") end)
      assert.equal(pid, tonumber(text:match "%d+"))
      return pid, text:match "%S+$"
   end

   local function exit_record()
      return eventually("the exit record", function() return fs.read(top .. "/exit") end)
   end

   local function free(name)
      local lock <close> = fs.lock(top .. "/" .. name)
      return lock ~= nil
   end

   it("outlives its starter and records output and exit code", function()
      local pid, begun = start "echo out; echo err >&2; sleep 0.3; exit 9"
      assert.equal(begun, process.start_time(pid))
      assert.is_false(free "lock")
      assert.equal("9", exit_record())
      assert.equal("out\nerr\n", fs.read(top .. "/log"))
      eventually("the lock is free", function() return free "lock" end)
      assert.is_true(free "tree")
   end)

   it("on SIGTERM leaves nobody: escapees, the stubborn and the orphans of orphans", function()
      local pid, begun = start [[
         trap '' TERM
         setsid sh -c 'trap "" TERM; (setsid sleep 77 &) ; while :; do sleep 0.05; done' &
         (sleep 77 &)
         echo ready
         while :; do sleep 0.05; done]]
      eventually("the container is up", function() return (fs.read(top .. "/log") or ""):find "ready" end)
      local below = eventually("all run", function()
         local pids = process.descendants(pid)
         return #pids >= 5 and pids
      end)
      assert.is_true(process.signal(pid, "TERM", begun))
      assert.equal("KILL", exit_record())
      for _, each in ipairs(below) do assert.is_nil((process.start_time(each)), each) end
      eventually("the tree's lock is free", function() return free "tree" end)
   end)

   it("takes the container with it when it is killed; what escaped is seen by the tree's lock", function()
      local pid, begun = start "echo $$; setsid sleep 2 & while :; do sleep 0.05; done"
      local container = tonumber(eventually("the container is up", function()
         return (fs.read(top .. "/log") or ""):match "%d+"
      end))
      local escaped = eventually("one escaped", function()
         for _, each in ipairs(process.descendants(container)) do
            if (fs.read(("/proc/%d/cmdline"):format(each)) or "") == "sleep\0002\0" then return each end
         end
      end)
      process.signal(pid, "KILL", begun)
      eventually("the container is gone", function() return not process.start_time(container) end)
      assert.is_true(free "lock")
      assert.is_false(free "tree")
      process.signal(escaped, "KILL")
      eventually("the last one is gone", function() return free "tree" end)
      assert.is_nil((fs.stat(top .. "/exit")), "nobody invents an exit code")
   end)
end)
