--- The pull steps of a deployment: how its code comes into the container. Those that need another program
-- (git, a shell, Python) are refused by name.

local fs      = require "aci.fs"
local json    = require "aci.json"
local render  = require "aci.prefect.render"
local storage = require "aci.flow.storage"

local pull = {}

local steps = {}

local function absolute(place, path)
   return path:sub(1, 1) == "/" and path or place.folder .. "/" .. path
end

--- The folder that the next steps and the entrypoint are in.
function steps.set_working_directory(place, inputs)
   if type(inputs.directory) ~= "string" then storage.problem "set_working_directory has no directory" end
   local folder = absolute(place, inputs.directory)
   local found = fs.stat(folder)
   if not found or found.type ~= "directory" then storage.problem("there is no folder " .. inputs.directory) end
   place.folder = folder
   return { directory = folder }
end

function steps.pull_from_azure_blob_storage(place, inputs)
   if type(inputs.container) ~= "string" or type(inputs.folder) ~= "string" then
      storage.problem "pull_from_azure_blob_storage has no container and folder"
   end
   local prefix = inputs.folder:gsub("^/+", "")
   storage.download(storage.open(place.config, inputs.credentials), inputs.container, prefix, place.folder)
   return { container = inputs.container, folder = inputs.folder, directory = place.folder }
end

--- The code that a container block holds.
function steps.pull_with_block(place, inputs)
   local slug, name = inputs.block_type_slug, inputs.block_document_name
   if slug ~= "azure-blob-storage-container" then
      storage.problem(("acihost cannot fetch code from a block of type %q"):format(tostring(slug)))
   end
   local block = place.api:block(slug, name, { secrets = true })
   if not block then storage.problem(("the block %s/%s is gone"):format(slug, tostring(name))) end
   local base = (storage.given(block.data.base_folder) or ""):gsub("^/+", ""):gsub("/*$", "/"):gsub("^/$", "")
   storage.download(storage.open(place.config, block.data.credentials), block.data.container_name, base,
      place.folder)
   return { directory = place.folder }
end

local known = {
   ["prefect.deployments.steps.set_working_directory"] = steps.set_working_directory,
   ["prefect.deployments.steps.pull.set_working_directory"] = steps.set_working_directory,
   ["prefect.projects.steps.set_working_directory"] = steps.set_working_directory,
   ["prefect.deployments.steps.pull_with_block"] = steps.pull_with_block,
   ["prefect.deployments.steps.pull.pull_with_block"] = steps.pull_with_block,
   ["prefect_azure.deployments.steps.pull_from_azure_blob_storage"] = steps.pull_from_azure_blob_storage,
}

local function refuse(name)
   storage.problem(("the pull step %s needs another program than acihost"):format(name),
      "acihost knows set_working_directory, pull_from_azure_blob_storage and pull_with_block; upload the code to "
      .. "Blob storage, or run the job in an image with Prefect")
end

local function only(step)
   local name, inputs = next(step)
   if not name or next(step, name) then storage.problem "a pull step is one name with its inputs" end
   return name, type(inputs) == "table" and inputs ~= json.null and inputs or {}
end

--- Runs the steps of a deployment.
-- @param place `api`, `config`, `folder` (where they begin), `say` (function(text), told of each step)
-- @return the folder that the entrypoint is in
function pull.run(list, place)
   local outputs = {}
   place.say(("Running %d deployment pull step(s)"):format(#list))
   for _, step in ipairs(list) do
      local name, inputs = only(step)
      local run = known[name] or refuse(name)
      local short = name:match "[^.]+$"
      place.say(("Executing deployment step: %s"):format(short))
      local given = render.resolve(place.api, inputs, outputs)
      given.requires, given.id = nil, nil
      local made = run(place, given)
      if type(inputs.id) == "string" then outputs[inputs.id] = made end
      for key, value in pairs(made) do outputs[key] = value end
      place.say(("Deployment step '%s' completed successfully"):format(short))
   end
   place.say "All deployment steps completed successfully"
   return place.folder
end

return pull
