-- What -v, -vv and -vvv show: exchanges, decisions, and no secret from whichever place.
local http   = require "aci.http"
local json   = require "aci.json"
local process = require "aci.process"
local secret = require "aci.secret"
local server = require "aci.server"
local task   = require "aci.task"
local terminal = require "tests.support.terminal"
local trace  = require "aci.trace"

local lines

local function listen(level)
   lines = {}
   trace.to(level, function(line) lines[#lines + 1] = line end)
end

local function told()
   return table.concat(lines)
end

local function answering(answers)
   local listener = assert(server.listen {})
   local count = 0
   local loop = task.spawn(function()
      for request in function() return listener:next() end do
         request:body()
         count = count + 1
         request:respond(table.unpack(answers[math.min(count, #answers)], 1, 3))
      end
   end)
   return setmetatable({ url = "http://127.0.0.1:" .. listener:port() }, { __close = function()
      listener:close()
      loop:cancel()
   end })
end

-- A request and its answer, as http tells of them.
local function exchange(request, response)
   request.method, request.number, request.try = request.method or "GET", 7, 1
   http.trace("request", request)
   response = response or {}
   http.trace("response", { method = request.method, url = request.url, number = 7, status = 200, ms = 3,
      headers = response.headers or { ["content-type"] = "application/json" }, body = response.body })
end

local function hides(value)
   assert.is_nil(told():find(value, 1, true), told())
   assert.truthy(told():find("<secret>", 1, true), told())
end

describe("the trace", function()
   after_each(function() trace.to(0) end)

   it("tells at 1 what is tried again and what is not, and why", function()
      listen(1)
      local one <close> = answering { { 503, { ["retry-after-ms"] = "1" } }, { 200 } }
      http.request { url = one.url .. "/a?sig=hush" }
      assert.equal(1, #lines)
      assert.matches("GET http://127.*/a%?sig=<secret>: answered 503; try 2 of 4 in [%d.e-]+ s\n", lines[1])
      local two <close> = answering { { 503 } }
      http.request { url = two.url, method = "POST" }
      assert.matches("POST .*: answered 503; not tried again: it may have been done", lines[2])
      local three <close> = answering { { 429, { ["retry-after"] = "900" } } }
      http.request { url = three.url, retry = { max_wait = 5 } }
      assert.matches("not tried again: it asks for 900 s, more than 5", lines[3])
      local four <close> = answering { { 503, { ["retry-after-ms"] = "1" } } }
      http.request { url = four.url, retry = { tries = 2 } }
      assert.matches("not tried again: after 2 tries", lines[5])
      http.request { url = "http://127.0.0.1:1/", retry = false }
      assert.equal(5, #lines) -- the caller's own policy
   end)

   it("tells at 2 one line for each exchange: method, address, status, time, request id", function()
      listen(2)
      local one <close> = answering { { 201, { ["x-ms-request-id"] = "id-1" }, "body" } }
      http.request { url = one.url .. "/a?b=c&sig=hush", method = "PUT", body = "x" }
      assert.equal(1, #lines)
      assert.matches("^#%d+ PUT http://127.*/a%?b=c&sig=<secret> 201, %d+ ms, request id id%-1\n$", lines[1])
      http.request { url = "http://127.0.0.1:1/", retry = false }
      assert.matches("connect", lines[2])
   end)

   it("tells at 3 headers and bodies, each in one line, whatever a terminal would do with them", function()
      listen(3)
      local one <close> = answering { { 200, { ["content-type"] = "text/plain", ["x-b"] = "1" }, "two\nlines\27[2J" } }
      http.request { url = one.url, method = "POST", json = { a = 1 }, headers = { ["X-A"] = "yes" } }
      local text = told()
      for _, part in ipairs { "> POST http", "> x-a: yes\n", '> {"a":1}\n', "< 200 POST", "< x-b: 1\n",
         "< two\\nlines\\x1b[2J\n" } do
         assert.truthy(text:find(part, 1, true), part .. "\n" .. text)
      end
   end)

   it("says only how large a body is that is no text", function()
      listen(3)
      exchange({ url = "https://h/", headers = {}, file = "/tmp/x" },
         { headers = { ["content-type"] = "application/octet-stream" }, body = "\0\1\2" })
      assert.truthy(told():find("<the file /tmp/x>", 1, true))
      assert.truthy(told():find("<3 bytes of application/octet-stream>", 1, true))
   end)

   it("tells a terminal without -v what a second and more is waited for, beside what is drawn there", function()
      local one <close> = answering { { 503, { ["retry-after-ms"] = "1" } }, { 503, { ["retry-after-ms"] = "1000" } },
         { 200 } }
      local script = ([[
         print "the first line" -- tmux keeps what is cleared from there
         require "aci.cli".parse({}, { usage = "x" })
         local progress = require "aci.cli".progress()
         progress:update("storage", "creating")
         assert(require "aci.http".request { url = %q, timeout = 5 })
         progress:finish("storage", "done")]]):format(one.url)
      local at = terminal.open({ process.self(), "-e", script }, ".")
      local shown = at:expect "ended with 0"
      at:close()
      assert.matches("answered 503; try 3 of 4 in 1%.?%d* s\n", shown)
      assert.is_nil(shown:find("try 2", 1, true))
      assert.equal(1, select(2, shown:gsub("storage", "")), shown)
   end)

   it("is silent at 0", function()
      listen(0)
      assert.is_nil(http.trace)
      trace.decision "nobody asked"
      assert.equal(0, #lines)
   end)
end)

describe("the trace hides", function()
   before_each(function() listen(3) end)
   after_each(function() trace.to(0) end)

   it("headers", function()
      for name, value in pairs { Authorization = "Bearer canary-bearer", ["set-cookie"] = "a=canary-cookie; path=/",
         ["X-IDENTITY-HEADER"] = "canary-identity", ["x-ms-encryption-key"] = "canary-encryption",
         ["x-control-key"] = "canary-control", ["prefect-csrf-token"] = "canary-csrf" } do
         lines = {}
         exchange({ url = "https://h/", headers = { [name] = value } })
         hides(value:match "canary%-%a+")
      end
      exchange({ url = "https://h/", headers = { ["x-mine"] = secret.new "canary-mine" } })
      hides "canary-mine"
      local signed = "https://h/o?t=1&c=canary-c&s=canary-s&sig=canary-g"
      exchange({ url = "https://h/" }, { headers = { location = signed } })
      hides "canary-g"
      hides "canary-c"
   end)

   it("fields of forms", function()
      exchange { url = "https://h/", form = { client_secret = "canary-form", client_assertion = "canary-jwt",
         grant_type = "client_credentials", other = secret.new "canary-other" } }
      hides "canary-form"
      hides "canary-jwt"
      hides "canary-other"
      assert.truthy(told():find("grant_type=client_credentials", 1, true))
   end)

   it("members of JSON by their names", function()
      for _, body in ipairs { { access_token = "canary-name" }, { secretText = "canary-name" },
         { a = { { clientSecret = "canary-name" } } }, { adminPassword = { value = "canary-name" } },
         { name = "X", secureValue = "canary-name" }, { token = "canary-name" },
         { keys = { { keyName = "key1", value = "canary-name" } } }, { primaryConnectionString = "canary-name" },
         { type = "SecureString", value = "canary-name" }, { any = secret.new "canary-name" } } do
         lines = {}
         exchange { url = "https://h/", json = body, method = "PUT" }
         hides "canary-name"
      end
   end)

   it("what a template calls secure", function()
      exchange { url = "https://management.azure.com/x", method = "PUT", json = { properties = {
         template = { parameters = { one = { type = "secureString", defaultValue = "canary-default" },
            two = { type = "string" } } },
         parameters = { one = { value = "canary-given" }, two = { value = "open" } } } } }
      hides "canary-default"
      hides "canary-given"
      assert.truthy(told():find('"open"', 1, true))
   end)

   it("the value of a secret in Key Vault and in ARM", function()
      exchange({ url = "https://v.vault.azure.net/secrets/a/1?api-version=7.4" },
         { body = secret.new '{"value":"canary-vault","id":"https://v.vault.azure.net/secrets/a/1"}' })
      exchange { method = "PUT", json = { properties = { value = "canary-arm" } },
         url = "https://management.azure.com/x/providers/Microsoft.KeyVault/vaults/v/secrets/a" }
      exchange { method = "PUT", url = "https://management.azure.com/x", json = { resources = { {
         type = "Microsoft.KeyVault/vaults/secrets", properties = { value = "canary-resource" } } } } }
      hides "canary-vault"
      hides "canary-arm"
      hides "canary-resource"
      assert.truthy(told():find("/secrets/a/1\"", 1, true))
   end)

   it("what a Prefect block's schema names; without a schema all of a block read with its secrets", function()
      local url = "http://127.0.0.1/api/block_documents/1?include_secrets=true"
      exchange({ url = url }, { body = secret.new(json.encode {
         data = { key_of_it = "canary-block", inner = { word = "canary-inner" }, env = { A = "canary-env" },
            open = "seen" },
         block_schema = { fields = { secret_fields = { "key_of_it", "inner.word", "env.*" } } } }) })
      hides "canary-block"
      hides "canary-inner"
      hides "canary-env"
      assert.truthy(told():find('"open":"seen"', 1, true))
      exchange({ url = "http://127.0.0.1/api/x" }, { body = secret.new '{"data":{"word":"canary-bare"}}' })
      hides "canary-bare"
   end)

   it("what it has seen once, wherever it comes up again", function()
      exchange { url = "https://h/", headers = { authorization = "Bearer " .. secret.new 'canary"seen/1' } }
      exchange({ url = "https://h/" }, { body = json.encode { message = 'you sent canary"seen/1, which is bad' } })
      exchange({ url = "https://h/" }, { headers = { ["content-type"] = "text/plain" }, body = "canary%22seen%2F1" })
      hides "canary"
   end)

   it("what is secret in form only just where it stands", function()
      exchange { url = "https://h/", method = "PUT", json = { url = secret.formal "http://somewhere/api" } }
      exchange { url = "http://somewhere/api/x" }
      assert.truthy(told():find('{"url":"<secret>"}', 1, true), told())
      assert.truthy(told():find("GET http://somewhere/api/x", 1, true), told())
   end)

   it("what looks like a secret", function()
      for _, text in ipairs { "eyJhbGciOi.eyJjYW5hcnki.c2ln", "AccountKey=canary;", "https://user:canary@h/",
         "https://h/b?sv=1&sig=canary%3D", "pnu_canary1234", "-----BEGIN EC PRIVATE KEY-----\ncanary" ..
         "\n-----END EC PRIVATE KEY-----" } do
         lines = {}
         exchange({ url = "https://h/" }, { headers = { ["content-type"] = "text/plain" }, body = text })
         assert.is_nil(told():find("canary", 1, true), told())
         assert.is_nil(told():find("eyJjYW5hcnki", 1, true))
      end
   end)

   it("bodies that are secret and no JSON", function()
      exchange({ url = "https://h/" }, { headers = { ["content-type"] = "text/plain" },
         body = secret.new "canary-body" })
      assert.is_nil(told():find("canary", 1, true))
      exchange({ url = "https://h/" }, { headers = { ["content-type"] = "application/xml" },
         body = "<K><Value>canary-xml</Value></K>" })
      hides "canary-xml"
   end)
end)

describe("the scripts' -v", function()
   it("shows requests on standard error only", function()
      local one <close> = answering { { 200, { ["content-type"] = "text/plain" }, "hello" } }
      local function script(flag)
         return process.run { args = { process.self(), "-e", ([[
            arg = { %q }
            require("aci.cli").parse(arg, {})
            print(require("aci.http").request { url = %q }.body)]]):format(flag, one.url) }, timeout = 20 }
      end
      local result = script "-vvv"
      assert.equal("hello\n", result.stdout)
      assert.matches("< hello\n", result.stderr)
      assert.matches("200, %d+ ms\n$", script("-vv").stderr)
      assert.equal("", script("-v").stderr)
   end)
end)
