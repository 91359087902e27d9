--- The web sockets of Prefect 3's events: what Python's `websockets` library hears from the local cloud and from a
-- real server, both with a password.
local cloud = require "tests.support.cloud"
local fs    = require "aci.fs"
local json  = require "aci.json"
local peers = require "tests.support.peers"
local process = require "aci.process"
local sides = require "tests.support.sides"
local task  = require "aci.task"

local PASSWORD = "admin:pa55word"
local MISSING = "vendor/peers p3 installs the library and the real server"

local ledger = sides.open("Prefect 3.8.8, web sockets of its events", "the real server")
local seen = {}

local function of_the_local_cloud()
   local running = cloud.start { arguments = { "--prefect", "3" },
      environment = { PREFECT_SERVER_API_AUTH_STRING = PASSWORD } }
   return ("http://127.0.0.1:%d/api"):format(running.prefect_port), function() running:stop() end
end

local function real()
   local server = peers.prefect("p3", { PREFECT_SERVER_API_AUTH_STRING = PASSWORD })
   return server.url, function() server:stop() end
end

local function converse(start)
   local home, url, stop = assert(fs.tempdir "acihost-sockets-"), start()
   local _ <close> = setmetatable({}, { __close = function()
      stop()
      fs.remove_tree(home)
   end })
   local ran = assert(process.run { args = { peers.path "p3" .. "/bin/python", "tests/contract/sockets.py", url,
      PASSWORD }, env = peers.environment(home), timeout = 90 })
   assert(ran.code == 0, ran.stderr)
   return assert(json.decode(ran.stdout))
end

describe("web sockets of events", function()
   -- both at once: most of it is waiting
   setup(function()
      if not peers.path "p3" then return end
      task.all { function() seen.here = converse(of_the_local_cloud) end,
         function() seen.there = converse(real) end }
   end)

   for side, where in pairs { here = "the local cloud", there = "a real Prefect 3.8.8" } do
      it("hold conversations with " .. where, function()
         if not seen[side] then pending(MISSING) return end
         for part, values in pairs(seen[side]) do
            for name, value in pairs(values) do ledger:note(side, part .. ": " .. name, json.encode(value)) end
         end
         assert.same({ "prefect", { type = "auth_success" } }, seen[side].logins.right)
         assert.same({ "event", 70000 }, { seen[side].passing.type, seen[side].passing.size })
      end)
   end

   it("say the same on both", function()
      if not seen.there then pending(MISSING) return end
      ledger:compare()
   end)
end)
