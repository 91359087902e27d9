-- setup.lua: from nothing to a deployment whose runs are container groups. What is to be made is in
-- steps/all.lua; what is there already is left alone.
local setup = require "aci.setup"

setup.run(require "steps.all", [[run.lua "Key Vault Demo/Manual Deployment"]])
