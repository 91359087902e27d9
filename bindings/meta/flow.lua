---@meta aci.flow
--- Flows and tasks in Lua. Run by scripts/execute.lua for a flow run of Prefect, they report states, task
--- runs and logs as Prefect's own engine does; called by anything else they are plain functions.
---
---     local flow = require "aci.flow"
---     local greet = flow.task { name = "greet", retries = 2, function(who)
---        flow.logger():info("hello %s", who)
---     end }
---     return { hello = flow.flow { name = "Hello", function(parameters) greet(parameters.who) end } }
---
--- The entrypoint "flow.lua:hello" names the file and the key of what it returns. A flow that gives nothing
--- is Completed when all its task runs are, else Failed.
local flow = {}

---@class aci.flow.Declaration
---@field name string
---@field [1] function
---@field retries? integer # how often it is tried again; default 0
---@field retry_delay? integer # seconds before that
---@field timeout? number # seconds; then it has failed ("TimedOut")

---@param declaration aci.flow.Declaration
---@return function # gives what the function gives, raises what its last try raised
function flow.task(declaration) end

---@param declaration aci.flow.Declaration # its function gets the run's parameters as one table
---@return aci.Flow
function flow.flow(declaration) end

---@return boolean
function flow.is_flow(value) end

--- The logger of the calling task or flow run; standard error outside of one.
---@return aci.prefect.Logger
function flow.logger() end

--- The run's Prefect client; raises kind "usage" outside of a run.
---@return aci.Prefect
function flow.prefect() end

--- The run's settings; those of config.lua and the environment outside of one.
---@return aci.Config
function flow.config() end

return flow
