local support = require "tests.support.cloud"

describe("the network of the local cloud", function()
   local cloud
   local N = "/resourceGroups/rg/providers/Microsoft.Network/"
   local V = "2024-05-01"
   local DELEGATION = { name = "d", properties = {
      serviceName = "Microsoft.ContainerInstance/containerGroups" } }

   before_each(function()
      cloud = support.inside()
      cloud:prepare("rg", "Microsoft.Network")
   end)

   after_each(function() cloud:close() end)

   local function arm(...) return cloud:arm(...) end

   local function code(status, body)
      return { status, body and body.error and body.error.code }
   end

   local function network(changes, version)
      local properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } } }
      for name, value in pairs(changes or {}) do
         properties[name] = value
      end
      return arm("PUT", N .. "virtualNetworks/v", version or V, { location = "northeurope",
         properties = properties })
   end

   local function subnet(name, properties)
      return arm("PUT", N .. "virtualNetworks/v/subnets/" .. name, V, { properties = properties })
   end

   local function address(name, body)
      body = body or { sku = { name = "Standard" }, properties = { publicIPAllocationMethod = "Static" } }
      body.location = "northeurope"
      return arm("PUT", N .. "publicIPAddresses/" .. name, V, body)
   end

   local function id(path)
      return "/subscriptions/" .. cloud.owner.subscription .. N .. path
   end

   local function gateway(name, addresses, sku)
      local list = {}
      for index, item in ipairs(addresses or {}) do
         list[index] = { id = id("publicIPAddresses/" .. item) }
      end
      return arm("PUT", N .. "natGateways/" .. name, V, { location = "northeurope",
         sku = { name = sku or "Standard" }, properties = { publicIpAddresses = #list > 0 and list
            or nil } })
   end

   -- A container group's row, as far as the network asks of it.
   local function container_group(subnet_id)
      local group = "/subscriptions/" .. cloud.owner.subscription
         .. "/resourceGroups/rg/providers/Microsoft.ContainerInstance/containerGroups/cg"
      cloud.state:put_resource { id = group, type = "Microsoft.ContainerInstance/containerGroups",
         body = { id = group, properties = { subnetIds = { { id = subnet_id } } } } }
      return group
   end

   it("makes a network with its subnets and an operation to poll", function()
      local status, body, headers = network { subnets = { { name = "a", properties = {
         addressPrefix = "10.0.0.0/24", delegations = { DELEGATION } } } } }
      assert.equal(201, status)
      assert.equal("enabled", headers["azure-asyncnotification"]:lower())
      assert.equal("a", body.properties.subnets[1].name)
      local _, poll = cloud:request { url = headers["azure-asyncoperation"], token = cloud.arm_token }
      assert.same({ status = "Succeeded" }, poll)
      local _, shown, more = arm("GET", N .. "virtualNetworks/v", V)
      assert.equal("Succeeded", shown.properties.provisioningState)
      assert.equal(shown.etag, more.etag)
      local delegation = shown.properties.subnets[1].properties.delegations[1]
      assert.equal("Microsoft.ContainerInstance/containerGroups", delegation.properties.serviceName)
      assert.equal(200, (network {}))
   end)

   it("says Updating and InProgress while it works", function()
      local slow = support.inside { factor = 1 }
      slow:prepare("rg", "Microsoft.Network")
      local _, body, headers = slow:arm("PUT", N .. "virtualNetworks/v", V, { location = "northeurope",
         properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } } } })
      assert.equal("Updating", body.properties.provisioningState)
      local _, poll, more = slow:request { url = headers["azure-asyncoperation"], token = slow.arm_token }
      assert.equal("InProgress", poll.status)
      assert.truthy(more["retry-after-ms"])
      slow:arm("PUT", N .. "virtualNetworks/v/subnets/s", V, { properties = {
         addressPrefix = "10.0.1.0/24" } })
      local _, superseded = slow:request { url = headers["azure-asyncoperation"], token = slow.arm_token }
      assert.same({ "Canceled", "CanceledAndSupersededDueToAnotherOperation" },
         { superseded.status, superseded.error.details[1].code })
      slow:close()
   end)

   it("replaces or keeps subnets by the api-version", function()
      network()
      subnet("s", { addressPrefix = "10.0.1.0/24" })
      network {}
      assert.equal(1, #select(2, arm("GET", N .. "virtualNetworks/v", V)).properties.subnets)
      network({}, "2022-01-01")
      assert.equal(0, #select(2, arm("GET", N .. "virtualNetworks/v", V)).properties.subnets)
   end)

   it("refuses ranges that are wrong, outside or over each other", function()
      assert.same({ 400, "InvalidAddressPrefixFormat" }, code(network { addressSpace = {
         addressPrefixes = { "10.0.0.1/16" } } }))
      network()
      assert.same({ 400, "NetcfgSubnetRangeOutsideVnet" }, code(subnet("s", {
         addressPrefix = "10.1.0.0/24" })))
      assert.equal(201, (subnet("s", { addressPrefix = "10.0.1.0/24" })))
      assert.same({ 400, "NetcfgSubnetRangesOverlap" }, code(subnet("t", {
         addressPrefix = "10.0.1.128/25" })))
      assert.equal(200, (subnet("s", { addressPrefix = "10.0.1.0/25" })))
      assert.same({ 400, "NetcfgSubnetRangeOutsideVnet" }, code(network { addressSpace = {
         addressPrefixes = { "10.9.0.0/16" } } }))
   end)

   it("names the missing ancestor and the missing parent", function()
      local status, body = arm("GET", N .. "virtualNetworks/none/subnets/s", V)
      assert.same({ 404, "ResourceNotFound" }, code(status, body))
      assert.truthy(body.error.message:find("'Microsoft.Network/virtualNetworks/none'", 1, true))
      assert.same({ 404, "ParentResourceNotFound" }, code(subnet("s", { addressPrefix = "10.0.1.0/24" })))
   end)

   it("does not take away a subnet that container groups use", function()
      network()
      subnet("s", { addressPrefix = "10.0.1.0/24", delegations = { DELEGATION } })
      container_group(id "virtualNetworks/v/subnets/s")
      assert.same({ 400, "InUseSubnetCannotBeDeleted" }, code(arm("DELETE", N
         .. "virtualNetworks/v/subnets/s", V)))
      assert.same({ 400, "InUseSubnetCannotBeDeleted" }, code(arm("DELETE", N .. "virtualNetworks/v", V)))
      assert.same({ 400, "InUseSubnetCannotBeDeleted" }, code(network { subnets = {} }))
      assert.same({ 400, "InUseSubnetCannotBeUpdated" }, code(subnet("s", { addressPrefix = "10.0.2.0/24",
         delegations = { DELEGATION } })))
      assert.same({ 400, "SubnetDelegationsCannotChangeWhenSubnetUsedByResource" },
         code(subnet("s", { addressPrefix = "10.0.1.0/24" })))
      local links = select(2, arm("GET", N .. "virtualNetworks/v/subnets/s",
         V)).properties.serviceAssociationLinks
      assert.equal("acisal", links[1].name)
   end)

   it("deletes with operations of both kinds, the absent with 204", function()
      network()
      local status, _, headers = arm("DELETE", N .. "virtualNetworks/v", V)
      assert.equal(202, status)
      assert.equal(204, (cloud:request { url = headers.location, token = cloud.arm_token }))
      assert.equal("Succeeded", select(2, cloud:request { url = headers["azure-asyncoperation"],
         token = cloud.arm_token }).status)
      assert.equal(204, (arm("DELETE", N .. "virtualNetworks/v", V)))
   end)

   it("gives an address only when it is there, and keeps it", function()
      local slow = support.inside { factor = 1 }
      slow:prepare("rg", "Microsoft.Network")
      local _, body = slow:arm("PUT", N .. "publicIPAddresses/p", V, { location = "northeurope",
         sku = { name = "Standard" }, properties = { publicIPAllocationMethod = "Static" } })
      assert.is_nil(body.properties.ipAddress)
      slow:close()
      address "p"
      local shown = select(2, arm("GET", N .. "publicIPAddresses/p", V))
      assert.truthy(shown.properties.ipAddress:find "^203%.0%.113%.%d+$")
      assert.same({ 400, "StandardSkuPublicIPAddressesMustHaveStaticAllocationMethod" },
         code(address("q", { sku = { name = "Standard" }, properties = {} })))
   end)

   it("ties gateway, address and subnet together and guards them", function()
      address "p"
      assert.equal(201, (gateway("n", { "p" })))
      network()
      assert.equal(201, (subnet("s", { addressPrefix = "10.0.1.0/24", natGateway = {
         id = id "natGateways/n" } })))
      assert.equal(id "natGateways/n",
         select(2, arm("GET", N .. "publicIPAddresses/p", V)).properties.natGateway.id)
      assert.equal(id "virtualNetworks/v/subnets/s",
         select(2, arm("GET", N .. "natGateways/n", V)).properties.subnets[1].id)
      assert.same({ 400, "CannotDeleteNatGatewayAssociatedToSubnet" }, code(arm("DELETE", N
         .. "natGateways/n", V)))
      assert.same({ 400, "PublicIPAddressCannotBeDeleted" }, code(arm("DELETE", N
         .. "publicIPAddresses/p", V)))
      subnet("s", { addressPrefix = "10.0.1.0/24" })
      assert.equal(202, (arm("DELETE", N .. "natGateways/n", V)))
      assert.equal(202, (arm("DELETE", N .. "publicIPAddresses/p", V)))
   end)

   it("refuses gateways without their address, with a Basic one, or with somebody else's", function()
      assert.same({ 400, "InvalidResourceReference" }, code(gateway("n", { "none" })))
      arm("PUT", N .. "publicIPAddresses/elsewhere", V, { location = "westeurope", sku = { name = "Standard" },
         properties = { publicIPAllocationMethod = "Static" } })
      assert.same({ 400, "InvalidResourceReference" }, code(gateway("n", { "elsewhere" })))
      address("basic", { properties = {} })
      assert.same({ 400, "NatGatewayPublicIpSkuMismatch" }, code(gateway("n", { "basic" })))
      address "p"
      gateway("n", { "p" })
      assert.same({ 400, "PublicIPAddressInUse" }, code(gateway("m", { "p" })))
      assert.same({ 400, "InvalidRequestFormat" }, code(gateway("m", {}, "Gold")))
      assert.equal(201, (gateway("empty", {})))
   end)

   it("refuses a subnet whose gateway is not there or serves another network", function()
      network()
      assert.same({ 400, "InvalidResourceReference" }, code(subnet("s", { addressPrefix = "10.0.1.0/24",
         natGateway = { id = id "natGateways/none" } })))
      gateway("n", {})
      subnet("s", { addressPrefix = "10.0.1.0/24", natGateway = { id = id "natGateways/n" } })
      arm("PUT", N .. "virtualNetworks/w", V, { location = "northeurope",
         properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } } } })
      assert.same({ 400, "NatGatewayCannotBeUsedBySubnetsBelongingToDifferentVirtualNetworks" },
         code(arm("PUT", N .. "virtualNetworks/w/subnets/s", V, { properties = {
            addressPrefix = "10.0.1.0/24",
            natGateway = { id = id "natGateways/n" } } })))
   end)

   it("asks for the right to join what a body refers to", function()
      gateway("n", {})
      network()
      local roles = require "sim.roles"
      roles.save(cloud.state, { name = "11111111-1111-1111-1111-111111111111", title = "Subnets only",
         scopes = { "/" },
         permissions = { { actions = { "Microsoft.Network/virtualNetworks/subnets/*" }, notActions = {},
            dataActions = {}, notDataActions = {} } } })
      local client = cloud:client("limited", "11111111-1111-1111-1111-111111111111",
         "/subscriptions/" .. cloud.owner.subscription)
      local token = cloud:token("https://management.azure.com", client.id, client.secret)
      local status, body = arm("PUT", N .. "virtualNetworks/v/subnets/s", V, { properties = {
         addressPrefix = "10.0.1.0/24", natGateway = { id = id "natGateways/n" } } }, token)
      assert.same({ 403, "LinkedAuthorizationFailed" }, code(status, body))
      assert.truthy(body.error.message:find("Microsoft.Network/natGateways/join/action", 1, true))
   end)
end)
