-- How long a flow run takes from the start of its process to Completed: the Lua twin of the Key Vault demo run
-- by our engine, the Python twin by the real Prefect 2.20.25. Both in container groups of one local cloud,
-- taking turns: the code from Blob storage, the secret with the group's identity.
--
--     build/acihost tests/bench/flow.lua [ROUNDS]
--
-- The beginning is the time just before the engine's program is started in the container, the end that of the
-- run's state Completed; CPU is that of the program and its children. Prints medians of ROUNDS (default 5)
-- after one that does not count; exits 1 where Lua is not 50 times as fast, 2 without the witness.
package.path = "./?.lua;./scripts/?.lua;" .. package.path

local clock   = require "aci.clock"
local fs      = require "aci.fs"
local prefect = require "aci.prefect"
local process = require "aci.process"
local task    = require "aci.task"
local field   = require "tests.support.chaos.field"
local peers   = require "tests.support.peers"

local rounds = tonumber(arg[1]) or 5
local RATIO = 50

local path = peers.path "p2"
if not path then
   io.stderr:write "tests/bench/flow: the witness is missing; `vendor/peers p2` installs Prefect 2.20.25\n"
   os.exit(2)
end

local SCRIPT = [[
date +%%s.%%N > "%s/$PREFECT__FLOW_RUN_ID.begin"
%s
times > "%s/$PREFECT__FLOW_RUN_ID.times"
]]

-- A deployment of the demo that is there, with an entrypoint and a program of its own.
local function deploy(here, name, entrypoint, command)
   local script = ("%s/%s.sh"):format(here.home, name)
   assert(fs.write(script, SCRIPT:format(here.marks, command, here.marks)))
   local demo = assert(here.api:deployment "Key Vault Demo/Manual Deployment")
   return here.api:put_deployment { flow = "Key Vault Demo", name = name, version = "1", path = demo.path,
      entrypoint = entrypoint, work_queue_name = "chaos", storage = prefect.ref("azure", "az-storage"),
      job_variables = { image = "debian:bookworm", entrypoint = "/bin/sh", command = { script } },
      infrastructure = prefect.ref("azure-container-instance-job", "aci") }
end

local function wait_for(f, what)
   local deadline = clock.monotonic() + 90
   while true do
      local value = f()
      if value then return value end
      if clock.monotonic() > deadline then error(what .. " did not come", 0) end
      task.sleep(0.05)
   end
end

-- The last line of dash's `times`: what its children used, "0m1.230000s 0m0.200000s".
local function seconds_of(text)
   local sum = 0
   for minutes, seconds in text:match "\n(.*)":gmatch "(%d+)m([%d.]+)s" do sum = sum + minutes * 60 + seconds end
   return sum
end

-- One run: seconds from start to Completed, and of CPU.
local function measured(here, deployment)
   local id = here.api:create_run(deployment.id).id
   local run = wait_for(function()
      local now = here.api:run(id)
      return here.api.is_terminal(now.state) and now
   end, "the end of the run")
   assert(run.state_type == "COMPLETED", run.state_name .. ": " .. tostring(run.state.message))
   local times = wait_for(function()
      local text = fs.read(("%s/%s.times"):format(here.marks, id))
      return text and text:find "\n.*\n" and text
   end, "the end of the process")
   local begin = tonumber((fs.read(("%s/%s.begin"):format(here.marks, id))))
   return here.api.time(run.state.timestamp) - begin, seconds_of(times)
end

local function median(list)
   table.sort(list)
   return list[#list // 2 + 1]
end

local function compare(here)
   local execute = assert(fs.realpath "scripts/execute.lua")
   local twins = {
      { "Lua, acihost", deploy(here, "lua", "flow.lua:key_vault_demo", process.self() .. " " .. execute) },
      { "Python, Prefect 2.20.25", deploy(here, "python", "flow.py:key_vault_demo",
         path .. "/bin/python -m prefect.engine") },
   }
   local walls, cpus = { {}, {} }, { {}, {} }
   for round = 0, rounds do
      for i, twin in ipairs(twins) do
         local wall, cpu = measured(here, twin[2])
         if round > 0 then
            table.insert(walls[i], wall)
            table.insert(cpus[i], cpu)
         end
      end
   end
   for i, twin in ipairs(twins) do
      print(("%-24s start to Completed %7.3f s (least %.3f, most %.3f); CPU %6.3f s"):format(twin[1],
         median(walls[i]), math.min(table.unpack(walls[i])), math.max(table.unpack(walls[i])), median(cpus[i])))
   end
   local ratio = median(walls[2]) / median(walls[1])
   print(("Lua is %.0f times as fast (at least %d), with a %.0fth of the CPU; medians of %d runs each"):format(ratio,
      RATIO, median(cpus[2]) / median(cpus[1]), rounds))
   return ratio >= RATIO
end

local here = field.open { prefect = "2", clock = 1e-6, limit = 1 }
here:start_worker(1)
local ok, good = pcall(compare, here)
local said = here:worker_log()
here:close()
if not ok then error(tostring(good) .. "\n" .. said, 0) end
os.exit(good and 0 or 1, true)
