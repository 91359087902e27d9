--- Logs: written in batches, read in order.

local clock  = require "aci.clock"
local secret = require "aci.secret"
local task   = require "aci.task"

local logs = {}

local LEVELS = { debug = 10, info = 20, warning = 30, error = 40, critical = 50 }
local FLUSH_AFTER = 2           -- seconds, as Prefect's own client
local MAX_BATCH = 500           -- entries
local MAX_MESSAGE = 25000       -- characters; Cloud refuses longer ones

local Logger = {}
Logger.__index = Logger

--- Sends a list of entries `{ name, level, message, timestamp, flow_run_id, task_run_id }`.
function logs:write_logs(entries)
   if #entries > 0 then self:request("POST", "/logs/", { json = entries }) end
end

--- A logger of one run. Entries are sent every two seconds and by `flush`; a server that does not take
-- them never fails the run.
-- @param options `flow_run_id`, `task_run_id`, `name`, `echo` (function called with level name and message)
function logs:logger(options)
   return setmetatable({ api = self, options = options or {}, pending = {} }, Logger)
end

--- The same logger speaking for a task run; both share one buffer, so order is kept.
function Logger:child(task_run_id)
   local options = { flow_run_id = self.options.flow_run_id, task_run_id = task_run_id,
      name = "prefect.task_runs", echo = self.options.echo }
   return setmetatable({ api = self.api, options = options, root = self.root or self }, Logger)
end

local function later(self)
   if self.timer and not self.timer:done() then return end
   self.timer = task.spawn(function()
      task.sleep(FLUSH_AFTER)
      self.sending = true -- from here on it may be waited for, not cancelled: it holds the entries
      local ok = self:send()
      self.sending = false
      return ok
   end)
end

--- A message as Prefect takes it: text of bounded length, in UTF-8, without the secrets that we know.
function logs.log_text(message)
   message = secret.conceal(tostring(message))
   if not utf8.len(message) then message = message:gsub("[\x80-\xff]", "?") end
   if #message <= MAX_MESSAGE then return message end
   return message:sub(1, utf8.offset(message, 0, MAX_MESSAGE) - 1) .. " [cut]"
end

--- Adds one entry. @param level a name (debug info warning error critical) or a number
function Logger:log(level, message)
   local root, options = self.root or self, self.options
   message = logs.log_text(message)
   root.pending[#root.pending + 1] = { name = options.name or "prefect.flow_runs",
      level = LEVELS[level] or level, message = message, timestamp = clock.iso(clock.now()),
      flow_run_id = options.flow_run_id, task_run_id = options.task_run_id }
   if options.echo then options.echo(level, message) end
   if #root.pending >= MAX_BATCH then root:send() else later(root) end
end

for name in pairs(LEVELS) do
   Logger[name] = function(self, message, ...)
      if select("#", ...) > 0 then message = message:format(...) end
      self:log(name, message)
   end
end

--- Sends what is pending; true when the server took it.
function Logger:send()
   local entries = self.pending
   if #entries == 0 then return true end
   self.pending = {}
   local ok, err = pcall(self.api.write_logs, self.api, entries)
   if not ok then
      io.stderr:write(("acihost: Prefect did not take %d log lines: %s\n"):format(#entries, tostring(err)))
   end
   return ok
end

--- Sends what is pending now; call it before the run's last state.
function Logger:flush()
   local root, before = self.root or self, true
   local timer = root.timer
   root.timer = nil
   if timer and root.sending then before = timer:wait()
   elseif timer then timer:cancel() end
   return root:send() and before
end

--- All log entries of a run, oldest first.
-- @param options `after` (time text: that moment and later), `level` (at least)
function logs:logs(flow_run_id, options)
   options = options or {}
   local filter = { flow_run_id = { any_ = { flow_run_id } } }
   if options.after then filter.timestamp = { after_ = options.after } end
   if options.level then filter.level = { ge_ = options.level } end
   return self:pages("/logs/filter", { logs = filter, sort = "TIMESTAMP_ASC" })
end

--- A function that gives, each time it is called, the entries that it has not given yet.
-- The server's "after" includes that moment, so entries are told apart by id; and since batches of
-- several writers may arrive late, each look goes a little back.
function logs:log_tail(flow_run_id)
   local seen, newest = {}, nil
   return function()
      local after = newest and clock.iso(newest - 10)
      local fresh = {}
      for _, entry in ipairs(self:logs(flow_run_id, { after = after })) do
         if not seen[entry.id] then
            seen[entry.id] = true
            fresh[#fresh + 1] = entry
            newest = math.max(newest or 0, self.time(entry.timestamp))
         end
      end
      return fresh
   end
end

return logs
