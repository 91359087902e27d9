--- Where a flow's code comes from and how it is loaded.

local flow    = require "aci.flow"
local pull    = require "aci.flow.pull"
local secret  = require "aci.secret"
local storage = require "aci.flow.storage"

local code = {}

local problem, given, safe = storage.problem, storage.given, storage.safe

--- "flows/a" as container "flows" and prefix "a/"; with a container of its own all of it is the prefix.
local function place(data)
   local container, base = given(data.azure_storage_container), data.bucket_path
   if container then
      container = secret.reveal(container)
   else
      container, base = base:match "^/*([^/]+)/*(.*)$"
   end
   base = base:gsub("^/+", ""):gsub("/+$", "")
   return container, base == "" and "" or base .. "/"
end

local function open(config, data)
   local account, key = given(data.azure_storage_account_name), given(data.azure_storage_account_key)
   if not account or not key then
      problem("the storage block has no account name and key", "save them into the block, as setup.lua does")
   end
   return require("aci.blob").connect(config, secret.reveal(account), key)
end

local function from_block(api, config, deployment, into)
   local id, path = given(deployment.storage_document_id), given(deployment.path) or ""
   if not id then return path, path end
   local block = api:block_by_id(id, { secrets = true })
   if not block then problem "the deployment's storage block is gone" end
   if block.block_type.slug ~= "azure" then
      problem(("acihost cannot fetch code from a block of type %q"):format(block.block_type.slug))
   end
   local container, base = place(block.data)
   local prefix = base .. path:gsub("^/+", ""):gsub("/*$", "/")
   if path == "" then prefix = base end
   storage.download(open(config, block.data), container, prefix, into)
   return into, path
end

--- Brings a deployment's code into a folder: by its pull steps, else from its storage block.
-- @param say function(text), told what is done
-- @return the folder that the entrypoint is in
function code.fetch(api, config, deployment, into, say)
   local steps = given(deployment.pull_steps)
   if steps and #steps > 0 then
      return pull.run(steps, { api = api, config = config, folder = into, say = say })
   end
   local where, path = from_block(api, config, deployment, into)
   say(("Downloading flow code from storage at '%s'"):format(path))
   return where
end

--- "flow.lua:key_vault_demo" as file and name.
local function split(entrypoint)
   local file, name = (entrypoint or ""):match "^(.+):([%w_]+)$"
   if not file or not safe(file) then
      problem(("%q is not FILE:NAME"):format(tostring(entrypoint)))
   end
   if not file:find "%.lua$" then
      problem(("the entrypoint %s is not Lua: this image runs Lua flows"):format(entrypoint),
         "deploy the Lua twin (flow_language = \"lua\"), or run the job in an image with Prefect")
   end
   return file, name
end

--- Loads the flow that an entrypoint names from a folder.
function code.load(folder, entrypoint)
   local file, name = split(entrypoint)
   package.path = folder .. "/?.lua;" .. folder .. "/?/init.lua;" .. package.path
   local chunk, why = loadfile(folder .. "/" .. file, "t")
   if not chunk then problem(why) end
   local value = chunk()
   if type(value) == "table" and not flow.is_flow(value) then value = value[name] end
   if not flow.is_flow(value) then problem(("%s does not return a flow called %s"):format(file, name)) end
   return value
end

return code
