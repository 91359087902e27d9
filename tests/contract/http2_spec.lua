-- aci.http speaks HTTP/2 where it is offered: with Node's server, which is nobody of ours.
local crypto  = require "aci.crypto"
local fs      = require "aci.fs"
local http    = require "aci.http"
local peers   = require "tests.support.peers"
local process = require "aci.process"
local secret  = require "aci.secret"
local task    = require "aci.task"

local node = peers.path "js"
local directory, options

local function check(name, body)
   it(name, function()
      if not node then return pending "vendor/peers js installs Node" end
      body()
   end)
end

local function start(versions)
   os.remove(directory .. "/port") -- the one of the server before
   local running = assert(process.spawn { args = { node .. "/bin/node", "tests/contract/http2_server.js",
      directory .. "/key.pem", directory .. "/cert.pem", versions }, stdout = { file = directory .. "/port" },
      stderr = "inherit", parent_death = "TERM" })
   local port
   peers.wait_until("Node", 20, function()
      port = (fs.read(directory .. "/port") or ""):match "^(%d+)\n"
      return port
   end)
   return setmetatable({ url = "https://localhost:" .. port }, { __close = function() running:stop(5) end })
end

local function ask(server, path, more)
   local all = { url = server.url .. path, retry = false }
   for _, from in ipairs { options, more or {} } do
      for name, value in pairs(from) do all[name] = value end
   end
   return http.request(all)
end

describe("HTTP/2", function()
   lazy_setup(function()
      directory = assert(fs.tempdir())
      local ca = assert(crypto.ca { name = "a test authority" })
      local made = assert(crypto.certificate { ca = ca, names = { "localhost" } })
      assert(fs.write(directory .. "/ca.pem", ca.certificate))
      assert(fs.write(directory .. "/cert.pem", made.certificate))
      assert(fs.write(directory .. "/key.pem", secret.is(made.key) and secret.reveal(made.key) or made.key))
      options = { ca_file = directory .. "/ca.pem" }
   end)
   lazy_teardown(function() fs.remove_tree(directory) end)

   check("is spoken where the server speaks both, or nothing else", function()
      for _, versions in ipairs { "both", "h2" } do
         local server <close> = start(versions)
         assert.matches("^2%.0 ", assert(ask(server, "/version")).body)
      end
   end)

   check("carries requests at once on one connection", function()
      local server <close> = start "h2"
      assert(ask(server, "/version"))
      local asks = {}
      for i = 1, 20 do asks[i] = function() return assert(ask(server, "/version")).body end end
      for _, said in ipairs(task.all(asks)) do assert.equal("2.0 on connection 1", said) end
   end)

   check("moves bodies both ways: bytes, files, functions", function()
      local server <close> = start "h2"
      local bytes = ("0123456789abcdef"):rep(64 * 1024)
      assert.is_true(assert(ask(server, "/echo", { method = "POST", body = bytes })).body == bytes)
      local path = directory .. "/body"
      assert(fs.write(path, bytes))
      assert.is_true(assert(ask(server, "/echo", { method = "PUT", body = { file = path } })).body == bytes)
      local given, got = 0, 0
      assert(ask(server, "/echo", { method = "PUT",
         body = function()
            given = given + 1
            return given <= 300 and bytes:sub(1, 20000) or nil
         end,
         sink = function(chunk) got = got + #chunk end }))
      assert.equal(300 * 20000, got)
      local function length(of) return ask(server, "/length", of).headers["x-length"] end
      assert.equal("3", length { method = "PUT", body = "abc" })
      assert.equal("0", length { method = "POST" })
   end)

   check("carries header lines of more than 8 KB", function()
      local server <close> = start "h2"
      local response = assert(ask(server, "/long", { headers = { ["x-long"] = ("h"):rep(9000) } }))
      assert.equal("9000", response.body)
      assert.equal(9000, #response.headers["x-long"])
   end)

   check("tells a stream that breaks off, and outlives a connection that ends", function()
      local server <close> = start "h2"
      local _, err = ask(server, "/break")
      assert.equal("network reset", err.kind .. " " .. err.code)
      assert.equal("bye", assert(ask(server, "/goaway")).body)
      assert.equal("2.0 on connection 2", assert(ask(server, "/version")).body)
   end)
end)
