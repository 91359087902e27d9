-- tests/chaos: see there. Everything random comes from the seed, though not how the processes meet.
package.path = "./?.lua;./scripts/?.lua;" .. package.path

local cli     = require "aci.cli"
local clock   = require "aci.clock"
local task    = require "aci.task"
local field   = require "tests.support.chaos.field"
local kinds   = require "tests.support.chaos.kinds"
local measure = require "tests.support.chaos.measure"
local report  = require "tests.support.chaos.report"

local options = cli.parse(arg, {
   usage = "tests/chaos [options]: runs, killed workers, faults; a table of what became of them",
   options = {
      runs    = { value = "N", number = true, least = 10, help = "how many runs (default 200)" },
      kills   = { value = "N", number = true, least = 0, help = "how often a worker is killed (default 20)" },
      seconds = { value = "S", number = true, least = 1,
         help = "the runs and the kills are spread over so long (default 90)" },
      workers = { value = "N", number = true, least = 1, help = "how many workers serve at once (default 1)" },
      limit   = { value = "N", number = true, least = 1, help = "runs at once of one worker (default 16)" },
      prefect = { value = "2|3", choices = { "2", "3" }, help = "which Prefect (default 2)" },
      faults  = { value = "X", number = true, least = 0, help = "their usual chance times this (default 1)" },
      seed    = { value = "N", number = true, help = "what the dice begin with (default: the time)" },
      patience = { value = "S", number = true, least = 1,
         help = "how long after that all must be over (default 150)" },
      keep    = { help = "leave the folder with logs and marks" },
   },
})

local seed = math.tointeger(options.seed or os.time())
math.randomseed(seed)
local count, span = math.tointeger(options.runs or 200), options.seconds or 90
local slots = math.tointeger(options.workers or 1)
local chance = options.faults or 1

-- Matches are on "METHOD https://host/path" or "METHOD /path" in lower case; Prefect's paths begin with /api.
-- What is written to the log may not be carried out and lost: Prefect cannot tell that it is sent again.
local FAULTS = {
   { match = "management.azure.com", status = 429, retry_after = 1, chance = 0.02 * chance },
   { match = "management.azure.com", status = 503, chance = 0.03 * chance },
   { match = "management.azure.com", drop = true, chance = 0.03 * chance },
   { match = "put .*containergroups", after = true, drop = true, chance = 0.08 * chance },
   { match = "put .*containergroups", after = true, status = 503, chance = 0.05 * chance },
   { match = "delete .*containergroups", after = true, drop = true, chance = 0.08 * chance },
   { match = "login.microsoftonline.com", status = 503, chance = 0.1 * chance },
   { match = " /api/", status = 429, retry_after = 1, chance = 0.01 * chance },
   { match = " /api/", status = 503, chance = 0.02 * chance },
   { match = " /api/", drop = true, chance = 0.02 * chance },
   { match = "/api/flow_runs/.*set_state", after = true, drop = true, chance = 0.04 * chance },
   { match = "patch /api/flow_runs/", after = true, drop = true, chance = 0.04 * chance },
}

--- Tries until it works: our own calls are struck by the faults too.
local function insist(f, ...)
   while true do
      local ok, result = pcall(f, ...)
      if ok then return result end
      if require("aci.error").is(result, "interrupted") then error(result, 0) end
      task.sleep(0.2)
   end
end

local function at(began, moment)
   task.sleep(math.max(0, began + moment - clock.monotonic()))
end

--- Cancels a run as a user does, once its container has started or at once.
local function cancel(here, run)
   if run.kind.cancel == "started" then
      while not here:marked(run.id).start do task.sleep(0.1) end
      task.sleep(math.random())
   end
   while true do
      insist(here.api.set_run_state, here.api, run.id, { type = "CANCELLING", name = "Cancelling" })
      local now = insist(here.api.run, here.api, run.id)
      if now.state_type:find "^CANCEL" then return end
      if here.api.is_terminal(now.state) then return end
      task.sleep(0.2)
   end
end

local function create(here, run)
   local deployment = here.deployments[run.kind.deployment or "work"]
   local later = run.kind.cancel == "scheduled" and clock.iso(clock.now() + 600) or nil
   local body = { parameters = { kind = run.kind.name, lines = run.lines, pause = run.pause },
      idempotency_key = ("chaos-%d-%d"):format(seed, run.number) }
   body.state = { type = "SCHEDULED", state_details = { scheduled_time = later } }
   run.id = insist(here.api.create_run, here.api, deployment.id, body).id
   if run.kind.cancel then task.spawn(cancel, here, run) end
end

local function plan()
   local runs = {}
   for number, kind in ipairs(kinds.draw(count)) do
      runs[number] = { number = number, kind = kind, at = math.random() * span * 0.8,
         lines = math.random(3, 12), pause = math.random() * 0.25 }
      -- one that is to be cancelled goes on until it is
      if kind.cancel == "started" then runs[number].lines, runs[number].pause = 400, 0.5 end
   end
   table.sort(runs, function(a, b) return a.at < b.at end)
   local kills = {}
   for i = 1, math.tointeger(options.kills or 20) do
      kills[i] = { at = 1 + math.random() * (span - 1), slot = math.random(slots) }
   end
   table.sort(kills, function(a, b) return a.at < b.at end)
   return runs, kills
end

local function kill_workers(here, kills, began)
   for _, kill in ipairs(kills) do
      at(began, kill.at)
      here:kill_worker(kill.slot)
      here:start_worker(kill.slot)
   end
end

local function all_over(here, runs)
   local open = 0
   for _, run in ipairs(runs) do
      if not run.over then
         local now = insist(here.api.run, here.api, run.id)
         run.over = here.api.is_terminal(now.state)
         if not run.over then open = open + 1 end
      end
   end
   return open == 0
end

--- Waits until every run is over and every group gone, at most until the deadline.
local function settle(here, runs, deadline)
   repeat
      task.sleep(1)
      local over = all_over(here, runs) and #insist(here.orphans, here) == 0
      if over then return true end
   until clock.monotonic() > deadline
   return false
end

local function wait_for_processes(here)
   for _ = 1, 60 do
      if here:processes() == 0 then return 0 end
      task.sleep(0.25)
   end
   return here:processes()
end

local function play(here, runs, kills)
   local began = clock.monotonic()
   here:plant(FAULTS)
   for slot = 1, slots do here:start_worker(slot) end
   local killer = task.spawn(kill_workers, here, kills, began)
   for _, run in ipairs(runs) do
      at(began, run.at)
      create(here, run)
   end
   killer:wait()
   settle(here, runs, began + span + (options.patience or 150))
   here:clear_faults()
   local codes = here:end_workers()
   return { wall = clock.monotonic() - began, codes = codes, orphans = here:orphans(),
      processes = wait_for_processes(here) }
end

local function main()
   local runs, kills = plan()
   local here = field.open { prefect = options.prefect or "2", clock = 0.02,
      limit = math.tointeger(options.limit or 16) }
   local _ <close> = setmetatable({}, { __close = function() here:close(options.keep) end })
   local cloud_before = field.cpu(here.cloud.pid)
   local facts = play(here, runs, kills)
   facts.seed, facts.kills, facts.workers, facts.deaths = seed, kills, slots, here.deaths
   facts.cpu, facts.cloud_cpu = here.cpu, field.cpu(here.cloud.pid) - cloud_before
   facts.prefect = options.prefect or "2"
   for _, run in ipairs(runs) do measure.run(here, run) end
   local requests = here:requests()
   measure.creates(requests, runs)
   facts.faults = measure.faults(requests)
   local good = report.print(runs, facts)
   if not good and not options.keep then io.stdout:write("(--keep leaves logs and marks)\n") end
   if options.keep then print("left in " .. here.home) end
   return good
end

os.exit(main() and 0 or 1, true)
