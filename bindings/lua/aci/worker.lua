--- Serves flow runs in container groups, as an agent of Prefect 2's work queues or as a worker of a work pool:
-- claims what is due, starts a group for each, watches hundreds of them, settles the runs, deletes the groups.
-- What was begun by a worker that died is taken up. Nothing is kept on disk: all is read from Prefect and from
-- the groups' tags. Each part is a file of aci/worker/; scripts/worker.lua is the command.

local crypto    = require "aci.crypto"
local task      = require "aci.task"
local adopting  = require "aci.worker.adopting"
local clouds    = require "aci.worker.clouds"
local launching = require "aci.worker.launching"
local patience  = require "aci.worker.patience"
local pool      = require "aci.worker.pool"
local queues    = require "aci.worker.queues"
local removing  = require "aci.worker.removing"
local watching  = require "aci.worker.watching"
local workers   = require "aci.worker.workers"

local worker = { connect = clouds.connect }

local Worker = {}
Worker.__index = Worker

local LAUNCHES = 8   -- at once

local function nothing() end

local function source(options, say)
   if options.pool then return pool.new(options.api, options.pool, options.queues, say) end
   return queues.new(options.api, options.queues or { "default" })
end

--- Makes a worker.
-- @param options `api` (aci.prefect), `config`, `queues` (names) or `pool` (name), and optionally: `name`, `limit`
--   (runs at once, 10), `interval` (s between two questions for work, 15), `prefetch` (s ahead of time, 10),
--   `watch` (s between two looks at what is held, 5), `keep_failed` (s), `stream` (the output of all jobs),
--   `reconcile` (s between two looks at what others have begun, 30), `grace` (s for groups without runs, 120),
--   `unknown` (s that a worker nobody knows is waited for, 90), `say` (function(format, ...)), `connect`
--   (function(config, login) -> ARM client)
function worker.new(options)
   local say = options.say or nothing
   local self = { api = options.api, config = options.config, say = say, connect = options.connect or clouds.connect,
      limit = options.limit or 10, interval = options.interval or 15, prefetch = options.prefetch or 10,
      watch = options.watch or 5, every = options.every, keep_failed = options.keep_failed,
      stream = options.stream or false, reconcile = options.reconcile or 30,
      grace = options.grace or adopting.GRACE, unknown = options.unknown or adopting.UNKNOWN,
      twice = options.twice or 10, source = source(options, say) }
   self.name = options.name or workers.name(options.config.home)
   self.mark = crypto.hex(crypto.sha256(options.api.url)):sub(1, 12)
   for _, name in ipairs { "clouds", "paces", "places", "flows", "held", "starting", "removing", "turns", "seen",
      "failing" } do
      self[name] = {}
   end
   self.removers, self.looks, self.launches = 0, 0, 0
   return setmetatable(self, Worker)
end

--- The name of a worker that is started on this machine; see aci.worker.workers.
worker.name = workers.name

local function launch(self, run)
   local ok, held, ours = pcall(launching.run, self, run)
   self.starting[run.id] = nil
   if not ok then
      patience.rethrow(held)
      self.say("%s: not started yet: %s", run.name, tostring(held))
      return false
   end
   if held then watching.add(self, held) end
   return held ~= nil or ours, held
end

--- How many runs are being started or going on.
function Worker:count()
   local count = watching.count(self)
   for id in pairs(self.starting) do
      if not self.held[id] then count = count + 1 end
   end
   return count
end

local function begin(self, run)
   if self.starting[run.id] or self.held[run.id] then return end
   self.starting[run.id] = true
   self.launches = self.launches + 1
   task.spawn(function()
      local ok, err = pcall(launch, self, run)
      self.launches = self.launches - 1
      if not ok then self.say("%s: %s", run.name, tostring(err)) end
   end)
end

--- Asks for what is due and begins it.
function Worker:poll()
   local room = math.min(self.limit - self:count(), LAUNCHES - self.launches)
   if room <= 0 then return end
   for _, run in ipairs(self.source:due(room, self.prefetch)) do begin(self, run) end
end

--- One look at what is held.
function Worker:tick()
   watching.tick(self)
end

--- One look at what was begun and is nobody's: runs are taken up, given back or settled, groups removed.
function Worker:take_up()
   adopting.round(self)
end

--- The runs that somebody has claimed and that have not ended.
function Worker:begun()
   return self.source:begun()
end

-- Holds a run till its end, for those who wait for it.
local function follow(self, held)
   held.done = task.future()
   while not held.done:done() do
      watching.tick(self)
      task.sleep(self.watch)
   end
   while removing.busy(self) do task.sleep(self.watch) end
end

--- Serves one run from its claim to its end. False when somebody else has it.
function Worker:serve(run)
   self.starting[run.id] = true
   local ours, held = launch(self, run)
   if held then follow(self, held) end
   return ours
end

--- Takes up a run that another worker has begun, and serves it to its end.
-- @return false when there is nothing to take up
function Worker:adopt(run)
   local taken = adopting.run(self, run)
   if self.held[run.id] then follow(self, self.held[run.id]) end
   return taken
end

-- ------------------------------------------------------------------------------------------- the loops

--- Calls f(self) again and again; what goes wrong is told and not taken as an end. Backs off.
local function loop(self, what, seconds, f)
   local misses, told = 0, nil
   while not self.stopped do
      local ok, err = pcall(f, self)
      if ok then
         misses, told = 0, nil
      else
         patience.rethrow(err)
         local text = tostring(err)
         if text ~= told and not pool.is_waiting(err) then self.say("%s: %s; goes on", what, text) end
         misses, told = math.min(misses + 1, 3), text
      end
      local pause = seconds(self) * 2 ^ misses * (0.9 + 0.2 * math.random())
      pcall(self.woken.wait, self.woken, pause)
   end
end

local function beat(self)
   workers.beat(self)
end

local function poll_unless_draining(self)
   if not self.draining then self:poll() end
end

local function take_up_first(self)
   self:take_up()
   self.looked = true
end

local LOOPS = {
   { "the queue could not be asked", function(self) return self.interval end, poll_unless_draining },
   { "what is going on", function(self) return self.watch end, Worker.tick },
   { "what was begun could not be looked at", function(self) return self.reconcile end, take_up_first },
   { "heartbeat", function(self) return self.beating and workers.EVERY or math.min(self.interval, 5) end, beat },
}

--- Takes nothing new any more: `run` ends when what is going on has ended.
function Worker:drain()
   self.draining = true
end

--- Serves until `drain` was called and everything has ended.
function Worker:run()
   self.woken = task.future()
   for _, each in ipairs(LOOPS) do task.spawn(loop, self, each[1], each[2], each[3]) end
   while not (self.draining and self:count() == 0 and not removing.busy(self)) do task.sleep(0.2) end
   self.stopped = true
   self.woken:set(true)
end


return worker
