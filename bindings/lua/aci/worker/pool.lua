--- The work pool that a worker serves (Prefect 3 and 2.20): each run's infrastructure is the pool's base job
-- template with the deployment's and the run's variables.

local clock = require "aci.clock"
local fail  = require "aci.error"
local json  = require "aci.json"

local pool = {}

local Pool = {}
Pool.__index = Pool

local TYPE = "azure-container-instance"
local REFRESH = 30   -- s: the template, and whether the pool is paused

--- A source of runs.
-- @param wanted names of queues of the pool; one that ends with "*" means all that begin so; none: all queues
function pool.new(api, name, wanted, say)
   return setmetatable({ api = api, name = name, wanted = wanted or {}, say = say,
      label = "work pool " .. name .. (wanted and wanted[1] and " (queues " .. table.concat(wanted, ", ") .. ")"
         or "") }, Pool)
end

local function told(self, word)
   if self.word ~= word and word then self.say("the work pool %s %s", self.name, word) end
   self.word = word
end

local function check(self, found)
   if not found then
      told(self, "does not exist yet; acihost setup.lua makes it")
      fail.raise { kind = "not_found", code = "work_pool", message = "there is no work pool " .. self.name }
   elseif found.type ~= TYPE then
      told(self, ("is of type %s; this worker serves %s"):format(found.type, TYPE))
      fail.raise { kind = "failed", code = "work_pool", message = ("the work pool %s is of type %s"):format(
         self.name, found.type) }
   end
   told(self, found.is_paused and "is paused: nothing is started" or nil)
end

local REFUSED = { not_found = true, failed = true }

--- The work pool as it was within the last half minute.
function Pool:pool()
   if not self.found or clock.monotonic() - self.looked > REFRESH then
      local found = self.api:work_pool(self.name)
      check(self, found)
      self.found, self.looked = found, clock.monotonic()
   end
   return self.found
end

--- Is this error of `due` a pool that cannot be served (yet)? It was told already.
function pool.is_waiting(err)
   return fail.is(err) and err.code == "work_pool" and REFUSED[err.kind]
end

local function queue_names(self)
   local exact, patterns = {}, {}
   for _, name in ipairs(self.wanted) do
      local prefix = name:match "^(.*)%*$"
      table.insert(prefix and patterns or exact, prefix or name)
   end
   if not patterns[1] then return exact end
   for _, queue in ipairs(self.api:queues(self.name)) do
      for _, prefix in ipairs(patterns) do
         if queue.name:sub(1, #prefix) == prefix then
            exact[#exact + 1] = queue.name
            break
         end
      end
   end
   return exact
end

--- What is due; limits, pauses and priorities of the pool and its queues are the server's.
function Pool:due(room, ahead)
   self:pool()
   local names = queue_names(self)
   if self.wanted[1] and not names[1] then return {} end
   local ok, found = pcall(self.api.due_pool_runs, self.api, self.name,
      { queues = names, limit = math.min(room, 200), ahead = ahead })
   if not ok then
      self.found = nil
      error(found, 0)
   end
   return found
end

local function filter(self)
   local out = { work_pools = { name = { any_ = { self.name } } } }
   if self.wanted[1] then
      local names = queue_names(self)
      if not names[1] then return nil end
      out.work_pool_queues = { name = { any_ = json.array(names) } }
   end
   return out
end

--- The runs that somebody has claimed and that have not ended.
function Pool:begun()
   local asked = filter(self)
   if not asked then return {} end
   asked.flow_runs = { state = { type = { any_ = { "PENDING", "RUNNING", "CANCELLING" } } } }
   return self.api:runs(asked)
end

--- What jobs of the pool look like: the template alone, and with each deployment's variables.
function Pool:examples()
   local list = { { run = {} } }
   local asked = filter(self)
   if not asked then return list end
   for _, deployment in ipairs(self.api:deployments(asked)) do
      list[#list + 1] = { deployment = deployment, run = {} }
   end
   return list
end

function Pool:tags(run)
   return { ["prefect-work-pool"] = self.name,
      ["prefect-work-queue"] = type(run.work_queue_name) == "string" and run.work_queue_name or nil }
end

return pool
