--- The bytes of blobs in a cloud of its own process: bounded memory, nothing lost, nothing left.
local azure   = require "aci.azure"
local blob    = require "aci.blob"
local config_ = require "aci.config"
local cloud   = require "tests.support.cloud"
local crypto  = require "aci.crypto"
local eventually = require "tests.support.eventually"
local fs      = require "aci.fs"
local process = require "aci.process"
local task    = require "aci.task"

local MIB = 1024 * 1024

describe("the bytes of blobs", function()
   local home, running, store, folder

   local function connect()
      local config = config_.load({ home = home }, { environment = {}, file = false })
      local az = azure.connect(config)
      local account = az:resource("Microsoft.Storage/storageAccounts", config.storage_account, {
         location = config.location, kind = "StorageV2", sku = { name = "Standard_LRS" }, properties = {} })
      if not az:get(account.id, account.version) then
         az:put_group()
         az:register "Microsoft.Storage"
         az:put(account.id, account.version, account.body)
      end
      return blob.connect(config, account.name, az:storage_key(account))
   end

   before_each(function()
      home, folder = assert(fs.tempdir "acihost-cloud-"), assert(fs.tempdir())
      running = cloud.start { home = home }
      store = connect()
      store:create_container "box"
   end)

   after_each(function()
      running:stop()
      fs.remove_tree(home)
      fs.remove_tree(folder)
   end)

   local function most_memory()
      return tonumber(fs.read(("/proc/%d/status"):format(running.pid)):match "VmHWM:%s*(%d+) kB") * 1024
   end

   local function stored()
      return fs.list(home .. "/blobs")
   end

   it("pass through in a bounded amount of memory", function()
      local path, piece = folder .. "/large", crypto.random(MIB)
      for _ = 1, 40 do assert(fs.append(path, piece)) end
      store:put("box", "small", "x")
      local before = most_memory()
      store:upload("box", "large", path, { single = 200 * MIB })
      store:upload("box", "blocks", path, { single = MIB, block = 16 * MIB, at_once = 2 })
      for _, name in ipairs { "large", "blocks" } do
         store:download("box", name, folder .. "/back")
         local sum = crypto.digest "md5"
         for at = 0, 39 do sum:add(fs.read(folder .. "/back", { offset = at * MIB, limit = MIB })) end
         local wanted = crypto.digest "md5"
         for _ = 1, 40 do wanted:add(piece) end
         assert.equal(crypto.hex(wanted:value()), crypto.hex(sum:value()))
      end
      local limit = os.getenv "ACIHOST_SANITIZED" and 30 or 12 -- the sanitizer keeps freed memory for a while
      assert.is_true(most_memory() - before < limit * MIB, "it took " .. (most_memory() - before) // MIB .. " MiB")
   end)

   it("outlive the end of the cloud; what was never written whole goes", function()
      store:put("box", "kept", "data")
      assert(fs.write(home .. "/blobs/cut-short", "half of an upload"))
      process.signal(running.pid, "KILL")
      task.wait(running.process, 5)
      fs.remove(home .. "/cloud.json")
      running = cloud.start { home = home }
      assert.equal(1, #stored())
      assert.equal("data", (connect():get("box", "kept")))
   end)

   it("go when nothing needs them", function()
      store:put("box", "a", "1")
      store:put("box", "a", "2")
      eventually("one file is left", function() return #stored() == 1 end)
      store:delete_container "box"
      eventually("no file is left", function() return #stored() == 0 end)
   end)

   it("refused, are not kept", function()
      local answer = store:send { method = "PUT", container = "box", name = "m", body = ("x"):rep(MIB),
         headers = { ["x-ms-blob-type"] = "BlockBlob", ["content-md5"] = crypto.base64(crypto.md5 "y") },
         accept = { [400] = true } }
      assert.equal("Md5Mismatch", answer.headers["x-ms-error-code"])
      assert.equal(0, #stored())
      store:put("box", "a", "1")
      answer = store:send { method = "PUT", container = "box", name = "a", body = ("x"):rep(3 * MIB),
         headers = { ["x-ms-blob-type"] = "BlockBlob", ["if-none-match"] = "*" }, accept = { [409] = true } }
      assert.equal("BlobAlreadyExists", answer.headers["x-ms-error-code"])
      assert.equal(1, #stored())
   end)
end)
