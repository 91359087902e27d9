--- Prefect's own engine and client, of both majors, unmodified: the same flows on the local cloud and on a real server
-- must leave the same there.
local cloud = require "tests.support.cloud"
local fs    = require "aci.fs"
local json  = require "aci.json"
local peers = require "tests.support.peers"
local process = require "aci.process"
local sides = require "tests.support.sides"
local task  = require "aci.task"

local MAJORS = { { peer = "p2", major = "2", version = "2.20.25" }, { peer = "p3", major = "3", version = "3.8.8" } }

local function of_the_local_cloud(of)
   local running = cloud.start { arguments = { "--prefect", of.major } }
   return ("http://127.0.0.1:%d/api"):format(running.prefect_port), function() running:stop() end
end

local function real(of)
   local server = peers.prefect(of.peer)
   return server.url, function() server:stop() end
end

local function run(of, start)
   local home, url, stop = assert(fs.tempdir "acihost-engine-"), start(of)
   local _ <close> = setmetatable({}, { __close = function()
      stop()
      fs.remove_tree(home)
   end })
   local ran = assert(process.run { args = { peers.path(of.peer) .. "/bin/python", "tests/contract/engine.py" },
      env = peers.environment(home, { PREFECT_API_URL = url }), timeout = 120 })
   assert(ran.code == 0, ran.stderr)
   return assert(json.decode(ran.stdout:match "[^\n]*\n$")), ran.stderr
end

-- Each fact of each run is a row.
local function note(ledger, side, seen)
   for part, value in pairs(seen) do
      if type(value) == "table" and value.states then
         for name, each in pairs(value) do ledger:note(side, part .. ": " .. name, json.encode(each)) end
      else
         ledger:note(side, part, json.encode(value))
      end
   end
end

for _, of in ipairs(MAJORS) do
   local ledger = sides.open(("Prefect %s, run by its own engine"):format(of.version), "the real server")
   local missing = ("vendor/peers %s installs the engine"):format(of.peer)

   describe(("Prefect %s's engine"):format(of.version), function()
      local said = {}

      -- both at once: most of it is waiting
      setup(function()
         if not peers.path(of.peer) then return end
         task.all { function() of.here, said.here = run(of, of_the_local_cloud) end,
            function() of.there, said.there = run(of, real) end }
      end)

      for side, where in pairs { here = "the local cloud", there = "a real server" } do
         it("runs flows to their ends on " .. where, function()
            if not of[side] then pending(missing) return end
            note(ledger, side, of[side])
            assert.same({ { 4, 6, 4, 2 }, "broken", "one" }, { of[side].result, of[side].failed, of[side].variable })
            assert.is_nil(said[side]:match "Service '[^\n]*failed[^\n]*")
            assert.is_nil(said[side]:match "[^\n]*Unable to connect[^\n]*")
         end)
      end

      it("leaves the same on both", function()
         if not of.there then pending(missing) return end
         ledger:compare()
      end)
   end)
end
