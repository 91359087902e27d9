--- Carrying out a deployment: its plan step by step in the order of its dependencies, each resource as a
-- request of the caller's. All it needs is in the state, so it goes on after a crash: the request's text
-- (among the secrets), a row per step, and a job that comes again until it is done.
local clock    = require "aci.clock"
local crypto   = require "aci.crypto"
local json     = require "aci.json"
local secret   = require "aci.secret"
local template = require "aci.template"
local planning = require "sim.planning"
local provider = require "sim.provider"
local refuse   = require "sim.refuse"

local deploying = {}

deploying.SCHEMA = {
   [[CREATE TABLE IF NOT EXISTS deployment_steps (deployment TEXT NOT NULL, target TEXT NOT NULL,
      position INTEGER
     NOT NULL, operation TEXT NOT NULL, state TEXT NOT NULL, started REAL NOT NULL, ended REAL,
        status INTEGER,
     poll TEXT, error TEXT, tracking TEXT NOT NULL, PRIMARY KEY (deployment, target))]],
}

deploying.TYPE = "Microsoft.Resources/deployments"

-- Evaluated plans by correlation id; made again from the text after a restart.
local plans = {}

local function target_of(id, version)
   return id .. "?api-version=" .. version
end

local function plan_of(cloud, row)
   local properties = row.body.properties
   if not plans[properties.correlationId] then
      local kept = assert(template.read(secret.reveal(cloud.state:secret(row.id, "request"))))
      local caller = json.decode(secret.reveal(cloud.state:secret(row.id, "caller")))
      plans[properties.correlationId] = { caller = caller, plan = planning.plan(cloud, { id = row.id,
         name = row.name,
         properties = kept.properties, caller = caller, correlation = properties.correlationId,
         started = row.created }) }
   end
   local found = plans[properties.correlationId]
   return found.plan, found.caller
end

local function steps_of(state, id)
   local steps = {}
   for _, row in ipairs(state.db:rows("SELECT * FROM deployment_steps WHERE deployment = ? ORDER BY "
      .. "position", id)) do
      steps[row.target:lower()] = row
      steps[#steps + 1] = row
   end
   return steps
end

deploying.steps = steps_of

local function save(state, step)
   state.db:run([[INSERT OR REPLACE INTO deployment_steps (deployment, target, position, operation, state,
      started,
      ended, status, poll, error, tracking) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)]], step.deployment,
         step.target,
      step.position, step.operation, step.state, step.started, step.ended, step.status, step.poll,
         step.error,
      step.tracking)
end

local RUNNING = { accepted = true, creating = true, updating = true, pending = true, running = true,
   registeringdns = true, deleting = true, resolvingdns = true, repairing = true, unhealthy = true }

local function finish(cloud, step, status, failure)
   step.state, step.ended, step.status = failure and "Failed" or "Succeeded", clock.now(), status
   step.error = failure and json.encode(failure) or nil
   save(cloud.state, step)
end

local function terminal_state(body)
   local properties = type(body) == "table" and type(body.properties) == "table" and body.properties or {}
   return (properties.provisioningState or "Succeeded"):lower()
end

local function path_of(url)
   return url:match "^https://[^/]+(/.*)$" or url
end

-- An assignment under the same name with the same content is there already: as good as written.
local function same_assignment(step, status, body)
   return status == 409 and body.error and body.error.code == "RoleAssignmentExists"
      and step.target:lower():find("/roleassignments/", 1, true)
end

local function failure_of(step, body, status)
   local given = type(body) == "table" and body.error or {}
   return { code = given.code or tostring(status), message = given.message or "", target = step.target,
      details = given.details }
end

-- Sends the PUT of a resource and notes what there is to wait for.
local function begin(cloud, row, step, resource, caller)
   local status, body, headers = cloud:call(caller, { method = "PUT", json = resource.body,
      target = target_of(resource.id, resource.apiVersion) })
   step.status = status
   if status == 409 and same_assignment(step, status, body)
      and cloud.state.db:row("SELECT name FROM role_assignments WHERE name = ?",
         resource.id:lower():match "[^/]+$") then
      return finish(cloud, step, 200)
   elseif status >= 400 then
      return finish(cloud, step, status, failure_of(step, body, status))
   end
   step.poll = headers["azure-asyncoperation"] or (status == 202 and headers.location)
      or (RUNNING[terminal_state(body)] and target_of(resource.id, resource.apiVersion)) or nil
   if step.poll then
      return save(cloud.state, step)
   end
   finish(cloud, step, status)
   return row
end

local RESOURCE_FAILED = "The resource write operation failed to complete successfully, because it "
   .. "reached terminal "
   .. "provisioning state '%s'."

-- Asks how a resource that takes time is getting on.
local function continue(cloud, step, caller)
   local status, body = cloud:call(caller, { method = "GET", target = path_of(step.poll) })
   if status == 202 then
      return
   elseif status >= 400 then
      return finish(cloud, step, status, failure_of(step, body, status))
   end
   local word = type(body) == "table" and type(body.status) == "string" and body.status:lower()
      or terminal_state(body)
   if word == "failed" or word == "canceled" then
      local inner = type(body.error) == "table" and body.error or nil
      finish(cloud, step, 409, { code = "ResourceDeploymentFailure", target = step.target,
         message = RESOURCE_FAILED:format(word:gsub("^%l", string.upper)), details = inner and { inner }
            or nil })
   elseif word == "succeeded" then
      finish(cloud, step, step.status or 200)
   end
end

local function ready(resource, steps)
   for _, id in ipairs(resource.depends) do
      local step = steps[id:lower()]
      if not step or step.state ~= "Succeeded" then
         return false
      end
   end
   return true
end

local function new_step(row, index, resource)
   return { deployment = row.id, target = resource.id, position = index, state = "Running",
      started = clock.now(),
      operation = crypto.hex(crypto.random(8)):upper(), tracking = crypto.uuid4() }
end

-- The body of a resource is only complete when what it refers to is there.
local function start_step(cloud, row, plan, index, caller)
   local step = new_step(row, index, plan.resources[index])
   local resource, err = plan:resource(index)
   if not resource then
      return finish(cloud, step, 400, { code = err.code, message = err.message, target = step.target,
         details = err.details })
   end
   begin(cloud, row, step, resource, caller)
end

local function duration(seconds)
   local text = ("%.7f"):format(seconds):gsub("0+$", ""):gsub("%.$", "")
   return "PT" .. text .. "S"
end

deploying.duration = duration

local function settle(cloud, row, word, changes)
   local properties = row.body.properties
   properties.provisioningState, properties.timestamp = word, clock.iso(clock.now())
   properties.duration = duration(clock.now() - row.created)
   for name, value in pairs(changes or {}) do
      properties[name] = value
   end
   cloud.state:put_resource { id = row.id, type = row.type, name = row.name, body = row.body,
      etag = row.etag }
   if word ~= "Running" then
      plans[properties.correlationId] = nil
      cloud.state:delete_secret(row.id)
   end
end

local FAILED = "At least one resource deployment operation failed. Please list deployment operations "
   .. "for details. "
   .. "Please see https://aka.ms/arm-deployment-operations for usage details."

local NAMES = { [400] = "BadRequest", [401] = "Unauthorized", [403] = "Forbidden", [404] = "NotFound",
   [409] = "Conflict", [429] = "TooManyRequests", [500] = "InternalServerError" }

-- The newer form is a tree; the older one holds the provider's answer as JSON in a string.
local function detail_of(cloud, step)
   local failure = json.decode(step.error)
   if not cloud.strict then
      return failure
   end
   local text = json.encode({ error = { code = failure.code, message = failure.message,
      details = failure.details } },
      { pretty = true })
   return { code = NAMES[step.status] or "Conflict", message = text }
end

local function fail(cloud, row, steps)
   local details = json.array {}
   for _, step in ipairs(steps) do
      if step.state == "Failed" then
         details[#details + 1] = detail_of(cloud, step)
      end
   end
   settle(cloud, row, "Failed", { error = { code = "DeploymentFailed", target = row.id, message = FAILED,
      details = details } })
end

-- In mode Complete what the template does not name goes away.
local function remove_others(cloud, row, plan, caller)
   local named = {}
   for _, resource in ipairs(plan.resources) do
      named[resource.id:lower()] = true
   end
   for _, other in ipairs(cloud.state:resources { under = row.id:match "^(.*)/providers/" }) do
      local definition = provider.find(other.type)
      if definition and #definition.segments == 1 and not named[other.id:lower()] then
         cloud:call(caller, { method = "DELETE", target = target_of(other.id, definition.versions[1]) })
      end
   end
end

local function succeed(cloud, row, plan, steps, caller)
   local outputs, err = plan:outputs()
   if not outputs then
      return settle(cloud, row, "Failed", { error = { code = err.code, message = err.message,
         details = err.details } })
   end
   if row.body.properties.mode == "Complete" then
      remove_others(cloud, row, plan, caller)
   end
   local made = json.array {}
   for _, step in ipairs(steps) do
      made[#made + 1] = { id = step.target }
   end
   settle(cloud, row, "Succeeded", { outputs = next(outputs) and outputs or nil, outputResources = made })
end

-- One turn: starts what can start, asks after what runs. True when there is more to do.
local function turn(cloud, row, plan, caller)
   local steps = steps_of(cloud.state, row.id)
   local running, failed = 0, false
   for _, step in ipairs(steps) do
      if step.state == "Running" then
         continue(cloud, step, caller)
      end
      running = running + (step.state == "Running" and 1 or 0)
      failed = failed or step.state == "Failed"
   end
   local left = 0
   for index, resource in ipairs(plan.resources) do
      if resource.condition and not resource.existing and not steps[resource.id:lower()] then
         left = left + 1
         if not failed and ready(resource, steps) then
            start_step(cloud, row, plan, index, caller)
            running = running + 1
         end
      end
   end
   if running > 0 or (left > 0 and not failed) then
      return true
   end
   steps = steps_of(cloud.state, row.id)
   if failed then
      fail(cloud, row, steps)
   else
      succeed(cloud, row, plan, steps, caller)
   end
   return false
end

local function tick(cloud)
   return cloud.factor == 0 and 0 or math.max(0.02, cloud:seconds(1))
end

--- Has a deployment begin (or go on) soon.
function deploying.wake(cloud, id)
   cloud.state:later("deployment", tick(cloud), { id = id })
end

--- The job: one turn of a deployment, and itself again.
function deploying.run(cloud, data)
   local row = cloud.state:resource(data.id)
   local word = row and row.body.properties.provisioningState
   if word ~= "Accepted" and word ~= "Running" then
      return
   end
   local ok, plan, caller = pcall(plan_of, cloud, row)
   if not ok then
      local err = refuse.is(plan) and plan or { code = "InternalServerError", message = tostring(plan) }
      return settle(cloud, row, "Failed", { error = { code = err.code, message = err.message } })
   end
   if word == "Accepted" then
      settle(cloud, row, "Running")
   end
   if turn(cloud, row, plan, caller) then
      deploying.wake(cloud, data.id)
   end
end

--- Keeps a plan that was just made, so that it need not be made again.
function deploying.keep(correlation, plan, caller)
   plans[correlation] = { plan = plan, caller = caller }
end

--- Forgets the plans that are kept in memory, as a restart does.
function deploying.forget_plans()
   plans = {}
end

--- Forgets the steps of an earlier deployment of the name.
function deploying.forget(state, id)
   state.db:run("DELETE FROM deployment_steps WHERE deployment = ?", id)
end

return deploying
