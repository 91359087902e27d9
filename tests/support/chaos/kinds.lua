--- The kinds of runs: how many of a hundred, what must become of them, the code that they run.
--
--   ends       the state in which they must end
--   says       what the message of that state must contain
--   launches   how often the container must have started
--   whole      the flow comes to its own end, so that no log line may be missing
--   output     the container ends by itself, so that no line of its output may be missing
--   cancel     "scheduled": before a worker may take it; "started": once its container has started
local kinds = {}

kinds.list = {
   { name = "completes", share = 47, ends = "COMPLETED", launches = 1, whole = true, output = true },
   { name = "fails", share = 10, ends = "FAILED", says = "no luck", launches = 1, whole = true, output = true },
   { name = "exits with 3", share = 8, ends = "CRASHED", says = "3", launches = 1, output = true },
   { name = "kills itself", share = 5, ends = "CRASHED", says = "137", launches = 1, output = true },
   { name = "done, exits with 5", share = 5, ends = "COMPLETED", launches = 1, output = true },
   { name = "retries once", share = 8, ends = "COMPLETED", launches = 1, bodies = 2, whole = true,
      output = true, deployment = "again" },
   { name = "hangs, cancelled", share = 5, ends = "CANCELLED", launches = 1, cancel = "started",
      deployment = "hung" },
   { name = "started, cancelled", share = 5, ends = "CANCELLED", launches = 1, cancel = "started" },
   { name = "cancelled before", share = 4, ends = "CANCELLED", launches = 0, cancel = "scheduled" },
   { name = "image missing", share = 3, ends = "CRASHED", says = "InaccessibleImage", launches = 0,
      deployment = "noimage" },
}

--- The kinds of `count` runs, in no order.
function kinds.draw(count)
   local drawn = {}
   for _, kind in ipairs(kinds.list) do
      for _ = 1, math.max(1, math.floor(kind.share * count / 100 + 0.5)) do drawn[#drawn + 1] = kind end
   end
   for i = #drawn, 2, -1 do
      local j = math.random(i)
      drawn[i], drawn[j] = drawn[j], drawn[i]
   end
   while #drawn > count do drawn[#drawn] = nil end
   while #drawn < count do drawn[#drawn + 1] = kinds.list[1] end
   return drawn
end

--- The flow. Each mark is a line in a file of the run's own: what really happened, told by nobody but the
-- container. "out" is marked once the line of output is written.
kinds.FLOW = [==[
local flow, fs, process, task = require "aci.flow", require "aci.fs", require "aci.process", require "aci.task"
local path = MARKS .. "/" .. os.getenv "PREFECT__FLOW_RUN_ID"

local function mark(word) assert(fs.append(path, word .. "\n")) end

local ending = {
   ["fails"] = function() error("no luck", 0) end,
   ["exits with 3"] = function() os.exit(3) end,
   ["kills itself"] = function() process.signal(process.pid(), "KILL") task.sleep(5) end,
   ["done, exits with 5"] = function() mark "late" end,
   ["retries once"] = function()
      local _, bodies = fs.read(path):gsub("body\n", "")
      if bodies == 1 then error("the first time it fails", 0) end
   end,
}

local function body(parameters)
   mark "body"
   for i = 1, parameters.lines do
      io.stdout:write("out ", i, "\n")
      io.stdout:flush()
      mark("out " .. i)
      flow.logger():info("log %d", i)
      mark("log " .. i)
      task.sleep(parameters.pause)
   end
   local finish = ending[parameters.kind]
   if finish then finish() end
end

return { work = flow.flow { name = "Chaos", body },
   again = flow.flow { name = "Chaos", retries = 1, body } }
]==]

return kinds
