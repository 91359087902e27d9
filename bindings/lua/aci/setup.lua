--- What the set-up scripts share: connect, say which clouds are meant, plan, ask, run, survey, tear down.
-- The steps themselves are scripts/steps/*.lua, yours to edit.
local azure = require "aci.azure"
local cli = require "aci.cli"
local config = require "aci.config"
local graph = require "aci.graph"
local plan = require "aci.step.plan"
local prefect = require "aci.prefect"
local report = require "aci.step.report"
local run = require "aci.step.run"
local step = require "aci.step"
local errors = require "aci.error"
local fs = require "aci.fs"
local json = require "aci.json"
local term = require "aci.term"

local setup = {}

--- Everything a step may need: `config`, `azure`, `graph`, `prefect`, `marker` (how our things are known),
-- `adopt`. `overrides` are settings that win over config.lua and the environment.
function setup.connect(overrides, options)
   local c = { config = config.load(overrides), adopt = options and options.adopt }
   c.azure = azure.connect(c.config)
   c.graph = graph.connect(c.config)
   c.prefect = prefect.connect(c.config)
   c.marker = ("%s/%s"):format(c.config.subscription, c.config.group)
   c.notes = {}
   return c
end

--- A step notes what the user should know: a set-up says it once, at its end.
function setup.note(c, text)
   for _, each in ipairs(c.notes) do
      if each == text then return end
   end
   c.notes[#c.notes + 1] = text
end

local function note(text) io.stderr:write(text, "\n") end

--- Is the Prefect API the local cloud's own?
local function own_prefect(c)
   return c.config.from.prefect_url == "the local cloud"
end

--- The first line of every script: both targets.
function setup.targets(c)
   local where = c.config.cloud == "local" and "local cloud" or "Azure"
   note(("%s, subscription %s, group %s; Prefect at %s%s"):format(where, c.config.subscription,
      c.config.group, c.config.prefect_url, own_prefect(c) and " (the local cloud's own)" or ""))
   cli.notes(c.config)
end

local costs = "\nWhat is paid by the hour on Azure while it exists: the NAT gateway and its public address\n"
   .. "(about 36 USD a month together) and the agent's container group (1 vCPU, 1 GB). teardown.lua\n"
   .. "removes them.\n\n"

--- Before the first write to Azure, or to a Prefect that is not ours: the plan and a question.
local function consent(c, steps, options)
   if c.config.cloud == "local" and own_prefect(c) then return end
   if options.yes then return end
   local entries = run.plan(c, steps, { adopt = options.adopt, report = report.new { quiet = true } })
   if plan.count(entries) == 0 then return end
   plan.print(entries, io.stderr)
   if c.config.cloud == "azure" then
      io.stderr:write(costs, c.config.registry and "The container registry (Basic) is paid by the day.\n\n" or "")
   end
   if not cli.confirm(("make these %d changes?"):format(plan.count(entries)), options) then
      errors.raise { kind = "failed", code = "NotConfirmed", message = "nothing was changed" }
   end
end

local function title(thing_step)
   return thing_step and thing_step .. ": " or ""
end

--- The error of a failed run, with the step, the thing and what to do next.
local function explain(err)
   if not errors.is(err) or errors.is(err, "usage") or err.code == "StepFailed" then return err end
   local place = title(err.step) .. (err.thing and err.thing .. ": " or "")
   if place ~= "" and err.message:sub(1, #place) ~= place then
      err.message = place .. err.message
      err.message = err.message .. "; what was made before stays, run the same command again to go on"
   end
   return err
end

--- Ctrl-C cannot be caught, but what it means can be told.
local function tell_interrupted(_, err)
   if errors.is(err, "interrupted") then note "\nwhat was made before stays; run the same command again to go on" end
end

local function rows_of(c, entries)
   local rows = {}
   for _, entry in ipairs(entries) do
      local kind = run.kind_of(entry.thing)
      for _, row in ipairs(kind.rows and kind.rows(c, entry.thing, entry.current) or { { entry.label } }) do
         rows[#rows + 1] = {
            step = entry.step, thing = row[1],
            state = row[2] or (entry.current and (entry.action == "change" and "differs" or "in place"))
               or "absent",
         }
      end
   end
   return rows
end

--- What exists: one row for each resource, block and deployment.
function setup.survey(c, steps)
   return rows_of(c, run.survey(c, step.order(steps), report.new { quiet = true }))
end

--- Only one set-up of a group at a time on this machine: the second waits, and then finds it all in place.
-- Gives the lock, which its holder closes.
function setup.alone(c)
   local home = require("aci.local").make_home(c.config)
   local path = ("%s/setup-%s.lock"):format(home, (c.marker:gsub("[^%w]", "-")))
   local lock = fs.lock(path)
   if lock then return lock end
   note "another set-up of this group is running: waiting for it"
   return assert(fs.lock(path, { wait = 3600 }))
end

local option_list = {
   adopt = { help = "take over an application of our name that we did not make" },
}

local function show_plan(c, steps, options)
   local entries = run.plan(c, steps, { adopt = options.adopt, report = report.new { quiet = true } })
   local count = plan.count(entries)
   cli.notes(c)
   if options.output == "json" then
      print(json.encode({ changes = count, things = plan.data(entries) }, { pretty = true }))
   else
      plan.print(entries, io.stdout)
      print(count == 0 and "nothing to do" or ("%d of %d would be made or changed"):format(count, #entries))
   end
   os.exit(count == 0 and 0 or 3, true)
end

local function finish(c, steps, entries, options)
   local count = plan.count(entries)
   local shows = options.output == "json" or not (term.isatty "stdout" and term.isatty "stderr")
   local rows = shows and setup.survey(c, steps) or {} -- on a terminal each thing was told just now
   if options.output == "json" then
      print(json.encode({ changes = count, things = rows }, { pretty = true }))
      return
   end
   if shows then cli.table(rows, { "step", "state", "thing" }) end
   print(count == 0 and "nothing to do: everything is in place" or ("%d made or changed"):format(count))
end

--- Runs a set-up script: its options, the plan or the run, the table at the end. `next_command`, a script
-- and what it is given, is told last.
function setup.run(steps, next_command)
   local options = cli.parse(arg, {
      usage = "acihost setup.lua [options]: make everything that a Prefect deployment on Azure Container "
         .. "Instances needs", options = option_list, plan = true })
   local c = setup.connect({ cloud = options.cloud }, options)
   setup.targets(c)
   local lock <close> = setup.alone(c) -- luacheck: ignore
   steps = step.order(steps)
   if options.plan then show_plan(c, steps, options) end
   consent(c, steps, options)
   local told <close> = setmetatable({}, { __close = tell_interrupted }) -- luacheck: ignore
   local ok, entries = pcall(run.steps, c, steps, { adopt = options.adopt, check = true, report = report.new() })
   if not ok then error(explain(entries), 0) end
   finish(c, steps, entries, options)
   cli.notes(c)
   if next_command and options.output ~= "json" then print("next: " .. cli.command(next_command)) end
end

local function group_goes(c, entries)
   for _, entry in ipairs(entries) do
      if entry.thing.kind == "group" and entry.current then
         return run.kind_of(entry.thing).ours(c, entry.current)
      end
   end
   return false
end

--- What a teardown would do, last step first: `{entry, kind, action, why}`; the action is "remove", "keep" (and
-- why) or "with it" (it goes with its group).
function setup.removal(c, steps)
   local entries, list = run.survey(c, step.order(steps), report.new { quiet = true }), {}
   local with_group = group_goes(c, entries)
   for index = #entries, 1, -1 do
      local entry = entries[index]
      local kind = run.kind_of(entry.thing)
      local why = entry.current and kind.keeps and kind.keeps(c, entry.thing, entry.current) or nil
      local inside = kind.inside and kind.inside(c, entry.thing) and with_group
      if entry.current and (kind.remove or inside) then
         list[#list + 1] = { entry = entry, kind = kind, action = inside and "with it" or why and "keep" or "remove",
            why = not inside and why or nil, label = entry.label }
      end
   end
   return list
end

--- Removes what the steps made, last step first; `tell(word, label)` hears of each. Things of a kind that
-- cannot be removed alone (they go with their parent) are passed over.
function setup.remove(c, steps, tell)
   for _, each in ipairs(setup.removal(c, steps)) do
      local removed, why = false, each.why
      if each.action == "remove" and each.kind.slow then tell("removing", each.label) end
      if each.action == "remove" then removed, why = each.kind.remove(c, each.entry.thing, each.entry.current) end
      if removed or why then tell(removed and "removed" or "kept", each.label .. (why and ": " .. why or "")) end
   end
end

--- Our vault, where it is deleted and not purged yet; nil for one of that name that somebody else deleted.
function setup.deleted_vault(c)
   local vault = c.azure:deleted_vault(c.config.vault)
   return vault and (vault.properties.tags or {}).acihost == c.marker and vault or nil
end

return setup
