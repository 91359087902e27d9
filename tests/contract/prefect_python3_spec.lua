--- Prefect 3's own Python client (3.8.8 with prefect-azure 0.4.13), unmodified: the same program on the local cloud's
-- Prefect 3 and on a real server must see the same.
local cloud = require "tests.support.cloud"
local fs    = require "aci.fs"
local json  = require "aci.json"
local peers = require "tests.support.peers"
local sides = require "tests.support.sides"
local task  = require "aci.task"

local PARTS = { "blocks", "variables", "deployment" }

local ledger = sides.open("Prefect 3.8.8, asked by its Python client", "the real server")
local seen = {}

local function of_the_local_cloud()
   local running = cloud.start { arguments = { "--prefect", "3" } }
   return { url = ("http://127.0.0.1:%d/api"):format(running.prefect_port), stop = function() running:stop() end }
end

local function real()
   local server = peers.prefect "p3"
   return { url = server.url, stop = function() server:stop() end }
end

-- What the program saw, and what it said.
local function run(start)
   local home, server = assert(fs.tempdir "acihost-python3-"), start()
   local _ <close> = setmetatable({}, { __close = function()
      server.stop()
      fs.remove_tree(home)
   end })
   local source = assert(fs.read "tests/contract/python3.py")
   local code, out, err = peers.python(peers.path "p3", ("import sys; sys.argv = ['x', '%s']\n"):format(home) .. source,
      peers.environment(home .. "/prefect", { PREFECT_API_URL = server.url }))
   assert(code == 0, err)
   return assert(json.decode(out:match "[^\n]*\n$")), err
end

local MISSING = "vendor/peers p3 installs the Python client"

local function checks(side, said)
   for _, part in ipairs(PARTS) do
      it("sees what it should: " .. part, function()
         if not seen[side] then pending(MISSING) return end
         local values = seen[side][part]
         assert(not values.failed, values.failed)
         for name, value in pairs(values) do
            ledger:note(side, part .. ": " .. name, json.encode(value))
         end
      end)
   end

   it("keeps its secrets", function()
      if not seen[side] then pending(MISSING) return end
      local blocks = seen[side].blocks
      assert.same({ { "t", "c", "hush-1" }, "AccountName=a;AccountKey=hush-2", "hush-3", { 4, "hush-4" } },
         { blocks.sp, blocks.storage, blocks.secret, blocks.outer })
   end)

   it("has nothing to warn of", function()
      if not seen[side] then pending(MISSING) return end
      assert.is_nil(said[side]:match "[^\n]*WARNING[^\n]*")
      assert.is_nil(said[side]:match "[^\n]*Service '[^\n]*failed[^\n]*")
   end)
end

describe("Prefect 3's Python client", function()
   local said = {}

   -- both at once: most of it is waiting
   setup(function()
      if not peers.path "p3" then return end
      task.all { function() seen.here, said.here = run(of_the_local_cloud) end,
         function() seen.there, said.there = run(real) end }
   end)

   describe("on the local cloud", function() checks("here", said) end)

   describe("on a real Prefect 3.8.8", function() checks("there", said) end)

   it("sees the same on both", function()
      if not seen.there then pending(MISSING) return end
      ledger:compare()
   end)
end)
