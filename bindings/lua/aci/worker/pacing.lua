--- Azure lets a subscription make 100 container groups in five minutes and 300 in an hour, and delete as many.
-- Its answers tell what is left; until one has, our own requests are counted.

local clock = require "aci.clock"
local task  = require "aci.task"

local pacing = {}

local Pace = {}
Pace.__index = Pace

local HEADER = "x-ms-ratelimit-remaining-subscription-resource-requests-"
local WINDOWS = { { seconds = 300, most = 100, header = HEADER .. "pt5m" },
   { seconds = 3600, most = 300, header = HEADER .. "pt1h" } }
local PROBE = 60   -- s after which an empty quota is asked again: others may use it too

--- The pace of one kind of request in one subscription. @param what "creates" or "deletes", for what is said
function pacing.new(what, say)
   return setmetatable({ what = what, say = say, times = {}, left = {}, hold = 0 }, Pace)
end

local function forget(self, now)
   local first = 1
   while self.times[first] and now - self.times[first] > WINDOWS[2].seconds do first = first + 1 end
   if first > 1 then self.times = table.move(self.times, first, #self.times, 1, {}) end
end

local function counted(self, window, now)
   local oldest = self.times[#self.times - window.most + 1]
   return oldest and oldest + window.seconds - now or 0
end

local function told(left, now)
   if left.count > 0 then return 0 end
   return left.at + PROBE - now
end

--- Seconds until the next request may go.
function Pace:pause()
   local now = clock.monotonic()
   forget(self, now)
   local longest = self.hold - now
   for _, window in ipairs(WINDOWS) do
      local left = self.left[window.seconds]
      longest = math.max(longest, left and told(left, now) or not left and counted(self, window, now) or 0)
   end
   return math.max(0, longest)
end

--- Waits for its turn and takes it.
-- @param who for what is said
-- @param no_more function() -> true where nobody wants the turn any more
-- @return false for that, else true
function Pace:take(who, no_more)
   local said = false
   while true do
      local pause = self:pause()
      if no_more and no_more() then return false end
      if pause <= 0 then break end
      if not said then
         self.say("%s: waits %d s: Azure's quota of %s is used up", who, math.ceil(pause), self.what)
      end
      said = true
      task.sleep(math.min(pause, no_more and 1 or 30))
   end
   self.times[#self.times + 1] = clock.monotonic()
   for _, left in pairs(self.left) do left.count = left.count - 1 end
   return true
end

--- Reads what an answer says is left.
function Pace:answered(headers)
   for _, window in ipairs(WINDOWS) do
      local count = tonumber(headers[window.header])
      if count then self.left[window.seconds] = { count = count, at = clock.monotonic() } end
   end
end

--- A request was refused with 429. @param headers its answer's, with Retry-After
function Pace:refused(headers)
   local seconds = tonumber(headers["retry-after"]) or 30
   self.hold = math.max(self.hold, clock.monotonic() + seconds)
   return seconds
end

return pacing
