--- The table at the end.
local kinds   = require "tests.support.chaos.kinds"
local measure = require "tests.support.chaos.measure"

local report = {}

local FORM = "%-20s %5s  %-10s %-26s %-9s %7s %8s %11s %11s"

local function line(...)
   print((FORM:format(...):gsub("%s+$", "")))
end

--- { COMPLETED = 3, FAILED = 1 } as "COMPLETED 3, FAILED 1".
local function tally(counts)
   local parts = {}
   for name, number in pairs(counts) do parts[#parts + 1] = ("%s %d"):format(name, number) end
   table.sort(parts)
   return table.concat(parts, ", ")
end

local function add(sums, run)
   sums.runs = sums.runs + 1
   sums.states[run.state] = (sums.states[run.state] or 0) + 1
   sums.least, sums.most = math.min(sums.least, run.starts), math.max(sums.most, run.starts)
   for _, name in ipairs { "creates", "rewrites", "out_lost", "out_again", "log_lost", "log_again" } do
      sums[name] = sums[name] + run[name]
   end
   sums.double = sums.double + math.max(0, run.starts - math.max(1, run.kind.launches))
end

local function new_sums()
   return { runs = 0, states = {}, least = math.huge, most = 0, creates = 0, rewrites = 0, out_lost = 0,
      out_again = 0, log_lost = 0, log_again = 0, double = 0 }
end

local function show(name, ends, sums)
   local launches = sums.least == sums.most and tostring(sums.most) or ("%d to %d"):format(sums.least, sums.most)
   line(name, sums.runs, ends, tally(sums.states), launches, sums.creates, sums.rewrites,
      ("%d / %d"):format(sums.out_lost, sums.out_again), ("%d / %d"):format(sums.log_lost, sums.log_again))
end

local function print_table(runs)
   local all = new_sums()
   line("kind", "runs", "must end", "ended", "launches", "groups", "written", "output", "log lines")
   line("", "", "", "", "per run", "created", "over", "lost/twice", "lost/twice")
   for _, kind in ipairs(kinds.list) do
      local sums = new_sums()
      for _, run in ipairs(runs) do
         if run.kind == kind then
            add(sums, run)
            add(all, run)
         end
      end
      if sums.runs > 0 then show(kind.name, kind.ends, sums) end
   end
   show("all", "", all)
   return all
end

local function print_facts(facts, all)
   print(("workers: %d at once, killed %d times with SIGKILL, ended by themselves: %s; exit codes at SIGTERM: %s")
      :format(facts.workers, #facts.kills, #facts.deaths == 0 and "never" or table.concat(facts.deaths, ", "),
         table.concat(facts.codes, ", ")))
   local faults = facts.faults
   print(("requests: %d; struck: %d by 429, %d by 503, %d connections reset, %d carried out and the answer lost")
      :format(faults.all, faults.throttled, faults.unavailable, faults.reset, faults.lost))
   print(("double launches: %d; groups left behind: %d; supervisors left: %d"):format(all.double, #facts.orphans,
      facts.processes))
   print(("wall %.1f s; CPU: workers %.2f s, cloud %.2f s"):format(facts.wall, facts.cpu, facts.cloud_cpu))
end

local function complaints(runs)
   local count = 0
   for _, run in ipairs(runs) do
      local why = measure.complaint(run)
      if why then
         count = count + 1
         if count <= 20 then print(("OFF  %s %s: %s"):format(run.kind.name, run.id, why)) end
      end
   end
   return count
end

local function all_well(facts)
   for _, code in ipairs(facts.codes) do
      if code ~= "0" then return false end
   end
   return #facts.orphans == 0 and facts.processes == 0 and #facts.deaths == 0
end

--- Prints the table. @return true when everything is as it must be
function report.print(runs, facts)
   print(("tests/chaos: Prefect %s, %d runs, seed %d"):format(facts.prefect, #runs, facts.seed))
   local all = print_table(runs)
   print_facts(facts, all)
   local off = complaints(runs)
   local good = off == 0 and all_well(facts)
   print(good and "every run is right" or ("%d runs are off"):format(off))
   return good
end

return report
