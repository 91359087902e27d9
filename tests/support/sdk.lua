--- SDKs of others on the local cloud: a program of theirs runs once, as a witness of that name, and says as JSON what
-- it saw; each check looks at a part of that. To be called in a `describe`.
local busted  = require "busted"
local journey = require "tests.support.journey"
local json    = require "aci.json"
local peers   = require "tests.support.peers"
local process = require "aci.process"

--- `look(path, place, run)` prepares, runs and gives what was seen: `run(options)` is process.run that must succeed
-- and gives its JSON and all that it said. Gives check(name, part, body) and a function for the place.
return function(witness, look)
   local place, seen

   local function run(options)
      options.stdin = "null"
      local ran = assert(process.run(options))
      assert(ran.code == 0, ran.stdout .. ran.stderr)
      return assert(json.decode(ran.stdout)), ran.stdout .. ran.stderr
   end

   busted.setup(function()
      local path = peers.path(witness)
      if not path then return end
      place = journey.new()
      seen = look(path, place, run)
   end)
   busted.teardown(function()
      if place then place:close() end
   end)

   local function check(name, part, body)
      busted.it(name, function()
         if not seen then return busted.pending("vendor/peers " .. witness .. " installs the SDKs") end
         assert(seen[part].failed == nil, seen[part].failed)
         body(seen[part])
      end)
   end
   return check, function() return place end
end
