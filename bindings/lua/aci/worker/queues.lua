--- The work queues that an agent serves (Prefect 2): each run's infrastructure is in a block.

local clock = require "aci.clock"
local json  = require "aci.json"

local queues = {}

local Queues = {}
Queues.__index = Queues

local REFRESH = 30   -- s: somebody may have made a queue again, or another that a pattern means

--- A source of runs.
-- @param wanted names; one that ends with "*" means all queues that begin so
function queues.new(api, wanted)
   return setmetatable({ api = api, wanted = wanted, name = "default-agent-pool",
      label = (#wanted > 1 and "queues " or "queue ") .. table.concat(wanted, ", ") }, Queues)
end

local function by_priority(a, b)
   local first, second = tonumber(a.priority) or 1, tonumber(b.priority) or 1
   if first ~= second then return first < second end
   return a.name < b.name
end

local function add(list, known, queue)
   if not known[queue.id] then list[#list + 1] = queue end
   known[queue.id] = true
end

local function look_up(self)
   local list, known, all = {}, {}, nil
   for _, name in ipairs(self.wanted) do
      local prefix = name:match "^(.*)%*$"
      if prefix then
         all = all or self.api:queues()
         for _, queue in ipairs(all) do
            if queue.name:sub(1, #prefix) == prefix then add(list, known, queue) end
         end
      else
         add(list, known, self.api:put_queue(name))
      end
   end
   table.sort(list, by_priority)
   return list
end

local function current(self)
   if not self.list or clock.monotonic() - self.looked > REFRESH then
      self.list, self.looked = nil, clock.monotonic()
      self.list = look_up(self)
   end
   return self.list
end

--- What waits in the queues, the more urgent queue first; the server keeps back what is over a queue's limit,
-- and all of a paused one.
function Queues:due(room, ahead)
   local runs = {}
   for _, queue in ipairs(current(self)) do
      local left = math.min(room - #runs, 200)
      if left <= 0 then break end
      local ok, found = pcall(self.api.due_runs, self.api, queue, { limit = left, ahead = ahead })
      if not ok then
         self.list = nil
         error(found, 0)
      end
      table.move(found, 1, math.min(left, #found), #runs + 1, runs)
   end
   return runs
end

local function names(self)
   local list = json.array {}
   for _, queue in ipairs(current(self)) do list[#list + 1] = queue.name end
   return list
end

--- The runs that somebody has claimed and that have not ended.
function Queues:begun()
   local wanted = names(self)
   if #wanted == 0 then return {} end
   local found, own = self.api:runs { flow_runs = { work_queue_name = { any_ = wanted },
      state = { type = { any_ = { "PENDING", "RUNNING", "CANCELLING" } } } } }, {}
   for _, run in ipairs(found) do
      -- a queue of a work pool may have the same name
      local pool = run.work_pool_name
      if type(pool) ~= "string" or pool == self.name then own[#own + 1] = run end
   end
   return own
end

--- What jobs of the queues look like, one for each deployment.
function Queues:examples()
   local wanted, list = names(self), {}
   if #wanted == 0 then return list end
   for _, deployment in ipairs(self.api:deployments { deployments = { work_queue_name = { any_ = wanted } } }) do
      list[#list + 1] = { deployment = deployment, run = {} }
   end
   return list
end

function Queues.tags(_, run)
   return { ["prefect-work-queue"] = type(run.work_queue_name) == "string" and run.work_queue_name or nil }
end

return queues
