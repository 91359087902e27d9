--- Microsoft.ContainerInstance: container groups, run as local processes under a supervisor each
-- (sim/supervisor.lua). What a group is doing is read from the supervisor's files.
local json       = require "aci.json"
local fs         = require "aci.fs"
local groupcheck = require "sim.groupcheck"
local groupplays = require "sim.groupplays"
local groupquota = require "sim.groupquota"
local grouprun   = require "sim.grouprun"
local groupview  = require "sim.groupview"
local groupvolumes = require "sim.groupvolumes"
local imagepull  = require "sim.imagepull"
local logs       = require "sim.grouplogs"
local provider   = require "sim.provider"
local refuse     = require "sim.refuse"

local aci = provider { name = "containerinstance", namespace = "Microsoft.ContainerInstance", operations = false,
   schema = [[CREATE TABLE IF NOT EXISTS container_groups (folder TEXT PRIMARY KEY, id TEXT NOT NULL,
      key TEXT NOT NULL UNIQUE, stopped INTEGER NOT NULL DEFAULT 0, started REAL)]],
}

local VERSIONS = { "2025-09-01", "2024-11-01-preview", "2024-10-01-preview", "2024-05-01-preview", "2023-05-01",
   "2022-10-01-preview", "2022-09-01", "2021-10-01", "2021-09-01", "2021-07-01", "2021-03-01", "2020-11-01",
   "2019-12-01", "2018-10-01", "2018-09-01", "2018-07-01", "2018-06-01", "2018-04-01" }

-- Whatever version was asked with, operations are polled with this one.
local OPERATION_VERSION = "2018-06-01"

--- The identities with their principals filled in, as the service shows them.
local function resolved(req, identity)
   if not identity or identity == json.null or identity.type == "None" then return nil end
   local shown = { type = identity.type, tenantId = req.state:setting "tenant", userAssignedIdentities = {} }
   for id in pairs(identity.userAssignedIdentities or {}) do
      local found = req.state:resource(id)
      local properties = found and found.body.properties or {}
      shown.userAssignedIdentities[id] = { principalId = properties.principalId, clientId = properties.clientId }
   end
   return shown
end

--- Secure values go to the secrets' own table; the body keeps only their names.
local function hide_secrets(req, r, properties)
   req.state:delete_secret(r.id)
   for _, kind in ipairs { "initContainers", "containers" } do
      for _, container in ipairs(properties[kind] or {}) do
         for _, variable in ipairs(container.properties.environmentVariables or {}) do
            if variable.secureValue ~= nil then
               req.state:put_secret(r.id, ("env/%s/%s"):format(container.name, variable.name),
                  tostring(variable.secureValue))
               variable.secureValue = nil
            end
         end
      end
   end
   for _, credential in ipairs(properties.imageRegistryCredentials or {}) do
      if credential.password ~= nil then
         req.state:put_secret(r.id, imagepull.secret_name(credential.server), tostring(credential.password))
         credential.password = nil
      end
   end
end

local function address_of(properties)
   if type(properties.ipAddress) ~= "table" then return properties.ipAddress end
   properties.ipAddress.ip = properties.ipAddress.ip or "10.0.0.4"
   return properties.ipAddress
end

local function with(headers, more)
   for name, value in pairs(more) do headers[name] = value end
   return headers
end

-- What has ended is deployed anew by a PUT and not stopped by a stop.
local ENDS = { Succeeded = true, Failed = true, Stopped = true }

local function has_ended(req, row) return ENDS[groupview.state(req.cloud, row)] end

local function not_in_transition(req, r)
   refuse.when(grouprun.in_transition(req.cloud, r.old), 409, "ContainerGroupTransitioning",
      ("The container group '%s' is still transitioning, please retry later."):format(r.name))
end

local function put(req, r)
   groupplays.refuse(req.play, r)
   local left = groupquota.take(req.cloud, "creates")
   if r.old then
      not_in_transition(req, r)
      if not has_ended(req, r.old) then groupcheck.update(r) end
      grouprun.forget(req.cloud, r.old)
   end
   local properties = r.body.properties
   properties.provisioningState, properties.instanceView = nil, nil
   hide_secrets(req, r, properties)
   groupvolumes.hide(properties)
   properties.ipAddress = address_of(properties)
   properties.initContainers = properties.initContainers or json.array {}
   properties.restartPolicy = properties.restartPolicy or "Always"
   properties.sku = properties.sku or "Standard"
   local row = r:store { location = r.location, tags = r.tags, identity = resolved(req, r.body.identity),
      properties = properties }
   grouprun.begin(req, row)
   local headers = r:async(0, { version = OPERATION_VERSION, location = r.location })
   return r.old and 200 or 201, groupview.show(req, row), with(headers, left)
end

local function delete(req, r)
   local left = groupquota.take(req.cloud, "deletes")
   local body = groupview.show(req, r.old)
   r:remove()
   return 200, body, left
end

local function stop(req, r)
   not_in_transition(req, r)
   if has_ended(req, r.old) then return 204 end
   grouprun.stop(req.cloud, r.old)
   return 204
end

-- A group that was just stopped may still have processes that end.
local function start(req, r)
   not_in_transition(req, r)
   if grouprun.is_running(req.cloud, r.old) and not grouprun.is_stopped(req.cloud, r.old) then return 204 end
   grouprun.begin(req, r.old)
   return 202, nil, r:async(0, { version = OPERATION_VERSION })
end

local function restart(req, r)
   not_in_transition(req, r)
   refuse.when(grouprun.is_stopped(req.cloud, r.old), 409, "ContainerGroupStopped",
      ("Container Group '%s' in resource group '%s' is stopped."):format(r.name, r.group))
   grouprun.forget(req.cloud, r.old)
   grouprun.begin(req, r.old)
   return 204, nil, r:async(0, { version = OPERATION_VERSION })
end

local function check_container(req, r)
   local name, known = req.params.container, false
   for _, container in ipairs(r.old.body.properties.containers) do known = known or container.name == name end
   refuse.unless(known, 404, "ContainerNotFound", ("Container '%s' not found in container group '%s'."):format(
      name, r.name))
end

-- exec and attach: what the service refuses is refused in its words. The session itself is a web socket, which
-- the local cloud does not serve, and says so.
local function open_session(req, r)
   check_container(req, r)
   local now = groupview.state(req.cloud, r.old)
   refuse.when(now == "Stopped" or now == "Failed", 409, "ContainerGroupStopped",
      ("Container Group '%s' in resource group '%s' is stopped."):format(r.name, r.group))
   refuse(501, "NotImplemented", "The local cloud opens no sessions in containers (exec, attach): read the logs, "
      .. "or look at the process itself, which runs on this machine.")
end

local function show_logs(req, r)
   local name, tail = req.params.container, req.query.tail
   refuse.unless(tail == nil or tail:find "^%d+$", 400, "InvalidRequest", "The tail is not a number.")
   check_container(req, r)
   local text = logs.read(grouprun.folder(req.cloud, r.old), name, tonumber(tail), req.query.timestamps == "true")
   refuse.unless(text, 404, "ContainerLogNotAvailable", ("Log of container '%s' in container group '%s' is not "
      .. "available yet. Please check container 'InstanceView' for more information or retry later."):format(name,
      r.name))
   return 200, { content = text }
end

local function below_group(req)
   return (req.path:gsub("/containers/[^/]+/%a+/*$", ""))
end

aci:type("containerGroups", {
   versions = VERSIONS, check = groupcheck.run, put = put, delete = delete, show = groupview.show,
   removed = function(cloud, row) grouprun.forget(cloud, row) end,
   actions = {
      ["POST start"] = { run = start }, ["POST stop"] = { run = stop }, ["POST restart"] = { run = restart },
      ["GET containers/:container/logs"] = { run = show_logs, action = "containers/logs/read",
         scope = below_group },
      ["POST containers/:container/exec"] = { run = open_session, action = "containers/exec/action",
         scope = below_group },
      ["POST containers/:container/attach"] = { run = open_session, action = "containers/attach/action",
         scope = below_group },
   },
})

aci:route("GET /subscriptions/:subscription/providers/Microsoft.ContainerInstance/locations/:location/operations/:id",
   {}, function(req)
   local operation = refuse.unless(req.state:operation(req.params.id), 404, "OperationNotFound",
      "The operation was not found.")
   local row = req.state:resource(operation.resource)
   local status = row and groupview.provisioning(req.cloud, row) or "Succeeded"
   local events = row and groupview.events(req.cloud, row) or json.array {}
   local body = { id = operation.resource, status = status, startTime = require("aci.clock").iso(operation.started),
      properties = { events = events }, error = status == "Failed" and { message = (events[1] or {}).message } or nil }
   return 200, body, status == "Pending" and req.cloud:retry {} or nil
end)

-- What a new subscription may have in a location; of a group's cores, those of its containers' requests.
local QUOTAS = { ContainerGroups = 100, StandardCores = 100 }

local function cores(groups)
   local sum = 0
   for _, row in ipairs(groups) do
      for _, container in ipairs(row.body.properties.containers) do
         sum = sum + container.properties.resources.requests.cpu
      end
   end
   return math.ceil(sum)
end

local function usage(req, name, value)
   return { id = req.path .. "/" .. name, unit = "Count", currentValue = value, limit = QUOTAS[name],
      name = { value = name, localizedValue = (name:gsub("(%l)(%u)", "%1 %2")) } }
end

aci:route("GET /subscriptions/:subscription/providers/Microsoft.ContainerInstance/locations/:location/usages",
   { action = "Microsoft.ContainerInstance/locations/usages/read", scope = function(req)
      return "/subscriptions/" .. req.params.subscription
   end }, function(req)
   local groups = {}
   for _, row in ipairs(req.state:resources { type = "Microsoft.ContainerInstance/containerGroups" }) do
      if row.body.location == req.params.location then groups[#groups + 1] = row end
   end
   return 200, { value = json.array { usage(req, "ContainerGroups", #groups),
      usage(req, "StandardCores", cores(groups)) } }
end)

aci:job("launch", grouprun.launch)
aci:job("sweep", function(_, data) fs.remove_tree(data.folder) end)

aci.files = { "images" } -- unpacked ones; those of registries are in "registry"
aci.start, aci.stop = grouprun.resume_all, grouprun.stop_all

return aci
