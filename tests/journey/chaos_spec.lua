--- tests/chaos in small, on both Prefects: the worker killed, requests that fail, and every run right.
local process = require "aci.process"

describe("runs while the worker is killed and requests fail", function()
   for _, major in ipairs { "2", "3" } do
      it("are all right with Prefect " .. major, function()
         local ran = assert(process.run { args = { "tests/chaos", "--prefect", major, "--runs", "30", "--kills", "4",
            "--seconds", "12", "--patience", "90" }, timeout = 180 })
         assert(ran.code == 0, ran.stdout .. ran.stderr)
         assert.matches("killed 4 times", ran.stdout)
         assert.matches("every run is right", ran.stdout)
      end)
   end
end)
