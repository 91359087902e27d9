--- Flow runs and task runs, request by request: every transition that our code proposes, and the others.
local clock = require "aci.clock"
local json  = require "aci.json"

local NOBODY = "00000000-0000-4000-8000-000000000000"
local TRANSITION = "00000000-0000-4000-8000-00000000000a"

local ORDER = { "SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED",
   "CANCELLING" }

-- How a run gets into a state: what is proposed after it was made SCHEDULED.
local WAYS = { SCHEDULED = {}, PENDING = { "PENDING" }, RUNNING = { "PENDING", "RUNNING" },
   COMPLETED = { "PENDING", "RUNNING", "COMPLETED" }, FAILED = { "PENDING", "RUNNING", "FAILED" },
   CANCELLED = { "CANCELLED" }, CRASHED = { "PENDING", "CRASHED" },
   CANCELLING = { "PENDING", "RUNNING", "CANCELLING" } }

local function deployment(ask, name)
   local flow = ask("flow of " .. name, "POST", "/flows/", { name = name })
   return ask("deployment of " .. name, "POST", "/deployments/", { name = "d", flow_id = flow.id,
      work_queue_name = name .. "-queue", parameters = { a = 1 }, tags = json.array { "t" }, version = "1" })
end

local function propose(backend, id, kind, more)
   local state = { type = kind }
   for key, value in pairs(more or {}) do state[key] = value end
   return backend.send("POST", "/flow_runs/" .. id .. "/set_state", { state = state })
end

--- Every state proposed from every state that our code meets.
local function transitions(ask, _, backend)
   local made = deployment(ask, "matrix")
   for _, from in ipairs(ORDER) do
      for _, to in ipairs(WAYS[from] and ORDER or {}) do
         local _, run = backend.send("POST", "/deployments/" .. made.id .. "/create_flow_run", { name = "m" })
         for _, kind in ipairs(WAYS[from]) do propose(backend, run.id, kind) end
         ask(from .. " to " .. to, "POST", "/flow_runs/" .. run.id .. "/set_state",
            { state = { type = to, message = "m" } })
      end
   end
end

local function launching(ask)
   local made = deployment(ask, "launch")
   local path = "/deployments/" .. made.id .. "/create_flow_run"
   local first = ask("a run", "POST", path, { name = "first", parameters = { b = 2 }, tags = json.array { "u" },
      idempotency_key = "k" })
   ask("the same key", "POST", path, { name = "second", idempotency_key = "k" })
   ask("no name", "POST", path, json.object {}, { name = true })
   ask("by id", "GET", "/flow_runs/" .. first.id)
   ask("by an unknown id", "GET", "/flow_runs/" .. NOBODY)
   ask("by no id", "GET", "/flow_runs/abc")
   ask("of an unknown deployment", "POST", "/deployments/" .. NOBODY .. "/create_flow_run", json.object {})
   ask("an unknown field", "POST", path, { colour = "red" })
   ask("parameters that are none", "POST", path, { parameters = json.array { 1 } })
   ask("for later", "POST", path, { name = "later", state = { type = "SCHEDULED", state_details = {
      scheduled_time = clock.iso(clock.now() + 3600) } } })
   ask("with a policy", "POST", path, { name = "p", empirical_policy = { retries = 2, retry_delay = 5 } })
   ask("with job variables", "POST", path, { name = "j", job_variables = { env = { A = "1" } } })
   ask("on another queue", "POST", path, { name = "q", work_queue_name = "launch-other" })
   ask("of a flow alone", "POST", "/flow_runs/", { flow_id = made.flow_id, name = "alone",
      parameters = { z = 1 }, flow_version = "v" })
   ask("of an unknown flow", "POST", "/flow_runs/", { flow_id = NOBODY, name = "x" })
   ask("of no flow", "POST", "/flow_runs/", { name = "x" })
   ask("patched", "PATCH", "/flow_runs/" .. first.id, { infrastructure_pid = "aci-1", flow_version = "v1",
      tags = json.array { "z" }, name = "renamed" })
   ask("after the patch", "GET", "/flow_runs/" .. first.id)
   ask("patched with an unknown field", "PATCH", "/flow_runs/" .. first.id, { colour = "red" })
   ask("patched, unknown", "PATCH", "/flow_runs/" .. NOBODY, { name = "x" })
   ask("deleted", "DELETE", "/flow_runs/" .. first.id)
   ask("deleted again", "DELETE", "/flow_runs/" .. first.id)
end

local function states(ask, _, backend)
   local made = deployment(ask, "states")
   local path = "/deployments/" .. made.id .. "/create_flow_run"
   local _, run = backend.send("POST", path, { name = "s" })
   local at = "/flow_runs/" .. run.id .. "/set_state"
   local details = { transition_id = TRANSITION }
   ask("a claim with a transition id", "POST", at, { state = { type = "PENDING", state_details = details } })
   ask("the same transition again", "POST", at, { state = { type = "PENDING", state_details = details } })
   ask("a name and a message", "POST", at, { state = { type = "RUNNING", name = "Working", message = "m" } })
   ask("the run then", "GET", "/flow_runs/" .. run.id)
   ask("a state with data", "POST", at, { state = { type = "COMPLETED", data = { x = json.array { 1, 2.5 } } } })
   ask("the run at its end", "GET", "/flow_runs/" .. run.id)
   ask("forced back", "POST", at, { state = { type = "RUNNING" }, force = true })
   ask("a type that is none", "POST", at, { state = { type = "DONE" } })
   ask("no state", "POST", at, json.object {})
   ask("no type", "POST", at, { state = { name = "x" } })
   ask("an unknown field", "POST", at, { state = { type = "RUNNING", colour = "red" } })
   ask("an unknown detail", "POST", at, { state = { type = "RUNNING", state_details = { colour = "red" } } })
   ask("of nobody", "POST", "/flow_runs/" .. NOBODY .. "/set_state", { state = { type = "RUNNING" } })
   local _, later = backend.send("POST", path, { name = "l", state = { type = "SCHEDULED", state_details = {
      scheduled_time = clock.iso(clock.now() + 3600) } } })
   ask("a claim before its time", "POST", "/flow_runs/" .. later.id .. "/set_state",
      { state = { type = "PENDING" } })
   ask("a start before its time", "POST", "/flow_runs/" .. later.id .. "/set_state",
      { state = { type = "RUNNING" } })
   ask("a forced start before its time", "POST", "/flow_runs/" .. later.id .. "/set_state",
      { state = { type = "RUNNING" }, force = true })
   local _, owned = backend.send("POST", path, { name = "o" })
   propose(backend, owned.id, "PENDING")
   backend.send("PATCH", "/flow_runs/" .. owned.id, { infrastructure_pid = "aci-2" })
   ask("cancelling what has a container", "POST", "/flow_runs/" .. owned.id .. "/set_state",
      { state = { type = "CANCELLING" } })
   ask("cancelled by the agent", "POST", "/flow_runs/" .. owned.id .. "/set_state",
      { state = { type = "CANCELLED" } })
end

local function retries(ask, _, backend)
   local made = deployment(ask, "retries")
   local _, run = backend.send("POST", "/deployments/" .. made.id .. "/create_flow_run",
      { name = "r", empirical_policy = { retries = 1, retry_delay = 0 } })
   local at = "/flow_runs/" .. run.id .. "/set_state"
   propose(backend, run.id, "PENDING")
   ask("a first start", "POST", at, { state = { type = "RUNNING" } })
   ask("a first failure", "POST", at, { state = { type = "FAILED", message = "once" } })
   ask("the run that is to be retried", "GET", "/flow_runs/" .. run.id)
   ask("a second start", "POST", at, { state = { type = "RUNNING" } })
   ask("a second failure", "POST", at, { state = { type = "FAILED", message = "twice" } })
   ask("the run that failed twice", "GET", "/flow_runs/" .. run.id)
end

local function finding(ask, _, backend)
   local made = deployment(ask, "finding")
   for _, name in ipairs { "c", "a", "b" } do
      backend.send("POST", "/deployments/" .. made.id .. "/create_flow_run", { name = name,
         tags = json.array { "tag-" .. name } })
   end
   local function find(title, filter, more)
      local body = { flow_runs = filter }
      filter.deployment_id = { any_ = { made.id } }
      for key, value in pairs(more or { sort = "NAME_ASC" }) do body[key] = value end
      return ask(title, "POST", "/flow_runs/filter", body)
   end
   local all = find("all by name", {})
   find("all by name, downwards", {}, { sort = "NAME_DESC" })
   find("the first page", {}, { sort = "NAME_ASC", limit = 2 })
   find("the second page", {}, { sort = "NAME_ASC", limit = 2, offset = 2 })
   find("an empty page", {}, { sort = "NAME_ASC", limit = 2, offset = 5 })
   find("no page at all", {}, { sort = "NAME_ASC", limit = 0 })
   find("by name", { name = { any_ = { "a" } } })
   find("by a part of the name", { name = { like_ = "b" } })
   find("by tags", { tags = { all_ = { "t", "tag-c" } } })
   propose(backend, all[1].id, "PENDING")
   find("by state", { state = { type = { any_ = { "PENDING" } } } })
   find("by the state's name", { state = { name = { any_ = { "Scheduled" } } } })
   find("by id", { id = { any_ = { all[2].id } } })
   find("but for an id", { id = { not_any_ = { all[2].id } } })
   find("by queue", { work_queue_name = { any_ = { "finding-queue" } } })
   ask("of a flow", "POST", "/flow_runs/filter", { flows = { name = { any_ = { "finding" } } }, sort = "NAME_ASC" })
   ask("counted", "POST", "/flow_runs/count", { flow_runs = { deployment_id = { any_ = { made.id } } } })
   ask("too many", "POST", "/flow_runs/filter", { limit = 201 })
   ask("an unknown order", "POST", "/flow_runs/filter", { sort = "UPWARDS" })
   ask("an unknown operator", "POST", "/flow_runs/filter", { flow_runs = { name = { none_ = { "a" } } } })
   ask("an id that is none", "POST", "/flow_runs/filter", { flow_runs = { id = { any_ = { "abc" } } } })
end

local function tasks(ask, _, backend)
   local made = deployment(ask, "tasks")
   local _, run = backend.send("POST", "/deployments/" .. made.id .. "/create_flow_run", { name = "t" })
   local function body(key, more)
      local out = { flow_run_id = run.id, task_key = key, dynamic_key = "0", name = key .. "-0" }
      for name, value in pairs(more or {}) do out[name] = value end
      return out
   end
   local one = ask("made", "POST", "/task_runs/", body("one", { tags = json.array { "x" }, task_inputs = {
      p = json.array {} } }))
   ask("made again", "POST", "/task_runs/", body "one")
   ask("by id", "GET", "/task_runs/" .. one.id)
   ask("by an unknown id", "GET", "/task_runs/" .. NOBODY)
   ask("without a key", "POST", "/task_runs/", { flow_run_id = run.id, dynamic_key = "0" })
   ask("an unknown field", "POST", "/task_runs/", body("two", { colour = "red" }))
   ask("of an unknown run", "POST", "/task_runs/", body("three", { flow_run_id = NOBODY }))
   local at = "/task_runs/" .. one.id .. "/set_state"
   ask("started before its flow", "POST", at, { state = { type = "RUNNING" } })
   propose(backend, run.id, "PENDING")
   propose(backend, run.id, "RUNNING")
   ask("started", "POST", at, { state = { type = "RUNNING" } })
   ask("running", "GET", "/task_runs/" .. one.id)
   ask("completed", "POST", at, { state = { type = "COMPLETED", message = "good", data = { v = 1 } } })
   ask("ended", "GET", "/task_runs/" .. one.id)
   ask("started again", "POST", at, { state = { type = "RUNNING" } })
   ask("a state that is none", "POST", at, { state = { type = "DONE" } })
   ask("a state of nobody", "POST", "/task_runs/" .. NOBODY .. "/set_state", { state = { type = "RUNNING" } })
   local retried = ask("with retries", "POST", "/task_runs/", body("retried", { empirical_policy = {
      retries = 1, retry_delay = 0 } }))
   at = "/task_runs/" .. retried.id .. "/set_state"
   ask("a first try", "POST", at, { state = { type = "RUNNING" } })
   ask("a first failure", "POST", at, { state = { type = "FAILED", message = "once" } })
   ask("a second try", "POST", at, { state = { type = "RUNNING" } })
   ask("a second failure", "POST", at, { state = { type = "FAILED", message = "twice" } })
   ask("of a run, by name", "POST", "/task_runs/filter", { sort = "NAME_ASC",
      task_runs = { flow_run_id = { any_ = { run.id } } } })
   ask("by state", "POST", "/task_runs/filter", { task_runs = { flow_run_id = { any_ = { run.id } },
      state = { type = { any_ = { "FAILED" } } } } })
   ask("counted", "POST", "/task_runs/count", { task_runs = { flow_run_id = { any_ = { run.id } } } })
   ask("the flow at its end", "POST", "/flow_runs/" .. run.id .. "/set_state", { state = { type = "COMPLETED" } })
end

return { { "launching", launching }, { "transitions", transitions }, { "states", states }, { "retries", retries },
   { "finding runs", finding }, { "tasks", tasks } }
