-- doctor.lua: looks at everything a flow run depends on, from the clock to the agent, and says what to do about
-- what is wrong. Writes nothing. Exits 1, or as the first error says, when something is wrong.
local cli    = require "aci.cli"
local doctor = require "aci.doctor"
local setup  = require "aci.setup"

local options = cli.parse(arg, { usage = "acihost doctor.lua [options]: find what keeps flow runs from working" })
local c = setup.connect { cloud = options.cloud }
setup.targets(c)
local rows = doctor.examine(c, require "checks.all")

if options.output == "json" then
   cli.output(rows, options)
else
   cli.table(rows, { "check", "state", "seen" })
   for _, hint in ipairs(doctor.advice(rows)) do print(hint) end
end
os.exit(doctor.exit_code(rows), true)
