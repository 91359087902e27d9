--- Whether an object meets every filter of a request: those of its own kind, and those of what it belongs to or
-- holds (the flows of a run, the runs of a flow). A filter of another kind asks that there is one that meets it.
local json    = require "aci.json"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"
local run     = require "sim.prefect.run"

local related = {}

local given = run.given

--- What can be asked of an object that is no field of its body.
local function specials(state)
   local function any(kind, parent, test)
      for _, row in ipairs(objects.list(state, kind, parent)) do
         if test(row.body) then return row.id end
      end
   end
   return {
      flows = { deployment = function(body) return any("deployment", body.id, function() return true end) end },
      flow_runs = { parent_flow_run_id = function(body)
         local task = objects.get(state, "task_run", given(body.parent_task_run_id))
         return task and given(task.body.flow_run_id)
      end },
      task_runs = { subflow_runs = function(body)
         return any("flow_run", nil, function(other) return other.parent_task_run_id == body.id end)
      end },
      deployments = { flow_or_deployment_name = function(body)
         return objects.get(state, "flow", body.flow_id).body.name .. "\n" .. body.name
      end },
   }
end

local function meets(state, kind, body, filter)
   return not filter or filters.match(body, filter, specials(state)[kind])
end

-- The one that an id names: it must be there and meet its filter, where one is given.
local function named(state, kind, plural, id, filter)
   if not filter then return true end
   local row = objects.get(state, kind, given(id))
   return row ~= nil and meets(state, plural, row.body, filter)
end

local function has_task(state, run_id, filter)
   if not filter then return true end
   for _, row in ipairs(objects.list(state, "task_run", run_id)) do
      if meets(state, "task_runs", run.view(state, row), filter) then return true end
   end
   return false
end

-- A run of a flow (of one deployment of it) that meets the filters of runs and of task runs.
local function has_run(state, flow_id, asked, deployment_id)
   if not asked.flow_runs and not asked.task_runs then return true end
   for _, row in ipairs(objects.list(state, "flow_run", flow_id)) do
      if (not deployment_id or row.body.deployment_id == deployment_id)
         and meets(state, "flow_runs", run.view(state, row), asked.flow_runs)
         and has_task(state, row.id, asked.task_runs) then return true end
   end
   return false
end

local function is_served(state, queue_id, asked)
   if not asked.work_pools and not asked.work_pool_queues then return true end
   local row = objects.get(state, "queue", given(queue_id))
   return row ~= nil and meets(state, "work_pool_queues", row.body, asked.work_pool_queues)
      and named(state, "pool", "work_pools", row.body.work_pool_id, asked.work_pools)
end

local function has_deployment(state, flow_id, asked)
   if not asked.deployments and not asked.work_pools then return true end
   for _, row in ipairs(objects.list(state, "deployment", flow_id)) do
      if meets(state, "deployments", row.body, asked.deployments)
         and is_served(state, row.body.queue_id_, asked) then return true end
   end
   return false
end

function related.flow(state, body, asked)
   return meets(state, "flows", body, asked.flows) and has_deployment(state, body.id, asked)
      and has_run(state, body.id, asked)
end

--- @param queue_id of the queue that serves it
function related.deployment(state, body, asked, queue_id)
   return meets(state, "deployments", body, asked.deployments)
      and named(state, "flow", "flows", body.flow_id, asked.flows)
      and has_run(state, body.flow_id, asked, body.id) and is_served(state, queue_id, asked)
end

function related.flow_run(state, body, asked)
   return meets(state, "flow_runs", body, asked.flow_runs)
      and named(state, "flow", "flows", body.flow_id, asked.flows)
      and named(state, "deployment", "deployments", body.deployment_id, asked.deployments)
      and is_served(state, body.work_queue_id, asked) and has_task(state, body.id, asked.task_runs)
end

-- The flow run that an object is of.
local function of_run(state, id, asked)
   if not (asked.flow_runs or asked.flows or asked.deployments) then return true end
   local row = objects.get(state, "flow_run", given(id))
   return row ~= nil and related.flow_run(state, run.view(state, row), { flow_runs = asked.flow_runs,
      flows = asked.flows, deployments = asked.deployments })
end

function related.task_run(state, body, asked)
   return meets(state, "task_runs", body, asked.task_runs) and of_run(state, body.flow_run_id, asked)
end

function related.artifact(state, body, asked)
   return meets(state, "artifacts", body, asked.artifacts) and of_run(state, body.flow_run_id, asked)
      and named(state, "task_run", "task_runs", body.task_run_id, asked.task_runs)
end

--- A number as an answer's body.
function related.count(number)
   return 200, json.encode(number), { ["content-type"] = "application/json" }
end

return related
