--- A flow's folder on its way: uploaded as setup.lua does, fetched as a job does, equal byte for byte; held
-- against a real Azurite and the local cloud.
local code    = require "aci.flow.code"
local errors  = require "aci.error"
local folders = require "aci.prefect.folder"
local fs      = require "aci.fs"
local json    = require "aci.json"
local secret  = require "aci.secret"
local thing   = require "aci.thing.folder"
local support = require "tests.support.blob"

local function tree(root)
   local found = {}
   for _, path in ipairs(assert(fs.walk(root))) do found[path] = assert(fs.read(root .. "/" .. path)) end
   return found
end

local function checks(start)
   local backend, root

   setup(function()
      backend = start()
      root = assert(fs.tempdir "flow-code-")
      assert(fs.mkdir(root .. "/demo/lib/deep"))
      assert(fs.write(root .. "/demo/flow.lua", 'return require "lib.words"'))
      assert(fs.write(root .. "/demo/lib/words.lua", "return {}"))
      assert(fs.write(root .. "/demo/lib/deep/name with space \u{f6}.txt", "a\0b\r\n\xff"))
      assert(fs.write(root .. "/demo/skip.log", "not this"))
      assert(fs.write(root .. "/demo/.prefectignore", "*.log\n"))
   end)
   teardown(function()
      if backend then backend.stop() end
      fs.remove_tree(root)
   end)

   local function check(name, body)
      it(name, function()
         if not backend then pending "vendor/peers azurite installs the real one" return end
         body()
      end)
   end

   --- The Prefect client that fetch asks for the storage block.
   local function api(bucket, more)
      local data = { bucket_path = bucket, azure_storage_account_name = secret.new(backend.account),
         azure_storage_account_key = secret.is(backend.key) and backend.key or secret.new(backend.key) }
      for key, value in pairs(more or {}) do data[key] = value end
      return { block_by_id = function() return { data = data, block_type = { slug = "azure" } } end }
   end

   local function fetch(bucket, path, more)
      local into = assert(fs.tempdir "fetched-")
      local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(into) end })
      code.fetch(api(bucket, more), backend.config, { storage_document_id = "x", path = path }, into,
         function() end)
      return tree(into)
   end

   local function upload(container, base)
      local read = folders.read(root .. "/demo")
      backend.store:create_container(container)
      local what = { folder = read, path = base .. read.path, container = container, blob = backend.store }
      assert.is_nil(thing.read(nil, what))
      thing.write(nil, what)
      assert.is_table(thing.read(nil, what))
      return read.path
   end

   local function expected()
      local want = tree(root .. "/demo")
      want["skip.log"] = nil
      return want
   end

   check("comes back byte for byte, without what is ignored", function()
      local path = upload("flows", "")
      assert.same(expected(), fetch("flows", path))
   end)

   check("is found below a prefix in the bucket path, or in a container named apart", function()
      local path = upload("flows", "team/a/")
      assert.same(expected(), fetch("/flows/team/a/", path))
      assert.same(expected(), fetch("team/a", path, { azure_storage_container = secret.new "flows" }))
   end)

   --- The blocks and the variable that pull steps name.
   local function prefect3()
      local host = backend.config.blob_endpoint or ("https://%s.blob.%s"):format(backend.account,
         backend.config.storage_suffix)
      local key = secret.is(backend.key) and secret.reveal(backend.key) or backend.key
      local function by(proof)
         return { account_url = json.null, connection_string = secret.new(
            ("DefaultEndpointsProtocol=https;AccountName=%s;%s;BlobEndpoint=%s/"):format(backend.account, proof,
               host)) }
      end
      local credentials = by("AccountKey=" .. key)
      local signature = secret.reveal(backend.store:sas "flows"):match "%?(.*)"
      local blocks = { ["azure-blob-storage-credentials/az"] = { data = credentials },
         ["azure-blob-storage-credentials/sas"] = { data = by("SharedAccessSignature=" .. signature) },
         ["azure-blob-storage-container/code"] = { data = { container_name = "flows", base_folder = "team/b",
            credentials = credentials } } }
      return { block = function(_, slug, name) return blocks[slug .. "/" .. name] end,
         variable = function(_, name) return name == "where" and "flows" or nil end }
   end

   --- Runs pull steps, each a name's last part and its inputs. @return what is in the folder, what was said
   local function pull(steps)
      local into, said, list = assert(fs.tempdir "pulled-"), {}, {}
      local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(into) end })
      for index, step in ipairs(steps) do
         local package = step[1]:find "azure" and "prefect_azure" or "prefect"
         list[index] = { [package .. ".deployments.steps." .. step[1]] = step[2] }
      end
      local where = code.fetch(prefect3(), backend.config, { pull_steps = list }, into,
         function(text) said[#said + 1] = text end)
      return tree(where), said, where:sub(#into + 1)
   end

   local credentials = "{{ prefect.blocks.azure-blob-storage-credentials.az }}"

   check("comes by pull steps, with blocks and variables filled in", function()
      local path = upload("flows", "team/c/")
      local found, said = pull { { "pull_from_azure_blob_storage", { requires = "prefect-azure", id = "code",
         container = "{{ prefect.variables.where }}", folder = "team/c/" .. path, credentials = credentials } } }
      assert.same(expected(), found)
      assert.same({ "Running 1 deployment pull step(s)", "Executing deployment step: pull_from_azure_blob_storage",
         "Deployment step 'pull_from_azure_blob_storage' completed successfully",
         "All deployment steps completed successfully" }, said)
   end)

   check("comes by pull steps with a SAS in place of the key", function()
      local path = upload("flows", "team/d/")
      assert.same(expected(), (pull { { "pull_from_azure_blob_storage", { container = "flows",
         folder = "team/d/" .. path, credentials = "{{ prefect.blocks.azure-blob-storage-credentials.sas }}" } } }))
   end)

   check("comes from a container block, and what a step gives is filled into the next", function()
      local path = upload("flows", "team/b/")
      local found, _, where = pull {
         { "pull_with_block", { block_type_slug = "azure-blob-storage-container", block_document_name = "code",
            id = "code" } },
         { "set_working_directory", { directory = "{{ code.directory }}/" .. path .. "/lib" } },
         { "set_working_directory", { directory = "{{ directory }}/deep" } } }
      assert.equal("/" .. path .. "/lib/deep", where)
      assert.is_string(found["name with space \u{f6}.txt"])
   end)

   check("is not fetched by steps that need another program", function()
      for name, inputs in pairs { git_clone = { repository = "https://example.com/r.git" },
         run_shell_script = { script = "true" }, pip_install_requirements = {} } do
         local ok, err = pcall(pull, { { name, inputs } })
         assert.is_false(ok)
         assert.is_true(errors.is(err))
         assert.matches("the pull step prefect.deployments.steps." .. name .. " needs another program",
            tostring(err))
      end
   end)

   check("is not fetched with a block or a folder that is not there", function()
      local function message(steps)
         local ok, err = pcall(pull, steps)
         assert.is_false(ok)
         return tostring(err)
      end
      assert.matches("azure%-blob%-storage%-credentials/gone does not exist", message { {
         "pull_from_azure_blob_storage", { container = "flows", folder = "x",
            credentials = "{{ prefect.blocks.azure-blob-storage-credentials.gone }}" } } })
      assert.matches("no code in flows/nowhere", message { { "pull_from_azure_blob_storage",
         { container = "flows", folder = "nowhere", credentials = credentials } } })
      assert.matches("no folder elsewhere", message { { "set_working_directory", { directory = "elsewhere" } } })
      assert.matches("neither a connection string nor", message { { "pull_from_azure_blob_storage",
         { container = "flows", folder = "x", credentials = { connection_string = json.null } } } })
   end)

   check("is said to be missing where there is none", function()
      local ok, err = pcall(fetch, "flows", "no-such-path")
      assert.is_false(ok)
      assert.is_true(errors.is(err))
      assert.matches("no code in flows/no%-such%-path/", tostring(err))
   end)
end

describe("a flow's code in Azurite", function() checks(support.azurite) end)

describe("a flow's code in the local cloud", function() checks(support.local_cloud) end)
