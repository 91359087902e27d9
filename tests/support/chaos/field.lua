--- Where it happens: a local cloud of its own, set up by setup.lua, the deployments, the workers, the faults.
local azure   = require "aci.azure"
local config  = require "aci.config"
local fail    = require "aci.error"
local fs      = require "aci.fs"
local json    = require "aci.json"
local prefect = require "aci.prefect"
local process = require "aci.process"
local task    = require "aci.task"
local kinds   = require "tests.support.chaos.kinds"
local two     = require "tests.support.chaos.prefect2"
local three   = require "tests.support.chaos.prefect3"

local field = {}

local Field = {}
Field.__index = Field

local kept = { PATH = true, HOME = true, LANG = true, ASAN_OPTIONS = true, LSAN_OPTIONS = true }

local function environment(home)
   local all = { ACIHOST_HOME = home .. "/state" }
   for name, value in pairs(process.environment()) do
      if kept[name] then all[name] = value end
   end
   return all
end

--- Runs `acihost WORDS...` with this field's cloud; everything that it said is the error.
function Field:run(...)
   local ran = assert(process.run { args = { process.self(), ... }, env = self.environment, stdin = "null",
      timeout = 120 })
   if ran.code ~= 0 then
      fail.raise { kind = "failed", message = ("acihost %s ended with %s\n%s\n%s"):format(table.concat({ ... }, " "),
         tostring(ran.code or ran.signal), ran.stdout, ran.stderr) }
   end
   return ran.stdout
end

--- What a container runs: a script that marks its start first.
local function commands(self)
   local here = assert(fs.realpath "scripts")
   local started = ('echo start >> "%s/$PREFECT__FLOW_RUN_ID"\n'):format(self.marks)
   -- acihost exits 0 however the flow ended; the kind that does not is told by its mark
   local work = ('"%s" "%s/execute.lua"\ncode=$?\ngrep -qx late "%s/$PREFECT__FLOW_RUN_ID" && exit 5\nexit $code\n')
      :format(process.self(), here, self.marks)
   assert(fs.write(self.home .. "/work.sh", started .. work))
   assert(fs.write(self.home .. "/hung.sh", started .. "trap '' TERM\necho deaf\nwhile :; do sleep 1; done\n"))
   return { work = { self.home .. "/work.sh" }, hung = { self.home .. "/hung.sh" } }
end

--- Opens the field. `options`: prefect ("2" or "3"), clock (Azure's seconds times this), limit
function field.open(options)
   local home = assert(fs.tempdir "acihost-chaos-")
   local self = setmetatable({ home = home, marks = home .. "/marks", environment = environment(home),
      limit = options.limit, cpu = 0, deaths = {}, workers = {} }, Field)
   assert(fs.mkdir(self.marks))
   assert(fs.mkdir(home .. "/code"))
   assert(fs.write(home .. "/code/flow.lua", ("local MARKS = %q\n"):format(self.marks) .. kinds.FLOW))
   self.environment.ACIHOST_PREFECT = options.prefect
   self:run("sim", "start", "--prefect", options.prefect, "--clock", tostring(options.clock))
   self:run("setup", "--yes")
   local settings = config.load({ home = home .. "/state" }, { environment = {}, file = false })
   self.api, self.az = prefect.connect(settings), azure.connect(settings)
   self.cloud = assert(json.decode(assert(fs.read(home .. "/state/cloud.json"))))
   self.serving = options.prefect == "3" and three or two
   self.deployments = self.serving.deploy(self, commands(self))
   self.agents = self:groups()
   return self
end

--- The names of the container groups that there are.
function Field:groups()
   local names = {}
   local path = self.az:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups"
   for _, group in ipairs(self.az:list(path)) do names[group.name] = true end
   return names
end

--- Groups that were not there at the beginning.
function Field:orphans()
   local left = {}
   for name in pairs(self:groups()) do
      if not self.agents[name] then left[#left + 1] = name end
   end
   return left
end

--- The supervisors that live, less those that there were before: groups whose processes go on.
function Field:processes()
   local count = 0
   for _, name in ipairs(fs.list(self.home .. "/state/groups") or {}) do
      if require("sim.groupfiles").alive(self.home .. "/state/groups/" .. name) then count = count + 1 end
   end
   for _ in pairs(self.agents) do count = count - 1 end
   return math.max(0, count)
end

--- What a container marked: its words, each with how often.
function Field:marked(run_id)
   local words = {}
   for word in (fs.read(self.marks .. "/" .. run_id) or ""):gmatch "[^\n]+" do
      words[word] = (words[word] or 0) + 1
   end
   return words
end

local TICKS = 100 -- of a second: Linux gives no other number to programs

--- CPU seconds that a process has used, with those of its ended children.
function field.cpu(pid)
   local text = fs.read(("/proc/%d/stat"):format(pid)) or ""
   local numbers, sum = {}, 0
   for word in text:gsub("^.*%) ", ""):gmatch "%S+" do numbers[#numbers + 1] = tonumber(word) or 0 end
   for i = 12, 15 do sum = sum + (numbers[i] or 0) end
   return sum / TICKS
end

local Worker = {}
Worker.__index = Worker

--- Starts worker number `slot`; several may serve at once. What all of them say is in `worker.log`.
function Field:start_worker(slot)
   local words = { "worker", "--limit", tostring(self.limit), table.unpack(self.serving.worker) }
   local proc = assert(process.spawn { args = { process.self(), table.unpack(words) }, env = self.environment,
      stdin = "null", stdout = { file = self.home .. "/worker.log" }, stderr = "stdout", parent_death = "KILL" })
   local worker = setmetatable({ field = self, proc = proc }, Worker)
   self.workers[slot] = worker
   -- one that ends without being told to is noted: it never must
   task.spawn(function()
      local result = proc:wait()
      if not worker.told then
         self.deaths[#self.deaths + 1] = tostring(result.code or result.signal)
         if self.workers[slot] == worker and #self.deaths < 10 then self:start_worker(slot) end
      end
   end)
end

function Worker:note_cpu()
   self.told = true
   self.field.cpu = self.field.cpu + field.cpu(self.proc:pid())
end

--- Ends it as the machine's failure would.
function Field:kill_worker(slot)
   local worker = self.workers[slot]
   worker:note_cpu()
   worker.proc:kill "KILL"
   worker.proc:wait()
end

--- Asks every worker to end, and waits; gives their exit codes.
function Field:end_workers()
   local codes = {}
   for slot, worker in ipairs(self.workers) do
      worker:note_cpu()
      worker.proc:kill "TERM"
      local result = worker.proc:wait(30)
      if not result then worker.proc:kill "KILL" end
      codes[slot] = result and tostring(result.code or result.signal) or "did not end"
   end
   return codes
end

--- Plants faults that strike by chance, until they are cleared.
function Field:plant(rules)
   for _, rule in ipairs(rules) do
      rule.times = 1000000
      self:run("sim", "fault", json.encode(rule))
   end
end

function Field:clear_faults()
   self:run("sim", "fault", "--clear")
end

--- The request log, decoded.
function Field:requests()
   local all = {}
   for line in (fs.read(self.home .. "/state/requests.jsonl") or ""):gmatch "[^\n]+" do
      all[#all + 1] = json.decode(line)
   end
   return all
end

function Field:worker_log()
   return fs.read(self.home .. "/worker.log") or ""
end

--- Ends the cloud and removes everything, unless it is to be looked at.
function Field:close(keep)
   pcall(self.run, self, "sim", "stop")
   if not keep then fs.remove_tree(self.home) end
end

return field
