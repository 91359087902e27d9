---@meta aci.worker
--- Serves flow runs in container groups: as an agent of work queues (Prefect 2) or as a worker of a work pool
--- of type azure-container-instance (Prefect 3 and 2.20). scripts/worker.lua is the command.
---
---     local served = worker.new { api = api, config = config, pool = "armaci" }
---     served:run()
---
--- A block that cannot be used is "Failed", a group that does not start or ends badly "Crashed" with the cause
--- in words; a run that somebody cancels loses its group and is "Cancelled". Servers that are away are waited
--- for. Groups carry tags: prefect-flow-run, prefect-deployment, prefect-work-pool, prefect-work-queue,
--- acihost-worker (who watches it), acihost-claim, acihost-prefect, acihost-keep-until.
local worker = {}

---@class aci.worker.Options
---@field api aci.Prefect
---@field config aci.Config
---@field queues? string[] # the work queues, or those of the pool; "NAME*": all that begin so
---@field pool? string # a work pool; then infrastructure is its job template, not a block
---@field name? string # default worker.name(config.home)
---@field limit? integer # runs at once; default 10
---@field interval? number # s between two questions for work; default 15
---@field prefetch? number # s that runs are taken before their time; default 10
---@field watch? number # s between two looks at what is held; default 5
---@field every? number # s between two looks at one group; default: the job's task_watch_poll_interval
---@field keep_failed? number # s that groups of failed runs are kept
---@field stream? boolean # copy the output of all containers, not only where stream_output says so
---@field reconcile? number # s between two looks at what others have begun; default 30
---@field grace? number # s that a group without a run is left alone; default 120
---@field unknown? number # s that a worker which nobody knows is waited for; default 90
---@field twice? number # s between the two looks that find a group gone; default 10
---@field say? fun(format: string, ...) # what it does, line by line
---@field connect? fun(config: aci.Config, login: table): aci.Azure # default worker.connect

---@param options aci.worker.Options
---@return aci.Worker
function worker.new(options) end

--- The ARM client of a credentials block's data; of the settings' own login where that holds none.
---@return aci.Azure
function worker.connect(config, login) end

--- The name that a worker started here has again when it is started again, and that no other running one has.
---@param home? string # the state folder
---@return string
---@return userdata? lock # to be kept while the process lives
function worker.name(home) end

---@class aci.Worker
local Worker = {}

--- Serves until `drain` was called and all that is going on has ended.
function Worker:run() end

--- Takes nothing new any more.
function Worker:drain() end

---@return integer # runs that are being started or going on
function Worker:count() end

--- Asks once for what is due and begins it.
function Worker:poll() end

--- One look at what is held.
function Worker:tick() end

--- One look at what was begun and is nobody's: runs are taken up, given back or settled, groups removed.
function Worker:take_up() end

--- Serves one run from its claim to its end, without the loops of `run`.
---@param run table
---@return boolean # false: somebody else has it
function Worker:serve(run) end

--- The runs that somebody has claimed and that have not ended.
---@return table[]
function Worker:begun() end

--- Takes up one run that was begun, and serves it to its end.
---@param run table
---@return boolean # false: nothing to take up
function Worker:adopt(run) end

return worker
