--- aci.process: other programs. Starting and signalling is in C; here is what waits.

local c = require "aci._process"
local spawning = require "aci._spawn"
local clock = require "aci.clock"
local errors = require "aci.error"
local task = require "aci.task"

local process = { spawn = spawning.spawn }
for name, f in pairs(c) do
   process[name] = f
end

--- Where programs of the user keep their state.
function process.state_home()
   local state, home = os.getenv "XDG_STATE_HOME", c.home()
   if state and state ~= "" then return state end
   return home and home .. "/.local/state"
end

local MOST_OUTPUT = 64 * 1024 * 1024
local GRACE, KILL_PATIENCE = 5, 10
local FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.05

-- -- one process ------------------------------------------------------------------------------

local methods = spawning.proc

--- Waits for the end: {code =} or {signal =}.
function methods:wait(seconds)
   if not task.wait(self, seconds) then
      return nil, errors.new { kind = "timeout", message = ("%s after %g s"):format(self, seconds) }
   end
   return self:result()
end

--- The next bytes of "stdout" (or "stderr"), nil at the end.
function methods:read(name)
   local stream = self:stream(name)
   local chunk = stream:take()
   while chunk == false do
      task.wait(stream)
      chunk = stream:take()
   end
   return chunk
end

--- Iterates over the lines of "stdout" (or "stderr").
function methods:lines(name)
   local rest = ""
   return function()
      while rest do
         local line, after = rest:match "^([^\n]*)\n()"
         if line then
            rest = rest:sub(after)
            return line
         end
         local chunk = self:read(name)
         if not chunk then
            local last = rest
            rest = nil
            return last ~= "" and last or nil
         end
         rest = rest .. chunk
      end
   end
end

--- Asks it to end, and makes it after `grace` seconds. Returns as wait does.
function methods:stop(grace)
   if self:kill "TERM" and not task.wait(self, grace or GRACE) then
      self:kill "KILL"
   end
   return self:wait()
end

-- -- run --------------------------------------------------------------------------------------

local own_options = { timeout = "number", max_output = "number", secret = "boolean" }

local function split(options)
   local own, rest = {}, {}
   for key, value in pairs(options) do
      local wanted = own_options[key]
      if wanted and type(value) ~= wanted then
         error(("option '%s' must be a %s, got a %s"):format(key, wanted, type(value)), 3)
      end
      (wanted and own or rest)[key] = value
   end
   rest.stdout = rest.stdout or "pipe"
   rest.stderr = rest.stderr or "pipe"
   return own, rest
end

local function next_chunk(stream, secret, deadline)
   local chunk = stream:take(secret)
   while chunk == false do
      if not task.wait(stream, deadline and math.max(0, deadline - clock.monotonic())) then
         return false
      end
      chunk = stream:take(secret)
   end
   return chunk
end

-- Reads a stream to its end. False when the deadline came first.
local function drain(stream, own, secret, deadline)
   local parts, size = {}, 0
   local chunk = next_chunk(stream, secret, deadline)
   while chunk do
      parts[#parts + 1] = chunk
      size = size + #chunk
      if size > (own.max_output or MOST_OUTPUT) then
         errors.raise { kind = "failed", code = "too_large", message = "more output than max_output allows" }
      end
      chunk = next_chunk(stream, secret, deadline)
   end
   if chunk == false then
      return false
   elseif not secret then
      return table.concat(parts)
   end
   local whole = require("aci.secret").new ""
   for _, part in ipairs(parts) do
      whole = whole .. part
   end
   return whole
end

local function collect(proc, own, deadline)
   return task.all {
      function() return drain(proc:stream "stdout", own, own.secret, deadline) end,
      function() return drain(proc:stream "stderr", own, false, deadline) end,
   }
end

local function too_late(options, own, proc)
   proc:stop(1)
   return nil, errors.new {
      kind = "timeout",
      message = ("%s did not end within %g s"):format(options.args[1], own.timeout),
   }
end

--- Runs a program to its end: {code | signal, stdout, stderr}, or nil and why it could not be run.
function process.run(options)
   local own, rest = split(options)
   local started, err = process.spawn(rest)
   if not started then
      return nil, err
   end
   local proc <close> = started
   local deadline = own.timeout and clock.monotonic() + own.timeout
   local ok, texts = pcall(collect, proc, own, deadline)
   if not ok then
      if errors.is(texts, "failed") then
         return nil, texts
      end
      error(texts, 0)
   end
   local left = deadline and math.max(0, deadline - clock.monotonic())
   if texts[1] == false or texts[2] == false or not task.wait(proc, left) then
      return too_late(options, own, proc)
   end
   local result = proc:result()
   result.stdout = rest.stdout == "pipe" and texts[1] or nil
   result.stderr = rest.stderr == "pipe" and texts[2] or nil
   return result
end

-- -- whole trees --------------------------------------------------------------------------------

local function lives(pid, begun)
   return c.start_time(pid) == begun
end

local function add(tree, pid)
   local begun = c.start_time(pid)
   if begun then
      tree[pid] = begun
   end
end

-- Adds what descends from those in the tree, drops the dead; true while one lives.
local function grow(tree, root)
   local some = false
   for pid, begun in pairs(tree) do
      if not lives(pid, begun) then
         tree[pid] = nil
      end
   end
   local parents = root and { root } or {}
   for pid in pairs(tree) do
      parents[#parents + 1] = pid
   end
   for _, parent in ipairs(parents) do
      for _, pid in ipairs(c.descendants(parent) or {}) do
         add(tree, pid)
      end
   end
   for _ in pairs(tree) do
      some = true
   end
   return some
end

local function signal_all(tree, name)
   for pid, begun in pairs(tree) do
      c.signal(pid, name, begun)
   end
end

-- Looks again and again, ever slower, until nothing in the tree lives or `enough()`.
local function watch(tree, root, seconds, enough)
   local deadline, pause = clock.monotonic() + seconds, FIRST_PAUSE
   while grow(tree, root) and not enough() and clock.monotonic() < deadline do
      task.sleep(pause)
      pause = math.min(pause * 2, LONGEST_PAUSE)
      c.reap()
   end
end

local function still_alive(tree)
   local left = {}
   for pid in pairs(tree) do
      left[#left + 1] = pid
   end
   table.sort(left)
   return nil, errors.new {
      kind = "timeout",
      message = "processes do not end even when killed: " .. table.concat(left, ", "),
   }
end

local function tree_options(options)
   for key in pairs(options or {}) do
      if key ~= "grace" and key ~= "start_time" then
         error(("unknown option '%s' (there are 'grace' and 'start_time')"):format(tostring(key)), 3)
      end
   end
   return options or {}
end

-- Asks the group of `pid`, waits for its leader, then leaves nobody.
local function ask(pid, tree, grace)
   local begun = tree[pid]
   if not c.signal_group(pid, "TERM") then
      c.signal(pid, "TERM", begun)
   end
   watch(tree, nil, grace, function() return not lives(pid, begun) end)
end

--- Ends a process and all below it; of this process itself, all below.
function process.kill_tree(pid, options)
   options = tree_options(options)
   local tree, grace = {}, options.grace or GRACE
   local own = pid == c.pid()
   if not own then
      add(tree, pid)
      if not tree[pid] or (options.start_time and options.start_time ~= tree[pid]) then
         local message = ("no process %d"):format(pid)
         return nil, errors.new { kind = "not_found", code = "ESRCH", message = message }
      end
      grow(tree)
      ask(pid, tree, grace)
   elseif grow(tree, pid) then
      signal_all(tree, "TERM")
      watch(tree, pid, grace, function() return false end)
   end
   local killing_ends = clock.monotonic() + KILL_PATIENCE
   while grow(tree, own and pid or nil) do
      if clock.monotonic() > killing_ends then
         return still_alive(tree)
      end
      signal_all(tree, "KILL")
      task.sleep(FIRST_PAUSE)
      c.reap()
   end
   c.reap() -- who ended by itself a moment ago may still be a zombie of ours
   return true
end

return process
