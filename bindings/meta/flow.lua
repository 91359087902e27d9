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
--- The entrypoint "flow.lua:hello" names the file and the key of what it returns. On Prefect 2 a flow that
--- gives nothing is Completed when all its task runs are, else Failed; on Prefect 3 it is Completed. Parameters
--- are checked against the deployment's schema, which also gives the missing ones their defaults. States, task
--- runs and log lines are those of the Python engine of the server's major.
local flow = {}

--- A task: called it runs and gives what its function gives, or raises what its last try raised.
---@class aci.flow.Task
local Task = {}

--- Starts it beside the caller; `:wait()` of what it gives gives the results. A flow ends after all of them.
---@return aci.Task
function Task:submit(...) end

--- Starts it once for every item.
---@param list any[]
---@return aci.Task[]
function Task:map(list) end

---@class aci.flow.Artifact
---@field id? string
local Artifact = {}

--- Puts another value in its place.
---@param value any
function Artifact:update(value) end

---@class aci.flow.Declaration
---@field name string
---@field [1] function
---@field retries? integer # how often it is tried again; default 0
---@field retry_delay? integer # seconds before that
---@field timeout? number # seconds; then it has failed ("TimedOut")

---@param declaration aci.flow.Declaration
---@return aci.flow.Task
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

--- Leaves an artifact in Prefect's pages, of the calling flow or task run; outside of one it leaves none. One
--- of markdown, table (rows as tables), link (and text), image (an address) and progress (0 to 100).
---@param fields { key?: string, description?: string, markdown?: string, table?: table[], link?: string, text?: string, image?: string, progress?: number }
---@return aci.flow.Artifact
function flow.artifact(fields) end

--- The run's settings; those of config.lua and the environment outside of one.
---@return aci.Config
function flow.config() end

return flow
