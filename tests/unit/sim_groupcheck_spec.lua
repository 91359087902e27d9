-- What Container Instances refuses in a container group, row by row, and what it must not refuse.
local json = require "aci.json"
local support = require "tests.support.cloud"

local GROUPS = "/resourceGroups/rg/providers/Microsoft.ContainerInstance/containerGroups/"
local NET = "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/net"
local IDENTITY = "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-1"
local null = json.null

local function amounts(cpu, memory, limits)
   return { resources = { requests = { cpu = cpu, memoryInGB = memory }, limits = limits } }
end

local function container(more, name)
   local properties = { image = "alpine", command = { "sleep", "100" },
      resources = { requests = { cpu = 1, memoryInGB = 1 } } }
   for key, value in pairs(more or {}) do properties[key] = value ~= null and value or nil end
   return { name = name or "main", properties = properties }
end

--- The body of a group; `more.container` goes into its container, `more.top` beside the properties.
local function body_of(more)
   local properties = { osType = "Linux", restartPolicy = "Never", containers = { container(more.container) } }
   local body = { location = "northeurope", properties = properties }
   for key, value in pairs(more) do
      if key == "top" then
         for name, each in pairs(value) do body[name] = each end
      elseif key ~= "container" and key ~= "version" then
         properties[key] = value
      end
   end
   return body
end

local function env(...) return { container = { environmentVariables = { ... } } } end
local function volume(more) more.name = more.name or "things"; return { volumes = { more } } end
local function address(more)
   local all = { type = "Public", ports = { { port = 80 } } }
   for key, value in pairs(more) do all[key] = value end
   return { ipAddress = all }
end

describe("a container group", function()
   local cloud, subnet, identity

   setup(function()
      cloud = support.inside { factor = 0 }
      cloud:prepare("rg", "Microsoft.ContainerInstance", "Microsoft.Network", "Microsoft.ManagedIdentity")
      local above = "/subscriptions/" .. cloud.owner.subscription
      cloud:arm("PUT", NET, "2023-04-01", { location = "northeurope", properties = {
         addressSpace = { addressPrefixes = { "10.0.0.0/16" } }, subnets = { { name = "aci", properties = {
            addressPrefix = "10.0.0.0/24", delegations = { { name = "d", properties = {
               serviceName = "Microsoft.ContainerInstance/containerGroups" } } } } } } } })
      cloud:arm("PUT", IDENTITY, "2023-01-31", { location = "northeurope" })
      subnet, identity = above .. NET .. "/subnets/aci", above .. IDENTITY
   end)
   teardown(function() cloud:close() end)

   local function put(name, more)
      local wanted = type(more) == "function" and more() or more
      return cloud:arm("PUT", GROUPS .. name, wanted.version or "2023-05-01", body_of(wanted))
   end

   local function attached(value, kind)
      return { identity = { type = kind or "UserAssigned", userAssignedIdentities = { [identity] = value } } }
   end

   local CONTENT = "InvalidRequestContent"
   local refused = {
      -- types
      { "an environment that is an object", CONTENT, { container = { environmentVariables = { A = "b" } } },
         "type 'EnvironmentVariable[]' because the type requires a JSON array" },
      { "a number in the environment", CONTENT, env { name = "A", value = 1 },
         "Path 'properties.containers[0].properties.environmentVariables[0].value'" },
      { "a command that is a text", CONTENT, { container = { command = "sleep 3" } }, "type 'string[]'" },
      { "numbers in a command", CONTENT, { container = { command = { 1, 2 } } }, "properties.command[0]'" },
      { "a number of CPUs in quotes", CONTENT, { container = amounts("1", 1) }, "requests.cpu'" },
      { "containers in an object", CONTENT, { containers = { a = container() } }, "type 'Container[]'" },
      -- members
      { "an unknown member of a container", CONTENT, { container = { imagee = "x" } },
         "Could not find member 'imagee' on object of type 'ContainerProperties'" },
      { "an unknown member of a variable", CONTENT, env { name = "A", valeu = "b" }, "member 'valeu'" },
      { "an unknown member of the resources", CONTENT,
         { container = { resources = { requests = { cpu = 1, memoryInGB = 1, disk = 1 } } } }, "member 'disk'" },
      { "an unknown member of the address", CONTENT, address { fqdm = "x" }, "member 'fqdm'" },
      { "an unknown member of a volume", CONTENT, volume { emptyDir = json.object {}, size = 1 }, "member 'size'" },
      { "ports of an init container", CONTENT, { initContainers = { { name = "i", properties = { image = "alpine",
         ports = { { port = 1 } } } } } }, "type 'InitContainerProperties'" },
      { "servers that a DNS configuration lacks", CONTENT, { dnsConfig = { searchDomains = "x" } },
         "Required property 'nameServers' not found in JSON. Path 'properties.dnsConfig'" },
      { "a file share without a name", CONTENT, volume { azureFile = { storageAccountName = "a" } },
         "Required property 'shareName'" },
      { "a mount without a path", CONTENT, { container = { volumeMounts = { { name = "things" } } } },
         "Required property 'mountPath'" },
      { "an image that is null", CONTENT, { container = { image = null } },
         "Required property 'image' not found in JSON. Path 'properties.containers[0].properties'" },
      -- versions
      { "references to secrets before 2025-09-01", CONTENT, env { name = "A", secureValueReference = "r" },
         "member 'secureValueReference'" },
      { "secrets to refer to before 2025-09-01", CONTENT, { secretReferences = { { name = "r" } } },
         "member 'secretReferences'" },
      { "access lists of identities before 2025-09-01", CONTENT, { identityAcls = { defaultAccess = "All" } },
         "member 'identityAcls'" },
      { "a priority before 2022-10-01-preview", CONTENT, { version = "2021-09-01", priority = "Spot" },
         "member 'priority'" },
      { "confidential computing before 2022-10-01-preview", CONTENT, { version = "2022-09-01",
         confidentialComputeProperties = { ccePolicy = "x" } }, "member 'confidentialComputeProperties'" },
      { "a security context before 2022-10-01-preview", CONTENT, { version = "2021-09-01",
         container = { securityContext = { privileged = false } } }, "member 'securityContext'" },
      { "a registry's identity before 2021-07-01", "InvalidImageRegistryCredentialType", { version = "2019-12-01",
         imageRegistryCredentials = { { server = "r.azurecr.io", identity = "i" } } },
         "Identity in 'imageRegistryCredentials' of container group" },
      { "a network profile since 2021-07-01", "NetworkProfileNotSupported", { networkProfile = { id = "x" } } },
      { "subnets before 2021-07-01", "SubnetIdsNotSupported", { version = "2019-12-01",
         subnetIds = { { id = "x" } } } },
      -- amounts
      { "no CPU for one of two", "InvalidResourceRequests", { containers = { container(amounts(0, 1)),
         container(amounts(1, 1), "b") } } },
      { "less than no memory", "InvalidResourceRequests", { containers = { container(amounts(1, -1)),
         container(amounts(1, 3), "b") } } },
      { "a limit below the request", "InvalidResourceLimits", { container = amounts(2, 2, { cpu = 1 }) } },
      { "a limit above the group", "InvalidResourceLimits", { container = amounts(1, 1, { memoryInGB = 2 }) } },
      { "more than 31 CPUs", "InvalidResourceRequests", { container = amounts(32, 1) } },
      { "more than 240 GB", "InvalidResourceRequests", { container = amounts(1, 241) } },
      { "a GPU", "GpuNotSupported", { container = { resources = { requests = { cpu = 1, memoryInGB = 1,
         gpu = { count = 1, sku = "V100" } } } } } },
      -- words
      { "an unknown restart policy", "InvalidRestartPolicy", { restartPolicy = "Sometimes" } },
      { "an unknown sku", "InvalidSku", { sku = "Gold" } },
      { "an unknown priority", "InvalidPriority", { priority = "High" } },
      { "an unknown kind of address", "InvalidIpAddressType", address { type = "Fancy" } },
      { "an unknown protocol", "InvalidProtocol", address { ports = { { port = 80, protocol = "ICMP" } } } },
      { "a container's port of 0", "InvalidPort", { container = { ports = { { port = 0 } } } } },
      { "a port of 65536", "InvalidPort", address { ports = { { port = 65536 } } } },
      { "six ports", "InvalidIpAddressPorts", address { ports = { { port = 1 }, { port = 2 }, { port = 3 },
         { port = 4 }, { port = 5 }, { port = 6 } } } },
      -- names
      { "two containers of one name", "DuplicateContainerName", { containers = { container(), container() } } },
      { "two volumes of one name", "DuplicateVolumeName", { volumes = { { name = "things", emptyDir = json.object {} },
         { name = "things", emptyDir = json.object {} } } } },
      { "a variable without a name", "InvalidEnvironmentVariableName", env { name = "", value = "b" } },
      { "a variable's name with =", "InvalidEnvironmentVariableName", env { name = "A=B", value = "b" } },
      -- volumes
      { "a secret that is not base64", "InvalidSecretVolume", volume { secret = { key = "!!" } } },
      { "a repository's folder above", "InvalidGitRepoVolume",
         volume { gitRepo = { repository = "https://example.com/r", directory = "../x" } } },
      { "a mount path with a colon", "InvalidVolumeMountPath", { volumes = { { name = "things",
         emptyDir = json.object {} } }, container = { volumeMounts = { { name = "things", mountPath = "/a:b" } } } } },
      -- registries
      { "a registry with neither user nor identity", "AmbiguousImageResitryCredentialType",
         { imageRegistryCredentials = { { server = "r.azurecr.io" } } } },
      { "a registry with a scheme", "InvalidImageRegistryServer",
         { imageRegistryCredentials = { { server = "https://r.azurecr.io", username = "u", password = "p" } } } },
      { "a registry's identity that the group does not have", "InvalidImageRegistryIdentity",
         { imageRegistryCredentials = { { server = "r.azurecr.io", identity = "/x" } } },
         "not found in container group identity list." },
      -- identities
      { "an unknown type of identity", "InvalidIdentityType", { top = { identity = { type = "Robot" } } } },
      { "an identity that is a text", CONTENT, { top = { identity = "me" } } },
      { "no identities though it says UserAssigned", "InvalidIdentity", { top = { identity = {
         type = "UserAssigned", userAssignedIdentities = json.object {} } } } },
      { "an identity with members of its own", "InvalidIdentity", function()
         return { top = attached { color = "red" } }
      end, "has the member 'color'" },
      { "a network for an identity", "InvalidIdentity", function()
         return { top = { identity = { type = "UserAssigned", userAssignedIdentities = {
            [subnet:match "^(.*)/subnets"] = json.object {} } } } }
      end, "is not the id of a user assigned identity" },
      -- networks
      { "two subnets", "InvalidSubnetIds", function() return { subnetIds = { { id = subnet }, { id = subnet } } } end },
      { "a subnet without an id", CONTENT, { subnetIds = { json.object {} } },
         "Required property 'id' not found in JSON. Path 'properties.subnetIds[0]'" },
      { "a subnet of another region", "SubnetNotInSameRegion", function()
         return { subnetIds = { { id = subnet } }, top = { location = "westeurope" } }
      end },
      { "a public address in a subnet", "PublicIPInVnetNotSupported", function()
         return { subnetIds = { { id = subnet } }, ipAddress = address({}).ipAddress }
      end },
      { "a DNS label in a subnet", "DnsLabelInVnetNotSupported", function()
         return { subnetIds = { { id = subnet } },
            ipAddress = address({ type = "Private", dnsNameLabel = "label" }).ipAddress }
      end },
      -- Windows
      { "two containers on Windows", "WindowsNotSupported", { osType = "Windows", containers = { container(),
         container(nil, "b") } }, "more than one container" },
      { "volumes on Windows", "WindowsNotSupported", { osType = "windows", volumes = { { name = "things",
         emptyDir = json.object {} } } }, "cannot have volumes" },
      { "an identity in a network on Windows", "WindowsNotSupported", function()
         return { osType = "Windows", subnetIds = { { id = subnet } }, top = attached(json.object {}) }
      end, "an identity in a virtual network" },
   }

   for _, row in ipairs(refused) do
      it("is refused with " .. row[1], function()
         local status, body = put("refused", row[3])
         assert.same({ 400, row[2] }, { status, body.error and body.error.code })
         assert.truthy(body.error.message:find(row[4] or "", 1, true), body.error.message)
         assert.equal(404, (cloud:arm("GET", GROUPS .. "refused", "2023-05-01")))
      end)
   end

   local accepted = {
      { "an operating system in any letter case", { osType = "linux" } },
      { "two halves of a CPU", { containers = { container(amounts(0.5, 0.5)),
         container(amounts(0.5, 0.5), "b--b") } } },
      { "a limit of what it requests", { container = amounts(1, 1, { cpu = 1, memoryInGB = 1 }) } },
      { "members that are null", { ipAddress = null, volumes = null, subnetIds = null, initContainers = null,
         imageRegistryCredentials = null, dnsConfig = null, top = { identity = null } } },
      { "a variable without a value, or with a null one", env({ name = "A" }, { name = "B", value = null,
         secureValue = "s" }) },
      { "what resources carry at the top", { top = { id = "i", name = "n", type = "t", apiVersion = "v" } } },
      { "an identity as it is read", function() return { top = attached { principalId = "p", clientId = "c" } } end },
      { "a private address in a subnet", function()
         return { subnetIds = { { id = subnet, name = "aci" } }, ipAddress = address({ type = "Private" }).ipAddress }
      end },
      { "secrets with references to some", { version = "2025-09-01", volumes = { { name = "things",
         secret = { a = "YQ==" }, secretReference = { b = "r" } } }, secretReferences = { { name = "r",
         identity = "i", secretReferenceUri = "https://v.vault.azure.net/secrets/b" } } } },
      { "a priority in a version that has it", { priority = "Regular" } },
   }
   for index, row in ipairs(accepted) do
      it("is made with " .. row[1], function()
         local name = "made-" .. index
         local status, body = put(name, row[2])
         assert.equal(201, status, json.encode(body))
         cloud:arm("DELETE", GROUPS .. name, "2023-05-01")
      end)
   end

   describe("that exists", function()
      local function ports(...) return { container = { ports = { ... } } } end

      setup(function()
         assert.equal(201, (put("there", address { ports = { { port = 80 } } })))
         for _ = 1, 100 do
            cloud.cloud:run_due()
            local _, shown = cloud:arm("GET", GROUPS .. "there", "2023-05-01")
            if shown.properties.instanceView.state == "Running" then return end
            require("aci.task").sleep(0.05)
         end
         error "the group does not run"
      end)

      local changes = {
         { "operating system", { osType = "Windows" } }, { "restart policy", { restartPolicy = "Always" } },
         { "restart policy, left out", { restartPolicy = null } }, { "CPUs", { container = amounts(2, 1) } },
         { "memory", { container = amounts(1, 2) } }, { "containers' ports", ports { port = 81 } },
         { "address's ports", address { ports = { { port = 81 } } } }, { "address", { ipAddress = null } },
         { "subnet", function() return { subnetIds = { { id = subnet } } } end },
      }
      for _, row in ipairs(changes) do
         it("is not changed in its " .. row[1], function()
            local more = type(row[2]) == "function" and row[2]() or row[2]
            local whole = address { ports = { { port = 80 } } }
            for key, value in pairs(more) do whole[key] = value end
            if more.subnetIds then whole.ipAddress = null end
            local status, body = put("there", whole)
            assert.same({ 400, "InvalidContainerGroupUpdate" }, { status, body.error and body.error.code })
         end)
      end

      it("takes back what it shows", function()
         local _, shown = cloud:arm("GET", GROUPS .. "there", "2023-05-01")
         assert.equal(200, (cloud:arm("PUT", GROUPS .. "there", "2023-05-01", shown)))
      end)

      it("is made anew with what it likes, once it has ended; a stop before does nothing", function()
         put("ended", { container = { command = { "/bin/sh", "-c", "exit 3" } } })
         local function state()
            cloud.cloud:run_due()
            return select(2, cloud:arm("GET", GROUPS .. "ended", "2023-05-01")).properties.instanceView.state
         end
         for _ = 1, 100 do
            if state() == "Failed" then break end
            require("aci.task").sleep(0.05)
         end
         assert.equal(204, (cloud:arm("POST", GROUPS .. "ended/stop", "2023-05-01")))
         assert.equal("Failed", state())
         assert.equal(200, (put("ended", { restartPolicy = "Always", container = amounts(2, 2) })))
      end)
   end)
end)
