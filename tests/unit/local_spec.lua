local auth = require "aci.auth"
local cloud = require "aci.local"
local config = require "aci.config"
local error_ = require "aci.error"
local fs = require "aci.fs"
local json = require "aci.json"
local process = require "aci.process"
local secret = require "aci.secret"

local TENANT, SUB = "11111111-2222-3333-4444-555555555555", "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
local OWNER = { tenant = TENANT, subscription = SUB, client_id = "99999999-2222-3333-4444-555555555555",
   client_secret = "owner-secret" }

local home, lock

local function write(name, value)
   assert(fs.write(home .. "/" .. name, json.encode(value)))
end

--- What a running cloud leaves in its folder.
local function run_cloud()
   lock = assert(fs.lock(home .. "/cloud.lock"))
   write("cloud.json", { pid = process.pid(), https_port = 8443, proxy_port = 8080, prefect_port = 4200,
      ca_file = home .. "/ca.pem", version = "0", started = 0 })
   write("owner.json", OWNER)
end

local function load(overrides, environment)
   overrides = overrides or {}
   overrides.home = home
   return config.load(overrides, { environment = environment or {}, file = false })
end

describe("aci.local", function()
   local spawn = process.spawn
   before_each(function()
      home, lock = fs.tempdir(), nil
      package.loaded["sim.daemon"] = { version = function() return "0" end }
   end)
   after_each(function()
      process.spawn = spawn
      package.loaded["sim.daemon"] = nil
      if lock then lock:close() end
      fs.remove_tree(home)
   end)

   it("finds a cloud only while it holds its lock", function()
      assert.is_nil(cloud.find(home))
      run_cloud()
      assert.equal(8443, cloud.find(home).https_port)
      lock:close()
      lock = nil
      assert.is_nil(cloud.find(home))
   end)

   it("takes one whose process is gone for dead", function()
      run_cloud()
      write("cloud.json", { pid = 4194303, https_port = 8443 })
      assert.is_nil(cloud.find(home))
   end)

   it("has one of another version started anew", function()
      run_cloud()
      package.loaded["sim.daemon"].version = function() return "1" end
      local asked
      process.spawn = function(options)
         asked = options.args
         return { wait = function() return { code = 0 } end }
      end
      cloud.ensure(load())
      assert.equal("start", asked[3])
   end)

   it("points the settings at it: address, CA, owner, Prefect, derived names", function()
      run_cloud()
      local c = cloud.settle(load())
      assert.equal("127.0.0.1:8443", c.connect_to)
      assert.equal(home .. "/ca.pem", c.ca_file)
      assert.equal("http://127.0.0.1:4200/api", c.prefect_url)
      assert.same({ TENANT, SUB, OWNER.client_id }, { c.tenant, c.subscription, c.client_id })
      assert.equal("owner-secret", secret.reveal(c.client_secret))
      assert.matches("^kv%-", c.vault)
      assert.matches("application " .. OWNER.client_id, tostring(auth.credential(c)), 1, true)
   end)

   it("uses a login of its own tenant, and says when another one is not used", function()
      run_cloud()
      local mine = { AZURE_TENANT_ID = TENANT, AZURE_CLIENT_ID = SUB, AZURE_CLIENT_SECRET = "mine" }
      local c = cloud.settle(load({}, mine))
      assert.equal("mine", secret.reveal(c.client_secret))
      assert.equal(SUB, c.subscription)
      mine.AZURE_TENANT_ID = "contoso.com"
      c = cloud.settle(load({}, mine))
      assert.equal("owner-secret", secret.reveal(c.client_secret))
      assert.matches("another tenant", c.notes[1])
   end)

   it("leaves a given Prefect alone, and settings for Azure", function()
      run_cloud()
      assert.equal("http://host/api", cloud.settle(load { prefect_url = "http://host/api" }).prefect_url)
      local c = cloud.settle(load { cloud = "azure", subscription = SUB, prefect_url = "http://h/api" })
      assert.is_nil(c.connect_to)
      assert.is_nil(c.tenant)
   end)

   it("starts one in the background where there is none, detached from this terminal", function()
      local started
      process.spawn = function(options)
         started = options
         run_cloud()
         return { wait = function() return { code = 0 } end }
      end
      assert.equal(8443, cloud.ensure(load()).https_port)
      assert.same({ process.self(), "sim", "start" }, started.args)
      assert.is_true(started.detach)
      assert.equal("null", started.stdin)
      assert.equal(home, started.env.ACIHOST_HOME)
      assert.is_table(started.stdout)
   end)

   it("says why a cloud does not start", function()
      process.spawn = function(options)
         assert(fs.write(options.stdout.file, "port 8443 is taken\n"))
         return { wait = function() return { code = 1 } end }
      end
      local ok, err = pcall(cloud.ensure, load())
      assert.is_false(ok)
      assert.is_true(error_.is(err, "failed"))
      assert.matches("port 8443 is taken", err.message)
      assert.matches("cloud.log", err.advice)
   end)

   it("keeps its state where the settings or XDG say", function()
      assert.equal(home, cloud.home { home = home })
      assert.matches("acihost$", cloud.home {})
   end)
end)
