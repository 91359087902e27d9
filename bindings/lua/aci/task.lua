--- Tasks on the event loop: the Lua half. bindings/task.c has the one function that waits.
local core = require "aci._task"
local errors = require "aci.error"

local task = { wait = core.wait, spawn = core.spawn, signal = core.signal }

local methods = core.metatable.__index

--- Waits for the task's end; returns its results or raises its error.
function methods.wait(self)
   core.wait(self)
   return core.results(self)
end

-- Leaving the scope of a task ends it, and waits until its clean-ups are done. An error that it ended with
-- before, and that nobody has asked for, is still told when it is collected.
function core.metatable.__close(self)
   if self:done() then return end
   self:cancel()
   core.wait(self)
   core.failed(self)
end

--- Suspends the task (or the program, in the main chunk) for so many seconds.
function task.sleep(seconds)
   local timer <close> = core.timer(seconds)
   core.wait(timer)
end

local Future = {}
Future.__index = Future

--- Something that one sets and many wait for.
function task.future()
   return setmetatable({ event = core.event() }, Future)
end

function Future:done()
   return self.values ~= nil or self.error ~= nil
end

function Future:set(...)
   assert(not self:done(), "the future is set already")
   self.values = table.pack(...)
   self.event:set()
end

function Future:fail(err)
   assert(not self:done(), "the future is set already")
   self.error = err
   self.event:set()
end

function Future:wait(seconds)
   if not core.wait(self.event, seconds) then
      errors.raise { kind = "timeout", message = ("nothing came within %g s"):format(seconds) }
   end
   if self.error ~= nil then
      error(self.error, 0)
   end
   return table.unpack(self.values, 1, self.values.n)
end

-- Closing cancels first everybody, then waits for each.
local Group = {}

function Group:__close()
   for _, child in ipairs(self) do
      child:cancel()
   end
   for _, child in ipairs(self) do
      core.wait(child)
      core.failed(child)
   end
end

--- Runs the functions at once. Returns the array of their first results; the first failure
-- cancels the others and is raised when they have ended.
function task.all(functions)
   local ended, pending, failure, results = core.event(), #functions, nil, {}
   local function run(index, f)
      local ok, result = pcall(f)
      if ok then
         results[index] = result
      else
         failure = failure or { result }
      end
      pending = pending - 1
      ended:set()
   end
   local group <close> = setmetatable({}, Group)
   for index, f in ipairs(functions) do
      group[index] = core.spawn(run, index, f)
   end
   while pending > 0 and not failure do
      core.wait(ended)
      ended:reset()
   end
   if failure then
      error(failure[1], 0)
   end
   return results
end

--- Calls f(...) in a task of its own; raises an error of kind timeout when it takes longer.
function task.timeout(seconds, f, ...)
   local child <close> = core.spawn(f, ...)
   if not core.wait(child, seconds) then
      errors.raise { kind = "timeout", message = ("not done within %g s"):format(seconds) }
   end
   return core.results(child)
end

return task
