-- worker.lua: the agent. Asks a work queue for runs and serves each in a container group of its own.
-- SIGTERM lets what is running end and takes nothing new.
local cli     = require "aci.cli"
local clock   = require "aci.clock"
local config  = require "aci.config"
local prefect = require "aci.prefect"
local task    = require "aci.task"
local worker  = require "aci.worker"

local options = cli.parse(arg, {
   usage = "acihost worker.lua [options]: run what is scheduled in a work queue",
   options = {
      queue    = { short = "q", value = "NAME", help = "the work queue (default the setting queue)" },
      limit    = { value = "N", number = true, least = 1, help = "at most so many runs at once (default 10)" },
      interval = { value = "SECONDS", number = true, least = 0.1,
         help = "how often the queue is asked (default 15; 1 on this machine's own Prefect)" },
   },
})

-- Where groups are started, and as whom, is in the blocks: only Prefect must be known.
local settings = config.load({ cloud = options.cloud }, { need = { "prefect_url" } })
local queue_name = options.queue or settings.queue
local limit = options.limit or 10

local function say(format, ...)
   io.stderr:write(clock.iso(clock.now()):sub(12, 23), "  ", format:format(...), "\n")
end

local api = prefect.connect(settings)
-- To ask this machine costs nothing.
local own = api.url:find "^http://127%.0%.0%.1[:/]" ~= nil
local interval = options.interval or tonumber(os.getenv "PREFECT_AGENT_QUERY_INTERVAL") or own and 1 or 15
local agent = worker.new { api = api, config = settings, say = say, watch = math.min(interval, 5) }

local busy, count, draining = {}, 0, false

local function serve(run, how)
   count = count + 1
   busy[run.id] = task.spawn(function()
      local ok, err = pcall(how, agent, run)
      if not ok then say("%s: %s", run.name, tostring(err)) end
      busy[run.id], count = nil, count - 1
   end)
end

-- The queue is looked up anew every half minute: somebody may have made it again.
local queue, looked = nil, 0

local function current_queue()
   if not queue or clock.monotonic() - looked > 30 then
      queue, looked = api:put_queue(queue_name), clock.monotonic()
   end
   return queue
end

local function poll()
   local room = limit - count
   if room <= 0 then return end
   for _, run in ipairs(api:due_runs(current_queue(), { limit = room, ahead = interval })) do
      if not busy[run.id] then serve(run, agent.serve) end
   end
end

-- What an earlier worker began and did not bring to its end.
local function take_up()
   for _, run in ipairs(agent:begun(queue_name)) do
      if not busy[run.id] then serve(run, agent.adopt) end
   end
end

-- A server that is away for a while is waited for, ever more patiently.
local function look(misses)
   local ok, err = pcall(poll)
   if ok then return 0 end
   queue = nil
   if require("aci.error").is(err, "interrupted") then error(err, 0) end
   say("the queue could not be asked: %s", tostring(err))
   return misses + 1
end

local stop = task.future()

local function drain_at_sigterm()
   local signal <close> = task.signal "TERM"
   task.wait(signal)
   draining = true
   say("draining: %d runs are going on", count)
   stop:set(true)
end

task.spawn(drain_at_sigterm)
say("serving queue %s of %s, every %g s, at most %d runs at once", queue_name, api.url, interval, limit)

local taken = pcall(take_up)
if not taken then say "what earlier workers began could not be looked at" end

local misses = 0
while not draining do
   misses = look(misses)
   pcall(stop.wait, stop, interval * math.min(2 ^ misses, 8))
end
for _, each in pairs(busy) do task.wait(each) end
say "done"
