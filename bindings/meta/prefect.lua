---@meta aci.prefect
--- The Prefect REST API, 2.20 and 3.x, self-hosted or Cloud.
---
---     local api = prefect.connect(config)
---     api:put_block { slug = "string", name = "kv-url", data = { value = "https://v.vault.azure.net" } }
---     local run = api:create_run(api:deployment("Simple Demo/Simple Deployment").id)
---
--- A refusal is raised as an aci.error: "invalid" (400, 422: every refused field is named), "auth" (401),
--- "permission" (403), "not_found" (404), "conflict" (409), "throttled" (429, 502, 503 after six tries),
--- "server" (500), "network", "timeout". What a method looks up and does not find is nil. Requests are
--- repeated after 408, 429, 502, 503 and broken connections, as Prefect's own client does; a server on
--- SQLite answers 503 whenever its database is locked.
local prefect = {}

---@class aci.prefect.Settings
---@field prefect_url string # "http://127.0.0.1:4200/api"
---@field prefect_key? aci.secret # Cloud's API key
---@field prefect_auth? aci.secret # "user:password" of a server with basic auth
---@field prefect_pause? number # seconds before the first repeat, doubling; default 0.3
---@field prefect_tries? integer # how often a request is sent at most; default 6

--- Makes the client; sends nothing. On the local cloud without a `prefect_url` that cloud is started.
---@param config aci.prefect.Settings
---@return aci.Prefect
function prefect.connect(config) end

--- A reference to another block by its type and name, for a block's data or a deployment's `storage`
--- and `infrastructure`. The other need not exist before it is written.
---@param slug string
---@param name string
---@return aci.prefect.Ref
function prefect.ref(slug, name) end

--- The same by the block's id, as the API stores it: also the default of a variable of a work pool.
---@param id string
---@return { ["$ref"]: { block_document_id: string } }
function prefect.reference(id) end

---@class aci.prefect.Folder
---@field path string # "NAME-HASH": names the content
---@field hash string
---@field files { path: string, file: string, size: integer, sha256: string }[] # sorted by path

--- Reads a folder of flow code: what its .prefectignore leaves (gitignore's patterns).
---@param root string
---@return aci.prefect.Folder
function prefect.folder(root) end

---@class aci.Prefect
---@field url string
local Prefect = {}

--- One request; for what has no method here.
---@param method string
---@param path string # below /api: "/flows/"
---@param options? { json?: any, query?: table, missing?: boolean, secret_body?: boolean, tries?: integer, timeout?: number }
---@return any body # decoded; nil for 204, and for 404 when `missing` is set
---@return integer status
function Prefect:request(method, path, options) end

--- All pages of a `POST .../filter`.
---@param path string
---@param body? table
---@param max? integer
---@return table[]
function Prefect:pages(path, body, max) end

---@return string # "2.20.25"; "3" for Cloud, which does not say
function Prefect:version() end

---@return integer # 2 or 3
function Prefect:major() end

---@return boolean
function Prefect:is_cloud() end

---@return boolean # does the server answer?
function Prefect:healthy() end

--- Seconds since 1970 of a time in an answer; nil for null.
---@param text any
---@return number?
function Prefect.time(text) end

-- -- blocks -----------------------------------------------------------------------------------------

--- A block. With `secrets` the values are real and those that the type's schema calls secret are
--- aci.secrets; else such values are eight asterisks.
---@param slug string
---@param name string
---@param options? { secrets?: boolean }
---@return table? # data, id, name, block_type, block_document_references, ...
function Prefect:block(slug, name, options) end

---@param id string
---@param options? { secrets?: boolean }
---@return table?
function Prefect:block_by_id(id, options) end

---@param slug string
---@return table[] # all of that type, without secrets
function Prefect:blocks(slug) end

---@return boolean # false: there was none
function Prefect:delete_block(slug, name) end

---@return table? # the block type
function Prefect:block_type(slug) end

---@param type_id string
---@return table? # the newest schema that the server has
function Prefect:block_schema(type_id) end

--- The type and the schema to write documents with: what the server has, else our own, registered.
---@param slug string
---@return table block_type
---@return table block_schema
function Prefect:register(slug) end

---@class aci.prefect.Plan
---@field kind "block"|"deployment"
---@field id string
---@field action "create"|"change"|"none"
---@field changes { path: string, old: any, new: any }[] # only what was authored; secrets stay secrets
---@field have? table # what is there

---@class aci.prefect.Block
---@field slug string
---@field name string
---@field data table<string, any> # plain values, aci.secrets, prefect.refs; what is not named is not compared

--- Compares a block with what should be there; writes nothing.
---@param want aci.prefect.Block
---@return aci.prefect.Plan
function Prefect:block_plan(want) end

--- Carries a plan out; one without changes writes nothing.
---@param plan aci.prefect.Plan
---@return table document # without secrets
function Prefect:block_apply(plan) end

--- Plan and apply in one.
---@param want aci.prefect.Block
---@return table document
---@return "create"|"change"|"none" action
function Prefect:put_block(want) end

-- -- flows and deployments --------------------------------------------------------------------------

---@return table?
function Prefect:flow(name) end

---@return table?
function Prefect:flow_by_id(id) end

---@return table # the flow of that name, made where it is missing
function Prefect:put_flow(name) end

--- With its deployments and runs.
---@return boolean # false: there was none
function Prefect:delete_flow(name) end

--- `api:deployment("Simple Demo/Simple Deployment")`, or both names apart.
---@param flow string
---@param name? string
---@return table? # its job_variables under that name on 2.20 too
function Prefect:deployment(flow, name) end

---@return table?
function Prefect:deployment_by_id(id) end

---@param filter? table # body of POST /deployments/filter
---@return table[]
function Prefect:deployments(filter) end

---@return boolean
function Prefect:delete_deployment(flow, name) end

---@class aci.prefect.Deployment
---@field flow string # the flow's name; it is made where it is missing
---@field name string
---@field storage? aci.prefect.Ref
---@field infrastructure? aci.prefect.Ref
---@field [string] any # version, path, entrypoint, work_queue_name, parameters, job_variables, tags, ...

---@param want aci.prefect.Deployment
---@return aci.prefect.Plan
function Prefect:deployment_plan(want) end

---@param plan aci.prefect.Plan
---@return table
function Prefect:deployment_apply(plan) end

---@param want aci.prefect.Deployment
---@return table deployment
---@return "create"|"change"|"none" action
function Prefect:put_deployment(want) end

-- -- queues and pools -------------------------------------------------------------------------------

--- Without a pool: one of the agents' queues.
---@return table?
function Prefect:queue(name, pool) end

---@return table # made where it is missing
---@param description? string # for a new one
function Prefect:put_queue(name, pool, description) end

---@return boolean
function Prefect:delete_queue(name, pool) end

---@param queue table
---@return number? # seconds since somebody asked it for runs; nil: nobody ever did
function Prefect:queue_idle(queue) end

--- The runs that an agent should start. Asking marks the queue as served.
---@param queue table
---@param options? { limit?: integer, ahead?: number } # default 10, and 15 s
---@return table[]
function Prefect:due_runs(queue, options) end

---@param pool string
---@param options { queues?: string[], limit?: integer, ahead?: number } # ahead: default 10 s
---@return table[] # runs that a worker of the pool should start, by the priorities of its queues
function Prefect:due_pool_runs(pool, options) end

---@param pool? string # default: the agents' queues
---@return table[]
function Prefect:queues(pool) end

--- Tells that a worker is alive.
---@param pool string
---@param name string
---@param seconds integer # how often it says so
function Prefect:worker_heartbeat(pool, name, seconds) end

---@param pool string
---@return table[] # the workers that the pool has heard of
function Prefect:workers(pool) end

---@param pool string
---@param name string
function Prefect:delete_worker(pool, name) end

---@return table?
function Prefect:work_pool(name) end

--- Makes a work pool, or changes one; its type can't be changed.
---@param fields { name: string, type?: string, base_job_template?: table, description?: string, [string]: any }
---@return table
function Prefect:put_work_pool(fields) end

---@return boolean # false where there was none
function Prefect:delete_work_pool(name) end

---@return table[]
function Prefect:work_pools() end

-- -- runs -------------------------------------------------------------------------------------------

--- Starts a run of a deployment; a repeated request starts no second one.
---@param deployment_id string
---@param options? table # parameters, name, tags, state, idempotency_key, ...
---@return table
function Prefect:create_run(deployment_id, options) end

---@return table?
function Prefect:run(id) end

---@param filter? table # body of POST /flow_runs/filter
---@param max? integer
---@return table[] # newest first
function Prefect:runs(filter, max) end

---@param id string
---@param fields table # infrastructure_pid, flow_version, ...
function Prefect:patch_run(id, fields) end

---@return boolean
function Prefect:delete_run(id) end

--- The task run of that flow_run_id, task_key and dynamic_key, made where it is missing.
---@param fields table
---@return table
function Prefect:create_task_run(fields) end

---@return table?
function Prefect:task_run(id) end

---@return table[]
function Prefect:task_runs(flow_run_id) end

---@param fields { type: string, data: any, key?: string, description?: string, flow_run_id?: string, task_run_id?: string }
---@return table
function Prefect:create_artifact(fields) end

---@param id string
---@param fields { data?: any, description?: string }
function Prefect:patch_artifact(id, fields) end

---@class aci.prefect.State
---@field type "SCHEDULED"|"PENDING"|"RUNNING"|"COMPLETED"|"FAILED"|"CANCELLED"|"CRASHED"|"PAUSED"|"CANCELLING"
---@field name? string
---@field message? string
---@field state_details? table

---@class aci.prefect.Answer
---@field status "ACCEPT"|"REJECT"|"WAIT"|"ABORT" # REJECT: `state` is what it is instead
---@field state table
---@field details table # reason, delay_seconds

--- Proposes a state once.
---@param id string
---@param state aci.prefect.State
---@param force? boolean # past the rules
---@return aci.prefect.Answer
function Prefect:set_run_state(id, state, force) end

--- Proposes a state and waits where the server says WAIT.
---@param id string
---@param state aci.prefect.State
---@return aci.prefect.Answer # never "WAIT"
function Prefect:propose_run_state(id, state) end

---@return aci.prefect.Answer
function Prefect:set_task_state(id, state, force) end

---@return aci.prefect.Answer
function Prefect:propose_task_state(id, state) end

---@param state table|string # a state or its type
---@return boolean # COMPLETED, FAILED, CANCELLED or CRASHED
function Prefect.is_terminal(state) end

---@return number # seconds until a scheduled state is due; 0 when it is
function Prefect.due_in(state) end

-- -- logs and variables -----------------------------------------------------------------------------

---@class aci.prefect.Logger
local Logger = {}

---@param message string
---@param ... any # for string.format
function Logger:info(message, ...) end

Logger.debug, Logger.warning, Logger.error, Logger.critical = Logger.info, Logger.info, Logger.info, Logger.info

--- One entry of any level.
---@param level string|integer # "info", or Prefect's number for it
---@param message string
function Logger:log(level, message) end

---@param task_run_id string
---@return aci.prefect.Logger # speaks for a task run, into the same buffer
function Logger:child(task_run_id) end

---@return boolean # false: Prefect did not take it
function Logger:flush() end

--- Entries are sent every two seconds, and by flush(). A server that does not take them fails no run.
---@param options { flow_run_id?: string, task_run_id?: string, name?: string, echo?: fun(level: string, message: string) }
---@return aci.prefect.Logger
function Prefect:logger(options) end

--- A message as Prefect takes it: text of bounded length, in UTF-8, without known secrets.
---@param message string
---@return string
function Prefect.log_text(message) end

---@param entries table[] # { name, level, message, timestamp, flow_run_id, task_run_id }
function Prefect:write_logs(entries) end

---@param flow_run_id string
---@param options? { after?: string, level?: integer }
---@return table[] # oldest first
function Prefect:logs(flow_run_id, options) end

---@param flow_run_id string
---@return fun(): table[] # each call gives what it has not given yet
function Prefect:log_tail(flow_run_id) end

---@return any # nil: there is no such variable
function Prefect:variable(name) end

---@return boolean # something was written
function Prefect:set_variable(name, value) end

---@return boolean
function Prefect:delete_variable(name) end

return prefect
