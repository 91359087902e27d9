-- Our container image: built here, read by skopeo, started in a chroot of its layer, pushed to Debian's
-- docker-registry and pulled back equal.
local archive  = require "aci.archive"
local crypto   = require "aci.crypto"
local fs       = require "aci.fs"
local image    = require "aci.image"
local json     = require "aci.json"
local peers    = require "tests.support.peers"
local process  = require "aci.process"
local remote   = require "aci.registry"
local secret   = require "aci.secret"
local support  = require "tests.support.registry"

local LIMIT = 25e6

describe("the image", function()
   local have = peers.path "registry"
   local folder, file, made

   local function run(args, environment)
      local env = process.environment()
      env.HOME = folder -- skopeo remembers blobs there
      for name, value in pairs(environment or {}) do env[name] = value end
      return assert(process.run { args = args, env = env })
   end

   local function good(args, environment)
      local ran = run(args, environment)
      assert.equal(0, ran.code, table.concat(args, " ") .. ": " .. ran.stderr .. ran.stdout)
      return ran.stdout
   end

   local function acihost(...)
      return good { process.self(), ... }
   end

   local function witness(what, body)
      it(what, function()
         if not have then return pending "vendor/peers registry installs docker-registry and skopeo" end
         body()
      end)
   end

   setup(function()
      folder = assert(fs.tempdir "acihost-image-")
      file = folder .. "/image.tar"
      good({ process.self(), "image", file, "--name", "acihost:test" }, { SOURCE_DATE_EPOCH = "1700000000" })
      made = image.read(file)
   end)

   teardown(function() fs.remove_tree(folder) end)

   it("is of 25 MB at most, compressed", function()
      local size = #made.blobs[2].data
      print(("image: %.1f MB compressed, %s"):format(size / 1e6, made.digest))
      assert.is_true(size > 1e6 and size <= LIMIT, tostring(size))
   end)

   it("is the same, byte for byte, when it is built again", function()
      good({ process.self(), "image", folder .. "/again.tar", "--name", "acihost:test" },
         { SOURCE_DATE_EPOCH = "1700000000", TZ = "Asia/Tokyo", LC_ALL = "C" })
      assert.equal(fs.read(file), fs.read(folder .. "/again.tar"))
   end)

   it("says nothing of the machine that it was built on", function()
      local tape = archive.gunzip(made.blobs[2].data)
      assert.is_nil(tape:find(fs.realpath ".", 1, true))
   end)

   it("does not hold the settings that lie beside the scripts", function()
      local copy, canary = folder .. "/copy", "canary-" .. crypto.uuid4()
      assert(fs.mkdir(copy .. "/build"))
      local build = process.self():match "^(.*)/"
      good { "cp", build .. "/acihost", build .. "/acihost-init", build .. "/acihost_net.so", copy .. "/build" }
      good { "cp", "-r", "scripts", copy .. "/scripts" }
      assert(fs.write(copy .. "/scripts/config.lua", ("return { client_secret = %q }"):format(canary)))
      assert(fs.write(copy .. "/scripts/own.lua", "-- mine"))
      good { copy .. "/build/acihost", copy .. "/scripts/image.lua", folder .. "/copy.tar" }
      local tape = archive.gunzip(image.read(folder .. "/copy.tar").blobs[2].data)
      assert.is_nil(tape:find(canary, 1, true))
      assert.is_truthy(tape:find("opt/acihost/scripts/own.lua", 1, true))
   end)

   witness("is read by skopeo as oci-archive and as docker-archive", function()
      local seen = json.decode(good { "skopeo", "inspect", "oci-archive:" .. file })
      assert.equal(made.digest, seen.Digest)
      assert.equal("2023-11-14T22:13:20Z", seen.Created)
      assert.equal(made.blobs[2].digest, seen.Layers[1])
      assert.equal(1, #json.decode(good { "skopeo", "inspect", "docker-archive:" .. file }).Layers)
   end)

   describe("unpacked", function()
      local root

      setup(function()
         root = folder .. "/root"
         assert(fs.mkdir(root))
         assert(fs.write(folder .. "/layer.tar.gz", made.blobs[2].data))
         good { "tar", "-xzf", folder .. "/layer.tar.gz", "-C", root, "--no-same-owner" }
      end)

      -- A chroot, where no root is with a user namespace.
      local function inside(...)
         local command = { "chroot", root, ... }
         if run({ "id", "-u" }).stdout ~= "0\n" then command = { "unshare", "-r", table.unpack(command) } end
         return run(command, { LD_LIBRARY_PATH = "", PATH = "/usr/sbin:/usr/bin:/sbin:/bin" })
      end

      it("starts in a chroot of its layer, with all that is loaded later", function()
         local ran = inside("/usr/bin/acihost", "-e", [[
            local crypto, http = require "aci.crypto", require "aci.http"
            print(crypto.hex(crypto.sha256 "abc"):sub(1, 8), http.escape "a b",
               #require "aci.fs".read(os.getenv "SSL_CERT_FILE" or "/etc/ssl/certs/ca-certificates.crt") > 100000)]])
         assert.equal("ba7816bf\ta%20b\ttrue\n", ran.stdout, ran.stderr)
      end)

      it("holds the scripts", function()
         for _, name in ipairs { "worker", "execute", "setup", "sim" } do
            local ran = inside("/usr/bin/acihost", name .. ".lua", "--help")
            if name ~= "execute" then assert.matches("acihost " .. name, ran.stdout .. ran.stderr) end
            assert.not_matches("cannot open", ran.stderr)
         end
      end)

      it("has its init as the first process, which hands a signal on and exits as the program did", function()
         local command = { "unshare", "--pid", "--fork", "chroot", root, "/usr/bin/acihost", "-e", [[
            local process, task = require "aci.process", require "aci.task"
            print(process.pid() > 1)
            io.stdout:flush()
            process.signal(1, "TERM")
            task.sleep(20)]] }
         if run({ "id", "-u" }).stdout ~= "0\n" then table.insert(command, 2, "-r") end
         local ran = run(command, { LD_LIBRARY_PATH = "", PATH = "/usr/sbin:/usr/bin:/sbin:/bin" })
         assert.same({ "true\n", 128 + 15 }, { ran.stdout, ran.code }, ran.stderr)
      end)
   end)

   -- Pulls with skopeo and compares every byte with what was built.
   local function assert_equal_back(source, user)
      local back = folder .. "/back"
      fs.remove_tree(back)
      fs.remove_tree(folder .. "/.local") -- its cache of blobs
      good { "skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", user and "--src-creds=" .. user
         or "--src-no-creds", "docker://" .. source, "dir:" .. back }
      assert.equal(made.manifest, fs.read(back .. "/manifest.json"))
      for _, blob in ipairs(made.blobs) do
         assert.equal(blob.data, fs.read(back .. "/" .. blob.digest:gsub("^sha256:", "")))
      end
   end

   witness("is pushed to a registry and pulled back equal; the second push sends nothing", function()
      local registry <close> = support.start()
      local name = registry.host .. "/team/acihost:1"
      assert.matches("2 sent, 0 there already", acihost("push", name, file))
      assert_equal_back(name)
      local before = #registry:requests()
      assert.matches("0 sent, 2 there already", acihost("push", name, file))
      local requests = registry:requests()
      for i = before + 1, #requests do assert.not_matches("uploads", requests[i]) end
      assert.is_true(#requests > before)
   end)

   witness("is pushed in pieces", function()
      local registry <close> = support.start()
      local name = registry.host .. "/acihost:pieces"
      acihost("push", name, file, "--chunk", "3000000")
      local patches = 0
      for _, request in ipairs(registry:requests()) do
         if request:find "^PATCH" then patches = patches + 1 end
      end
      assert.equal(math.ceil(#made.blobs[2].data / 3000000), patches)
      assert_equal_back(name)
   end)

   witness("goes where a password is asked, and says so where it is wrong", function()
      local registry <close> = support.start(support.basic("me", support.HASH))
      local name = registry.host .. "/acihost:1"
      local args = { process.self(), "push", name, file, "-u", "me" }
      good(args, { ACIHOST_REGISTRY_PASSWORD = "correct horse" })
      assert_equal_back(name, "me:correct horse")
      local refused = run(args, { ACIHOST_REGISTRY_PASSWORD = "wrong" })
      assert.equal(4, refused.code, refused.stderr)
      assert.not_matches("wrong", refused.stderr)
   end)

   witness("goes by Azure's exchange of tokens: Entra's for a refresh token, that for one of the repository", function()
      local entra = "entra-" .. crypto.uuid4()
      local tokens <close> = support.tokens(entra)
      local registry <close> = support.start(tokens.auth)
      local to = remote.connect { host = registry.host, azure = support.credential(entra) }
      assert.same({ digest = made.digest, sent = 2, skipped = 0 }, to:push("jobs/acihost", "1", made))
      assert.equal(made.manifest, (to:manifest("jobs/acihost", "1")))
      assert.same({ "/oauth2/exchange", "/oauth2/token", "/oauth2/token" },
         { tokens.asked[1].path, tokens.asked[2].path, tokens.asked[3].path })
      assert.equal("127.0.0.1", tokens.asked[1].form.service)
      assert.equal("repository:jobs/acihost:pull,push", tokens.asked[2].form.scope)
      assert.equal(3, #tokens.asked)

      local other = remote.connect { host = registry.host, azure = support.credential "another" }
      local ok, err = pcall(other.push, other, "jobs/acihost", "1", made)
      assert.is_false(ok)
      assert.equal("auth", err.kind)
      local nobody = remote.connect { host = registry.host, user = "x", password = secret.new "y" }
      assert.is_false((pcall(nobody.push, nobody, "jobs/acihost", "1", made)))
   end)
end)
