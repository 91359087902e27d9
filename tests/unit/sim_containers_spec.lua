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

   it("are left alone between the request and their start", function()
      local slow = support.inside { factor = 1 }
      slow:prepare("g1")
      slow.state:setting("registered.microsoft.containerinstance", "0")
      local path = "/resourceGroups/g1" .. groups .. "early"
      assert.equal(201, (slow:arm("PUT", path, "2023-05-01", body_of())))
      for _, call in ipairs { { "PUT", "", body_of() }, { "POST", "/start" }, { "POST", "/stop" },
         { "POST", "/restart" } } do
         local status, body = slow:arm(call[1], path .. call[2], "2023-05-01", call[3])
         assert.same({ 409, "ContainerGroupTransitioning" }, { status, body and body.error.code }, call[2])
      end
      assert.equal(200, (slow:arm("DELETE", path, "2023-05-01")))
      slow:close()
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

   local function view_of(body, kind)
      return body.properties[kind or "containers"][1].properties.instanceView
   end

   it("start again on failure only, where their policy is OnFailure", function()
      local count = ("test -e $HOME/again && exit 0; touch $HOME/again; exit 7")
      go("PUT", groups .. "onfailure", body_of { restartPolicy = "OnFailure", container = { command = {
         "/bin/sh", "-c", count } } })
      local view = view_of(until_state("onfailure", "Succeeded"))
      assert.same({ 1, 7, 0 }, { view.restartCount, view.previousState.exitCode, view.currentState.exitCode })
      go("DELETE", groups .. "onfailure")
   end)

   it("are pending until they start, tell their events in order, and can be started anew by restart", function()
      local _, body = go("PUT", groups .. "events", body_of { container = { command = { "sleep", "100" } } })
      assert.equal("Pending", body.properties.instanceView.state)
      assert.is_nil(view_of(body))
      body = until_state("events", "Running")
      local names = {}
      for _, event in ipairs(view_of(body).events) do names[#names + 1] = event.name end
      assert.same({ "Pulling", "Pulled", "Started" }, names)
      local began = view_of(body).currentState.startTime
      local status, _, headers = go("POST", groups .. "events/restart")
      assert.equal(204, status)
      assert.truthy(headers["azure-asyncoperation"])
      assert.not_equal(began, view_of(until_state("events", "Running")).currentState.startTime)
      go("DELETE", groups .. "events")
   end)

   local function with_init(...)
      local list = {}
      for index, command in ipairs { ... } do
         list[index] = { name = "init-" .. index, properties = { image = "alpine",
            command = { "/bin/sh", "-c", command } } }
      end
      return body_of { initContainers = list, container = { command = { "/bin/sh", "-c", "cat $HOME/order" } } }
   end

   it("run their init containers one after the other, before the others", function()
      go("PUT", groups .. "init", with_init("sleep 0.2; echo one >> $HOME/order", "echo two >> $HOME/order"))
      local body = until_state("init", "Succeeded")
      assert.equal("Completed", view_of(body, "initContainers").currentState.detailStatus)
      assert.equal("one\ntwo\n", select(2, go("GET", groups .. "init/containers/main/logs")).content)
      go("DELETE", groups .. "init")
   end)

   it("start nothing where an init container fails", function()
      go("PUT", groups .. "badinit", with_init("exit 4", "echo two >> $HOME/order"))
      local body = until_state("badinit", "Failed")
      assert.equal(4, view_of(body, "initContainers").currentState.exitCode)
      assert.is_nil(view_of(body))
      assert.equal(404, (go("GET", groups .. "badinit/containers/main/logs")))
      go("DELETE", groups .. "badinit")
   end)

   it("give the last lines of a log, and 16 KB of it once they have ended", function()
      go("PUT", groups .. "log", body_of { container = { command = { "/bin/sh", "-c",
         "i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); echo line $i; done" } } })
      until_state("log", "Succeeded")
      local function content(query)
         return select(2, go("GET", groups .. "log/containers/main/logs", nil, query)).content
      end
      assert.equal("line 2999\nline 3000\n", content "&tail=2")
      local all = content()
      assert.is_true(#all <= 16 * 1024 and #all > 8000)
      assert.truthy(all:find "line 3000\n$")
      assert.equal(400, (go("GET", groups .. "log/containers/main/logs", nil, "&tail=x")))
      assert.equal(404, (go("GET", groups .. "log/containers/other/logs")))
      go("DELETE", groups .. "log")
   end)

   it("are ended where their liveness probe fails, and start again by their policy", function()
      go("PUT", groups .. "probed", body_of { restartPolicy = "Always", container = {
         command = { "/bin/sh", "-c", "touch $HOME/well; sleep 0.4; rm $HOME/well; sleep 100" },
         livenessProbe = { exec = { command = { "/bin/sh", "-c", "test -e $HOME/well" } }, periodSeconds = 10,
            initialDelaySeconds = 10, failureThreshold = 2 } } })
      local view
      for _ = 1, 100 do
         cloud.cloud:run_due()
         view = view_of((select(2, go("GET", groups .. "probed"))))
         if view and view.restartCount > 0 then break end
         task.sleep(0.05)
      end
      assert.is_true(view.restartCount > 0)
      assert.equal(143, view.previousState.exitCode)
      go("DELETE", groups .. "probed")
   end)

   it("open no session: in the service's words where they are stopped, else in ours", function()
      go("PUT", groups .. "shell", body_of { container = { command = { "sleep", "100" } } })
      until_state("shell", "Running")
      local command = { command = "/bin/sh", terminalSize = { rows = 24, cols = 80 } }
      local status, body = go("POST", groups .. "shell/containers/main/exec", command)
      assert.same({ 501, "NotImplemented" }, { status, body.error.code })
      assert.equal(404, (go("POST", groups .. "shell/containers/other/exec", command)))
      go("POST", groups .. "shell/stop")
      status, body = go("POST", groups .. "shell/containers/main/attach")
      assert.same({ 409, "ContainerGroupStopped" }, { status, body.error.code })
      go("DELETE", groups .. "shell")
   end)

   it("keep what is secret in volumes to themselves, and mount none", function()
      local volumes = { { name = "secrets", secret = { key = "dmFsdWU=" } }, { name = "share-1", azureFile = {
         shareName = "s", storageAccountName = "a", storageAccountKey = "a2V5" } } }
      local status, body = go("PUT", groups .. "volumes", body_of { volumes = volumes })
      assert.equal(201, status)
      local shown = require("aci.json").encode(body)
      assert.is_nil(shown:find("dmFsdWU=", 1, true) or shown:find("a2V5", 1, true))
      go("DELETE", groups .. "volumes")
      status, body = go("PUT", groups .. "mounts", body_of { volumes = volumes, container = {
         volumeMounts = { { name = "secrets", mountPath = "/mnt/secrets" } } } })
      assert.same({ 501, "NotImplemented" }, { status, body.error.code })
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
      { "a volume of two kinds", "InvalidVolume",
         { volumes = { { name = "twofold", emptyDir = {}, gitRepo = { repository = "r" } } } } },
      { "a mount of no volume", "VolumeNotFound",
         { container = { volumeMounts = { { name = "nothing", mountPath = "/x" } } } } },
      { "a bad name of a volume", "InvalidVolumeName", { volumes = { { name = "no", emptyDir = {} } } } },
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

   it("may be made and deleted a hundred times in five minutes, as each answer tells", function()
      local quota, header = require "sim.groupquota", "x-ms-ratelimit-remaining-subscription-resource-requests-pt"
      local _, _, headers = go("PUT", groups .. "counted", body_of())
      assert.same({ "string", "string" }, { type(headers[header .. "5m"]), type(headers[header .. "1h"]) })
      _, _, headers = go("DELETE", groups .. "counted")
      assert.is_string(headers[header .. "5m"])
      local real = { seconds = function(_, seconds) return seconds end }
      local left = quota.take(real, "creates")
      assert.same({ "99", "299" }, { left[header .. "5m"], left[header .. "1h"] })
      for _ = 2, 100 do left = quota.take(real, "creates") end
      assert.same({ "0", "200" }, { left[header .. "5m"], left[header .. "1h"] })
      local ok, refusal = pcall(quota.take, real, "creates")
      assert.is_false(ok)
      assert.equal(429, refusal.status)
      assert.is_true(tonumber(refusal.headers["Retry-After"]) > 290)
      assert.equal("99", quota.take(real, "deletes")[header .. "5m"])
   end)

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
