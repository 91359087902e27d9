-- How long the program takes to start, beside lua5.4 and curl: in one run, taking turns.
--
--     build/acihost tests/bench/start.lua [ROUNDS]
--
-- Prints least and median wall time in ms and the ratio to lua5.4; exits 1 where `-e ''` takes more than
-- 1.5 times as long as lua5.4's, or longer than `curl --version`. The first use of the network library is
-- shown as well: it is what is not paid at every start.
local clock = require "aci.clock"
local process = require "aci.process"

local rounds = tonumber(arg[1]) or 200
local own = process.self()

local programs = {
   { "lua5.4 -e ''", { "lua5.4", "-e", "" } },
   { "acihost -e ''", { own, "-e", "" } },
   { "curl --version", { "curl", "--version" } },
   { "acihost, a task", { own, "-e", 'require("aci.task").sleep(0)' } },
   { "acihost, aci.http", { own, "-e", 'require "aci.http"' } },
}

-- From before the program is spawned until its end is known.
local function measured(args)
   local started = clock.monotonic()
   local proc = assert(process.spawn { args = args, stdout = "null", stderr = "inherit" })
   assert(proc:wait().code == 0, args[1])
   return (clock.monotonic() - started) * 1000
end

local times = {}
for i in ipairs(programs) do times[i] = {} end
for _ = 1, rounds do
   for i, program in ipairs(programs) do times[i][#times[i] + 1] = measured(program[2]) end
end

local function median(list)
   table.sort(list)
   return list[#list // 2 + 1]
end

local medians = {}
for i in ipairs(programs) do medians[i] = median(times[i]) end
print(("%-20s %8s %8s %14s"):format("", "least", "median", "to lua5.4"))
for i, program in ipairs(programs) do
   print(("%-20s %8.2f %8.2f %14.2f"):format(program[1], times[i][1], medians[i], medians[i] / medians[1]))
end

local ratio, beside_curl = medians[2] / medians[1], medians[2] / medians[3]
print(("acihost / lua5.4 = %.2f (at most 1.5), acihost / curl = %.2f (below 1)"):format(ratio, beside_curl))
os.exit(ratio <= 1.5 and beside_curl < 1)
