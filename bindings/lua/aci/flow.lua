--- Flows and tasks in Lua, with Prefect's meaning: a run reports its states and logs as Python's engine
-- does. A flow's file returns its flows by the names that entrypoints use:
--
--    local flow = require "aci.flow"
--
--    local greet = flow.task { name = "greet", retries = 1, function(who)
--       flow.logger():info("hello " .. who)
--    end }
--
--    return { simple_demo = flow.flow { name = "Simple Demo", function(parameters)
--       greet(parameters.who or "world")
--    end } }
--
-- Called outside of a run (a plain `acihost flow.lua`, a spec), flows and tasks are plain functions that
-- log to standard error.

local context = require "aci.flow.context"
local fail    = require "aci.error"

local flow = {}

local Task = { __name = "aci.flow.task" }
Task.__index = Task

local Flow = { __name = "aci.flow.flow" }
Flow.__index = Flow

local function declare(kind, fields)
   local body = fields[1]
   if type(body) ~= "function" then error(("a %s has a function"):format(kind), 3) end
   if type(fields.name) ~= "string" then error(("a %s has a name"):format(kind), 3) end
   return { name = fields.name, body = body, retries = fields.retries or 0,
      retry_delay = fields.retry_delay or 0, timeout = fields.timeout }
end

--- Declares a task: `name`, a function, and optionally `retries`, `retry_delay` (s), `timeout` (s).
function flow.task(fields)
   return setmetatable(declare("task", fields), Task)
end

--- Declares a flow: `name`, a function of the run's parameters (one table), and optionally `retries`,
-- `retry_delay` (s), `timeout` (s).
function flow.flow(fields)
   return setmetatable(declare("flow", fields), Flow)
end

function flow.is_flow(value)
   return getmetatable(value) == Flow
end

function Task:__call(...)
   local run = context.current()
   if not run then return self.body(...) end
   return require("aci.flow.engine").run_task(run, self, ...)
end

--- Starts the task beside the caller. @return aci.task.Task: `:wait()` gives what the function gives
function Task:submit(...)
   local run = context.current()
   if not run then return require("aci.task").spawn(self.body, ...) end
   return require("aci.flow.engine").submit_task(run, self, ...)
end

--- Starts the task once for every item of a list. @return array of aci.task.Task
function Task:map(list)
   if type(list) ~= "table" then
      error(("the task %s is mapped over a list, not over a %s; for example: %s:map { 1, 2 }"):format(self.name,
         type(list), self.name:find "^[%a_][%w_]*$" and self.name or "task"), 2)
   end
   local started = {}
   for index, item in ipairs(list) do started[index] = self:submit(item) end
   return started
end

function Flow:__call(parameters)
   return self.body(parameters or {})
end

--- The logger of the task or flow run that calls it: `:debug`, `:info`, `:warning`, `:error`, each with a
-- message and optionally values for `string.format`.
function flow.logger()
   local run = context.current()
   return run and run.logger or context.plain_logger
end

--- The Prefect client of this run, for blocks and variables.
function flow.prefect()
   local run = context.current()
   if run then return run.api end
   fail.raise { kind = "usage", code = "no_run", message = "there is no flow run here to ask Prefect for" }
end

--- Makes an artifact of the calling run: `markdown = text`, `table = rows`, `link = url` (and `text`),
-- `image = url` or `progress = 0..100`; with `key` and `description`. Outside of a run it makes none.
-- @return `{ id =, update = function(self, value) }`
function flow.artifact(fields)
   return require("aci.flow.artifact").make(context.current(), fields)
end

--- The settings of this run.
function flow.config()
   local run = context.current()
   return run and run.config or require("aci.config").load()
end

return flow
