-- aci.image, its library finder, its init, and the parts of aci.registry that need no registry.
local archive = require "aci.archive"
local crypto = require "aci.crypto"
local elf = require "aci.image.elf"
local error_ = require "aci.error"
local fs = require "aci.fs"
local image = require "aci.image"
local json = require "aci.json"
local login = require "aci.registry.login"
local process = require "aci.process"
local registry = require "aci.registry"
local secret = require "aci.secret"
local task = require "aci.task"

local program = process.self()
local init = program:gsub("[^/]+$", "acihost-init")

local function build(entries, created)
   return image.build { entries = entries, architecture = "amd64", created = created,
      settings = { Cmd = { "/a" } } }
end

describe("aci.image", function()
   local entries = { { name = "z/b/c", data = "1" }, { name = "a", data = "2" } }

   it("does not depend on the order of the files", function()
      assert.equal(build(entries).digest, build({ entries[2], entries[1] }).digest)
      assert.not_equal(build(entries).digest, build(entries, 1).digest)
   end)

   it("sorts, adds folders, and dates everything", function()
      local names = {}
      for i, entry in ipairs(archive.untar(image.layer(entries, 77))) do
         names[i] = entry.name
         assert.equal(77, entry.mtime)
      end
      assert.same({ "a", "z/", "z/b/", "z/b/c" }, names)
   end)

   it("refuses a name that comes twice", function()
      local ok, err = pcall(build, { { name = "a" }, { name = "/a" } })
      assert.is_false(ok)
      assert.is_true(error_.is(err, "invalid"))
   end)

   it("reads what it wrote, and refuses it with any blob changed", function()
      local path = assert(fs.tempdir "acihost-image-") .. "/i.tar"
      local made = build(entries)
      local bytes = image.archive(made, "me/it:1")
      assert(fs.write(path, bytes))
      assert.same(made, image.read(path))
      local layer = made.blobs[2].data
      local at = assert(bytes:find(layer, 1, true)) + #layer // 2
      assert(fs.write(path, bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ 1) .. bytes:sub(at + 1)))
      local ok, err = pcall(image.read, path)
      assert.is_false(ok)
      assert.matches("not what its digest", err.message)
      fs.remove_tree(path:match "^(.*)/")
   end)

   it("refuses an image whose diff_id is of something else", function()
      local path = assert(fs.tempdir "acihost-image-") .. "/i.tar"
      local made = build(entries)
      local config = made.blobs[1].data:gsub("sha256:%x+", "sha256:" .. ("0"):rep(64))
      local manifest = json.decode(made.manifest)
      manifest.config.digest = "sha256:" .. crypto.hex(crypto.sha256(config))
      made.blobs[1] = { digest = manifest.config.digest, data = config }
      made.manifest = json.encode(manifest)
      made.digest = "sha256:" .. crypto.hex(crypto.sha256(made.manifest))
      assert(fs.write(path, image.archive(made, "x:1")))
      local ok, err = pcall(image.read, path)
      assert.is_false(ok)
      assert.matches("diff_id", err.message)
      fs.remove_tree(path:match "^(.*)/")
   end)
end)

describe("aci.image.elf", function()
   it("finds what ldd finds", function()
      for _, path in ipairs { program, (program:gsub("[^/]+$", "acihost_net.so")) } do
         local want, got = {}, {}
         for where in assert(process.run { args = { "ldd", path } }).stdout:gmatch "=> (/%S+)" do
            -- a sanitizer's library is found by the compiler's own folder
            want[#want + 1] = fs.realpath(where)
         end
         for where, file in pairs(elf.closure { path }) do
            if not where:find "/ld%-linux" then got[#got + 1] = file end
         end
         table.sort(want)
         table.sort(got)
         assert.same(want, got)
      end
   end)

   it("names what is no program", function()
      local ok, err = pcall(elf.read, "README.md")
      assert.is_false(ok)
      assert.equal("Elf", err.code)
   end)
end)

describe("the image's init", function()
   local function run(...)
      return assert(process.run { args = { init, ... }, stderr = "pipe" })
   end

   it("exits as the program did", function()
      assert.equal(7, run("/bin/sh", "-c", "exit 7").code)
      assert.equal(128 + 9, run("/bin/sh", "-c", "kill -9 $$").code)
      assert.equal(127, run("/nowhere/program").code)
      assert.equal(2, run().code)
   end)

   it("hands signals on to the whole group", function()
      local started <close> = assert(process.spawn { stdout = "pipe",
         args = { init, "/bin/sh", "-c", "trap 'echo got; exit 3' TERM; echo ready; sleep 20 & wait" } })
      assert.equal("ready\n", started:read())
      process.signal(started:pid(), "TERM")
      assert.equal("got\n", started:read())
      assert.equal(3, started:wait(5).code)
   end)

   it("collects children that lost their parents", function()
      local started <close> = assert(process.spawn { stdout = "pipe",
         args = { init, "/bin/sh", "-c", "(sleep 0.1 & echo $!); echo end; exec sleep 20" } })
      local text = ""
      while not text:find "end" do text = text .. assert(started:read()) end
      local orphan = math.tointeger(text:match "%d+")
      task.sleep(0.6)
      assert.is_nil(fs.stat("/proc/" .. orphan))
      assert.is_true(started:kill "TERM")
   end)

   it("steps aside under the name acihost where it is not the first process", function()
      local folder = assert(fs.tempdir "acihost-init-")
      assert.equal(0, process.run { args = { "ln", "-s", init, folder .. "/acihost" } }.code)
      local ran = process.run { args = { folder .. "/acihost", "-e", "print(6 * 7)" } }
      assert.equal("42\n", ran.stdout)
      fs.remove_tree(folder)
   end)
end)

describe("aci.registry", function()
   it("reads references", function()
      assert.same({ host = "h.io", repository = "a/b", tag = "1.0" }, registry.reference "h.io/a/b:1.0")
      assert.same({ host = "localhost:5000", repository = "a", tag = "latest" }, registry.reference "localhost:5000/a")
      for _, bad in ipairs { "a", "a/b:1", "h.io/", "h.io/Upper:1", "h.io/a:" } do
         assert.is_false((pcall(registry.reference, bad)), bad)
      end
   end)

   it("reads challenges with blanks and commas in quotes", function()
      local kind, asked = login.challenge 'Bearer realm="https://h/t",service="s",scope="a:b:pull,push c:d:pull"'
      assert.equal("bearer", kind)
      assert.same({ realm = "https://h/t", service = "s", scope = "a:b:pull,push c:d:pull" }, asked)
      assert.equal("basic", (login.challenge 'Basic realm="x"'))
   end)

   it("sends no login to another host, nor from https to http", function()
      local asked = {}
      local function transport(header)
         return { request = function(_, options)
            asked[#asked + 1] = options.url
            return { status = 401, headers = { ["www-authenticate"] = header }, body = "" }
         end }
      end
      for _, realm in ipairs { "https://evil.example/token", "http://h.azurecr.io/oauth2/token" } do
         local to = registry.connect { host = "h.azurecr.io", user = "me", password = secret.new "pw",
            http = transport(('Bearer realm="%s",service="h"'):format(realm)) }
         local ok, err = pcall(to.has_blob, to, "r", "sha256:0")
         assert.is_false(ok)
         assert.equal("ForeignRealm", err.code)
      end
      assert.same({ "https://h.azurecr.io/v2/r/blobs/sha256:0", "https://h.azurecr.io/v2/r/blobs/sha256:0" }, asked)
   end)

   it("tells the registry's own words", function()
      local to = registry.connect { host = "h.io", http = { request = function()
         return { status = 403, headers = {}, body = '{"errors":[{"code":"DENIED","message":"not you"}]}' }
      end } }
      local ok, err = pcall(to.has_blob, to, "r", "sha256:0")
      assert.is_false(ok)
      assert.same({ "permission", "DENIED", "not you" }, { err.kind, err.code, err.message })
   end)
end)
