-- status.lua: what of the set-up exists, read from Azure and Prefect; writes nothing.
local cli = require "aci.cli"
local json = require "aci.json"
local setup = require "aci.setup"

local steps = require "steps.all"

local options = cli.parse(arg, { usage = "acihost status.lua [options]: show what of the set-up exists" })
local c = setup.connect { cloud = options.cloud }
setup.targets(c)
local rows = setup.survey(c, steps)

if options.output == "json" then
   print(json.encode(json.array(rows), { pretty = true }))
else
   cli.table(rows, { "step", "state", "thing" })
end
