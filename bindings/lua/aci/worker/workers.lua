--- Which workers are alive. Each tells the server so every half minute, for its work pool (agents: for the
-- agents' own pool). Times are the server's, compared with the one it has of us: clocks may differ.

local clock    = require "aci.clock"
local crypto   = require "aci.crypto"
local fs       = require "aci.fs"
local patience = require "aci.worker.patience"

local workers = {}

workers.EVERY = 30
local DEAD = 90   -- s

local function host()
   return ((fs.read "/etc/hostname" or ""):match "^[^%s/%%]+") or "host"
end

--- A name that this worker has again when it is started again, and no other has: host, state folder, and the
-- first number that no running worker has taken.
-- @return the name; a lock to keep while the process lives
function workers.name(home)
   local place = crypto.hex(crypto.sha256(home or "")):sub(1, 6)
   for number = 1, 64 do
      local lock = home and fs.mkdir(home) and fs.lock(("%s/worker-%d.lock"):format(home, number))
      if not lock and not home then break end
      if lock then return ("acihost-%s-%s-%d"):format(host(), place, number), lock end
   end
   return ("acihost-%s-%s"):format(host(), crypto.hex(crypto.random(4)))
end

--- Tells the server that this worker is alive. A server that is away hears it the next time.
function workers.beat(self)
   local ok, err = pcall(self.api.worker_heartbeat, self.api, self.source.name, self.name, workers.EVERY)
   if ok then
      self.beating = self.beating or clock.monotonic()
      return true
   end
   patience.rethrow(err)
   self.beating = nil
   return false
end

--- A function that says of a name whether that worker is alive: true, false, or nil where nothing is known of
-- it. While we were not heard ourselves, nobody is called dead.
function workers.alive(self)
   local ok, list = pcall(self.api.workers, self.api, self.source.name)
   local times = {}
   for _, each in ipairs(ok and list or {}) do times[each.name] = self.api.time(each.last_heartbeat_time) end
   local mine = times[self.name]
   local sure = mine and self.beating and clock.monotonic() - self.beating >= DEAD
   return function(name)
      if name == self.name then return false end   -- an earlier life of this one
      local last = times[name]
      if not last or not mine then return nil end
      if mine - last < DEAD then return true end
      if sure then return false end
      return nil
   end
end

return workers
