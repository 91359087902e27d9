local t = require "aci._task"
local event = t.event()
local closed = false
local waiting = t.spawn(function()
   local _ <close> = setmetatable({}, { __close = function() closed = true end })
   t.wait(event)
   return 1, 2
end)
local failing = t.spawn(function() error "on purpose" end)
local canceled = t.spawn(function() t.wait(t.event()) end)
local timer <close> = t.timer(0)
t.wait(timer)
event:set()
canceled:cancel()
assert(t.wait(waiting, 5) and t.wait(failing, 5) and t.wait(canceled, 5), "the tasks did not end")
local ok, why = pcall(t.results, waiting)
if not ok then
   t.failed(failing)
   error(why, 0)
end
assert(closed and t.failed(failing) and t.failed(canceled))
local _ <close> = t.signal "USR1"
return pcall(t.wait, 1), t.wait(t.event(), 0)
