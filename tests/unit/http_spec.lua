local http = require "aci.http"
local errors = require "aci.error"
local secret = require "aci.secret"
local server = require "aci.server"
local task = require "aci.task"

-- A server on loopback whose requests go to `answer`; closing it ends it.
local function serve(answer, options)
   local listener = assert(server.listen(options or {}))
   local loop = task.spawn(function()
      for request in function() return listener:next() end do
         task.spawn(answer, request)
      end
   end)
   local close = function()
      listener:close()
      loop:cancel()
   end
   local address = { url = "http://127.0.0.1:" .. listener:port(), port = listener:port() }
   return setmetatable(address, { __close = close })
end

local function echo(request)
   request:respond(200, { ["x-method"] = request.method }, request.target)
end

local function read_file(path)
   local file <close> = assert(io.open(path, "rb"))
   return file:read "a"
end

local function temporary(text)
   local path = os.tmpname()
   local file <close> = assert(io.open(path, "wb"))
   file:write(text or "")
   return path
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

describe("aci.http, files and streams", function()
   local directory

   before_each(function()
      directory = os.tmpname()
      os.remove(directory)
      assert(require("aci.fs").mkdir(directory))
   end)

   after_each(function() require("aci.fs").remove_tree(directory) end)

   local function names()
      return require("aci.fs").list(directory)
   end

   it("downloads to a file, and leaves nothing half-written", function()
      local s <close> = serve(function(request)
         if request.path == "/ok" then
            return request:respond(200, {}, ("line\n"):rep(100000))
         elseif request.path == "/empty" then
            return request:respond(200, {})
         elseif request.path == "/no" then
            return request:respond(403, {}, "not you")
         end
         request:start(200, { ["content-length"] = "100" })
         request:write "only this"
         request:close()
      end)
      local path = directory .. "/down"
      local response = assert(http.request { url = s.url .. "/ok", sink = { file = path } })
      assert.is_nil(response.body)
      assert.equal(("line\n"):rep(100000), read_file(path))
      response = assert(http.request { url = s.url .. "/no", sink = { file = path } })
      assert.equal("403 not you", response.status .. " " .. response.body)
      local _, err = http.request { url = s.url .. "/cut", sink = { file = path }, retry = false }
      assert.equal("reset", err.code)
      assert.equal(500000, #read_file(path)) -- the old one is still whole
      assert.same({ "down" }, names())
      assert(http.request { url = s.url .. "/empty", sink = { file = path } })
      assert.equal("", read_file(path))
   end)

   it("tells a file that cannot be written or read", function()
      local s <close> = serve(echo)
      local _, err = http.request { url = s.url, sink = { file = directory .. "/no/such" } }
      assert.equal("failed file", err.kind .. " " .. err.code)
      _, err = http.request { url = s.url, method = "PUT", body = { file = directory .. "/none" } }
      assert.equal("not_found", err.kind)
      _, err = http.request { url = s.url, method = "PUT", body = { file = directory } }
      assert.is_true(errors.is(err))
   end)

   it("uploads a file as it is", function()
      local bytes = {}
      for i = 1, 300000 do bytes[i] = string.char(i * 7 % 256) end
      local path = temporary(table.concat(bytes))
      local got
      local s <close> = serve(function(request)
         got = request:body()
         request:respond(201, {})
      end)
      local response = assert(http.request { url = s.url, method = "PUT", body = { file = path } })
      assert.equal(201, response.status)
      assert.is_true(got == table.concat(bytes))
      os.remove(path)
   end)

   it("gives the pieces to a function in the waiting task, and waits while it is slow", function()
      local sent = 0
      local s <close> = serve(function(request)
         request:start(200, {})
         for _ = 1, 400 do
            if not request:write(("x"):rep(65536)) then return end
            sent = sent + 65536
         end
         request:finish()
      end)
      local got, ahead, slept = 0, 0, false
      local response = assert(http.request { url = s.url, sink = function(chunk)
         got = got + #chunk
         if not slept then
            task.sleep(0.3)
            slept, ahead = true, sent
         end
      end })
      assert.is_nil(response.body)
      assert.equal(400 * 65536, got)
      assert.is_true(ahead < 200 * 65536, "the server was held back: " .. ahead)
   end)

   it("ends the transfer when the function raises", function()
      local gone
      local s <close> = serve(function(request)
         request:start(200, {})
         repeat until not request:write(("x"):rep(65536))
         gone = true
      end)
      local ok, err = pcall(http.request, { url = s.url, sink = function() error("enough", 0) end })
      assert.is_false(ok)
      assert.equal("enough", err)
      for _ = 1, 100 do
         if gone then break end
         task.sleep(0.01)
      end
      assert.is_true(gone)
   end)

   local function pieces(list)
      local i = 0
      return function()
         i = i + 1
         return list[i]
      end
   end

   -- What arrived: the length that was announced, and the body.
   local function received(request)
      local body = request:body()
      request:respond(201, { ["x-length"] = request.headers["content-length"] or "none" }, body)
   end

   it("sends what a function gives, in chunks or with the length that is told", function()
      local s <close> = serve(received)
      local list = { "one,", "", secret.new "two,", ("x"):rep(200000), ",end" }
      local whole = "one,two," .. ("x"):rep(200000) .. ",end"
      local response = assert(http.request { url = s.url, method = "PUT", body = pieces(list) })
      assert.equal("none", response.headers["x-length"])
      assert.is_true(response.body == whole)
      response = assert(http.request { url = s.url, method = "POST", body = pieces(list), body_length = #whole })
      assert.equal(tostring(#whole), response.headers["x-length"])
      assert.is_true(response.body == whole)
      response = assert(http.request { url = s.url, method = "PUT", body = pieces {} })
      assert.equal("", response.body)
   end)

   it("holds the function back while the server is slow", function()
      local given, ahead = 0, nil
      local s <close> = serve(function(request)
         assert(request:read())
         task.sleep(0.3)
         ahead = given
         request:respond(200, {}, tostring(#request:body()))
      end)
      assert(http.request { url = s.url, method = "PUT", body = function()
         if given == 400 then return nil end
         given = given + 1
         return ("x"):rep(65536)
      end })
      assert.is_true(ahead < 200, "the function was held back: " .. ahead)
   end)

   it("streams both ways at once", function()
      local s <close> = serve(function(request)
         request:start(200, {})
         for chunk in function() return request:read() end do request:write(chunk:upper()) end
         request:finish()
      end)
      local got, sent = {}, 0
      assert(http.request { url = s.url, method = "POST",
         body = function()
            sent = sent + 1
            while #table.concat(got) < 3 * (sent - 2) do task.sleep(0.01) end -- all but the last is back
            return sent <= 5 and "ab" .. sent or nil
         end,
         sink = function(chunk) got[#got + 1] = chunk end, timeout = 10 })
      assert.equal("AB1AB2AB3AB4AB5", table.concat(got))
   end)

   it("waits as long as a function takes, for the server no longer than is told", function()
      local s <close> = serve(received)
      local slow = pieces { "a", "b" }
      local response = assert(http.request { url = s.url, method = "PUT", stall_timeout = 0.2, body = function()
         task.sleep(0.5)
         return slow()
      end })
      assert.equal("ab", response.body)
      local silent <close> = serve(function() task.sleep(5) end)
      local _, err = http.request { url = silent.url, method = "PUT", stall_timeout = 0.2, body = pieces { "a" } }
      assert.equal("stalled", err.code)
   end)

   it("asks a function once only: no second try, no redirect", function()
      local tries = 0
      local s <close> = serve(function(request)
         tries = tries + 1
         request:body()
         if request.path == "/on" then return request:respond(307, { location = "/there" }) end
         request:respond(503, {})
      end)
      local response = assert(http.request { url = s.url, method = "PUT", body = pieces { "a" } })
      assert.equal("503 1 1", ("%d %d %d"):format(response.status, response.tries, tries))
      local _, err = http.request { url = s.url .. "/on", method = "PUT", body = pieces { "a" }, redirects = 3 }
      assert.equal("redirect", err.code)
      assert.matches("a second time", err.message)
   end)

   it("ends the transfer when the body's function raises, gives no string, too much or too little", function()
      local s <close> = serve(received)
      local function put(body, length)
         return http.request { url = s.url, method = "PUT", body = body, body_length = length }
      end
      assert.error_matches(function() put(function() error "no more" end) end, "no more")
      assert.error_matches(function() put(pieces { 7 }) end, "must give strings and then nil, not a number")
      assert.error_matches(function() put(pieces { "abc", "d" }, 3) end, "gave more than 'body_length' bytes")
      local _, err = put(pieces { "ab" }, 3)
      assert.equal("failed body", err.kind .. " " .. err.code)
      assert.equal("the body ended after 2 of 3 bytes", err.message)
      assert.equal("ab", assert(put(pieces { "ab" }, 2)).body) -- the next is none the worse
   end)

   it("takes an answer that comes before the body's end", function()
      local s <close> = serve(function(request) request:respond(413, {}, "too much") end)
      local response = assert(http.request { url = s.url, method = "PUT", body = function()
         task.sleep(0.01)
         return ("x"):rep(1000)
      end })
      assert.equal("413 too much", response.status .. " " .. response.body)
   end)

   it("gives a failure's words as body, not to the function", function()
      local s <close> = serve(function(request) request:respond(409, {}, "taken") end)
      local response = assert(http.request { url = s.url, sink = function() error "never" end })
      assert.equal("409 taken", response.status .. " " .. response.body)
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

   it("uses a connection again", function()
      local peers, count = {}, 0
      local s <close> = serve(function(request)
         if not peers[request.peer] then
            peers[request.peer], count = true, count + 1
         end
         request:respond(200, {}, "x")
      end)
      for _ = 1, 5 do
         assert(http.request { url = s.url })
      end
      assert.equal(1, count)
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
