local support = require "tests.support.cloud"
local fs = require "aci.fs"
local json = require "aci.json"
local process = require "aci.process"
local task = require "aci.task"

describe("the local cloud as a process", function()
   local home

   local function sim(...)
      local environment = process.environment()
      environment.ACIHOST_HOME = home
      return assert(process.run { args = { process.self(), "scripts/sim.lua", ... }, env = environment,
         timeout = 60 })
   end

   before_each(function() home = assert(fs.tempdir "acihost-daemon-") end)
   after_each(function()
      sim "stop"
      fs.remove_tree(home)
   end)

   it("starts once, tells where it is, and stops", function()
      local first = sim("start", "--output", "json")
      assert.equal(0, first.code, first.stderr)
      local address = assert(json.decode(first.stdout))
      assert.truthy(process.start_time(address.pid))
      assert.same(address, json.decode(sim("start", "--output", "json").stdout))
      assert.same(address, json.decode(sim("status", "--output", "json").stdout))
      assert.equal(tonumber("600", 8), fs.stat(home .. "/cloud.json").mode & 511)
      assert.equal(tonumber("600", 8), fs.stat(home .. "/owner.json").mode & 511)
      assert.equal(0, sim("stop").code)
      assert.is_nil(process.start_time(address.pid))
      assert.equal(1, sim("status").code)
   end)

   it("keeps its ports and its owner over a restart, and forgets them when it is reset", function()
      local before = json.decode(sim("start", "--output", "json").stdout)
      local owner = fs.read(home .. "/owner.json")
      sim "stop"
      local after = json.decode(sim("start", "--output", "json").stdout)
      assert.same({ before.https_port, before.proxy_port, before.prefect_port },
         { after.https_port, after.proxy_port, after.prefect_port })
      assert.equal(owner, fs.read(home .. "/owner.json"))
      assert.equal(0, sim("reset").code)
      assert.is_nil(fs.stat(home .. "/cloud.db"))
      sim "start"
      assert.not_equal(owner, fs.read(home .. "/owner.json"))
   end)

   it("ends two starts at once in one cloud", function()
      local environment = process.environment()
      environment.ACIHOST_HOME = home
      local running, pids = {}, {}
      for index = 1, 3 do
         running[index] = assert(process.spawn { args = { process.self(), "scripts/sim.lua", "start",
            "--output", "json" },
            env = environment, stdout = "pipe", stderr = "null" })
      end
      for index, started in ipairs(running) do
         pids[index] = json.decode(started:read()).pid
         assert.equal(0, started:wait().code)
      end
      assert.same({ pids[1], pids[1], pids[1] }, pids)
   end)

   it("ends with its folder, which somebody removed, and its containers too", function()
      local address = json.decode(sim("start", "--output", "json").stdout)
      local environment = process.environment()
      environment.ACIHOST_HOME = home
      local made = assert(process.run { args = { process.self(), "scripts/setup.lua" }, env = environment,
         timeout = 60 })
      assert.equal(0, made.code, made.stderr)
      local group = home .. "/groups/" .. fs.list(home .. "/groups")[1]
      local pids = { address.pid, json.decode(fs.read(group .. "/supervisor.json")).pid }
      fs.remove_tree(home)
      for _, pid in ipairs(pids) do
         for _ = 1, 150 do
            if process.start_time(pid) then task.sleep(0.1) end
         end
         assert.is_nil(process.start_time(pid))
      end
   end)

   it("comes back after it was killed", function()
      local address = json.decode(sim("start", "--output", "json").stdout)
      process.signal(address.pid, "KILL")
      while process.start_time(address.pid) do
         task.sleep(0.01)
      end
      local again = json.decode(sim("start", "--output", "json").stdout)
      assert.not_equal(address.pid, again.pid)
      assert.equal(address.https_port, again.https_port)
   end)

   it("does not read a state with other tables, and says so", function()
      sim "start"
      sim "stop"
      local db = assert(require("aci.store").open(home .. "/cloud.db"))
      db:run "UPDATE settings SET value = 'older' WHERE name = 'tables'"
      db:close()
      local failed = sim "start"
      assert.not_equal(0, failed.code)
      assert.truthy(failed.stderr:find("made by another version", 1, true), failed.stderr)
      assert.equal(0, sim("reset").code)
      assert.equal(0, sim("start").code)
   end)

   it("says what helps where its state is damaged", function()
      assert(fs.write(home .. "/cloud.db", ("no database"):rep(500)))
      local refused = sim "start"
      assert.equal(1, refused.code)
      assert.matches("sim%.lua reset", refused.stderr)
      assert.equal(0, sim("reset").code)
      assert.matches("was started", sim("start").stdout)
      assert.matches("runs", sim("start").stdout)
      assert.matches("was restarted", sim("start", "--prefect", "3").stdout)
   end)

   it("says clearly that a port is taken", function()
      local address = json.decode(sim("start", "--output", "json").stdout)
      sim "stop"
      local other <close> = assert(require("aci.server").listen { port = address.proxy_port })
      local failed = sim "start"
      assert.equal(1, failed.code)
      assert.truthy(failed.stderr:find("proxy port " .. address.proxy_port .. " is taken", 1, true),
         failed.stderr)
      other:close()
   end)

   it("refuses what it does not understand with exit 2", function()
      for _, words in ipairs { { "nonsense" }, { "start", "--nonsense" }, { "start", "--prefect", "4" },
         {} } do
         local result = sim(table.unpack(words))
         assert.equal(2, result.code)
         assert.truthy(#result.stderr > 0)
      end
   end)

   it("can be run by a spec on a home of its own", function()
      local cloud = support.start()
      assert.truthy(cloud.https_port)
      cloud:stop()
      assert.is_nil(process.start_time(cloud.pid))
   end)
end)
