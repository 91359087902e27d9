--- Liveness probes: a container that fails one too often is ended, and starts again where its policy says so.
-- Readiness probes have no effect here: nothing sends requests to a container but those who know its port.
local process = require "aci.process"
local task    = require "aci.task"

local groupprobe = {}

local function number(value, otherwise)
   return type(value) == "number" and value or otherwise
end

--- What the supervisor needs of a probe; nil where there is none. @param seconds Azure's seconds as ours
function groupprobe.spec(probe, seconds)
   if type(probe) ~= "table" then return nil end
   local exec, get = probe.exec, probe.httpGet
   return {
      command = type(exec) == "table" and exec.command or nil,
      url = type(get) == "table" and ("%s://127.0.0.1:%d/%s"):format((get.scheme or "http"):lower(), get.port,
         (get.path or "/"):gsub("^/", "")) or nil,
      delay = seconds(number(probe.initialDelaySeconds, 0)), every = seconds(number(probe.periodSeconds, 10)),
      failures = number(probe.failureThreshold, 3), timeout = number(probe.timeoutSeconds, 1),
   }
end

local function passes(probe, container)
   if probe.command then
      local ran = process.run { args = probe.command, env = container.env, cwd = container.cwd, stdin = "null",
         timeout = probe.timeout }
      return ran ~= nil and ran.code == 0
   end
   local answer = require("aci.http").request { url = probe.url, timeout = probe.timeout, retry = false }
   return answer ~= nil and answer.status >= 200 and answer.status < 400
end

--- Probes a container until it has failed too often; then `ended` is called, once.
function groupprobe.watch(container, ended)
   local probe, failed = container.liveness, 0
   task.sleep(probe.delay)
   while true do
      task.sleep(math.max(0.05, probe.every))
      failed = passes(probe, container) and 0 or failed + 1
      if failed >= probe.failures then return ended() end
   end
end

return groupprobe
