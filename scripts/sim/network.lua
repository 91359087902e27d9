--- Microsoft.Network: virtual networks, subnets, public addresses, NAT gateways.
-- A subnet is a resource of its own under its network. What refers back (a NAT gateway's subnets,
--    an address's
-- gateway) is not kept but found when it is shown.
local crypto   = require "aci.crypto"
local json     = require "aci.json"
local cidr     = require "sim.cidr"
local provider = require "sim.provider"
local refuse   = require "sim.refuse"
local state    = require "sim.state"
local subnets  = require "sim.subnets"

local network = provider { name = "network", namespace = "Microsoft.Network" }

local VERSIONS = { "2025-09-01", "2025-07-01", "2025-05-01", "2025-03-01", "2025-01-01", "2024-10-01", "2024-07-01",
   "2024-05-01",
   "2024-03-01", "2024-01-01", "2023-11-01", "2023-09-01", "2023-06-01", "2023-05-01", "2023-04-01",
      "2023-02-01",
   "2022-11-01", "2022-09-01", "2022-07-01", "2022-05-01", "2022-01-01", "2021-12-01", "2021-08-01",
      "2021-06-01",
   "2021-05-01", "2021-04-01", "2021-03-01", "2021-02-01", "2021-01-01", "2020-11-01", "2020-08-01",
      "2020-07-01",
   "2020-06-01", "2020-05-01", "2020-04-01", "2020-03-01", "2019-12-01", "2019-11-01", "2019-09-01",
      "2019-08-01",
   "2019-07-01", "2019-06-01", "2019-04-01", "2019-02-01" }

-- Azure's seconds that writes take.
local SECONDS = { network = 4, subnet = 3, address = 4, gateway = 10, delete = 5 }

local function check_name(r, most)
   local good = #r.name <= (most or 80) and r.name:find "^%w[%w%._-]*$" and r.name:find "[%w_]$"
   refuse.unless(good, 400, "InvalidResourceName", ("Resource name %s is invalid. The name can be up "
      .. "to 80 characters "
      .. "long. It must begin with a word character, and it must end with a word character or with "
      .. "'_'. The name may "
      .. "contain word characters or '.', '-', '_'."):format(r.name))
end

local function etag()
   return ('W/"%s"'):format(crypto.uuid4())
end

local function properties(r)
   return type(r.body.properties) == "table" and r.body.properties or {}
end

-- Answers a write: 201 or 200 with the body on the way, and the operation to poll.
local function written(r, body, seconds, show)
   local new = not r.old
   body.etag, body.location = etag(), r.location
   local row = r:store(body, { pending = "Updating", seconds = seconds })
   local headers = r:async(seconds)
   headers["azure-asyncnotification"] = "Enabled"
   return new and 201 or 200, show(r.req, row), headers
end

local function gone(r, seconds)
   local headers = r:async(seconds, { also = "operationResults", status = 204 })
   r:remove()
   return 202, nil, headers
end

-- Virtual networks.

local function address_space(r)
   local space = properties(r).addressSpace
   local prefixes = type(space) == "table" and space.addressPrefixes
   refuse.unless(type(prefixes) == "table" and #prefixes > 0, 400, "InvalidRequestFormat",
      ("The address space of virtual network '%s' is missing."):format(r.name))
   local ranges = {}
   for index, text in ipairs(prefixes) do
      ranges[index] = refuse.unless(cidr.parse(text), 400, "InvalidAddressPrefixFormat",
         ("Address prefix %s of resource %s is not formatted correctly. It should follow CIDR "
            .. "notation, for example "
         .. "10.0.0.0/24."):format(tostring(text), r.id))
   end
   return ranges
end

-- True when a PUT without the member `subnets` leaves them alone.
local function keeps_subnets(version)
   return version >= "2023-09-01"
end

local function check_network(req, r)
   check_name(r, 64)
   local ranges = address_space(r)
   local given = properties(r).subnets
   if given == nil and keeps_subnets(r.version) then
      for _, row in ipairs(req.state:resources { under = r.id, type = subnets.TYPE }) do
         subnets.check_range(row.name, r.name, row.body.properties.addressPrefix, ranges, {})
      end
      return
   end
   subnets.check_set(req, r, type(given) == "table" and given or {}, ranges)
end

local function show_network(req, row)
   local body = row.body
   body.properties.subnets = json.array {}
   for index, subnet in ipairs(req.state:resources { under = row.id, type = subnets.TYPE }) do
      body.properties.subnets[index] = subnets.show(req, subnet)
   end
   return body
end

local function put_network(req, r)
   local given = properties(r)
   subnets.supersede(req, r)
   local body = { tags = r.tags, properties = {
      provisioningState = "Succeeded", addressSpace = given.addressSpace,
         virtualNetworkPeerings = json.array {},
      resourceGuid = r.old and r.old.body.properties.resourceGuid or crypto.uuid4(),
      dhcpOptions = type(given.dhcpOptions) == "table" and given.dhcpOptions or nil,
      enableDdosProtection = given.enableDdosProtection == true,
   } }
   local status, _, headers = written(r, body, SECONDS.network, show_network)
   if given.subnets ~= nil or not keeps_subnets(r.version) then
      subnets.replace(req, r, type(given.subnets) == "table" and given.subnets or {})
   end
   return status, show_network(req, req.state:resource(r.id)), headers
end

local function delete_network(req, r)
   for _, row in ipairs(req.state:resources { under = r.id, type = subnets.TYPE }) do
      subnets.check_unused(req, row)
   end
   return gone(r, SECONDS.delete)
end

network:type("virtualNetworks", { versions = VERSIONS, check = check_network, put = put_network,
   show = show_network,
   delete = delete_network })

-- Subnets.

local function put_subnet(req, r)
   local row = req.state:resource(r.parent)
   subnets.supersede(req, { id = r.parent, namespace = r.namespace, req = req })
   local new = not r.old
   subnets.store(req, r.id, r.body, SECONDS.subnet)
   local above = row.body
   above.etag = etag()
   req.state:put_resource { id = row.id, type = row.type, name = row.name, body = above }
   local headers = r:async(SECONDS.subnet, { location = above.location })
   return new and 201 or 200, subnets.show(req, req.state:resource(r.id)), headers
end

local function delete_subnet(req, r)
   subnets.check_unused(req, r.old)
   r.location = req.state:resource(r.parent).body.location
   return gone(r, SECONDS.delete)
end

network:type("virtualNetworks/subnets", {
   versions = VERSIONS, location = false, show = subnets.show, put = put_subnet, delete = delete_subnet,
   check = function(req, r)
      check_name(r)
      subnets.check(req, r)
   end,
})

-- Public addresses.

local function check_address(_, r)
   check_name(r)
   local given, sku = properties(r), type(r.body.sku) == "table" and r.body.sku.name or "Basic"
   if sku ~= "Basic" and sku ~= "Standard" and sku ~= "StandardV2" then
      refuse(400, "InvalidRequestFormat", "Cannot parse the request. Could not find SKU '"
         .. tostring(sku) .. "'.")
   end
   refuse.when(sku ~= "Basic" and given.publicIPAllocationMethod ~= "Static", 400,
      "StandardSkuPublicIPAddressesMustHaveStaticAllocationMethod", ("Standard sku publicIp %s must have "
      .. "AllocationMethod set to Static."):format(r.id))
end

local function gateway_of(req, id)
   for _, row in ipairs(req.state:resources { type = "Microsoft.Network/natGateways" }) do
      for _, item in ipairs(row.body.properties.publicIpAddresses or {}) do
         if state.key(item.id) == state.key(id) then
            return row
         end
      end
   end
end

local function show_address(req, row)
   local gateway = gateway_of(req, row.id)
   row.body.properties.natGateway = gateway and { id = gateway.id } or nil
   if row.busy then
      row.body.properties.ipAddress = nil
   end
   return row.body
end

local function put_address(req, r)
   local given, old = properties(r), r.old and r.old.body.properties or {}
   local count = #req.state:resources { type = r.type }
   local body = { tags = r.tags, zones = r.body.zones,
      sku = { name = type(r.body.sku) == "table" and r.body.sku.name or "Basic", tier = "Regional" },
         properties = {
         provisioningState = "Succeeded", resourceGuid = old.resourceGuid or crypto.uuid4(),
         publicIPAddressVersion = given.publicIPAddressVersion or "IPv4",
         publicIPAllocationMethod = given.publicIPAllocationMethod or "Dynamic", ipTags = json.array {},
         idleTimeoutInMinutes = given.idleTimeoutInMinutes or 4,
         ddosSettings = { protectionMode = "VirtualNetworkInherited" },
         -- 203.0.113.0/24 is for documentation: an address that nobody has
         ipAddress = old.ipAddress or ("203.0.113.%d"):format(1 + count % 254),
      } }
   return written(r, body, SECONDS.address, show_address)
end

local HELD = "Public IP address %s can not be deleted since it is still allocated to resource %s. In "
   .. "order to delete "
   .. "the public IP, disassociate/detach the Public IP address from the resource.  To learn how to do "
   .. "this, see "
   .. "aka.ms/deletepublicip."

local function delete_address(req, r)
   local gateway = gateway_of(req, r.id)
   refuse.when(gateway, 400, "PublicIPAddressCannotBeDeleted", gateway and HELD:format(r.id, gateway.id))
   return gone(r, SECONDS.delete)
end

network:type("publicIPAddresses", { versions = VERSIONS, check = check_address, put = put_address,
   show = show_address, delete = delete_address })

-- NAT gateways.

local function referenced_addresses(r)
   local list = properties(r).publicIpAddresses
   return type(list) == "table" and list or {}
end

local function check_reference(req, r, item, sku)
   local id = type(item) == "table" and item.id
   local row = subnets.must_refer(req, r.id, id, "Microsoft.Network/publicIPAddresses", r.location)
   if not row then
      return
   end
   refuse.when(row.body.sku.name ~= sku, 400, "NatGatewayPublicIpSkuMismatch",
      ("NAT Gateway %s with sku %s "
      .. "cannot use the public IP address %s with sku %s."):format(r.id, sku, id, row.body.sku.name))
   local other = gateway_of(req, id)
   refuse.when(other and state.key(other.id) ~= state.key(r.id), 400, "PublicIPAddressInUse",
      ("Resource %s is referencing public IP address %s that is already allocated to resource "
         .. "%s."):format(r.id,
      tostring(id), other and other.id))
   r:linked("Microsoft.Network/publicIPAddresses/join/action", id)
end

local function check_gateway(req, r)
   check_name(r)
   local sku = type(r.body.sku) == "table" and r.body.sku.name or "Standard"
   if sku ~= "Standard" and not (sku == "StandardV2" and r.version >= "2025-05-01") then
      refuse(400, "InvalidRequestFormat", "Cannot parse the request. Could not find SKU '"
         .. tostring(sku) .. "'.")
   end
   local minutes = properties(r).idleTimeoutInMinutes
   refuse.when(minutes and (math.type(minutes) ~= "integer" or minutes < 4 or minutes > 120), 400,
      "NatGatewayIdleTimeoutOutOfRange", "The idle timeout of a NAT gateway must be between 4 and 120 "
         .. "minutes.")
   for _, item in ipairs(referenced_addresses(r)) do
      check_reference(req, r, item, sku)
   end
end

local function show_gateway(req, row)
   local list = json.array {}
   for _, subnet in ipairs(subnets.of_gateway(req, row.id)) do
      list[#list + 1] = { id = subnet.id }
   end
   row.body.properties.subnets = #list > 0 and list or nil
   return row.body
end

local function put_gateway(_, r)
   local given, old = properties(r), r.old and r.old.body.properties or {}
   local addresses = referenced_addresses(r)
   local body = { tags = r.tags, zones = r.body.zones,
      sku = { name = type(r.body.sku) == "table" and r.body.sku.name or "Standard", tier = "Regional" },
      properties = { provisioningState = "Succeeded", resourceGuid = old.resourceGuid or crypto.uuid4(),
         idleTimeoutInMinutes = given.idleTimeoutInMinutes or 4,
         publicIpAddresses = #addresses > 0 and json.array(addresses) or nil } }
   return written(r, body, SECONDS.gateway, show_gateway)
end

local function delete_gateway(req, r)
   local users = subnets.of_gateway(req, r.id)
   refuse.when(#users > 0, 400, "CannotDeleteNatGatewayAssociatedToSubnet",
      ("NAT Gateway %s is still configured on %d "
      .. "subnets. Remove NAT Gateway from all referenced subnets and then delete NAT "
      .. "Gateway."):format(r.id, #users))
   return gone(r, SECONDS.delete)
end

network:type("natGateways", { versions = VERSIONS, check = check_gateway, put = put_gateway,
   show = show_gateway,
   delete = delete_gateway })

return network
