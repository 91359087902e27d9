-- Container Instances of the local cloud: real processes, and what it refuses.
local support = require "tests.support.cloud"
local task = require "aci.task"

local cloud, token, base, sub
local version = "?api-version=2023-05-01"

local function go(method, path, body, query)
   return cloud:request { method = method, url = base .. path .. version .. (query or ""), token = token,
      json = body }
end

local function body_of(more)
   local container = { name = "main", properties = { image = "alpine",
      command = { "/bin/sh", "-c", "echo hello $X $Y; exit 3" },
      environmentVariables = { { name = "X", value = "1" }, { name = "Y", secureValue = "hidden" } },
      resources = { requests = { cpu = 1, memoryInGB = 1 } } } }
   local body = { location = "northeurope", properties = { osType = "Linux", restartPolicy = "Never",
      containers = { container } } }
   for key, value in pairs(more or {}) do
      if key == "container" then
         for name, each in pairs(value) do container.properties[name] = each end
      else
         body.properties[key] = value
      end
   end
   return body
end

local groups = "/providers/Microsoft.ContainerInstance/containerGroups/"

--- Waits until the state of a group is as wanted; gives its body.
local function until_state(name, wanted)
   local body
   for _ = 1, 100 do
      cloud.cloud:run_due()
      body = select(2, go("GET", groups .. name))
      if body.properties.instanceView.state == wanted then return body end
      task.sleep(0.05)
   end
   error(("%s is %s, not %s"):format(name, body.properties.instanceView.state, wanted))
end

describe("container groups of the local cloud", function()
   setup(function()
      cloud = support.inside { factor = 0.01 }
      token = cloud:token "https://management.azure.com"
      sub = cloud.owner.subscription
      base = ("https://management.azure.com/subscriptions/%s/resourceGroups/g1"):format(sub)
      cloud:request { method = "PUT", url = base .. "?api-version=2021-04-01", token = token,
         json = { location = "northeurope" } }
      cloud:request { method = "POST", token = token,
         url = ("https://management.azure.com/subscriptions/%s/providers/"
         .. "Microsoft.ContainerInstance/register?api-version=2021-04-01"):format(sub) }
      task.sleep(0.5)
   end)

   teardown(function() cloud.cloud:close() end)

   it("run as processes with their command, environment, exit code and log", function()
      local status, body, headers = go("PUT", groups .. "one", body_of())
      assert.equal(201, status)
      assert.equal("Pending", body.properties.provisioningState)
      assert.truthy(headers["azure-asyncoperation"]:find("api%-version=2018%-06%-01$"))
      assert.is_nil(body.properties.containers[1].properties.environmentVariables[2].secureValue)
      assert.equal(404, (go("GET", groups .. "one/containers/main/logs")))
      body = until_state("one", "Failed")
      assert.equal("Succeeded", body.properties.provisioningState)
      local current = body.properties.containers[1].properties.instanceView.currentState
      assert.equal(3, current.exitCode)
      assert.equal("Error", current.detailStatus)
      task.sleep(0.4)
      assert.equal("hello 1 hidden\n", select(2, go("GET", groups .. "one/containers/main/logs")).content)
      local stamped = select(2, go("GET", groups .. "one/containers/main/logs", nil,
         "&timestamps=true")).content
      assert.truthy(stamped:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%d%dZ hello 1 hidden\n$")
   end)

   it("start again as their policy says", function()
      go("PUT", groups .. "again", body_of { restartPolicy = "Always", container = { command = {
         "/bin/sh", "-c",
         "exit 0" } } })
      local count = 0
      for _ = 1, 60 do
         cloud.cloud:run_due()
         local view = select(2, go("GET", groups
            .. "again")).properties.containers[1].properties.instanceView
         count = view and view.restartCount or 0
         if count >= 2 then break end
         task.sleep(0.1)
      end
      assert.is_true(count >= 2)
      assert.equal(200, (go("DELETE", groups .. "again")))
   end)

   it("stop without an exit code, and are gone after a delete", function()
      go("PUT", groups .. "long", body_of { container = { command = { "sleep", "100" } } })
      until_state("long", "Running")
      assert.equal(204, (go("POST", groups .. "long/stop")))
      assert.equal(202, (go("POST", groups .. "long/start")))
      until_state("long", "Running")
      assert.equal(204, (go("POST", groups .. "long/start")))
      assert.equal(204, (go("POST", groups .. "long/stop")))
      task.sleep(0.5)
      local body = until_state("long", "Stopped")
      local current = body.properties.containers[1].properties.instanceView.currentState
      assert.equal("Terminated", current.state)
      assert.is_nil(current.exitCode)
      assert.equal(200, (go("DELETE", groups .. "long")))
      assert.equal(404, (go("GET", groups .. "long")))
      assert.equal(204, (go("DELETE", groups .. "long")))
   end)

   it("show no instance views in lists", function()
      local _, body = go("GET", groups:gsub("/$", ""))
      assert.equal("one", body.value[1].name)
      assert.is_nil(body.value[1].properties.instanceView)
   end)

   local refusals = {
      { "an image that no registry has", "InaccessibleImage", { container = { image = "nosuch:1" } } },
      { "no resources", "ResourceRequestsNotSpecified", { container = { resources = {} } } },
      { "too little in sum", "InvalidResourceRequests",
         { container = { resources = { requests = { cpu = 0.5, memoryInGB = 1 } } } } },
      { "an unknown operating system", "InvalidOsType", { osType = "Plan9" } },
      { "a member that does not exist", "InvalidRequestContent", { restartPolice = "Never" } },
      { "no containers", "InvalidRequestContent", { containers = require("aci.json").null } },
      { "a registry with user and identity", "AmbiguousImageResitryCredentialType",
         { imageRegistryCredentials = { { server = "r.azurecr.io", username = "u", identity = "i" } } } },
      { "a private address without a subnet", "PrivateIPRequiresSubnet",
         { ipAddress = { type = "Private", ports = { { port = 443 } } } } },
      { "a value and a secure value", "InvalidEnvironmentVariable",
         { container = { environmentVariables = { { name = "A", value = "1", secureValue = "2" } } } } },
   }
   for _, case in ipairs(refusals) do
      it("are refused with " .. case[1], function()
         local status, body = go("PUT", groups .. "bad", body_of(case[3]))
         assert.equal(400, status)
         assert.equal(case[2], body.error.code)
         assert.equal(404, (go("GET", groups .. "bad")))
      end)
   end

   it("are refused in a subnet that is not there or with a bad name", function()
      local status, body = go("PUT", groups .. "bad", body_of { subnetIds = { { id = ("/subscriptions/%s/"
         .. "resourceGroups/g1/providers/Microsoft.Network/virtualNetworks/v/subnets/s"):format(sub) } } })
      assert.equal(403, status)
      assert.equal("LinkedAuthorizationFailed", body.error.code)
      for _, name in ipairs { "Upper", "a--b", "end-", ("x"):rep(64) } do
         assert.equal(400, (go("PUT", groups .. name, body_of())))
      end
   end)

   it("are refused in a subnet that is not delegated to them", function()
      assert.equal(200, (cloud:arm("POST", "/providers/Microsoft.Network/register", "2021-04-01")))
      local function subnet(name, prefix, service)
         return { name = name, properties = { addressPrefix = prefix, delegations = service and { { name = "d",
            properties = { serviceName = service } } } or nil } }
      end
      local net = "/resourceGroups/g1/providers/Microsoft.Network/virtualNetworks/net"
      assert.equal(201, (cloud:arm("PUT", net, "2024-05-01", { location = "northeurope", properties = {
         addressSpace = { addressPrefixes = { "10.0.0.0/16" } }, subnets = { subnet("plain", "10.0.0.0/24"),
            subnet("other", "10.0.1.0/24", "Microsoft.Web/serverFarms"),
            subnet("ours", "10.0.2.0/24", "Microsoft.ContainerInstance/containerGroups") } } })))
      for _, name in ipairs { "plain", "other", "ours" } do
         local id = ("/subscriptions/%s%s/subnets/%s"):format(sub, net, name)
         local status, body = go("PUT", groups .. "in-" .. name, body_of { subnetIds = { { id = id } } })
         assert.same(name == "ours" and { 201 } or { 400, "SubnetMissingRequiredDelegation" },
            { status, body.error and body.error.code })
      end
   end)
end)
