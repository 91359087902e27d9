--- Which local program stands for an image. The local cloud runs no containers: it starts a process with
-- the container's command and environment. An image that is not here is refused as one that no registry has.
--
-- A runner gets the container's command (array) and environment (map) and gives the arguments to run, or
-- nil and why not. `program` is acihost itself, `scripts` the folder of its scripts.
local fs = require "aci.fs"

local runners = {}

local function contains(command, words)
   return table.concat(command, " "):find(words, 1, true) ~= nil
end

-- The word after an option: -q armaci.
local function after(command, option)
   for index, word in ipairs(command) do
      if word == option then return command[index + 1] end
   end
end

--- Prefect's images: the agent is our worker, the flow engine ours.
local function prefect(command, _, tools)
   if contains(command, "prefect agent start") then
      return { tools.program, tools.scripts .. "/worker.lua", "-q", after(command, "-q") or "default" }
   elseif contains(command, "prefect worker start") and after(command, "--pool") then
      return { tools.program, tools.scripts .. "/worker.lua", "--pool", after(command, "--pool") }
   elseif #command == 0 or contains(command, "prefect.engine") or contains(command, "flow-run execute") then
      return { tools.program, tools.scripts .. "/execute.lua" }
   end
   return nil, "the local runner of Prefect's images knows `prefect agent start`, `prefect worker start "
      .. "--pool`, `python -m prefect.engine` and `prefect flow-run execute`, not: " .. table.concat(command, " ")
end

--- Our own image: `acihost worker.lua ...`.
local function own(command, _, tools)
   local arguments = { tools.program }
   for index, word in ipairs(command) do
      if not (index == 1 and word:match "acihost$") then arguments[#arguments + 1] = word end
   end
   if #command == 0 then arguments[2] = tools.scripts .. "/execute.lua" end
   return arguments
end

--- Small images whose commands every machine has.
local function shell(command)
   if #command == 0 then return { "/bin/sh", "-c", "exit 0" } end
   return command
end

-- What the public images of Prefect begin their command with; a virtual environment has neither.
local WRAPPERS = { ["tini"] = true, ["-g"] = true, ["--"] = true, ["entrypoint.sh"] = true }

--- An image that a Python virtual environment stands for (`acihost sim venv IMAGE FOLDER`): the container's
-- command is run as it is, with the programs of the environment. `folder` is where it lies.
function runners.venv(folder)
   return function(command, env)
      local arguments = {}
      for _, word in ipairs(command) do
         local begun = arguments[1] ~= nil
         if begun or not WRAPPERS[word:match "[^/]*$"] then arguments[#arguments + 1] = word end
      end
      if not arguments[1] then return nil, "the image's own command is not known here: name one" end
      local inside = folder .. "/bin/" .. arguments[1]
      if not arguments[1]:find "/" and fs.stat(inside) then arguments[1] = inside end
      env.PATH, env.VIRTUAL_ENV = folder .. "/bin:" .. (env.PATH or ""), folder
      return arguments
   end
end

-- The setting that holds the folder of an image's virtual environment.
local function key(image)
   return "venv." .. runners.canonical(image)
end

--- Has a virtual environment stand for an image; without a folder the image is as before.
function runners.set_venv(state, image, folder)
   state:setting(key(image), folder or "")
end

-- Patterns of Lua, matched against the whole name without the registry of Docker Hub.
runners.table = {
   { "^radbrt/orion_agent:", prefect },
   { "^radbrt/orion_aci_base:", prefect },
   { "^prefecthq/prefect:", prefect },
   { "^[%w%.%-/]*acihost:", own },
   { "^alpine:", shell },
   { "^busybox:", shell },
   { "^debian:", shell },
   { "^mcr%.microsoft%.com/cbl%-mariner/busybox:", shell },
}

--- The name of an image in full: the tag that is meant, without Docker Hub's own name.
function runners.canonical(image)
   local name = image:gsub("^docker%.io/", ""):gsub("^index%.docker%.io/", ""):gsub("^library/", "")
   if not name:find("[:@][^/]*$") then name = name .. ":latest" end
   return name
end

--- The runner of an image, or nil.
-- @param state the cloud's, which knows the virtual environments
function runners.find(image, state)
   local name = runners.canonical(image)
   local folder = state and state:setting(key(image)) or ""
   if folder ~= "" then return runners.venv(folder) end
   for _, entry in ipairs(runners.table) do
      if name:find(entry[1]) then return entry[2] end
   end
end

return runners
