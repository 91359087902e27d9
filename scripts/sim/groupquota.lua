--- How many container groups a subscription may make, and delete: 100 in five minutes and 300 in an hour. Each
-- answer tells what is left; what is over is refused with 429. The hours are the cloud's own (sim --clock).
local clock  = require "aci.clock"
local refuse = require "sim.refuse"

local quota = {}

local HEADER = "x-ms-ratelimit-remaining-subscription-resource-requests-pt"
local WINDOWS = { { "5m", 300, 100 }, { "1h", 3600, 300 } }

--- How many of the times lie within the window, and how long until the oldest of them does not.
local function within(times, seconds, now)
   local count, oldest = 0, nil
   for _, time in ipairs(times) do
      if now - time < seconds then
         count, oldest = count + 1, oldest or time
      end
   end
   return count, oldest and oldest + seconds - now or 0
end

local function forget(times, seconds, now)
   while times[1] and now - times[1] >= seconds do table.remove(times, 1) end
end

--- Counts one request of a kind ("creates", "deletes"). @return the headers that tell what is left
function quota.take(cloud, kind)
   cloud.group_requests = cloud.group_requests or { creates = {}, deletes = {} }
   local times, now, headers = cloud.group_requests[kind], clock.monotonic(), {}
   forget(times, cloud:seconds(3600), now)
   for _, window in ipairs(WINDOWS) do
      local count, wait = within(times, cloud:seconds(window[2]), now)
      if count >= window[3] then
         refuse.with { status = 429, code = "TooManyRequests", message = "Too many requests: the subscription's "
            .. "quota of container groups made or deleted in this time is used up.",
            headers = { ["Retry-After"] = tostring(math.max(1, math.ceil(wait))) } }
      end
      headers[HEADER .. window[1]] = tostring(window[3] - count - 1)
   end
   times[#times + 1] = now
   return headers
end

return quota
