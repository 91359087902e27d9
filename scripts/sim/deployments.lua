--- Microsoft.Resources/deployments at resource groups: validate, what-if, create, follow, cancel, list,
-- delete.
local clock     = require "aci.clock"
local archive = require "aci.archive"
local crypto    = require "aci.crypto"
local json      = require "aci.json"
local template  = require "aci.template"
local arm       = require "sim.arm"
local checks    = require "sim.checks"
local deploying = require "sim.deploying"
local planning  = require "sim.planning"
local preflight = require "sim.preflight"
local provider  = require "sim.provider"
local refuse    = require "sim.refuse"
local whatif    = require "sim.whatif"
local words     = require "sim.words"

local deployments = provider { name = "deployments", namespace = "Microsoft.Resources", free = true,
   operations = false, schema = deploying.SCHEMA }

local GROUP = "/subscriptions/:subscription/resourceGroups/:group"
local ONE = GROUP .. "/providers/Microsoft.Resources/deployments/:name"
local ACTION = "Microsoft.Resources/deployments/"

deployments:job("deployment", deploying.run)

local function id_of(req, group)
   return group.id .. "/providers/Microsoft.Resources/deployments/" .. req.params.name
end

local function own_scope(cut)
   return function(req)
      return (req.path:gsub("/+$", ""):gsub(cut or "^$", ""))
   end
end

-- Adds a route below one deployment; the handler gets the request, the group and the deployment's row
--    or nil.
local function route(verb, tail, options, handler)
   options.scope = options.scope or own_scope(tail ~= "" and "/[^/]+$" or nil)
   options.action = ACTION .. options.action
   deployments:route(verb .. " " .. ONE .. tail, options, function(req)
      checks.resource_version(req, arm.VERSIONS)
      local group = checks.group(req, req.params.group)
      return handler(req, group, req.state:resource(id_of(req, group)))
   end)
end

local LARGEST = 4 * 1024 * 1024

local function known(req, row)
   return refuse.unless(row, 404, "DeploymentNotFound",
      ("Deployment '%s' could not be found."):format(req.params.name))
end

local function check_name(name)
   refuse.when(#name > 64, 400, "DeploymentNameLengthLimitExceeded",
      ("The deployment name '%s' exceeded length limit of "
      .. "'64'. Please see https://aka.ms/arm-deployment for usage details."):format(name))
   refuse.unless(name:find "^[%w%-%._%(%)]+$", 400, "DeploymentNameInvalidCharacters",
      ("The deployment name '%s' has invalid characters."):format(name))
end

-- Measured after compression, as the service measures.
local function check_size(req)
   local size = #req:text()
   refuse.when(size > LARGEST and #archive.gzip(req:text()) > LARGEST, 400, "JobSizeExceeded",
      ("The template of deployment '%s' exceeds the limit of %d bytes."):format(req.params.name, LARGEST))
end

-- The properties of the request; it is read as the service reads it, which is wider than JSON.
local function read(req)
   check_size(req)
   local body, err = template.read(req:text())
   if not body then
      refuse(400, err.code or "InvalidRequestContent", err.message)
   end
   local properties = type(body) == "table" and body.properties
   refuse.unless(type(properties) == "table", 400, "InvalidRequestContent",
      "The request content was invalid and could not be deserialized: 'Required property 'properties' "
         .. "not found'.")
   for _, name in ipairs { "templateLink", "parametersLink", "onErrorDeployment" } do
      refuse.when(properties[name] ~= nil and properties[name] ~= json.null, 501, "NotImplemented",
         "The local cloud does not implement " .. name .. ".")
   end
   refuse.unless(type(properties.template) == "table", 400, "InvalidTemplate",
      "Deployment template validation failed: 'Either the template or the templateLink must be given.'.")
   local mode = properties.mode
   refuse.when(mode == nil or mode == json.null, 400, "InvalidRequestContent", "The request content was invalid and "
      .. "could not be deserialized: 'Required property 'mode' not found in JSON. Path 'properties'.'.")
   refuse.unless(mode == "Incremental" or mode == "Complete", 400, "InvalidRequestContent",
      ("The request content was invalid and could not be deserialized: 'Error converting value \"%s\" "
         .. "to type "
      .. "'DeploymentMode'. Path 'properties.mode'.'."):format(tostring(mode)))
   return body
end

local function prepare(req, group, body)
   local correlation, started = req.id, clock.now()
   local plan = planning.plan(req.cloud, { id = id_of(req, group), name = req.params.name,
      properties = body.properties, caller = req.caller, correlation = correlation, started = started })
   preflight.check(req, plan, req.params.name)
   return plan, correlation
end

local function providers_of(plan)
   local found, order = {}, json.array {}
   for _, resource in ipairs(plan.resources) do
      local namespace, kind = resource.type:match "^([^/]+)/(.*)$"
      local entry = found[namespace]
      if not entry then
         entry = { namespace = namespace, resourceTypes = json.array {} }
         found[namespace] = entry
         order[#order + 1] = entry
      end
      if not entry[kind] then
         found[namespace][kind] = true
         table.insert(entry.resourceTypes, { resourceType = kind,
            locations = json.array { resource.location or json.null } })
      end
   end
   for _, entry in ipairs(order) do
      for name in pairs(entry) do
         if name ~= "namespace" and name ~= "resourceTypes" then
            entry[name] = nil
         end
      end
   end
   return order
end

local function brief(resource)
   return { id = resource.id, resourceType = resource.type, resourceName = resource.name }
end

local function dependencies_of(plan)
   local by_id, list = {}, json.array {}
   for _, resource in ipairs(plan.resources) do
      by_id[resource.id:lower()] = resource
   end
   for _, resource in ipairs(plan.resources) do
      local on = json.array {}
      for _, id in ipairs(resource.depends) do
         on[#on + 1] = brief(by_id[id:lower()])
      end
      if #on > 0 then
         local entry = brief(resource)
         entry.dependsOn = on
         list[#list + 1] = entry
      end
   end
   return list
end

local function body_of(req, group, given, plan, correlation)
   local properties = { mode = given.properties.mode, provisioningState = "Accepted",
      timestamp = clock.iso(clock.now()), duration = "PT0S", correlationId = correlation,
      templateHash = template.hash(given.properties.template), providers = providers_of(plan),
      dependencies = dependencies_of(plan), parameters = next(plan.parameters) and plan.parameters or nil }
   return { id = id_of(req, group), name = req.params.name, type = deploying.TYPE, properties = properties,
      tags = type(given.tags) == "table" and given.tags or nil }
end

route("POST", "/validate", { action = "validate/action", write = false }, function(req, group)
   check_name(req.params.name)
   local given = read(req)
   local plan, correlation = prepare(req, group, given)
   local body = body_of(req, group, given, plan, correlation)
   body.properties.provisioningState = "Succeeded"
   body.properties.validatedResources = json.array {}
   for index, resource in ipairs(plan.resources) do
      body.properties.validatedResources[index] = { id = resource.id }
   end
   return 200, body
end)

local function us_stamp(time)
   return os.date("!%m/%d/%Y %I:%M:%S %p", math.floor(time)):gsub("^0", ""):gsub("/0", "/"):gsub(" 0", " ")
end

local function check_free(req, group, row)
   local word = row and row.body.properties.provisioningState
   if word == "Accepted" or word == "Running" then
      refuse(409, "DeploymentActive", ("Unable to edit or replace deployment '%s': previous deployment "
         .. "from '%s' is "
         .. "still active (expiration time is '%s'). Please see https://aka.ms/arm-deploy for usage "
         .. "details."):format(
         req.params.name, us_stamp(row.created), us_stamp(row.created + 7 * 86400)))
   end
   if not row then
      local count = #req.state:resources { under = group.id, type = deploying.TYPE }
      refuse.when(count >= 800, 409, "DeploymentQuotaExceeded",
         ("Creating the deployment '%s' would exceed the quota of "
         .. "'800'. The current deployment count is '%d'. Please delete some deployments before "
         .. "creating a new one, or "
         .. "see https://aka.ms/800LimitFix for information on managing deployment "
         .. "limits."):format(req.params.name,
         count))
   end
end

-- The name of the deployment's own operation: 20 digits.
local function sequence(id)
   local number = tonumber(crypto.hex(crypto.sha256(id)):sub(1, 12), 16)
   return ("0858%016d"):format(number)
end

route("PUT", "", { action = "write" }, function(req, group, row)
   check_name(req.params.name)
   checks.group_alive(group)
   check_free(req, group, row)
   local given = read(req)
   local plan, correlation = prepare(req, group, given)
   local body = body_of(req, group, given, plan, correlation)
   local id = body.id
   if row then
      req.state:delete_resource(id)
      deploying.forget(req.state, row.id)
   end
   deploying.forget(req.state, id) -- also steps of one that went with its group
   req.state:put_resource { id = id, type = deploying.TYPE, name = req.params.name, body = body }
   req.state:put_secret(id, "request", req:text())
   req.state:put_secret(id, "caller", json.encode(req.caller))
   deploying.keep(correlation, plan, req.caller)
   deploying.wake(req.cloud, id)
   return 201, body, req.cloud:retry {
      ["Azure-AsyncOperation"] = ("https://management.azure.com%s/operationStatuses/%s"
      .. "?api-version=%s"):format(id, sequence(id), req.query["api-version"]) }
end)

route("GET", "", { action = "read" }, function(req, _, row)
   return 200, known(req, row).body
end)

route("HEAD", "", { action = "read" }, function(req, _, row)
   known(req, row)
   return 204
end)

route("GET", "/operationStatuses/:operation", { action = "operationStatuses/read", scope = own_scope() },
   function(req, _, row)
   local properties = known(req, row).body.properties
   local word = properties.provisioningState
   local body = { status = word, error = word == "Failed" and properties.error or nil }
   local headers = (word == "Accepted" or word == "Running") and req.cloud:retry {} or nil
   return 200, body, headers
end)

route("POST", "/cancel", { action = "cancel/action" }, function(req, _, row)
   local body = known(req, row).body
   local word = body.properties.provisioningState
   refuse.unless(word == "Accepted" or word == "Running", 409, "DeploymentCannotBeCancelled",
      ("The deployment '%s' "
      .. "cannot be cancelled because it is in the provisioning state '%s'."):format(row.name, word))
   body.properties.provisioningState, body.properties.timestamp = "Canceled", clock.iso(clock.now())
   req.state:put_resource { id = row.id, type = row.type, name = row.name, body = body }
   req.state:delete_secret(row.id)
   return 204
end)

route("DELETE", "", { action = "delete" }, function(req, _, row)
   if not row then
      return 204
   end
   deploying.forget(req.state, row.id)
   req.state:delete_resource(row.id)
   local id = req.state:start_operation { kind = "deployment-delete", resource = row.id,
      seconds = req.cloud:seconds(1) }
   return 202, nil, req.cloud:retry { Location = ("https://management.azure.com/subscriptions/%s/providers/"
      .. "Microsoft.Resources/operationResults/%s?api-version=%s"):format(req.params.subscription, id,
      req.query["api-version"]) }
end)

deployments:route("GET /subscriptions/:subscription/providers/Microsoft.Resources/operationResults/:id", {},
   function(req)
   local operation = refuse.unless(req.state:operation(req.params.id), 404, "OperationNotFound",
      "The operation was not found.")
   if not operation.done then
      return 202, nil, req.cloud:retry { Location = "https://management.azure.com" .. req.target }
   end
   if operation.data.result then
      return 200, operation.data.result
   end
   return 204
end)

route("POST", "/exportTemplate", { action = "exportTemplate/action", write = false }, function(req, _, row)
   known(req, row)
   refuse(501, "NotImplemented", "The local cloud does not implement exportTemplate.")
end)

-- A template that could not be deployed is an answer too, not a failed request.
local function predicted(req, group, body)
   local ok, plan = pcall(prepare, req, group, body)
   if ok then
      return { status = "Succeeded", properties = { correlationId = req.id,
         changes = whatif.changes(req, plan) } }
   elseif not refuse.is(plan) or plan.status == 501 then
      error(plan, 0)
   end
   return { status = "Failed", error = words.error(plan.status, plan.code, plan.message, plan).error }
end

route("POST", "/whatIf", { action = "whatIf/action", write = false }, function(req, group)
   check_name(req.params.name)
   local result = predicted(req, group, read(req))
   local id = req.state:start_operation { kind = "what-if", resource = group.id,
      seconds = req.cloud:seconds(1),
      data = { result = result } }
   return 202, nil, req.cloud:retry { Location = ("https://management.azure.com/subscriptions/%s/providers/"
      .. "Microsoft.Resources/operationResults/%s?api-version=%s"):format(req.params.subscription, id,
      req.query["api-version"]) }
end)

deployments:route("GET " .. GROUP .. "/providers/Microsoft.Resources/deployments", { action = ACTION
   .. "read",
   scope = own_scope "/providers/.*$" }, function(req)
   checks.resource_version(req, arm.VERSIONS)
   local group, value = checks.group(req, req.params.group), json.array {}
   local wanted = (req.query["$filter"] or ""):match "provisioningState%s+eq%s+'([^']*)'"
   for _, row in ipairs(req.state:resources { under = group.id, type = deploying.TYPE }) do
      if not wanted or row.body.properties.provisioningState == wanted then
         value[#value + 1] = row.body
      end
   end
   return 200, { value = value }
end)

-- The operations of a deployment, in both paths that tools use.

local STATUS_NAMES = { [200] = "OK", [201] = "Created", [202] = "Accepted", [400] = "BadRequest",
   [403] = "Forbidden", [404] = "NotFound", [409] = "Conflict" }

-- The type and the name that the path after /providers/ stands for: a/b/x/c/y is a/b/c named x/y.
local function type_and_name(id)
   local kinds, names = {}, {}
   for segment in id:match "^.*/providers/(.*)$":gmatch "[^/]+" do
      local list = #kinds < 2 and kinds or #names < #kinds - 1 and names or kinds
      list[#list + 1] = segment
   end
   return table.concat(kinds, "/"), table.concat(names, "/")
end

local function operation_of(row, step)
   local failure = step.error and json.decode(step.error)
   local kind, name = type_and_name(step.target)
   return { id = row.id .. "/operations/" .. step.operation, operationId = step.operation, properties = {
      provisioningOperation = "Create", provisioningState = step.state,
      timestamp = clock.iso(step.ended or clock.now()), trackingId = step.tracking,
      duration = deploying.duration((step.ended or clock.now()) - step.started),
         serviceRequestId = step.tracking,
      statusCode = STATUS_NAMES[step.status or 202] or tostring(step.status),
      statusMessage = failure and { status = "Failed", error = failure } or nil,
      targetResource = { id = step.target, resourceType = kind,
         resourceName = name } } }
end

local function list_operations(req)
   checks.resource_version(req, arm.VERSIONS)
   local group = checks.group(req, req.params.group)
   local row, value = known(req, req.state:resource(id_of(req, group))), json.array {}
   for index, step in ipairs(deploying.steps(req.state, row.id)) do
      value[index] = operation_of(row, step)
   end
   local properties = row.body.properties
   if properties.provisioningState == "Succeeded" then
      value[#value + 1] = { id = row.id .. "/operations/" .. sequence(row.id),
         operationId = sequence(row.id),
         properties = { provisioningOperation = "EvaluateDeploymentOutput", provisioningState = "Succeeded",
            timestamp = properties.timestamp, duration = properties.duration, trackingId = crypto.uuid4(),
            statusCode = "OK" } }
   end
   return 200, { value = value }
end

for _, path in ipairs { GROUP .. "/deployments/:name/operations", ONE .. "/operations" } do
   deployments:route("GET " .. path, { action = ACTION .. "operations/read",
      scope = own_scope "/operations$" },
      list_operations)
end

return deployments
