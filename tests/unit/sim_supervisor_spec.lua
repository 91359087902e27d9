-- The supervisor of a container group at its awkward moments: asked to end before it has begun, while a
-- container waits to be started again, and looked at while it starts.
local eventually = require "tests.support.eventually"
local fs = require "aci.fs"
local groupfiles = require "sim.groupfiles"
local process = require "aci.process"
local task = require "aci.task"

describe("the supervisor of a group", function()
   local folder, proc

   before_each(function()
      folder = assert(fs.tempdir "acihost-group-")
      groupfiles.write(folder .. "/spec.json", { policy = "Always", init = {}, backoff = 0.6, grace = 0.3,
         containers = { { name = "main", image = "alpine", env = { PATH = "/bin:/usr/bin" }, cwd = folder,
            args = { "/bin/sh", "-c", "echo run >> " .. folder .. "/count; exit 1" } } } })
   end)
   after_each(function()
      proc:kill "KILL"
      proc:wait()
      fs.remove_tree(folder)
   end)

   local function start()
      proc = assert(process.spawn { args = { process.self(), "scripts/sim/supervisor.lua", folder },
         stdout = "null", stderr = "null" })
   end

   local function runs()
      local _, count = (fs.read(folder .. "/count") or ""):gsub("run", "")
      return count
   end

   it("starts nothing again once it is told to end", function()
      start()
      eventually("the container has ended", function()
         local view = groupfiles.container(folder, "main")
         return view and view.currentState.state == "Terminated"
      end)
      assert.is_true(groupfiles.terminate(folder))
      eventually("the supervisor is gone", function() return not groupfiles.alive(folder) end)
      task.sleep(0.7)
      assert.equal(1, runs())
   end)

   it("that nobody knows yet ends all the same", function()
      assert.is_false(groupfiles.terminate(folder))
      start()
      assert.is_true(task.wait(proc, 5))
      assert.equal(0, runs())
   end)

   it("is not kept from its group by somebody who looks whether it lives", function()
      local look = assert(fs.lock(folder .. "/lock"))
      start()
      task.sleep(0.3)
      look:close()
      eventually("the container ran", function() return runs() > 0 end)
   end)
end)
