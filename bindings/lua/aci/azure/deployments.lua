-- Methods of the ARM client for template deployments. The template travels as its author wrote it, with
-- comments: Azure reads that, and the lines and columns of its errors are then those of the file.
local clock = require "aci.clock"
local error_ = require "aci.error"
local fault = require "aci.fault"
local json = require "aci.json"
local task = require "aci.task"

local deployments = {}

local function deployment_id(self, group, name)
   return ("%s/providers/Microsoft.Resources/deployments/%s"):format(self:group_id(group), name)
end

--- {a = 1, b = secret} -> {a = {value = 1}, ...}; references to vaults go as they are.
local function parameters_of(values)
   local parameters = {}
   for name, value in pairs(values or {}) do
      local refers = type(value) == "table" and value.reference
      parameters[name] = refers and value or { value = value }
   end
   return json.object(parameters)
end

--- The request body. `template` is text (sent byte for byte) or a table.
local function body_of(template, values, mode)
   local text = type(template) == "table" and json.encode(template) or template
   -- The line break ends a comment that the text may end with.
   return '{"properties":{"mode":"' .. mode .. '","parameters":'
      .. json.encode(parameters_of(values), { secrets = true }) .. ',"template":' .. text .. "\n}}"
end

local json_type = { ["content-type"] = "application/json" }

--- Asks Azure whether a template would deploy: gives its answer (`properties.validatedResources`), raises
-- what it finds. `parameters`: name to value, secrets allowed.
function deployments:validate(group, name, template, parameters)
   return self:post(deployment_id(self, group, name) .. "/validate", nil, nil,
      { body = body_of(template, parameters, "Incremental"), headers = json_type, safe = true })
end

--- The operations of a deployment, one for each resource:
-- `{id, type, name, state, code, provisioning, started}`; the closing one has no resource and is left out.
function deployments:deployment_operations(group, name)
   local found = {}
   local path = ("%s/deployments/%s/operations"):format(self:group_id(group), name)
   for _, item in ipairs(self:list(path, "2021-04-01")) do
      local properties = item.properties or {}
      local target = properties.targetResource
      if target then
         found[#found + 1] = {
            id = target.id, type = target.resourceType, name = target.resourceName,
            state = properties.provisioningState, code = properties.statusCode,
            provisioning = properties.provisioningOperation, message = properties.statusMessage,
            time = properties.timestamp, duration = properties.duration,
         }
      end
   end
   return found
end

--- Tells `progress` about each resource whose state changed since the last time.
local function tell(self, group, name, progress, seen)
   for _, resource in ipairs(self:deployment_operations(group, name)) do
      if seen[resource.id] ~= resource.state then
         seen[resource.id] = resource.state
         progress(resource)
      end
   end
end

--- The causes of a failed deployment that its own error does not tell: the failed operations, nested
-- deployments included.
local function failed_operations(self, group, name, depth, causes)
   for _, resource in ipairs(self:deployment_operations(group, name)) do
      if resource.state == "Failed" then
         local nested = resource.type == "Microsoft.Resources/deployments" and depth < 4
         if nested then failed_operations(self, group, resource.name, depth + 1, causes) end
         for _, cause in ipairs(fault.causes(resource.message)) do
            cause.target = cause.target or resource.id
            causes[#causes + 1] = cause
         end
      end
   end
   return causes
end

local only_outer = { DeploymentFailed = true, ResourceDeploymentFailure = true }

local function explain(self, group, name, err)
   if not error_.is(err) or not only_outer[err.code] then return err end
   local ok, causes = pcall(failed_operations, self, group, name, 1, {})
   if not ok or not causes[1] then return err end
   return fault.new(causes, { method = err.method, url = err.url, request_id = err.request_id })
end

local ended = { Succeeded = true, Failed = true, Canceled = true }

-- Seconds that the deployment of an earlier run may still take: a container group's own limit is 30 minutes.
local PATIENCE = 2400

--- Waits until the deployment of that name, if one runs, has ended; true when it had to. `note(word, text)` is
-- told of the wait. Raises kind "timeout" after so many seconds (default 40 minutes).
function deployments:wait_for_deployment(group, name, note, seconds)
   seconds = seconds or PATIENCE
   local deadline, waited = clock.monotonic() + seconds, false
   while true do
      local deployment = self:deployment(group, name)
      local state = deployment and deployment.properties.provisioningState
      if not state or ended[state] then return waited end
      if not waited and note then
         note("waiting", ("for the deployment %s of an earlier run (%s)"):format(name, state))
      end
      waited = true
      if clock.monotonic() > deadline then
         error_.raise { kind = "timeout", code = "DeploymentActive",
            message = ("the deployment %s of an earlier run is still %s after %d minutes"):format(name, state,
               seconds // 60), advice = "cancel it in the portal, or run the same command again later" }
      end
      task.sleep((self.config.poll or { first = 2 }).first)
   end
end

--- Starts a deployment. One of that name that still runs (a set-up that was killed began it) is waited for:
-- Azure refuses a second one beside it.
local function begin(self, group, name, request, note)
   for _ = 1, 3 do
      local ok, begun = pcall(self.start, self, "PUT", deployment_id(self, group, name), request)
      if ok then return begun end
      if type(begun) ~= "table" or begun.code ~= "DeploymentActive" then error(begun, 0) end
      self:wait_for_deployment(group, name, note)
   end
   return self:start("PUT", deployment_id(self, group, name), request)
end

--- Deploys a template to a group and waits; gives the deployment (`properties.outputs`). `options`:
-- `parameters` (name to value, secrets allowed), `mode` ("Incremental"), `progress` (called with an operation
-- as `deployment_operations` gives it, whenever the state of a resource changes), `timeout`, `note` (called with
-- a word and a text when it has to wait for an earlier one).
function deployments:deploy(group, name, template, options)
   options = options or {}
   local seen = {}
   local begun = begin(self, group, name, {
      body = body_of(template, options.parameters, options.mode or "Incremental"), headers = json_type,
      timeout = options.timeout,
      on_poll = options.progress and function() tell(self, group, name, options.progress, seen) end,
   }, options.note)
   local ok, result = pcall(begun.wait, begun)
   if not ok then error(explain(self, group, name, result), 0) end
   if options.progress then tell(self, group, name, options.progress, seen) end
   return result
end

--- The deployment, or nil.
function deployments:deployment(group, name)
   return self:get(deployment_id(self, group, name))
end

--- The values of a deployment's outputs by name; secure ones have none.
function deployments.outputs(_, deployment)
   local values = {}
   for name, output in pairs((deployment.properties or {}).outputs or {}) do values[name] = output.value end
   return values
end

--- Stops a running deployment and waits until it says so. What it made stays.
function deployments:cancel_deployment(group, name)
   self:post(deployment_id(self, group, name) .. "/cancel")
   self:wait_for_deployment(group, name)
end

return deployments
