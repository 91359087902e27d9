-- teardown.lua: removes what setup.lua made, last step first. What was there before, or is not known as ours,
-- stays and is named; --plan only shows it.
local cli = require "aci.cli"
local errors = require "aci.error"
local setup = require "aci.setup"

local steps = require "steps.all"

local options = cli.parse(arg, {
   usage = "acihost teardown.lua [options]: remove everything that setup.lua made",
   plan = true,
   options = { purge = { help = "also purge the deleted vault, so that its name is free at once" } },
})
local c = setup.connect { cloud = options.cloud }
setup.targets(c)

local going = 0
for _, each in ipairs(options.plan and setup.removal(c, steps) or {}) do
   print(("  %-8s %s%s"):format(each.action, each.label, each.why and ": " .. each.why or ""))
   if each.action == "remove" then going = going + 1 end
end
if options.plan then os.exit(going == 0 and 0 or 3, true) end

if not cli.confirm(("remove everything in group %s and its Prefect objects?"):format(
      c.config.group), options, c.config.group) then
   errors.raise { kind = "failed", code = "NotConfirmed", message = "nothing was removed" }
end

local lock <close> = setup.alone(c) -- luacheck: ignore
setup.remove(c, steps, function(word, label) io.stderr:write(("  %-8s %s\n"):format(word, label)) end)

if setup.deleted_vault(c) then
   if options.purge then
      c.azure:purge_vault(c.config.vault)
      io.stderr:write("  purged   vault " .. c.config.vault .. "\n")
   else
      print(("the vault %s is deleted and can be recovered; its name is free after --purge"):format(
         c.config.vault))
   end
end
print "everything that setup.lua made is gone"
