-- worker.lua: runs what is scheduled in work queues (the agent of Prefect 2) or in a work pool (a worker of
-- Prefect 3), each run in a container group of its own. SIGTERM lets what is running end and takes nothing new;
-- a second one leaves at once, and the next start takes up what is going on.
-- Hundreds of groups are watched in little memory: Lua's garbage holds much of it, and so does a connection.
collectgarbage("incremental", 110, 400)
require("aci.http").connections(16)

local cli     = require "aci.cli"
local clock   = require "aci.clock"
local config  = require "aci.config"
local fail    = require "aci.error"
local prefect = require "aci.prefect"
local process = require "aci.process"
local task    = require "aci.task"
local worker  = require "aci.worker"

local options = cli.parse(arg, {
   usage = "acihost worker.lua [options]: run what is scheduled in work queues or in a work pool",
   options = {
      queue       = { short = "q", value = "NAME", many = true,
         help = "a work queue, or all that begin with NAME*; may be given again (default the setting queue)" },
      pool        = { value = "NAME", help = "serve a work pool; -q names queues of it (default all)" },
      name        = { value = "NAME", help = "the worker's name (default by host and state folder)" },
      limit       = { value = "N", number = true, least = 1, help = "at most so many runs at once (default 10)" },
      prefetch    = { value = "SECONDS", number = true, least = 0,
         help = "runs are taken so long before their time (default 10)" },
      interval    = { value = "SECONDS", number = true, least = 0.1,
         help = "how often work is asked for (default 15, a pool 10; 1 on this machine's own Prefect)" },
      keep_failed = { value = "DURATION", help = "keep groups of failed runs so long: 90s, 30m, 2h, 1d" },
      stream      = { help = "copy the output of all containers into the runs' logs (default: where "
         .. "stream_output is set, and of those that end badly)" },
   },
})

local UNITS = { s = 1, m = 60, h = 3600, d = 86400, [""] = 1 }

local function duration(text)
   if not text then return nil end
   local number, unit = text:match "^(%d+%.?%d*)([smhd]?)$"
   if number then return tonumber(number) * UNITS[unit] end
   fail.raise { kind = "usage", code = "keep_failed", message = ("%q is no duration"):format(text),
      advice = "for example: --keep-failed 30m" }
end

-- Where groups are started, and as whom, is in the blocks and pools: only Prefect must be known.
local settings = cli.notes(config.load({ cloud = options.cloud }, { need = { "prefect_url" } }))

local function say(format, ...)
   io.stderr:write(clock.iso(clock.now()):sub(12, 23), "  ", format:format(...), "\n")
end

local api = prefect.connect(settings)
-- To ask this machine costs nothing.
local own = api.url:find "^http://127%.0%.0%.1[:/]" ~= nil
local usual = options.pool and tonumber(os.getenv "PREFECT_WORKER_QUERY_SECONDS")
   or not options.pool and tonumber(os.getenv "PREFECT_AGENT_QUERY_INTERVAL")
local interval = options.interval or usual or own and 1 or options.pool and 10 or 15

local name, lock = options.name, nil
if not name then name, lock = worker.name(require("aci.local").home(settings)) end

local served = worker.new { api = api, config = settings, say = say, name = name, limit = options.limit,
   pool = options.pool, queues = options.queue or not options.pool and { settings.queue } or nil,
   interval = interval, prefetch = options.prefetch, watch = math.min(interval, 5),
   reconcile = own and 5 or 30, grace = own and 20 or nil,
   keep_failed = duration(options.keep_failed), stream = options.stream }

local function leave_at_sigterm()
   local first <close> = task.signal "TERM"
   task.wait(first)
   say("draining: %d runs are going on; once more to leave at once", served:count())
   served:drain()
   local second <close> = task.signal "TERM"
   task.wait(second)
   say("leaving: %d runs go on without a worker", served:count())
   os.exit(143)
end

task.spawn(leave_at_sigterm)
say("worker %s serves the %s of %s, every %g s, at most %d runs at once", name, served.source.label, api.url,
   interval, options.limit or 10)
-- What the start needed is given back once the first round was made.
task.spawn(function()
   task.sleep(1)
   process.trim()
end)
served:run()
if lock then lock:close() end
say "done"
