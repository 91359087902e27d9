-- teardown.lua: removes what setup.lua made, last step first. What was there before, or is not known as ours,
-- stays and is named; --plan only shows it.
local cli = require "aci.cli"
local errors = require "aci.error"
local json = require "aci.json"
local setup = require "aci.setup"
local term = require "aci.term"

local steps = require "steps.all"

local options = cli.parse(arg, {
   usage = "acihost teardown.lua [options]: remove everything that setup.lua made",
   plan = true,
   options = { purge = { help = "also purge the deleted vault, so that its name is free at once" } },
})
local c = setup.connect { cloud = options.cloud }
setup.targets(c)

local as_json = options.output == "json"

--- What goes and what stays, one line for each, to `file`; gives how many are removed, and the things.
local function show(file)
   local going, things = 0, json.array {}
   for index, each in ipairs(setup.removal(c, steps)) do
      things[index] = { action = each.action, thing = each.label, why = each.why }
      if each.action == "remove" then going = going + 1 end
      local why = each.why and ": " .. each.why or ""
      if file then file:write(("  %-8s %s%s\n"):format(each.action, each.label, why)) end
   end
   return going, things
end

if options.plan then
   local going, things = show(not as_json and io.stdout or nil)
   if as_json then cli.output({ changes = going, things = things }, options) end
   os.exit(going == 0 and 0 or 3, true)
end

-- Whoever is asked sees first what the question is about.
if not options.yes and not options.no_input and term.isatty "stdin" then show(io.stderr) end
if not cli.confirm(("remove everything in group %s and its Prefect objects?"):format(
      c.config.group), options, c.config.group) then
   errors.raise { kind = "failed", code = "NotConfirmed", message = "nothing was removed" }
end

local lock <close> = setup.alone(c) -- luacheck: ignore
local done = json.array {}
local function tell(word, label)
   if word ~= "removing" then done[#done + 1] = { action = word, thing = label } end
   io.stderr:write(("  %-8s %s\n"):format(word, label))
end
do
   local told <close> = setmetatable({}, { __close = function(_, why) -- luacheck: ignore
      if errors.is(why, "interrupted") then
         io.stderr:write "\nwhat is left goes with the same command again\n"
      end
   end })
   setup.remove(c, steps, tell)
end

local function say(text)
   if not as_json then print(text) end
end

if setup.deleted_vault(c) then
   if options.purge then
      c.azure:purge_vault(c.config.vault)
      tell("purged", "vault " .. c.config.vault)
   else
      say(("the vault %s is deleted and can be recovered; its name is free after --purge"):format(
         c.config.vault))
   end
end
say "everything that setup.lua made is gone"
if as_json then cli.output({ things = done }, options) end
