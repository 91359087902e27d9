-- aci.http over TLS: who is trusted, and in which words others are refused.
local crypto = require "aci.crypto"
local fs = require "aci.fs"
local http = require "aci.http"
local listen = require "tests.support.serve"
local process = require "aci.process"
local secret = require "aci.secret"
local server = require "aci.server"
local task = require "aci.task"

local directory, ca, ca_file

local function write(name, text)
   local path = directory .. "/" .. name
   assert(fs.write(path, secret.is(text) and secret.reveal(text) or text))
   return path
end

local function openssl(...)
   local done = assert(process.run { args = { "openssl", ... } })
   assert(done.code == 0, done.stderr)
end

-- A server of ours: its certificates are made for the name that is asked for.
local function serve(answer, options)
   return listen(answer, options or { tls = { ca = ca } })
end

local function name_host(request)
   request:respond(200, {}, request.host)
end

-- OpenSSL's own server, for certificates that ours would never show.
local function serve_with(certificate, key, ...)
   local port = 20000 + math.random(12000)
   local running = process.spawn {
      args = {
         "openssl", "s_server", "-www", "-accept", tostring(port), "-cert", certificate, "-key", key, ...,
      },
      stdout = "null", stderr = "null",
   }
   for _ = 1, 100 do
      local _, err = http.request { url = "http://127.0.0.1:" .. port, timeout = 1, retry = false }
      if not err or err.code ~= "connect" then break end
      task.sleep(0.05)
   end
   return setmetatable({ port = port }, { __close = function() running:kill "KILL" end })
end

local function refused(options)
   options.retry = false
   local response, err = http.request(options)
   assert.is_nil(response)
   return err
end

describe("aci.http over TLS", function()
   lazy_setup(function()
      directory = assert(fs.tempdir())
      ca = assert(crypto.ca { name = "a test authority" })
      ca_file = write("ca.pem", ca.certificate)
      write("ca.key", ca.key)
   end)

   lazy_teardown(function() fs.remove_tree(directory) end)

   it("trusts the authority of ca_file, and sends the name it asks for", function()
      local s <close> = serve(name_host)
      for _, host in ipairs { "myvault.vault.azure.net", "login.microsoftonline.com" } do
         local url = "https://" .. host .. "/"
         local response = assert(http.request { url = url, ca_file = ca_file, connect_to = s.address })
         assert.equal(host, response.body)
      end
      local response = assert(http.request { url = "https://localhost:" .. s.port, ca_file = ca_file })
      assert.equal("localhost", response.body)
   end)

   it("trusts nobody else then", function()
      local other = write("other.pem", assert(crypto.ca { name = "another" }).certificate)
      local s <close> = serve(name_host)
      local err = refused {
         url = "https://management.azure.com/?sig=x", ca_file = other, connect_to = s.address,
      }
      assert.equal("network tls_untrusted", err.kind .. " " .. err.code)
      assert.equal("the certificate of management.azure.com comes from an authority that is not trusted",
         err.message)
      assert.equal("tls_untrusted", refused({ url = "https://localhost:" .. s.port }).code)
   end)

   it("keeps the connections of two authorities apart", function()
      local other = write("other.pem", assert(crypto.ca { name = "another" }).certificate)
      local s <close> = serve(name_host)
      local url = "https://localhost:" .. s.port
      assert(http.request { url = url, ca_file = ca_file })
      assert.equal("tls_untrusted", refused({ url = url, ca_file = other }).code)
      assert(http.request { url = url, ca_file = ca_file })
   end)

   it("refuses a certificate for another name", function()
      local made = assert(crypto.certificate { ca = ca, names = { "other.example" } })
      local s <close> = serve_with(write("host.pem", made.certificate), write("host.key", made.key))
      local err = refused { url = "https://localhost:" .. s.port, ca_file = ca_file }
      assert.equal("network tls_host", err.kind .. " " .. err.code)
      assert.equal("the certificate that localhost presents is for another name", err.message)
   end)

   it("refuses an expired and a self-signed one", function()
      local key, csr, old = directory .. "/k", directory .. "/csr", directory .. "/old.pem"
      openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
      openssl("req", "-new", "-key", key, "-subj", "/CN=localhost", "-out", csr)
      openssl("x509", "-req", "-in", csr, "-days", "-1", "-CA", ca_file, "-CAkey", directory .. "/ca.key",
         "-out", old)
      local s <close> = serve_with(old, key)
      local err = refused { url = "https://localhost:" .. s.port, ca_file = ca_file }
      assert.equal("network tls_expired", err.kind .. " " .. err.code)
      assert.matches("^the certificate of localhost has expired", err.message)
      openssl("x509", "-req", "-in", csr, "-days", "1", "-signkey", key, "-out", old)
      local own <close> = serve_with(old, key)
      err = refused { url = "https://localhost:" .. own.port, ca_file = ca_file }
      assert.equal("tls_untrusted", err.code)
      assert.matches("self%-signed", err.message)
   end)

   it("speaks no TLS older than 1.2", function()
      local made = assert(crypto.certificate { ca = ca, names = { "localhost" } })
      local certificate, key = write("host.pem", made.certificate), write("host.key", made.key)
      local s <close> = serve_with(certificate, key, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
      assert.equal("tls", refused({ url = "https://localhost:" .. s.port, ca_file = ca_file }).code)
      local good <close> = serve_with(certificate, key, "-tls1_2")
      local response = assert(http.request { url = "https://localhost:" .. good.port, ca_file = ca_file })
      assert.equal(200, response.status)
   end)

   it("tells a plain server and a missing ca_file", function()
      local s <close> = serve(name_host, {})
      assert.equal("tls", refused({ url = "https://localhost:" .. s.port }).code)
      local err = refused { url = "https://localhost:" .. s.port, ca_file = directory .. "/none.pem" }
      assert.equal("failed ca_file", err.kind .. " " .. err.code)
   end)

   it("never tries a refused certificate again", function()
      local count = 0
      http.trace = function(event) if event == "request" then count = count + 1 end end
      local s <close> = serve(name_host)
      http.request { url = "https://localhost:" .. s.port }
      http.trace = nil
      assert.equal(1, count)
   end)

   it("goes through a CONNECT proxy, and tells what the proxy refuses", function()
      local proxy = assert(server.listen { proxy = true, tls = { ca = ca } })
      local loop <close> = task.spawn(function()
         for request in function() return proxy:next() end do
            if request.method ~= "CONNECT" then
               request:respond(200, {}, "through to " .. request.host)
            elseif request.target:find "azure" then
               request:tls()
            else
               request:respond(403, {}, "not played here")
            end
         end
      end)
      local address = "http://127.0.0.1:" .. proxy:port()
      local options = { url = "https://management.azure.com/", proxy = address, ca_file = ca_file }
      assert.equal("through to management.azure.com", assert(http.request(options)).body)
      local err = refused { url = "https://example.com/", proxy = address, ca_file = ca_file }
      assert.equal("network proxy", err.kind .. " " .. err.code)
      assert.matches("403", err.message)
      proxy:close()
      loop:cancel()
   end)

   -- A certificate for signing in, in the forms that are taken: the files' names.
   local function client_files()
      local f = { key = directory .. "/client.key", pem = directory .. "/client.pem" }
      openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f.key)
      openssl("req", "-new", "-key", f.key, "-subj", "/CN=a client", "-out", directory .. "/client.csr")
      openssl("x509", "-req", "-in", directory .. "/client.csr", "-days", "1", "-CA", ca_file, "-CAkey",
         directory .. "/ca.key", "-out", f.pem)
      f.both = write("both.pem", fs.read(f.pem) .. fs.read(f.key))
      f.locked, f.p12 = directory .. "/locked.key", directory .. "/client.p12"
      openssl("ec", "-in", f.key, "-aes256", "-passout", "pass:hush", "-out", f.locked)
      openssl("pkcs12", "-export", "-in", f.pem, "-inkey", f.key, "-passout", "pass:hush", "-out", f.p12)
      return f
   end

   it("signs in with a client certificate: PEM, a key apart, a locked one, PKCS#12", function()
      local made = assert(crypto.certificate { ca = ca, names = { "localhost" } })
      local certificate, key = write("host.pem", made.certificate), write("host.key", made.key)
      local s <close> = serve_with(certificate, key, "-Verify", "2", "-CAfile", ca_file, "-verify_return_error")
      local f = client_files()
      local function get(options)
         options.url, options.ca_file, options.retry = "https://localhost:" .. s.port, ca_file, false
         return http.request(options)
      end
      assert.matches("Subject: CN ?= ?a client", assert(get { client_certificate = f.both }).body)
      assert.equal(200, assert(get { client_certificate = f.pem, client_key = f.key }).status)
      local password = secret.new "hush"
      assert.equal(200, assert(get { client_certificate = f.p12, client_password = password }).status)
      local locked = { client_certificate = f.pem, client_key = f.locked, client_password = password }
      assert.equal(200, assert(get(locked)).status)

      local _, err = get {}
      assert.equal("network tls_client", err.kind .. " " .. err.code)
      assert.matches("^localhost asks for a client certificate", err.message)
      for _, wrong in ipairs { { client_certificate = directory .. "/none.pem" }, { client_certificate = ca_file },
         { client_certificate = f.p12, client_password = "no" } } do
         _, err = get(wrong)
         assert.equal("failed client_certificate", err.kind .. " " .. err.code)
      end
   end)

   it("tells a server that does not accept its certificate", function()
      local made = assert(crypto.certificate { ca = ca, names = { "localhost" } })
      local certificate, key = write("host.pem", made.certificate), write("host.key", made.key)
      local other = write("other.pem", assert(crypto.ca { name = "another" }).certificate)
      local s <close> = serve_with(certificate, key, "-Verify", "2", "-CAfile", other, "-verify_return_error")
      local err = refused { url = "https://localhost:" .. s.port, ca_file = ca_file,
         client_certificate = client_files().both }
      assert.equal("network tls_client", err.kind .. " " .. err.code)
      assert.matches("^localhost does not accept the client certificate: ", err.message)
   end)

   it("moves megabytes both ways", function()
      local s <close> = serve(function(request) request:respond(200, {}, request:body()) end)
      local bytes = ("0123456789abcdef"):rep(256 * 1024)
      local response = assert(http.request {
         url = "https://localhost:" .. s.port, ca_file = ca_file, method = "POST", body = bytes,
      })
      assert.is_true(response.body == bytes)
   end)
end)

describe("aci.http and the environment", function()
   local function run(code, environment)
      local map = process.environment()
      for name, value in pairs(environment) do
         map[name] = value
      end
      local done = assert(process.run { args = { process.self(), "-e", code }, env = map })
      return done.stdout, done.stderr
   end

   it("goes through its proxy, but never to this machine", function()
      local s <close> = serve(name_host, {})
      local code = [[
         local http = require "aci.http"
         local response, err = http.request { url = "http://%s:%d/", retry = false }
         io.write(response and response.body or err.code)
      ]]
      local broken = { http_proxy = "http://127.0.0.1:1", HTTPS_PROXY = "http://127.0.0.1:1" }
      assert.equal("127.0.0.1", (run(code:format("127.0.0.1", s.port), broken)))
      assert.equal("localhost", (run(code:format("localhost", s.port), broken)))
      assert.equal("connect", (run(code:format("example.invalid", s.port), broken)))
   end)

   it("names its certificates by SSL_CERT_FILE", function()
      local authority = assert(crypto.ca { name = "of the environment" })
      local path = os.tmpname()
      assert(fs.write(path, authority.certificate))
      local s <close> = serve(name_host, { tls = { ca = authority } })
      local code = ([[
         local http = require "aci.http"
         local response, err = http.request { url = "https://localhost:%d/", retry = false }
         io.write(response and response.body or err.code)
      ]]):format(s.port)
      assert.equal("localhost", (run(code, { SSL_CERT_FILE = path })))
      os.remove(path)
   end)
end)
