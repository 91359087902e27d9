--- The parts of the worker that decide by themselves: what a group shows, why a container ended, Azure's quota,
-- lines that Prefect has already, words of a command, what is secret.
local clock   = require "aci.clock"
local errors  = require "aci.error"
local json    = require "aci.json"
local secret  = require "aci.secret"
local arm     = require "aci.worker.arm"
local group   = require "aci.worker.group"
local job     = require "aci.worker.job"
local pacing  = require "aci.worker.pacing"
local reasons = require "aci.worker.reasons"
local repeats = require "aci.worker.repeats"
local view    = require "aci.worker.view"
local words   = require "aci.worker.words"

local RUN = { id = "0fe0767f-68ae-47df-a7e5-247337fd08fa", name = "objective-wapiti" }

--- A group as GET gives it. @param shown the container's instance view
local function found(shown, properties)
   local all = { provisioningState = "Succeeded", containers = { { name = "c", properties = {
      instanceView = shown } } } }
   for name, value in pairs(properties or {}) do all[name] = value end
   return { properties = all }
end

describe("aci.worker.view", function()
   local function kind(...) return view.read(found(...), "c").kind end

   it("waits while nothing is known, and goes by the container and not by the group", function()
      assert.equal("waiting", view.read({}, "c").kind)
      assert.equal("waiting", kind(nil, { provisioningState = "Pending", instanceView = { state = "Pending" } }))
      assert.equal("waiting", kind({ currentState = { state = "Waiting" } }, { instanceView = { state = "Running" } }))
      assert.equal("running", kind { currentState = { state = "Running", detailStatus = "" } })
      assert.equal("running", kind({ currentState = { state = "Running" } }, { provisioningState = "Repairing" }))
   end)

   it("reads the exit code where the group says Succeeded", function()
      local seen = view.read(found({ currentState = { state = "Terminated", exitCode = 3 } },
         { instanceView = { state = "Succeeded" } }), "c")
      assert.same({ "ended", 3 }, { seen.kind, seen.code })
   end)

   it("knows a stopped container, which has no exit code", function()
      local seen = view.read(found({ currentState = { state = "Terminated",
         detailStatus = "Container stopped per client request" }, previousState = { state = "Running" } },
         { instanceView = { state = "Stopped" } }), "c")
      assert.same({ "ended", nil }, { seen.kind, seen.code })
      assert.equal("ended", kind(nil, { instanceView = { state = "Stopped" } }))
   end)

   it("knows one that was started again in spite of Never, by its count or by its first end", function()
      local first = { state = "Terminated", exitCode = 1 }
      local seen = view.read(found { restartCount = 1, currentState = { state = "Running" },
         previousState = first }, "c")
      assert.same({ "restarted", 1 }, { seen.kind, seen.code })
      assert.equal("restarted", kind { restartCount = 0, currentState = { state = "Running" }, previousState = first })
      assert.equal("restarted", kind { restartCount = 2, currentState = { state = "Terminated", exitCode = 0 } })
   end)

   it("knows a group that could not be provisioned", function()
      assert.equal("failed", kind({ currentState = { state = "Waiting" } }, { provisioningState = "Failed" }))
      assert.equal("failed", kind(nil, { provisioningState = "Failed" }))
   end)

   it("puts events of group and container in the order of their times", function()
      local seen = view.read(found({ events = { { name = "B", lastTimestamp = "2026-01-01T00:00:02Z" },
         { name = "A", lastTimestamp = "2026-01-01T00:00:01Z" } } },
         { instanceView = { events = { { name = "C", lastTimestamp = "2026-01-01T00:00:03Z" } } } }), "c")
      assert.same({ "A", "B", "C" }, { seen.events[1].name, seen.events[2].name, seen.events[3].name })
   end)
end)

describe("aci.worker.reasons", function()
   local function event(name, message) return { name = name, message = message, lastTimestamp = "1" } end

   it("says why a container ended", function()
      local rows = {
         { { code = 137 }, "more memory than the container has. It has 2 GB" },
         { { code = 127 }, "not found in the image" }, { { code = 139 }, "segmentation fault" },
         { { code = 143 }, "SIGTERM" }, { { code = 130 }, "ended by signal 2" },
         { { code = 7147 }, "maintenance, or the group was moved" }, { { code = 7148 }, "killed the container" },
         { { code = 0 }, "without reporting a final state" },
         { { detail = "Container stopped per client request" }, "stopped from outside; it has no exit code" },
         { { kind = "restarted", code = 1 }, "ended with status code 1 and Azure started it again" },
         { { code = 1, events = { event("Failed", "mount error") } }, "could not be started: mount error" },
      }
      for _, row in ipairs(rows) do
         row[1].kind, row[1].events = row[1].kind or "ended", row[1].events or {}
         local said = reasons.ended(row[1], { memory = 2 })
         assert.truthy(said:find(row[2], 1, true), said)
      end
   end)

   it("says what keeps a container from starting, the telling event before the newest", function()
      local rows = {
         { { event("Pulling", 'pulling image "x"'), event("Failed", 'Failed to pull image "x": not found'),
            event("BackOff", 'Back-off pulling image "x"') },
            'The image could not be pulled: Failed to pull image "x": not found' },
         { { event("InsufficientCapacity.", "not available in the location") }, "has no room for a container" },
         { { event("FailedMount", "mount error(2)") }, "A volume could not be mounted: mount error(2)" },
         { { event("Pulling", 'pulling image "x"') }, 'Last event: Pulling, pulling image "x"' },
         { {}, "Azure has told no event." },
      }
      for _, row in ipairs(rows) do
         for _, said in ipairs { reasons.not_started({ events = row[1] }, 5), reasons.failed({ events = row[1] }) } do
            assert.truthy(said:find(row[2], 1, true), said)
         end
      end
   end)

   it("says why Azure refuses a group, in words and in Azure's own", function()
      local rows = {
         { "SubnetMissingRequiredDelegation", "Subnet missing required delegation",
            "not delegated to container groups" },
         { "InaccessibleImage", "The image 'x' is not accessible", "the image cannot be pulled" },
         { "ServiceUnavailable", "container group quota 'StandardCores' exceeded in region 'eastus'. Limit: '10'",
            "a quota of the subscription is used up" },
         { "ServiceUnavailable", "The requested resource is not available in the location 'westus' at this moment.",
            "has no room for a container of this size" },
         { "AuthorizationFailed", "no right", "may not make container groups" },
      }
      for _, row in ipairs(rows) do
         local said = reasons.refused(errors.new { kind = "failed", code = row[1], message = row[2] })
         assert.truthy(said:find(row[3], 1, true), said)
         assert.truthy(said:find(row[2], 1, true), said)
      end
      assert.equal("just words", reasons.refused "just words")
   end)
end)

describe("aci.worker.pacing", function()
   local PT5M = "x-ms-ratelimit-remaining-subscription-resource-requests-pt5m"
   local PT1H = "x-ms-ratelimit-remaining-subscription-resource-requests-pt1h"
   local real, now, said

   before_each(function()
      real, now, said = clock.monotonic, 1000, {}
      clock.monotonic = function() return now end
   end)
   after_each(function() clock.monotonic = real end)

   local function pace()
      return pacing.new("creates", function(...) said[#said + 1] = string.format(...) end)
   end

   local function take(it, count)
      for _ = 1, count do it:take "run" end
   end

   it("counts our own requests until an answer tells: 100 in five minutes, 300 in an hour", function()
      local it = pace()
      take(it, 99)
      assert.equal(0, it:pause())
      take(it, 1)
      assert.equal(300, it:pause())
      now = now + 301
      take(it, 100)
      now = now + 301
      take(it, 100)
      now = now + 301
      assert.equal(3600 - 903, it:pause())
   end)

   it("believes what Azure says is left, and asks again after a minute where that is nothing", function()
      local it = pace()
      it:answered { [PT5M] = "2", [PT1H] = "200" }
      take(it, 2)
      assert.equal(60, it:pause())
      it:answered { [PT5M] = "50", [PT1H] = "0" }
      assert.equal(60, it:pause())
      now = now + 61
      assert.equal(0, it:pause())
      take(it, 1)
      it:answered { [PT5M] = "40", [PT1H] = "100" }
      assert.equal(0, it:pause())
   end)

   it("waits as long as a refusal says, says so once, and gives up where nobody wants the turn", function()
      local it = pace()
      it:refused { ["retry-after"] = "17" }
      assert.equal(17, it:pause())
      local asked = 0
      assert.is_false(it:take("olive-gannet", function()
         asked = asked + 1
         now = now + 5
         return asked > 2
      end))
      assert.same({ "olive-gannet: waits 17 s: Azure's quota of creates is used up" }, said)
      assert.is_true(it:take("olive-gannet", function()
         now = now + 20
         return false
      end))
   end)
end)

describe("aci.worker.words", function()
   it("splits as a shell does", function()
      assert.same({ "sh", "-c", 'echo "a b"', "c  d", "e f", "" }, words.split [[sh -c 'echo "a b"' "c  d" e\ f '']])
      assert.same({}, words.split "  ")
      assert.has_error(function() words.split "a 'b" end)
   end)
end)

describe("aci.worker.repeats", function()
   it("takes away what the engine has sent itself, its tracebacks with it, and nothing else", function()
      local is_repeat, left = repeats.filter(), {}
      for line in ([[
before
12:00:00.123 | INFO    | Flow run 'olive-gannet' - hello
12:00:00.124 | ERROR   | Flow run 'olive-gannet' - Encountered exception during execution:
Traceback (most recent call last):
  File "x.py", line 1, in f
ValueError: no luck
after
12:00:00.125 | INFO    | prefect.engine - not told by the run
ValueError: printed by the flow]]):gmatch "[^\n]+" do
         if not is_repeat(line) then left[#left + 1] = line end
      end
      assert.same({ "before", "after", "12:00:00.125 | INFO    | prefect.engine - not told by the run",
         "ValueError: printed by the flow" }, left)
   end)
end)

describe("what is secret in a job", function()
   local function body(data)
      data.image, data.command, data.cpu, data.memory = data.image or "i", data.command or json.array {}, 1, 1
      return group.body(RUN, data, { name = "g", location = "northeurope", settings = {} })
   end

   local function environment_of(data)
      local all = {}
      for _, each in ipairs(body(data).properties.containers[1].properties.environmentVariables) do
         all[each.name] = each
      end
      return all
   end

   it("is a secure value in the environment, by its type or by its name", function()
      local all = environment_of { env = { A = secret.new "s", DB_PASSWORD = "p", PREFECT_API_KEY = "k", PLAIN = "x" } }
      assert.is_true(secret.is(all.A.secureValue))
      assert.same({ "p", "k", nil }, { all.DB_PASSWORD.secureValue, all.PREFECT_API_KEY.secureValue,
         all.PLAIN.secureValue })
      assert.same({ nil, nil, nil, "x" }, { all.A.value, all.DB_PASSWORD.value, all.PREFECT_API_KEY.value,
         all.PLAIN.value })
   end)

   it("is refused in a command, which everybody sees who may read the group", function()
      local function resolved(values)
         local api = { version = function() return "3.8.8" end }
         local base = { job_configuration = values, variables = { properties = {} } }
         local pool = { pool = function() return { base_job_template = base } end }
         values.subscription_id, values.resource_group_name = "s", "g"
         return job.resolve(api, pool, { run = RUN, flow = { name = "F" } })
      end
      for _, command in ipairs { secret.new "run --key k", json.array { "run", secret.new "k" } } do
         local ok, err = pcall(resolved, { command = command })
         assert.is_false(ok)
         assert.truthy(tostring(err):find "command holds a secret")
      end
      local data = resolved { image = secret.new "host" .. "/image:1", command = "a b" }
      assert.same({ "host/image:1", "b" }, { data.image, data.command[3] })
   end)

   it("is a secure value in the other containers of a pool's template, too", function()
      local resource = { type = "Microsoft.ContainerInstance/containerGroups", apiVersion = "2022-09-01", name = "g",
         location = "l", properties = { osType = "Linux", containers = json.array { { name = "c", properties = {} },
            { name = "side", properties = { image = "i", environmentVariables = json.array {
               { name = "K", value = secret.new "hidden" }, { name = "P", value = "plain" } } } } } } }
      local made = arm.resource({ arm_template = { resources = json.array { resource }, contentVersion = "1.0.0.0",
         ["$schema"] = "https://schema.management.azure.com/schemas/2019-08-01/deploymentTemplate.json#" },
         subscription_id = "0e676795-3ad3-4070-8f16-f67c58b5deb7",
         resource_group_name = "g" }, { name = "g", location = "northeurope" })
      local variables = made.properties.containers[2].properties.environmentVariables
      assert.is_true(secret.is(variables[1].secureValue))
      assert.same({ nil, "plain" }, { variables[1].value, variables[2].value })
   end)

   it("comes with all else that a pool's template says of the group", function()
      local resource = { type = "Microsoft.ContainerInstance/containerGroups", apiVersion = "2022-09-01", name = "g",
         location = "[parameters('location')]", tags = { team = "[toUpper('a')]" }, zones = json.array { "1" },
         properties = { osType = "Linux", restartPolicy = "Never",
            volumes = json.array { { name = "keys", secret = { key = secret.new "aGlkZGVu" } } },
            containers = json.array { { name = "[parameters('container_name')]", properties = {
               command = json.array { "[left alone" }, resources = { requests = { cpu = 9, memoryInGB = 9 },
                  limits = { cpu = 2, memoryInGB = 3 } },
               volumeMounts = json.array { { name = "keys", mountPath = "/keys" } } } } } } }
      local made = body { subscription_id = "0e676795-3ad3-4070-8f16-f67c58b5deb7", resource_group_name = "g",
         command = json.array { "[a", "b" }, env = { LIST = "[1]" }, arm_template = { contentVersion = "1.0.0.0",
            ["$schema"] = "https://schema.management.azure.com/schemas/2019-08-01/deploymentTemplate.json#",
            parameters = { location = { type = "string" }, container_name = { type = "string" } },
            resources = json.array { resource } } }
      local container = made.properties.containers[1]
      assert.same({ "g", "northeurope", "A", "1" }, { container.name, made.location, made.tags.team, made.zones[1] })
      assert.same({ "[a", "b", "[1]" }, { container.properties.command[1], container.properties.command[2],
         container.properties.environmentVariables[1].value })
      assert.same({ requests = { cpu = 1, memoryInGB = 1 }, limits = { cpu = 2, memoryInGB = 3 } },
         container.properties.resources)
      assert.equal("/keys", container.properties.volumeMounts[1].mountPath)
      assert.is_true(secret.is(made.properties.volumes[1].secret.key))
   end)

   it("has no place for what is no plain value", function()
      local ok, err = pcall(environment_of, { env = { CONFIG = { a = 1 } } })
      assert.is_false(ok)
      assert.truthy(tostring(err):find("CONFIG is no plain value", 1, true), tostring(err))
   end)
end)
