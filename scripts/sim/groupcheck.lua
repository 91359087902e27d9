--- What Container Instances refuses in the body of a container group, in its own words where they are known.
local json      = require "aci.json"
local groupvolumes = require "sim.groupvolumes"
local imagepull = require "sim.imagepull"
local refuse    = require "sim.refuse"
local runners   = require "sim.runners"
local state     = require "sim.state"

local groupcheck = {}

local function invalid(message) refuse(400, "InvalidRequestContent",
   "The request content was invalid and could not be deserialized: '" .. message .. "'.") end

local function required(value, kind, member, path)
   if value == nil or value == json.null then
      invalid(("Required property '%s' not found in JSON. Path '%s', line 1, position 1."):format(member, path))
   elseif type(value) ~= kind then
      invalid(("Error converting value to the type of '%s'. Path '%s.%s', line 1, position 1."):format(member,
         path, member))
   end
   return value
end

local members = {}
for name in ([[containers osType restartPolicy ipAddress imageRegistryCredentials subnetIds dnsConfig volumes
   diagnostics sku priority encryptionProperties confidentialComputeProperties initContainers extensions
   secretReferences identityAcls containerGroupProfile standbyPoolProfile networkProfile provisioningState
   instanceView isCreatedFromStandbyPool provisioningTimeoutInSeconds isCustomProvisioningTimeout]]):gmatch "%S+" do
   members[name] = true
end

local function check_name(name, what, group)
   local good = #name <= 63 and name:find "^[a-z0-9][a-z0-9-]*$" and not name:find "%-$"
      and not (what == "container group" and name:find("--", 1, true))
   refuse.unless(good, 400, "InvalidContainerGroupName", ("The name '%s' of %s in container group '%s' is "
      .. "invalid. It must be 1 to 63 lower-case letters, digits or hyphens, and must not begin or end with a "
      .. "hyphen."):format(name, what, group))
end

local function check_environment(list, path)
   for index, variable in ipairs(list or {}) do
      local place = ("%s.environmentVariables[%d]"):format(path, index - 1)
      local name = required(variable.name, "string", "name", place)
      refuse.unless(name ~= "" and not name:find "[=%z]", 400, "InvalidEnvironmentVariableName",
         ("The environment variable name '%s' is invalid."):format(name))
      refuse.when(variable.value and variable.secureValue, 400, "InvalidEnvironmentVariable",
         ("The environment variable '%s' has a value and a secure value."):format(name))
   end
end

local function inaccessible(image, group)
   refuse(400, "InaccessibleImage", ("The image '%s' in container group '%s' is not accessible. Please check the "
      .. "image and registry credential."):format(image, group))
end

-- Names in a registry of Azure are looked up there, with the group's credential (check_pulls).
local function check_image(container, group)
   local image = required(container.properties.image, "string", "image", "properties.containers")
   if not imagepull.parse(image) and not runners.find(image) then inaccessible(image, group) end
end

local function check_container(container, index, group, kind)
   local path = ("properties.%s[%d]"):format(kind, index - 1)
   check_name(required(container.name, "string", "name", path), "container", group)
   local properties = required(container.properties, "table", "properties", path)
   check_environment(properties.environmentVariables, path .. ".properties")
   check_image(container, group)
end

local function check_resources(container, group)
   local requests = (container.properties.resources or {}).requests
   local cpu = type(requests) == "table" and requests.cpu
   local memory = type(requests) == "table" and requests.memoryInGB
   refuse.unless(type(cpu) == "number" and type(memory) == "number", 400, "ResourceRequestsNotSpecified",
      ("The resource requests are not specified in container '%s' of contain group '%s'. Both memory and CPU "
         .. "requests are required since API version '2017-07-01-preview'."):format(container.name, group))
   return cpu, memory
end

local function check_sums(containers, group)
   local cpu, memory = 0, 0
   for _, container in ipairs(containers) do
      local c, m = check_resources(container, group)
      cpu, memory = cpu + c, memory + m
   end
   refuse.unless(cpu >= 1 and memory >= 1 and cpu <= 31 and memory <= 240, 400, "InvalidResourceRequests",
      ("The resource requests of container group '%s' are invalid: %g CPU and %g GB; a group has 1 to 31 CPU "
         .. "and 1 to 240 GB."):format(group, cpu, memory))
end

local function check_containers(properties, group)
   local containers = required(properties.containers, "table", "containers", "properties")
   refuse.unless(#containers > 0 and #containers <= 60, 400, "InvalidContainers",
      ("The container group '%s' must have 1 to 60 containers."):format(group))
   local seen = {}
   for _, kind in ipairs { "initContainers", "containers" } do
      for index, container in ipairs(properties[kind] or {}) do
         check_container(container, index, group, kind)
         refuse.when(seen[container.name], 400, "DuplicateContainerName",
            ("The container name '%s' is used twice in container group '%s'."):format(container.name, group))
         seen[container.name] = true
      end
   end
   check_sums(containers, group)
end

local IDENTITY_TYPES = { SystemAssigned = true, UserAssigned = true, None = true,
   ["SystemAssigned, UserAssigned"] = true, ["SystemAssigned,UserAssigned"] = true }

--- Each named identity must exist, and the caller may attach it.
local function check_identity(r, identity)
   if not identity or identity == json.null then return end
   refuse.unless(IDENTITY_TYPES[identity.type], 400, "InvalidIdentityType",
      ("The identity type '%s' is not supported."):format(tostring(identity.type)))
   local wants = identity.type:find "UserAssigned"
   local ids = identity.userAssignedIdentities
   refuse.when(wants and (type(ids) ~= "table" or next(ids) == nil), 400, "InvalidIdentity",
      "The user assigned identities are missing.")
   for id in pairs(wants and ids or {}) do
      r:linked("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", id)
   end
end

local DELEGATION = "microsoft.containerinstance/containergroups"

local function is_delegated(subnet)
   for _, delegation in ipairs(subnet.body.properties.delegations or {}) do
      if (delegation.properties.serviceName or ""):lower() == DELEGATION then return true end
   end
end

local function check_subnet(req, r, properties)
   local ids = properties.subnetIds
   if not ids or ids == json.null then return end
   refuse.unless(#ids == 1, 400, "InvalidSubnetIds", "A container group is in one subnet.")
   local id = required(ids[1].id, "string", "id", "properties.subnetIds[0]")
   r:linked("Microsoft.Network/virtualNetworks/subnets/join/action", id)
   local subnet = req.state:resource(id)
   if subnet or not req.preflight then
      refuse.unless(subnet and is_delegated(subnet), 400, "SubnetMissingRequiredDelegation",
         ("Subnet missing required delegation 'Microsoft.ContainerInstance' for container group '%s'."):format(
            r.name))
   end
   local address = properties.ipAddress
   refuse.when(type(address) == "table" and address.type == "Public", 400, "PublicIPInVnetNotSupported",
      ("The container group '%s' in a subnet cannot have a public IP address."):format(r.name))
end

local function check_address(properties, group)
   local address = properties.ipAddress
   if not address or address == json.null then return end
   required(address.type, "string", "type", "properties.ipAddress")
   local ports = required(address.ports, "table", "ports", "properties.ipAddress")
   refuse.unless(#ports > 0 and #ports <= 5, 400, "InvalidIpAddressPorts",
      ("The IP address of container group '%s' must have 1 to 5 ports."):format(group))
   for index, port in ipairs(ports) do
      local number = math.tointeger(tonumber(required(port.port, "number", "port",
         ("properties.ipAddress.ports[%d]"):format(index - 1))))
      refuse.unless(number and number >= 1 and number <= 65535, 400, "InvalidPort",
         ("The port %s of container group '%s' is invalid."):format(tostring(port.port), group))
   end
   refuse.when(address.type == "Private" and not properties.subnetIds, 400, "PrivateIPRequiresSubnet",
      ("The container group '%s' with a private IP address must be in a subnet."):format(group))
end

local function check_registries(r, properties)
   for index, credential in ipairs(properties.imageRegistryCredentials or {}) do
      required(credential.server, "string", "server", ("properties.imageRegistryCredentials[%d]"):format(index - 1))
      refuse.when(credential.server:find "^https?://", 400, "InvalidImageRegistryServer",
         ("The registry server '%s' must be without a scheme."):format(credential.server))
      refuse.unless((credential.username ~= nil) ~= (credential.identity ~= nil), 400,
         "AmbiguousImageResitryCredentialType", ("The registry credential type in the 'imageRegistryCredentials' "
            .. "of container group '%s' cannot be detected. Please set exactly one of username or identity")
            :format(r.name))
      local attached = false
      for id in pairs((r.body.identity or {}).userAssignedIdentities or {}) do
         attached = attached or (credential.identity and state.key(id) == state.key(credential.identity))
      end
      refuse.when(credential.identity and not attached, 400, "InvalidImageRegistryIdentity",
         ("The identity in the 'imageRegistryCredentials' of container group '%s' not found in container group "
            .. "identity list."):format(r.name))
   end
end

--- The images of Azure's registries, with the group's credentials. A validation does not pull: the identity may
-- be made by the same template.
local function check_pulls(req, r, properties)
   if req.preflight then return end
   for _, kind in ipairs { "initContainers", "containers" } do
      for _, container in ipairs(properties[kind] or {}) do
         local image = container.properties.image
         if imagepull.parse(image) and not imagepull.find(req.state, r.id, properties, image) then
            inaccessible(image, r.name)
         end
      end
   end
end

local POLICIES = { Always = true, OnFailure = true, Never = true }

--- Refuses what is wrong with r.body.
function groupcheck.run(req, r)
   check_name(r.name, "container group", r.name)
   local properties = required(r.body.properties, "table", "properties", "")
   for member in pairs(properties) do
      if not members[member] then
         invalid(("Could not find member '%s' on object of type 'ContainerGroupProperties'. Path 'properties.%s', "
            .. "line 1, position 1."):format(member, member))
      end
   end
   refuse.when(properties.networkProfile and r.version >= "2021-07-01", 400, "NetworkProfileNotSupported",
      "The network profile is not supported since API version '2021-07-01': use subnetIds.")
   refuse.when(properties.subnetIds and r.version < "2021-07-01", 400, "SubnetIdsNotSupported",
      "The subnet ids are not supported before API version '2021-07-01'.")
   local os = properties.osType
   refuse.unless(type(os) == "string" and (os:lower() == "linux" or os:lower() == "windows"), 400, "InvalidOsType",
      "The 'osType' for container group '<null>' is invalid. The value must be one of 'Windows,Linux'.")
   refuse.unless(properties.restartPolicy == nil or POLICIES[properties.restartPolicy], 400,
      "InvalidRestartPolicy", ("The restart policy '%s' is invalid."):format(tostring(properties.restartPolicy)))
   check_containers(properties, r.name)
   check_identity(r, r.body.identity)
   check_subnet(req, r, properties)
   check_address(properties, r.name)
   check_registries(r, properties)
   check_pulls(req, r, properties)
   groupvolumes.check(properties, r.name)
end

--- Refuses a change of what cannot change on an existing group.
function groupcheck.update(r)
   local old, new = r.old.body.properties, r.body.properties
   local function resources(properties)
      local list = {}
      for _, container in ipairs(properties.containers) do
         local requests = container.properties.resources.requests
         list[#list + 1] = ("%g/%g"):format(requests.cpu, requests.memoryInGB)
      end
      return table.concat(list, " ")
   end
   local same = old.osType:lower() == new.osType:lower()
      and (old.restartPolicy or "Always") == (new.restartPolicy or "Always") and resources(old) == resources(new)
      and json.encode(old.subnetIds or json.null):lower() == json.encode(new.subnetIds or json.null):lower()
   refuse.unless(same, 400, "InvalidContainerGroupUpdate", ("The updates on container group '%s' are invalid. If "
      .. "you are going to update the os type, restart policy, network profile, CPU, memory or GPU resources for a "
      .. "container group, you must delete it first and then create a new one."):format(r.name))
end

return groupcheck
