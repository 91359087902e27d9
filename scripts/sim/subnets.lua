--- Subnets: their rules, their storage, who uses them. Used by network.lua and by container groups.
local crypto = require "aci.crypto"
local json   = require "aci.json"
local cidr   = require "sim.cidr"
local refuse = require "sim.refuse"
local state  = require "sim.state"

local subnets = {}

subnets.TYPE = "Microsoft.Network/virtualNetworks/subnets"
--- The service that container groups need a subnet to be delegated to.
subnets.CONTAINERS = "Microsoft.ContainerInstance/containerGroups"

local SERVICES = {
   [subnets.CONTAINERS] = true, ["Microsoft.Web/serverFarms"] = true, ["Microsoft.App/environments"] = true,
   ["Microsoft.DBforPostgreSQL/flexibleServers"] = true, ["Microsoft.DBforMySQL/flexibleServers"] = true,
   ["Microsoft.Sql/managedInstances"] = true, ["Microsoft.Databricks/workspaces"] = true,
   ["Microsoft.Netapp/volumes"] = true, ["Microsoft.Network/dnsResolvers"] = true,
   ["Microsoft.MachineLearningServices/workspaces"] = true, ["GitHub.Network/networkSettings"] = true,
}

local function prefix_of(properties)
   local list = properties.addressPrefixes
   return properties.addressPrefix or (type(list) == "table" and list[1]) or nil
end

--- The resources (container groups) in a subnet, as ids.
function subnets.users(req, id)
   local found = {}
   for _, row in ipairs(req.state:resources { type = subnets.CONTAINERS }) do
      for _, item in ipairs((row.body.properties or {}).subnetIds or {}) do
         if state.key(item.id) == state.key(id) then
            found[#found + 1] = row.id
         end
      end
   end
   return found
end

--- The subnets that refer to a NAT gateway.
function subnets.of_gateway(req, id)
   local found = {}
   for _, row in ipairs(req.state:resources { type = subnets.TYPE }) do
      local gateway = row.body.properties.natGateway
      if gateway and state.key(gateway.id) == state.key(id) then
         found[#found + 1] = row
      end
   end
   return found
end

--- Refuses a reference to what does not exist, is of another type or in another region; gives the row. When
-- a template is validated what it refers to need not exist yet: then it gives nil.
function subnets.must_refer(req, from, id, kind, location)
   local row = type(id) == "string" and req.state:resource(id)
   if not row and req.preflight then
      return nil
   end
   if not (row and row.type == kind:lower() and (not location or row.body.location == location)) then
      refuse(400, "InvalidResourceReference", ("Resource %s referenced by resource %s was not found. "
         .. "Please make sure "
         .. "that the referenced resource exists, and that both resources are in the same region."):format(
         tostring(id), from))
   end
   return row
end

--- Refuses a prefix outside the network's ranges or over one of the other subnets (a list of ranges).
function subnets.check_range(name, network, prefix, ranges, others)
   prefix = prefix or ""
   local range = refuse.unless(cidr.parse(prefix), 400, "InvalidAddressPrefixFormat",
      ("Address prefix %s of subnet %s "
      .. "is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24."):format(
      tostring(prefix), name))
   local inside = false
   for _, outer in ipairs(ranges) do
      inside = inside or cidr.inside(range, outer)
   end
   refuse.unless(inside, 400, "NetcfgSubnetRangeOutsideVnet",
      ("Subnet '%s' is not valid because its IP address range "
      .. "is outside the IP address range of virtual network '%s'."):format(name, network))
   for _, other in ipairs(others) do
      refuse.when(cidr.overlap(range, other), 400, "NetcfgSubnetRangesOverlap",
         ("Subnet '%s' is not valid because its "
         .. "IP address range overlaps with that of an existing subnet in virtual network "
         .. "'%s'."):format(name, network))
   end
   refuse.when(range.length > 29, 400, "NetcfgInvalidSubnet",
      ("Subnet '%s' is not valid in virtual network '%s'."):format(name, network))
   return range
end

local function delegations_of(properties)
   local list = properties.delegations
   return type(list) == "table" and list or {}
end

local function service_names(properties)
   local names = {}
   for _, item in ipairs(delegations_of(properties)) do
      names[#names + 1] = (item.properties or {}).serviceName
   end
   return table.concat(names, ",")
end

local function check_delegations(name, properties)
   local list = delegations_of(properties)
   for _, item in ipairs(list) do
      local service = type(item) == "table" and type(item.properties) == "table"
         and item.properties.serviceName
      refuse.unless(type(item) == "table" and type(item.name) == "string", 400, "InvalidRequestFormat",
         ("A delegation of subnet '%s' has no name."):format(name))
      refuse.unless(SERVICES[service], 400, "InvalidServiceNameInSubnetDelegation",
         ("Invalid service name '%s' in the delegations of subnet '%s'."):format(tostring(service), name))
   end
   refuse.when(#list > 1, 400, "SubnetHasMultipleDelegations",
      ("Subnet '%s' cannot have more than one delegation."):format(name))
end

local function check_gateway(req, id, network_id, properties, location)
   local gateway = properties.natGateway
   if type(gateway) ~= "table" then
      return
   end
   subnets.must_refer(req, id, gateway.id, "Microsoft.Network/natGateways", location)
   for _, row in ipairs(subnets.of_gateway(req, gateway.id)) do
      refuse.when(state.key(row.id:match "^(.*)/subnets/") ~= state.key(network_id), 400,
         "NatGatewayCannotBeUsedBySubnetsBelongingToDifferentVirtualNetworks",
            ("NAT Gateway %s cannot be used by "
         .. "subnets that belong to different virtual networks."):format(gateway.id))
   end
end

-- A used subnet may get a gateway, but neither another range nor another delegation.
local function check_used(req, id, old, properties)
   local users = old and subnets.users(req, id) or {}
   if #users == 0 then
      return
   end
   local before, after = service_names(old.body.properties), service_names(properties)
   refuse.when(before ~= after, 400, "SubnetDelegationsCannotChangeWhenSubnetUsedByResource",
      ("Delegations of subnet "
      .. "%s cannot be changed from [%s] to [%s] because it is being used by the resource %s."):format(id,
         before,
      after, users[1]))
   refuse.when(old.body.properties.addressPrefix ~= prefix_of(properties), 400,
      "InUseSubnetCannotBeUpdated",
      ("Subnet %s is in use and cannot be updated."):format(old.name))
end

local function check_one(req, r, item, ranges, others)
   local properties = type(item.properties) == "table" and item.properties or {}
   check_delegations(item.name, properties)
   local range = subnets.check_range(item.name, r.name, prefix_of(properties), ranges, others)
   local id = r.id .. "/subnets/" .. item.name
   check_gateway(req, id, r.id, properties, r.location)
   if type(properties.natGateway) == "table" then
      r:linked("Microsoft.Network/natGateways/join/action", properties.natGateway.id)
   end
   check_used(req, id, req.state:resource(id), properties)
   return range
end

--- Checks the whole set of subnets in the body of a network.
function subnets.check_set(req, r, list, ranges)
   local others, names = {}, {}
   for _, item in ipairs(list) do
      local name = type(item) == "table" and item.name
      refuse.unless(type(name) == "string" and not names[name:lower()], 400, "InvalidRequestFormat",
         ("The subnets of virtual network '%s' need names of their own."):format(r.name))
      names[name:lower()] = true
      others[#others + 1] = check_one(req, r, item, ranges, others)
   end
   for _, row in ipairs(req.state:resources { under = r.id, type = subnets.TYPE }) do
      if not names[row.name:lower()] then
         subnets.check_unused(req, row)
      end
   end
end

local function network_ranges(row)
   local ranges = {}
   for _, text in ipairs(row.body.properties.addressSpace.addressPrefixes) do
      ranges[#ranges + 1] = cidr.parse(text)
   end
   return ranges
end

--- Checks the body of one subnet that is written on its own. When a template is validated its network may be
-- another one by then.
function subnets.check(req, r)
   local above = not req.preflight and req.state:resource(r.parent)
   local ranges = above and network_ranges(above) or { cidr.parse "0.0.0.0/0" }
   local others = {}
   for _, row in ipairs(above and req.state:resources { under = r.parent, type = subnets.TYPE } or {}) do
      if state.key(row.id) ~= state.key(r.id) then
         others[#others + 1] = cidr.parse(row.body.properties.addressPrefix)
      end
   end
   local network = { id = r.parent, name = r.parent:match "[^/]+$", location = above
      and above.body.location, linked = function(_,
      ...) return r:linked(...) end }
   check_one(req, network, { name = r.name, properties = r.body.properties }, ranges, others)
end

--- Refuses to delete a subnet that is in use.
function subnets.check_unused(req, row)
   local users = subnets.users(req, row.id)
   refuse.when(#users > 0, 400, "InUseSubnetCannotBeDeleted",
      ("Subnet %s is in use by %s and cannot be deleted. In "
      .. "order to delete the subnet, delete all the resources within the subnet. See "
      .. "aka.ms/deletesubnet."):format(
      row.name, users[1]))
end

local function stored_delegations(id, properties)
   local list = json.array {}
   for index, item in ipairs(delegations_of(properties)) do
      list[index] = { name = item.name, id = id .. "/delegations/" .. item.name,
         type = "Microsoft.Network/virtualNetworks/subnets/delegations", properties = {
            provisioningState = "Succeeded", serviceName = item.properties.serviceName,
            actions = json.array { "Microsoft.Network/virtualNetworks/subnets/action" } } }
   end
   return list
end

--- Writes a subnet from a body; seconds of Azure's until it has succeeded.
function subnets.store(req, id, body, seconds)
   local given = type(body.properties) == "table" and body.properties or {}
   local etag = ('W/"%s"'):format(crypto.uuid4())
   local name = id:match "[^/]+$"
   req.state:put_resource { id = id, type = subnets.TYPE, name = name, pending = seconds and "Updating",
      ready_in = seconds and req.cloud:seconds(seconds), body = {
         id = id, name = name, type = subnets.TYPE, etag = etag, properties = {
            provisioningState = "Succeeded", addressPrefix = prefix_of(given),
            delegations = stored_delegations(id, given),
            natGateway = type(given.natGateway) == "table" and { id = given.natGateway.id } or nil,
            defaultOutboundAccess = given.defaultOutboundAccess,
            serviceEndpoints = type(given.serviceEndpoints) == "table" and given.serviceEndpoints or nil,
            privateEndpointNetworkPolicies = given.privateEndpointNetworkPolicies or "Disabled",
            privateLinkServiceNetworkPolicies = given.privateLinkServiceNetworkPolicies or "Enabled",
         } } }
end

--- Makes the set of subnets of a network what its body says.
function subnets.replace(req, r, list)
   local names = {}
   for _, item in ipairs(list) do
      names[item.name:lower()] = true
      subnets.store(req, r.id .. "/subnets/" .. item.name, item)
   end
   for _, row in ipairs(req.state:resources { under = r.id, type = subnets.TYPE }) do
      if not names[row.name:lower()] then
         req.state:delete_resource(row.id)
      end
   end
end

--- What GET gives: the subnet with the link that container groups leave on it.
function subnets.show(req, row)
   local users = subnets.users(req, row.id)
   if #users > 0 then
      row.body.properties.serviceAssociationLinks = json.array { {
         name = "acisal", id = row.id .. "/serviceAssociationLinks/acisal",
         properties = { provisioningState = "Succeeded", linkedResourceType = subnets.CONTAINERS,
            allowDelete = true, enabledForArmDeployments = false, locations = json.array {} } } }
   end
   return row.body
end

--- A write on a busy network ends the operation that is under way, as the service does.
function subnets.supersede(req, r)
   for _, operation in ipairs(req.state.db:rows(
      "SELECT id FROM operations WHERE resource = ? AND status IS NULL AND ends > ?", r.id,
         req.state:now())) do
      req.state:end_operation(operation.id, "Canceled", { error = { code = "Canceled",
         message = "Operation was canceled.", details = json.array { {
            code = "CanceledAndSupersededDueToAnotherOperation",
               message = ("Operation PutVirtualNetworkOperation (%s) "
               .. "was canceled and superseded by operation PutSubnetOperation "
               .. "(%s)."):format(operation.id, req.id),
         } } } })
   end
end

return subnets
