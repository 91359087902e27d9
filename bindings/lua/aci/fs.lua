--- aci.fs: files and folders. What does the work is in C; here is what waits or walks.

local c = require "aci._fs"
local error_object = require "aci.error"

local fs = {}

for name, f in pairs(c) do
   if name ~= "try_lock" then
      fs[name] = f
   end
end

local FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.2

local function lock_options(options)
   for key, value in pairs(options or {}) do
      if key ~= "wait" then
         error(("unknown option '%s' (did you mean 'wait'?)"):format(key), 3)
      elseif type(value) ~= "number" then
         error(("option 'wait' must be a number, got a %s"):format(type(value)), 3)
      end
   end
   return options and options.wait or 0
end

local function refused(path)
   return nil, error_object.new {
      kind = "conflict",
      code = "EWOULDBLOCK",
      message = ("cannot lock %s: somebody else holds it"):format(path),
   }
end

--- Takes the lock on a file. Waiting suspends only this task.
function fs.lock(path, options)
   local wait = lock_options(options)
   local lock, err = c.try_lock(path)
   if lock ~= false then
      return lock, err
   end
   local clock, task = require "aci.clock", require "aci.task"
   local deadline, pause = clock.monotonic() + wait, FIRST_PAUSE
   while lock == false do
      local left = deadline - clock.monotonic()
      if left <= 0 then
         return refused(path)
      end
      task.sleep(math.min(pause, left))
      pause = math.min(pause * 2, LONGEST_PAUSE)
      lock, err = c.try_lock(path)
   end
   return lock, err
end

local function collect(path, prefix, found)
   local names, err = c.list(path)
   if not names then
      return nil, err
   end
   for _, name in ipairs(names) do
      local full, relative = path .. "/" .. name, prefix .. name
      local there = c.stat(full, { follow = false })
      local kind = there and there.type
      if kind == "link" then
         there = c.stat(full) -- a link to a folder could lead round in a circle
         kind = there and there.type == "file" and "file"
      end
      if kind == "file" then
         found[#found + 1] = relative
      elseif kind == "directory" then
         local ok, failure = collect(full, relative .. "/", found)
         if not ok then
            return nil, failure
         end
      end
   end
   return found
end

--- The relative paths of all files below a folder, in order.
function fs.walk(path)
   local found, err = collect(path, "", {})
   if found then
      table.sort(found)
   end
   return found, err
end

return fs
