---@meta aci.task
--- Tasks on the event loop. A wait suspends only its task; in the main chunk, and where Lua cannot
--- yield (a sort comparator, a gsub callback), it runs the loop until it is done.
local task = {}

---@class aci.Task
local Task = {}

--- Waits for the task's end. Returns its results, or raises its error.
---@return any ...
function Task:wait() end

--- Makes the task's current or next wait raise an error of kind "canceled", which no pcall keeps;
--- so does a request that it would begin. Its <close> variables are closed and may wait.
function Task:cancel() end

---@return boolean # has it ended?
function Task:done() end

--- Starts f(...) as a task. It lives until it ends; a `<close>` variable of it cancels it and waits.
---@param f function
---@return aci.Task
function task.spawn(f, ...) end

--- Runs the functions at once; their first results in order. A failure cancels the others, and is
--- raised when they have ended.
---@param functions function[]
---@return any[]
function task.all(functions) end

--- Suspends for so many seconds (fractions too).
---@param seconds number
function task.sleep(seconds) end

--- Waits for anything that can be waited for: a task, a transfer, a server's next request.
---@param waitable userdata
---@param seconds? number
---@return boolean # false when the time ran out first
function task.wait(waitable, seconds) end

--- Calls f(...) as a task; raises an error of kind "timeout" and cancels it when it takes longer.
---@param seconds number
---@return any ... # the results of f
function task.timeout(seconds, f, ...) end

--- Something to wait for that is done when the process has got the signal.
---@param name "TERM"|"HUP"|"USR1"|"USR2"|"WINCH"
---@return userdata
function task.signal(name) end

---@class aci.Future
local Future = {}

--- Sets its values; everybody who waits gets them. Once only.
function Future:set(...) end

--- Everybody who waits gets this error raised.
function Future:fail(err) end

--- Waits for the values; after `seconds` raises an error of kind "timeout".
---@param seconds? number
---@return any ...
function Future:wait(seconds) end

---@return boolean
function Future:done() end

---@return aci.Future
function task.future() end

return task
