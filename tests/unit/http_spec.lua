local http = require "aci.http"
local errors = require "aci.error"
local secret = require "aci.secret"
local serve = require "tests.support.serve"
local task = require "aci.task"

local function echo(request)
   request:respond(200, { ["x-method"] = request.method }, request.target)
end

-- The position is this file's, and the message holds `text`.
local function mistake(text, f)
   local ok, message = pcall(f)
   assert.is_false(ok)
   assert.matches("^[^:]*http_spec%.lua:%d+: ", message)
   assert.truthy(message:find(text, 1, true), message)
end

describe("aci.http", function()
   it("gets an answer with its status, headers and body", function()
      local s <close> = serve(function(request)
         request:respond(404, { ["X-Mixed"] = "a", ["Content-Type"] = "text/plain" }, "nothing")
      end)
      local response = assert(http.request { url = s.url .. "/x" })
      assert.equal(404, response.status)
      assert.equal("a", response.headers["x-mixed"])
      assert.equal("nothing", response.body)
      assert.equal(s.url .. "/x", response.url)
      assert.equal(1, response.tries)
   end)

   it("sends the target byte for byte, however long", function()
      local s <close> = serve(echo)
      local long = ("x"):rep(7000)
      for _, target in ipairs {
         "/a/../b/./c", "/%7Euser/%2f%2F", "//double", "/p?x=1&&y=%41", "/p?a=b?c=/d", "/p?q=" .. long,
         "/;a=b,c/'()*!$&+=:@~", "/p?", "/%zz",
      } do
         assert.equal(target, assert(http.request { url = s.url .. target }).body)
      end
   end)

   it("builds the query in a stable order, lists repeated, names of OData left alone", function()
      local map = { no = false, list = { 1, 2 }, ["api-version"] = "1", three = 3.0 }
      map["$filter"] = "a eq 'b'"
      assert.equal("$filter=a%20eq%20%27b%27&api-version=1&list=1&list=2&no=false&three=3", http.query(map))
      local s <close> = serve(echo)
      assert.equal("/p?a=1&b=2", http.request({ url = s.url .. "/p", query = { b = 2, a = 1 } }).body)
      assert.equal("/p?z=0&a=1", http.request({ url = s.url .. "/p?z=0#top", query = { a = 1 } }).body)
   end)

   it("sends bodies under every method, and says how long they are", function()
      local s <close> = serve(function(request)
         local length = request.headers["content-length"] or "none"
         request:respond(200, {}, request.method .. " " .. length .. " " .. request:body())
      end)
      local function send(method, body)
         return assert(http.request { url = s.url, method = method, body = body }).body
      end
      assert.equal("PUT 3 abc", send("PUT", "abc"))
      assert.equal("POST 4 a\0\nb", send("POST", "a\0\nb"))
      assert.equal("DELETE 2 ok", send("DELETE", secret.new "ok"))
      assert.equal("POST 0 ", send("POST"))
      assert.equal("PUT 0 ", send("PUT", ""))
      assert.equal("DELETE none ", send("DELETE"))
      assert.equal("GET none ", send("GET"))
   end)

   it("makes json and form bodies, with secrets in them", function()
      local s <close> = serve(function(request)
         request:respond(200, {}, request.headers["content-type"] .. " " .. request:body())
      end)
      local function send(options)
         options.url, options.method = s.url, "POST"
         return assert(http.request(options)).body
      end
      assert.equal('application/json {"a":[1],"b":"hush"}',
         send { json = { b = secret.new "hush", a = { 1 } } })
      assert.equal("application/json false", send { json = false })
      assert.equal("application/merge-patch+json {}",
         send { json = {}, headers = { ["Content-Type"] = "application/merge-patch+json" } })
      assert.equal("application/x-www-form-urlencoded client_id=me&client_secret=a%26b%20c",
         send { form = { client_secret = secret.new "a&b c", client_id = "me" } })
   end)

   it("answers HEAD without waiting for a body, and joins repeated headers", function()
      local s <close> = serve(function(request)
         request:respond(200, { ["x-list"] = "1", ["x-Method"] = request.method }, "body")
      end)
      local response = assert(http.request { url = s.url, method = "HEAD" })
      assert.equal("HEAD", response.headers["x-method"])
      assert.equal("4", response.headers["content-length"])
      assert.equal("", response.body)
   end)

   it("carries long headers and secrets in them", function()
      local s <close> = serve(function(request)
         request:respond(200, { ["x-back"] = request.headers["x-long"] }, request.headers.authorization)
      end)
      local long = ("v"):rep(9000)
      local response = assert(http.request {
         url = s.url,
         headers = { ["X-Long"] = long, Authorization = "Bearer " .. secret.new "t0k3n", ["X-Number"] = 5 },
      })
      assert.equal(long, response.headers["x-back"])
      assert.equal("Bearer t0k3n", response.body)
   end)

   it("gives a body as a secret where it holds one", function()
      local s <close> = serve(function(request) request:respond(200, {}, "hush") end)
      local body = http.request({ url = s.url, secret_body = true }).body
      assert.is_true(secret.is(body))
      assert.equal("hush", secret.reveal(body))
   end)
end)

describe("aci.http, options that inherit others", function()
   local function inherit(own, from) return setmetatable(own, { __index = from }) end

   it("counts them all", function()
      local s <close> = serve(echo)
      local defaults = { url = s.url .. "/inherited", method = "PUT", query = { a = 1 } }
      local response = http.request(inherit({}, defaults))
      assert.equal("PUT", response.headers["x-method"])
      assert.equal("/inherited?a=1", response.body)
      response = http.request(inherit({ method = "DELETE" }, function(_, name) return defaults[name] end))
      assert.equal("DELETE", response.headers["x-method"])
      assert.equal("/inherited?a=1", response.body)
   end)

   it("checks them too", function()
      local own = "http://127.0.0.1:1/"
      mistake("option 'timeout' must be", function() http.request(inherit({ url = own }, { timeout = "x" })) end)
      mistake("unknown option 'metod'", function() http.request(inherit({ metod = "GET" }, { url = own })) end)
   end)
end)

describe("aci.http, mistakes", function()
   local url = "http://127.0.0.1:1/"

   it("names an unknown option and the nearest, where the caller is", function()
      mistake("unknown option 'timout' (did you mean 'timeout'?)", function()
         http.request { url = url, timout = 1 }
      end)
      mistake("unknown option 'header'", function() http.client { header = {} } end)
      mistake("unknown option 'uri'", function()
         local client = http.client {}
         client:request { uri = url }
      end)
      mistake("unknown option 'try'", function() http.request { url = url, retry = { try = 3 } } end)
      mistake("unknown option 'path'", function() http.request { url = url, sink = { path = "x" } } end)
   end)

   it("says what it takes where it gets no options", function()
      mistake("the options must be a table, got a nil", function() http.request() end)
      mistake("the options must be a table, got a string", function() http.start(url) end)
      mistake("the options must be a table, got a string", function() http.client {}:request(url) end)
   end)

   it("refuses what cannot be sent", function()
      mistake("'url' is missing", function() http.request {} end)
      mistake("'url' is no URL", function() http.request { url = "ftp://example.com/" } end)
      mistake("space", function() http.request { url = "http://127.0.0.1/a b" } end)
      mistake("user name", function() http.request { url = "http://me:pw@127.0.0.1/" } end)
      mistake("'timeout' must be", function() http.request { url = url, timeout = 0 } end)
      mistake("'timeout' must be", function() http.request { url = url, timeout = "3" } end)
      mistake("'max_body' must be", function() http.request { url = url, max_body = -1 } end)
      mistake("only one of", function() http.request { url = url, body = "", json = {} } end)
      mistake("is no method", function() http.request { url = url, method = "GET /" } end)
      mistake("is no header name", function() http.request { url = url, headers = { ["a b"] = "" } } end)
      mistake("is made from the body", function()
         http.request { url = url, headers = { ["Content-Length"] = "3" } }
      end)
      mistake("'a' must be a value or a list", function()
         http.request { url = url, query = { a = { b = 1 } } }
      end)
      mistake("JSON has no function", function() http.request { url = url, json = { f = print } } end)
      mistake("'query'", function() http.request { url = url, query = "a=1" } end)
      mistake("'body_length' is for a function", function() http.request { url = url, body = "a", body_length = 1 } end)
      mistake("need 'client_certificate'", function() http.request { url = url, client_key = "k.pem" } end)
      mistake("'body' or 'sink'", function() http.start { url = url, body = function() end } end)
   end)

   it("never repeats a header's value or the URL", function()
      local _, message = pcall(http.request, { url = url, headers = { a = secret.new "hush\r\nX: y" } })
      assert.truthy(message:find("line break", 1, true))
      assert.falsy(message:find("hush", 1, true))
      _, message = pcall(http.request, { url = "http:/x?sig=hush" })
      assert.falsy(message:find("hush", 1, true))
   end)
end)

describe("aci.http, faults", function()
   it("tells a refused connection, without the query of the URL", function()
      local _, err = http.request { url = "http://127.0.0.1:1/x?sig=hush", retry = false }
      assert.is_true(errors.is(err, "network"))
      assert.equal("connect", err.code)
      assert.equal("http://127.0.0.1:1/x", err.url)
      assert.equal("GET", err.method)
      assert.falsy(tostring(err):find("hush", 1, true))
   end)

   it("tells a host that does not exist", function()
      local _, err = http.request { url = "http://nowhere.invalid/", proxy = "", retry = false }
      assert.equal("resolve", err.code)
      assert.matches("nowhere.invalid", err.message)
   end)

   it("tells that it was the proxy that could not be reached, not the host", function()
      local _, err = http.request { url = "http://nowhere.invalid/x", proxy = "http://127.0.0.1:1", retry = false }
      assert.equal("connect", err.code)
      assert.matches("^cannot connect to the proxy 127.0.0.1:1 for nowhere.invalid: Connection refused", err.message)
      _, err = http.request { url = "http://127.0.0.1:1/x", proxy = "", retry = false }
      assert.matches("^cannot connect to 127.0.0.1:1: Connection refused", err.message)
   end)

   it("tells a connection that ends without an answer", function()
      local s <close> = serve(function(request) request:close() end)
      local _, err = http.request { url = s.url, retry = false }
      assert.equal("network reset", err.kind .. " " .. err.code)
   end)

   it("ends at the time limit, at the stall limit, and not before", function()
      local s <close> = serve(function(request)
         if request.path == "/drip" then
            request:start(200, {})
            for _ = 1, 8 do
               task.sleep(0.05)
               request:write "x"
            end
            request:finish()
         else
            task.sleep(3)
         end
      end)
      local _, err = http.request { url = s.url, timeout = 0.1, retry = false }
      assert.equal("timeout timeout", err.kind .. " " .. err.code)
      _, err = http.request { url = s.url, stall_timeout = 0.1, retry = false }
      assert.equal("timeout stalled", err.kind .. " " .. err.code)
      assert.equal("xxxxxxxx", assert(http.request { url = s.url .. "/drip", stall_timeout = 0.3 }).body)
   end)

   it("refuses an answer larger than max_body, announced or not", function()
      local s <close> = serve(function(request)
         if request.path == "/announced" then
            return request:respond(200, {}, ("x"):rep(2000))
         end
         request:start(200, {})
         request:write(("x"):rep(1500))
         request:finish()
      end)
      for _, path in ipairs { "/announced", "/chunked" } do
         local _, err = http.request { url = s.url .. path, max_body = 1000 }
         assert.equal("failed too_large", err.kind .. " " .. err.code)
         assert.truthy(http.request { url = s.url .. path, max_body = 2000 })
      end
   end)
end)

describe("aci.http, transfers", function()
   it("runs many at once", function()
      local s <close> = serve(function(request)
         task.sleep(0.05)
         request:respond(200, {}, request.target)
      end)
      local jobs = {}
      for i = 1, 50 do
         jobs[i] = function() return assert(http.request { url = s.url .. "/" .. i }).body end
      end
      local bodies = task.all(jobs)
      for i = 1, 50 do
         assert.equal("/" .. i, bodies[i])
      end
   end)

   it("opens no more connections to a host than it is told", function()
      local now, most = 0, 0
      local s <close> = serve(function(request)
         now = now + 1
         most = math.max(most, now)
         task.sleep(0.02)
         now = now - 1
         request:respond(200, {}, request.target)
      end)
      local jobs = {}
      for i = 1, 12 do jobs[i] = function() return assert(http.request { url = s.url .. "/" .. i }).body end end
      http.connections(3)
      local ok, bodies = pcall(task.all, jobs)
      http.connections(0)
      assert.is_true(ok, tostring(bodies))
      assert.equal(3, most)
      assert.equal("/12", bodies[12])
      assert.has_error(function() http.connections(-1) end)
   end)

   it("is started, waited for and asked", function()
      local s <close> = serve(echo)
      local transfer <close> = http.start { url = s.url .. "/t" }
      mistake("has not ended", function() return (transfer.result(transfer)) end)
      assert.is_true(task.wait(transfer, 5))
      assert.equal("/t", transfer:result().body)
      assert.equal("/t", transfer:result().body)
   end)

   it("may be closed in every state, twice", function()
      local s <close> = serve(function(request)
         if request.path == "/body" then
            request:start(200, {})
            request:write "some"
         end
         task.sleep(5)
      end)
      for _, path in ipairs { "/head", "/body" } do
         for _, pause in ipairs { 0, 0.001, 0.03 } do
            local transfer = http.start { url = s.url .. path }
            if pause > 0 then task.wait(transfer, pause) end
            transfer:close()
            transfer:close()
            assert.is_false((pcall(transfer.result, transfer)))
         end
      end
      http.start { url = s.url }
      http.start { url = "http://nowhere.invalid/", proxy = "" }
      collectgarbage()
      collectgarbage()
   end)

   it("wakes the task that waits for a transfer which another closes", function()
      local s <close> = serve(function() task.sleep(5) end)
      local transfer = http.start { url = s.url }
      local waiter = task.spawn(function()
         task.wait(transfer)
         return select(2, transfer:result())
      end)
      task.sleep(0.02)
      transfer:close()
      assert.equal("canceled", waiter:wait().kind)
   end)

   it("is not begun by a task that has been canceled", function()
      local count = 0
      local s <close> = serve(function(request)
         count = count + 1
         request:respond(204)
      end)
      assert(http.request { url = s.url }) -- a connection over which it would be sent at once
      for _, send in ipairs { http.request, http.start } do
         local canceled
         canceled = task.spawn(function()
            canceled:cancel()
            send { url = s.url, method = "POST" }
         end)
         assert.is_false(pcall(canceled.wait, canceled))
      end
      assert(http.request { url = s.url })
      assert.equal(2, count)
   end)

   it("leaves the others their turns where it fails at once", function()
      local turns = 0
      local other <close> = task.spawn(function()
         while true do
            task.sleep(0)
            turns = turns + 1
         end
      end)
      local function fail()
         for _ = 1, 10 do
            local _, err = http.request { url = "http://host.example/", proxy = "none://host.example", retry = false }
            assert.equal("connect", err.code)
         end
      end
      fail()
      assert.is_true(turns >= 9, "beside the main chunk: " .. turns)
      turns = 0
      task.spawn(fail):wait()
      assert.is_true(turns >= 9, "beside a task: " .. turns)
      assert.is_false(other:done())
   end)

   it("that has failed at once can be waited for, asked and closed", function()
      local options = { url = "http://host.example/", proxy = "none://host.example" }
      local waited, asked, closed = http.start(options), http.start(options), http.start(options)
      task.wait(waited)
      assert.equal("connect", select(2, waited:result()).code)
      assert.is_true(asked:ended())
      assert.equal("connect", select(2, asked:result()).code)
      closed:close()
      task.sleep(0)
   end)

   it("is ended by the time limit of its task", function()
      local s <close> = serve(function() task.sleep(5) end)
      local ok, err = pcall(task.timeout, 0.05, http.request, { url = s.url })
      assert.is_false(ok)
      assert.equal("timeout", err.kind)
   end)

   it("works where Lua cannot yield", function()
      local s <close> = serve(echo)
      local text = ("ab"):gsub(".", function(letter)
         return http.request({ url = s.url .. "/" .. letter }).body
      end)
      assert.equal("/a/b", text)
   end)
end)

describe("aci.http, clients and routes", function()
   it("merges the client's options and headers with the request's", function()
      local s <close> = serve(function(request)
         local headers = request.headers
         request:respond(200, {}, request.method .. " " .. headers.a .. " " .. headers.b)
      end)
      local client = http.client { method = "PUT", headers = { A = "1", B = "2" }, retry = false }
      assert.equal("PUT 1 3", client:request({ url = s.url, headers = { b = "3" } }).body)
      assert.equal("GET 1 2", client:request({ url = s.url, method = "GET" }).body)
   end)

   it("goes to connect_to whatever the host is", function()
      local s <close> = serve(function(request) request:respond(200, {}, request.headers.host) end)
      local response = assert(http.request {
         url = "http://management.azure.com/x", connect_to = "127.0.0.1:" .. s.port,
      })
      assert.equal("management.azure.com", response.body)
   end)

   it("follows redirects only when asked, and gives credentials to the first host only", function()
      local other <close> = serve(function(request)
         local seen = request.headers.authorization or request.headers["x-key"] or "nothing"
         request:respond(200, {}, request.method .. " " .. seen .. " " .. request:body())
      end)
      local s <close> = serve(function(request)
         if request.path == "/away" then
            request:respond(302, { location = other.url .. "/x" }, "away")
         elseif request.path == "/same" then
            request:respond(307, { location = "./here?x" }, "same")
         elseif request.path == "/loop" then
            request:respond(301, { location = "/loop" })
         else
            local seen = request.headers.authorization
            request:respond(200, {}, request.method .. " " .. request.target .. " " .. seen)
         end
      end)
      local function get(path, method, redirects)
         return http.request {
            url = s.url .. path, redirects = redirects, method = method,
            body = method == "POST" and "b" or nil,
            headers = { Authorization = "me", ["X-Key"] = secret.new "k" },
         }
      end
      assert.equal(302, get("/away").status)
      assert.equal("GET nothing ", get("/away", "POST", 1).body)
      assert.equal("POST /here?x me", get("/same", "POST", 3).body)
      local _, err = get("/loop", "GET", 3)
      assert.equal("redirect", err.code)
      for path, location in pairs { ["/file"] = "file:///etc/passwd", ["/moved"] = other.url } do
         local away <close> = serve(function(request) request:respond(307, { location = location }) end)
         _, err = http.request {
            url = away.url .. path, redirects = 1, method = "POST", body = secret.new "password=x",
         }
         assert.equal("redirect", err.code)
      end
   end)

   it("tells a trace what happens, secrets masked", function()
      local s <close> = serve(echo)
      local events = {}
      http.trace = function(event, data)
         events[#events + 1] = event .. " " .. data.method .. " " .. data.url .. " " .. tostring(data.status)
      end
      http.request { url = s.url .. "/x?sv=1&sig=hush" }
      http.trace = nil
      assert.same({
         "request GET " .. s.url .. "/x?sv=1&sig=<secret> nil",
         "response GET " .. s.url .. "/x?sv=1&sig=<secret> 200",
      }, events)
   end)
end)

describe("aci.http, URLs", function()
   it("escapes and unescapes", function()
      assert.equal("a-b._~%20%2F%C3%A9%00", http.escape "a-b._~ /é\0")
      assert.equal("a/b%3F", http.escape("a/b?", "/"))
      assert.equal("é\0%zz%", http.unescape "%C3%a9%00%zz%")
      assert.equal("a%26", secret.reveal(http.escape(secret.new "a&")))
   end)

   it("takes URLs apart", function()
      local whole = { scheme = "https", host = "example.com", port = 443, path = "/", query = "a=b?c" }
      assert.same(whole, http.url "HTTPS://Example.COM?a=b?c#top")
      assert.same({ scheme = "http", host = "::1", port = 81, path = "/P/%20" },
         http.url "http://[::1]:81/P/%20")
      for _, bad in ipairs {
         "", "example.com", "file:///etc", "http://", "http://:1/", "http://h:99999/",
         "http://[::1", "http://h/é",
      } do
         local url, err = http.url(bad)
         assert.is_nil(url)
         assert.equal("invalid", err.kind)
      end
   end)

   it("keeps a secret of the query a secret", function()
      local query = http.query { a = 1, sig = secret.new "x y" }
      assert.equal("a=1&sig=x%20y", secret.reveal(query))
      assert.equal("http://h/p?<secret>", http.mask("http://h/p?" .. query))
   end)
end)
