--- Which run the calling code belongs to: told by coroutine, else the process's one flow run.

local context = {}

local by_coroutine = setmetatable({}, { __mode = "k" })
local root

--- The run of the caller; nil outside of one.
function context.current()
   return by_coroutine[coroutine.running()] or root
end

--- Makes a run the one that all code of this process belongs to (nil ends it).
function context.set_root(run)
   root = run
end

--- Calls f(...) as part of a run.
function context.with(run, f, ...)
   local thread = coroutine.running()
   local before = by_coroutine[thread]
   by_coroutine[thread] = run
   local results = table.pack(pcall(f, ...))
   by_coroutine[thread] = before
   if not results[1] then error(results[2], 0) end
   return table.unpack(results, 2, results.n)
end

local Plain = {}
Plain.__index = Plain

for _, level in ipairs { "debug", "info", "warning", "error", "critical" } do
   Plain[level] = function(_, message, ...)
      if select("#", ...) > 0 then message = message:format(...) end
      io.stderr:write(level:upper(), "  ", tostring(message), "\n")
   end
end

--- What logs outside of a run.
context.plain_logger = setmetatable({}, Plain)

return context
