---@meta aci.setup
--- What the set-up scripts share: connect, say which clouds are meant, plan, ask, run, survey, remove.
---
---     local c = require "aci.setup".connect()
---     print(c.config.group, #c.azure:groups())
local setup = {}

---@class aci.Context
---@field config aci.Config
---@field azure aci.Azure
---@field graph aci.Graph
---@field prefect aci.Prefect
---@field marker string # how our things are known: "<subscription>/<group>"
---@field notes string[] # what steps have noted
---@field adopt? boolean # take over an application of our name that is not marked

--- Everything that a step gets.
---@param overrides? table # settings that win over config.lua and the environment
---@param options? { adopt?: boolean }
---@return aci.Context
function setup.connect(overrides, options) end

--- Tells both targets on standard error, as every script does first.
---@param c aci.Context
function setup.targets(c) end

--- What the user should know, from a step: a set-up tells it once, at its end; status and teardown do not.
---@param c aci.Context
---@param text string
function setup.note(c, text) end

--- Runs a set-up script: reads its options from `arg`, plans or asks and runs, and tells what came of it.
---@param steps aci.Step[]
---@param next_command? string # a script and its arguments, told last
function setup.run(steps, next_command) end

--- What exists.
---@param c aci.Context
---@param steps aci.Step[]
---@return { step: string, thing: string, state: string }[]
function setup.survey(c, steps) end

--- The lock that lets one set-up of a group run at a time on this machine; waits for another's.
---@param c aci.Context
---@return aci.fs.Lock # its holder closes it
function setup.alone(c) end

--- What a teardown would do, last step first.
---@param c aci.Context
---@param steps aci.Step[]
---@return { action: "remove"|"keep"|"with it", label: string, why?: string }[]
function setup.removal(c, steps) end

--- Removes what the steps made, last step first.
---@param c aci.Context
---@param steps aci.Step[]
---@param tell fun(word: "removed"|"kept", label: string)
function setup.remove(c, steps, tell) end

--- Our vault where it is deleted and not purged yet.
---@param c aci.Context
---@return table? # nil also when somebody else deleted one of that name
function setup.deleted_vault(c) end

return setup
