--- Where a flow's code comes from and how it is loaded.

local fail = require "aci.error"
local flow = require "aci.flow"
local fs   = require "aci.fs"
local json = require "aci.json"

local code = {}

local function problem(message, advice)
   fail.raise { kind = "failed", code = "flow_code", message = message, advice = advice }
end

local function given(value)
   if value == json.null or value == "" then return nil end
   return value
end

--- "flows/a" as container "flows" and prefix "a/"; with a container of its own all of it is the prefix.
local function place(data)
   local container, base = given(data.azure_storage_container), data.bucket_path
   if container then
      container = require("aci.secret").reveal(container)
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
   return require("aci.blob").connect(config, require("aci.secret").reveal(account), key)
end

local function safe(path)
   return path ~= "" and path:sub(1, 1) ~= "/" and not ("/" .. path .. "/"):find("/../", 1, true)
end

local function download(store, container, prefix, into)
   local count = 0
   for _, blob in ipairs((store:list(container, { prefix = prefix }))) do
      local path = blob.name:sub(#prefix + 1)
      if safe(path) and path:sub(-1) ~= "/" then
         local folder = path:match "^(.*)/"
         if folder then assert(fs.mkdir(into .. "/" .. folder)) end
         store:download(container, blob.name, into .. "/" .. path)
         count = count + 1
      end
   end
   if count == 0 then problem(("no code in %s/%s"):format(container, prefix)) end
   return count
end

--- Downloads a deployment's code into a folder.
-- @return the folder, and what to say of where it came from
function code.fetch(api, config, deployment, into)
   if type(deployment.pull_steps) == "table" and #deployment.pull_steps > 0 then
      problem "the deployment has pull steps; acihost runs code from a storage block only"
   end
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
   download(open(config, block.data), container, prefix, into)
   return into, path
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
