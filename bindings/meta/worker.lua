---@meta aci.worker
--- Serves flow runs in container groups; scripts/worker.lua decides which and how many.
local worker = {}

---@class aci.worker.Options
---@field api aci.Prefect
---@field config aci.Config
---@field say? fun(format: string, ...) # what it does, line by line
---@field watch? number # seconds between looks at a group; default: the block's task_watch_poll_interval
---@field connect? fun(config: aci.Config, login: table): aci.Azure # default worker.connect

---@param options aci.worker.Options
---@return aci.Worker
function worker.new(options) end

--- The ARM client of a credentials block's data; of the settings' own login where that holds none.
---@return aci.Azure
function worker.connect(config, login) end

---@class aci.Worker
local Worker = {}

--- Claims a scheduled run, puts its container group, waits for its end, settles the run, deletes the group.
--- A block that cannot be used is "Failed", a group that does not start or ends badly "Crashed"; a run that
--- somebody cancels loses its group and is "Cancelled".
---@param run table
---@return boolean # false: somebody else has it
function Worker:serve(run) end

--- The runs of a queue that somebody has claimed and that have not ended.
---@param queue_name string
---@return table[]
function Worker:begun(queue_name) end

--- Takes up a run that an earlier worker has begun: follows its group to the end, or gives a run that was
--- claimed and never started back to the queue.
---@param run table
---@return boolean # false: nothing to take up
function Worker:adopt(run) end

return worker
