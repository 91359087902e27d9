--- What Container Instances refuses in the body of a container group, in its own words where they are known.
local json      = require "aci.json"
local groupshape = require "sim.groupshape"
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

local function check_name(name, what, group)
   local good = #name <= 63 and name:find "^[a-z0-9][a-z0-9-]*$" and not name:find "%-$"
      and not (what == "container group" and name:find("--", 1, true))
   refuse.unless(good, 400, "InvalidContainerGroupName", ("The name '%s' of %s in container group '%s' is "
      .. "invalid. It must be 1 to 63 lower-case letters, digits or hyphens, and must not begin or end with a "
      .. "hyphen."):format(name, what, group))
end

local function check_environment(list)
   for _, variable in ipairs(list or {}) do
      local name = variable.name
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
local function check_image(container, path, group)
   local image = required(container.properties.image, "string", "image", path)
   if not imagepull.parse(image) and not runners.find(image) then inaccessible(image, group) end
end

local function check_word(given, words, name)
   if given == nil then return end
   for _, word in ipairs(words) do
      if word == given then return end
   end
   refuse(400, words.code, ("The %s '%s' is invalid. The value must be one of '%s'."):format(name, given,
      table.concat(words, ",")))
end

local PROTOCOLS = { code = "InvalidProtocol", "TCP", "UDP" }

local function check_ports(ports, group)
   for _, port in ipairs(ports) do
      refuse.unless(port.port >= 1 and port.port <= 65535, 400, "InvalidPort",
         ("The port %d of container group '%s' is invalid."):format(port.port, group))
      check_word(port.protocol, PROTOCOLS, "protocol")
   end
end

local function check_container(container, index, group, kind)
   local path = ("properties.%s[%d]"):format(kind, index - 1)
   check_name(container.name, "container", group)
   check_environment(container.properties.environmentVariables)
   check_image(container, path .. ".properties", group)
   check_ports(container.properties.ports or {}, group)
end

local function check_resources(container, group)
   local requests = (container.properties.resources or {}).requests or {}
   local cpu, memory = requests.cpu, requests.memoryInGB
   refuse.unless(cpu and memory, 400, "ResourceRequestsNotSpecified",
      ("The resource requests are not specified in container '%s' of contain group '%s'. Both memory and CPU "
         .. "requests are required since API version '2017-07-01-preview'."):format(container.name, group))
   refuse.unless(cpu > 0 and memory > 0, 400, "InvalidResourceRequests", ("The resource requests of container '%s' "
      .. "in container group '%s' are invalid: %g CPU and %g GB."):format(container.name, group, cpu, memory))
   refuse.when(requests.gpu, 400, "GpuNotSupported", ("Container '%s' in container "
      .. "group '%s' requests GPUs, which are retired."):format(container.name, group))
   return cpu, memory
end

--- A limit is at least what is requested and at most what the group has.
local function check_limits(container, group, cpu, memory)
   local resources = container.properties.resources
   local limits = resources.limits
   if not limits then return end
   for name, total in pairs { cpu = cpu, memoryInGB = memory } do
      local limit = limits[name]
      refuse.when(limit and (limit < resources.requests[name] or limit > total), 400,
         "InvalidResourceLimits", ("The limit %s of container '%s' in container group '%s' is invalid: %g is not "
         .. "between its request and the group's sum."):format(name, container.name, group, limit or 0))
   end
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
   for _, container in ipairs(containers) do check_limits(container, group, cpu, memory) end
end

local function check_containers(properties, group)
   local containers = properties.containers
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
   if not identity then return end
   refuse.unless(IDENTITY_TYPES[identity.type], 400, "InvalidIdentityType",
      ("The identity type '%s' is not supported."):format(identity.type or ""))
   local wants = identity.type:find "UserAssigned"
   local ids = identity.userAssignedIdentities
   refuse.when(wants and (type(ids) ~= "table" or next(ids) == nil), 400, "InvalidIdentity",
      "The user assigned identities are missing.")
   for id, value in pairs(wants and ids or {}) do
      refuse.unless(id:lower():find "/microsoft%.managedidentity/userassignedidentities/[^/]+$", 400,
         "InvalidIdentity", ("'%s' is not the id of a user assigned identity."):format(id))
      for member in pairs(type(value) == "table" and value or {}) do
         refuse.unless(member == "principalId" or member == "clientId", 400, "InvalidIdentity",
            ("The user assigned identity '%s' has the member '%s'."):format(id, member))
      end
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
   if not ids then return end
   refuse.unless(#ids == 1, 400, "InvalidSubnetIds", "A container group is in one subnet.")
   local id = ids[1].id
   r:linked("Microsoft.Network/virtualNetworks/subnets/join/action", id)
   local subnet = req.state:resource(id)
   if subnet or not req.preflight then
      refuse.unless(subnet and is_delegated(subnet), 400, "SubnetMissingRequiredDelegation",
         ("Subnet missing required delegation 'Microsoft.ContainerInstance' for container group '%s'."):format(
            r.name))
      local network = req.state:resource(id:match "^(.*)/subnets/[^/]+$")
      refuse.unless(network and network.body.location == r.location, 400, "SubnetNotInSameRegion",
         ("The subnet '%s' is not in the location '%s' of container group '%s'."):format(id, r.location, r.name))
   end
   local address = properties.ipAddress
   refuse.when(address and address.type == "Public", 400, "PublicIPInVnetNotSupported",
      ("The container group '%s' in a subnet cannot have a public IP address."):format(r.name))
   refuse.when(address and address.dnsNameLabel, 400,
      "DnsLabelInVnetNotSupported", ("The container group '%s' in a subnet cannot have a DNS name label."):format(
      r.name))
end

local ADDRESSES = { code = "InvalidIpAddressType", "Public", "Private" }

local function check_address(properties, group)
   local address = properties.ipAddress
   if not address then return end
   local ports = address.ports
   check_word(address.type, ADDRESSES, "ipAddress.type")
   refuse.unless(#ports > 0 and #ports <= 5, 400, "InvalidIpAddressPorts",
      ("The IP address of container group '%s' must have 1 to 5 ports."):format(group))
   check_ports(ports, group)
   refuse.when(address.type == "Private" and not properties.subnetIds, 400, "PrivateIPRequiresSubnet",
      ("The container group '%s' with a private IP address must be in a subnet."):format(group))
end

local function check_registries(r, properties)
   for _, credential in ipairs(properties.imageRegistryCredentials or {}) do
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

local WORDS = {
   restartPolicy = { code = "InvalidRestartPolicy", "Always", "OnFailure", "Never" },
   sku = { code = "InvalidSku", "NotSpecified", "Standard", "Dedicated", "Confidential" },
   priority = { code = "InvalidPriority", "Regular", "Spot" },
}

local function check_words(properties)
   for _, name in ipairs { "restartPolicy", "sku", "priority" } do
      check_word(properties[name], WORDS[name], name)
   end
end

--- Members that came or went with a version in which the service has words of its own for them.
local function check_versions(r, properties)
   if r.version >= "2021-07-01" then
      return refuse.when(properties.networkProfile, 400, "NetworkProfileNotSupported",
         "The network profile is not supported since API version '2021-07-01': use subnetIds.")
   end
   refuse.when(properties.subnetIds, 400, "SubnetIdsNotSupported",
      "The subnet ids are not supported before API version '2021-07-01'.")
   for _, credential in ipairs(type(properties.imageRegistryCredentials) == "table"
      and properties.imageRegistryCredentials or {}) do
      refuse.when(type(credential) == "table" and credential.identity, 400, "InvalidImageRegistryCredentialType",
         ("Identity in 'imageRegistryCredentials' of container group '%s' is not supported."):format(r.name))
   end
end

-- What Windows groups cannot have.
local function check_windows(properties, identity, group)
   if properties.osType:lower() ~= "windows" then return end
   local function never(found, what)
      refuse.when(found, 400, "WindowsNotSupported", ("The Windows container group '%s' cannot have %s."):format(
         group, what))
   end
   never(#properties.containers > 1, "more than one container")
   never(properties.volumes and #properties.volumes > 0, "volumes")
   never(properties.subnetIds and identity and identity.type ~= "None",
      "an identity in a virtual network")
end

--- Refuses what is wrong with r.body.
function groupcheck.run(req, r)
   check_name(r.name, "container group", r.name)
   local properties = required(r.body.properties, "table", "properties", "")
   check_versions(r, properties)
   groupshape.check(properties, "ContainerGroupProperties", "properties", r.version)
   if r.body.identity == json.null then r.body.identity = nil end
   if r.body.identity then groupshape.check(r.body.identity, "Identity", "identity", r.version) end
   local os = properties.osType
   refuse.unless(type(os) == "string" and (os:lower() == "linux" or os:lower() == "windows"), 400, "InvalidOsType",
      "The 'osType' for container group '<null>' is invalid. The value must be one of 'Windows,Linux'.")
   check_words(properties)
   check_containers(properties, r.name)
   check_windows(properties, r.body.identity, r.name)
   check_identity(r, r.body.identity)
   check_subnet(req, r, properties)
   check_address(properties, r.name)
   check_registries(r, properties)
   check_pulls(req, r, properties)
   groupvolumes.check(properties, r.name)
end

local function numbers_of(ports)
   local list = {}
   for _, port in ipairs(type(ports) == "table" and ports or {}) do
      list[#list + 1] = ("%d/%s"):format(port.port, port.protocol or "TCP")
   end
   return table.concat(list, ",")
end

-- CPU, memory and ports of all containers and of the address, in one text.
local function resources(properties)
   local address = type(properties.ipAddress) == "table" and properties.ipAddress or {}
   local list = { numbers_of(address.ports) }
   for _, container in ipairs(properties.containers) do
      local requests = container.properties.resources.requests
      list[#list + 1] = ("%g/%g:%s"):format(requests.cpu, requests.memoryInGB, numbers_of(container.properties.ports))
   end
   return table.concat(list, " ")
end

--- Refuses a change of what cannot change on an existing group.
function groupcheck.update(r)
   local old, new = r.old.body.properties, r.body.properties
   local same = old.osType:lower() == new.osType:lower()
      and (old.restartPolicy or "Always") == (new.restartPolicy or "Always") and resources(old) == resources(new)
      and json.encode(old.subnetIds or json.null):lower() == json.encode(new.subnetIds or json.null):lower()
   refuse.unless(same, 400, "InvalidContainerGroupUpdate", ("The updates on container group '%s' are invalid. If "
      .. "you are going to update the os type, restart policy, network profile, CPU, memory or GPU resources for a "
      .. "container group, you must delete it first and then create a new one."):format(r.name))
end

return groupcheck
