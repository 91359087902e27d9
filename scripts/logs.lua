-- logs.lua [RUN]: what a flow run logged (its name or id; the newest run where none is named), or with --agent
-- or --group NAME what the container of a group wrote. --follow goes on until the end.
local cli     = require "aci.cli"
local config  = require "aci.config"
local fail    = require "aci.error"
local prefect = require "aci.prefect"
local task    = require "aci.task"
local azure   = require "aci.azure"
local output  = require "aci.azure.output"

local options, names = cli.parse(arg, {
   usage = "acihost logs.lua [options] [RUN]: what a flow run logged; without RUN the newest run's",
   arguments = { "[RUN]" },
   options = {
      agent  = { help = "what the agent's container wrote" },
      follow = { short = "f", help = "go on until the run or the container has ended" },
      group  = { short = "g", value = "NAME", help = "what the container of this group wrote" },
      tail   = { short = "n", value = "LINES", number = true, least = 0, help = "only the last so many" },
   },
})

-- One of the three is asked for: a run, the agent, a group.
local asked = {}
for _, each in ipairs { { "RUN", names[1] }, { "--agent", options.agent }, { "--group", options.group } } do
   if each[2] then asked[#asked + 1] = each[1] end
end
if #asked > 1 then
   fail.raise { kind = "usage", code = "arguments", advice = "give one of them",
      message = ("logs: %s and %s ask for different logs"):format(asked[1], asked[2]) }
end

local LEVELS = { [10] = "DEBUG", [20] = "INFO", [30] = "WARNING", [40] = "ERROR", [50] = "CRITICAL" }

local function not_found(what, advice)
   fail.raise { kind = "not_found", code = "NotFound", message = "there is no " .. what, advice = advice }
end

--- Prints entries, of the first ones only the last `--tail`; flushed, since somebody may wait for them.
local function printer(write)
   local skip = options.tail
   return function(entries)
      for i = math.max(1, skip and #entries - skip + 1 or 1), #entries do write(entries[i]) end
      skip = nil
      io.stdout:flush()
   end
end

local function write_entry(entry)
   if options.output == "json" then return print(require("aci.json").encode(entry)) end
   print(("%s | %-7s | %s"):format(entry.timestamp:sub(1, 23), LEVELS[math.tointeger(entry.level)] or entry.level,
      entry.message))
end

local function write_line(line)
   if options.output == "json" then return print(require("aci.json").encode(line)) end
   print(line.text)
end

-- -- a flow run's --------------------------------------------------------------------------------

local function is_id(text) return #text == 36 and text:find "^[%x%-]+$" ~= nil end

local function find_run(api)
   local name = names[1]
   if name and is_id(name) then return api:run(name) or not_found("flow run " .. name) end
   local found = api:runs(name and { flow_runs = { name = { any_ = { name } } } } or nil, 1)[1]
   return found or not_found(name and "flow run " .. name or "flow run yet",
      'acihost run.lua "FLOW/DEPLOYMENT" starts one')
end

local function of_run()
   local api = prefect.connect(cli.notes(config.load { cloud = options.cloud }))
   local run = find_run(api)
   local tail, show = api:log_tail(run.id), printer(write_entry)
   local over
   repeat
      over = not options.follow or api.is_terminal(api:run(run.id).state)
      show(tail())
      if not over then task.sleep(1) end
   until over
   io.stderr:write(("%s: %s\n"):format(run.name, api:run(run.id).state_name))
end

-- -- a container's -------------------------------------------------------------------------------

local function state_of(group)
   local view = group.properties.containers[1].properties.instanceView
   return view and view.currentState and view.currentState.state or "Waiting"
end

local function of_group(name)
   local settings = cli.notes(config.load { cloud = options.cloud })
   local az = azure.connect(settings)
   local id = az:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/" .. (name or settings.agent)
   local group = az:get(id) or not_found(("container group %s in %s"):format(name or settings.agent, settings.group),
      "acihost status.lua shows what exists")
   local tail, show = output.tail(az, id, group.properties.containers[1].name), printer(write_line)
   local over
   repeat
      group = az:get(id)
      over = not options.follow or not group or state_of(group) == "Terminated"
      show((tail:lines()))
      if not over then task.sleep(2) end
   until over
   io.stderr:write(("%s: %s\n"):format(name or settings.agent, group and state_of(group) or "deleted"))
end

if options.agent or options.group then of_group(options.group) else of_run() end
