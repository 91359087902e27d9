--- The official Python management SDKs on the local cloud, pointed at it by `sim env` alone; one of them runs
-- inside a container group and reads a secret as the group's identity.
local json    = require "aci.json"
local peers   = require "tests.support.peers"
local sdk     = require "tests.support.sdk"
local tool    = require "tests.support.az"

local SECRET = "only for the group"

-- What the SDK must get over by itself, and at the end what it cannot.
local FAULTS = {
   { match = "PUT .*/throttled", status = 429, retry_after = 1 }, { match = "PUT .*/dropped", drop = true },
   { match = "PUT .*/lost", after = true, drop = true }, { match = "PUT .*/broken", status = 503 },
   { match = "PUT .*/hopeless", status = 429, retry_after = 1, times = 9 },
}

describe("the Python management SDKs", function()
   local check, place = sdk("p2", function(path, place, run)
      place:good { "sim", "start", "--clock", "0.001" }
      for _, fault in ipairs(FAULTS) do place:good { "sim", "fault", json.encode(fault) } end
      local environment = peers.environment(place.home .. "/prefect", tool.exported(place))
      environment.SPEC_SECRET = SECRET
      return (run { timeout = 180, env = environment,
         args = { path .. "/bin/python", "tests/journey/python_management.py", "sdk-journey" } })
   end)

   check("make, change, list and delete resource groups", "groups", function(s)
      assert.same({ { true, "northeurope", "Succeeded", { a = "b" } }, { c = "d" }, { true, false }, { "sdk" } },
         { s.made, s.patched, s.exists, s.listed })
      assert.same({ "ResourceNotFoundError", 404, "ResourceGroupNotFound" }, s.absent)
      assert.same({ "ResourceExistsError", 409, "InvalidResourceGroupLocation" }, s.elsewhere)
      assert.same({ "Microsoft.KeyVault", true }, s.provider)
   end)

   check("get over throttling, closed connections, lost answers and a broken service", "faults", function(s)
      assert.same({ "throttled", "dropped", "lost", "broken" }, { s.throttled, s.dropped, s.lost, s.broken })
      assert.same({ "HttpResponseError", 429, "TooManyRequests" }, s.too_often)
      local statuses = {}
      for _, request in ipairs(place():writes()) do
         local name = request.method == "PUT" and request.path:match "/resourcegroups/(%l+)$"
         if name then statuses[name] = ("%s %d"):format(statuses[name] or "", request.status) end
      end
      assert.same({ " 429 201", " 499 201", " 499 200", " 503 201", " 429 429" }, { statuses.throttled,
         statuses.dropped, statuses.lost, statuses.broken, statuses.hopeless })
   end)

   check("validate, predict, carry out and list deployments", "deployments", function(s)
      assert.same({ { json.null, "Succeeded" }, { "Succeeded", { "Create" } } }, { s.checked, s.predicted })
      assert.same({ "Succeeded", 3, { type = "SecureString" }, "runner" }, s.made)
      assert.same({ "secrets", "userAssignedIdentities", "vaults" }, s.operations)
      assert.same({ { "d", "failing" }, { true, false }, { "Succeeded", "Failed" } }, { s.listed, s.exists,
         s.states })
      assert.same({ "HttpResponseError", 400, "InvalidTemplate" }, s.bad)
      assert.same({ "DeploymentFailed", "ParentResourceNotFound" }, s.lost)
      assert.same({ { "runner", "sdk-journey" }, { "sdk-journey" } }, { s.resources, s.filtered })
      assert.is_nil(json.encode(s):find(SECRET, 1, true))
   end)

   check("run a container group to its end and read its log", "containers", function(s)
      assert.same({ "Succeeded", "Linux", "Never", true }, s.made)
      assert.same({ { "SEEN", "seen", json.null }, { "HIDDEN", json.null, json.null } }, s.hidden)
      assert.same({ { 7, "Error" }, "Failed", { c = "d" } }, { s.ended, s.view, s.tags })
      assert.same({ "one\nseen hidden\n", "seen hidden\n", "20" }, { s.log, s.tail, s.stamped })
      assert.same({ { "job" }, { "job" } }, { s.listed, s.all })
      assert.same({ "ResourceNotFoundError", 404, "ContainerNotFound" }, s.no_container)
      assert.same({ "ResourceNotFoundError", 404, "ResourceNotFound" }, s.absent)
      assert.same({ { "HttpResponseError", 400, "InvalidContainerGroupName" },
         { "HttpResponseError", 400, "InvalidContainers" } }, { s.bad_name, s.bad_image })
      assert.same({ "job", { "ResourceNotFoundError", 404, "ResourceNotFound" } }, s.deleted)
   end)

   check("stop, start and restart a group without a pause between", "life", function(s)
      assert.same({ true, "Stopped", true, true }, s.states)
   end)

   check("read a secret inside a group, as its identity and by the default credential", "identity", function(s)
      assert.equal(0, s.exit)
      assert.equal(("the secret is %s\n"):format(SECRET):rep(2), s.log)
   end)

   check("make groups at once from one task each", "asynchronous", function(s)
      assert.same({ { "task-0", "0" }, { "task-1", "1" }, { "task-2", "2" }, { "task-3", "3" } }, s.seen)
   end)
end)
