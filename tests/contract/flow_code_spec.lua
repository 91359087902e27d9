--- A flow's folder on its way: uploaded as setup.lua does, fetched as a job does, equal byte for byte; held
-- against a real Azurite and the local cloud.
local code    = require "aci.flow.code"
local errors  = require "aci.error"
local folders = require "aci.prefect.folder"
local fs      = require "aci.fs"
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

   check("is said to be missing where there is none", function()
      local ok, err = pcall(fetch, "flows", "no-such-path")
      assert.is_false(ok)
      assert.is_true(errors.is(err))
      assert.matches("no code in flows/no%-such%-path/", tostring(err))
   end)
end

describe("a flow's code in Azurite", function() checks(support.azurite) end)

describe("a flow's code in the local cloud", function() checks(support.local_cloud) end)
