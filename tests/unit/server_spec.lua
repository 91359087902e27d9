local errors = require "aci.error"
local fs = require "aci.fs"
local process = require "aci.process"
local server = require "aci.server"
local task = require "aci.task"
local raw = dofile "tests/support/raw.lua"

local get <const> = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

--- Serves with `handler` while `f(port)` runs.
local function with(options, handler, f)
   local listening <close> = assert(server.listen(options))
   local serving <close> = task.spawn(function()
      for request in listening.next, listening do
         task.spawn(handler, request)
      end
   end)
   return f(listening:port(), listening, serving)
end

local function statuses(text)
   local found = {}
   for status in text:gmatch "HTTP/1%.1 (%d%d%d) " do
      found[#found + 1] = tonumber(status)
   end
   return found
end

local function curl(...)
   local out = assert(process.run { args = { "curl", "-sS", "--noproxy", "*", ... }, stdout = "pipe" })
   return out.stdout, out.code
end

local function echo(request)
   local body, err = request:body()
   if body then
      request:respond(200, { ["content-type"] = "text/plain" }, body)
   end
   return body, err
end

describe("aci.server requests", function()
   it("tell how the name of a header was written", function()
      with({}, function(request)
         request:respond(200, nil, ("%s %s %s"):format(request:spelling "x-ms-meta-mykey",
            request:spelling "X-MS-META-MYKEY", tostring(request:spelling "other")))
      end, function(port)
         assert.matches("x%-ms%-Meta%-MyKey x%-ms%-Meta%-MyKey nil$", raw.say(port,
            "GET / HTTP/1.1\r\nHost: a\r\nx-ms-Meta-MyKey: 1\r\n\r\n").text)
      end)
   end)

   it("show everything as it was sent", function()
      local seen
      with({}, function(request)
         seen = request
         request:respond(200, { ["X-One"] = 1, ["set-cookie"] = { "a=1", "b=2" } }, "hello")
      end, function(port)
         local text = curl("-i", "-H", "X-A: 1", "-H", "x-a: 2", "-H", "cookie: a=1", "-H", "Cookie: b=2",
            ("http://localhost:%d/a%%2Fb/../c?x=%%20&y"):format(port), "--path-as-is")
         assert.matches("^HTTP/1.1 200 OK\r\n", text)
         assert.matches("\r\ndate: %a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT\r\n", text)
         assert.matches("\r\nX%-One: 1\r\n", text)
         assert.matches("\r\nset%-cookie: a=1\r\nset%-cookie: b=2\r\n", text)
         assert.matches("\r\ncontent%-length: 5\r\n", text)
         assert.matches("\r\n\r\nhello$", text)
         assert.equal("GET", seen.method)
         assert.equal("/a%2Fb/../c?x=%20&y", seen.target)
         assert.equal("/a%2Fb/../c", seen.path)
         assert.equal("x=%20&y", seen.query)
         assert.equal("localhost", seen.host)
         assert.equal(port, seen.port)
         assert.equal("http", seen.scheme)
         assert.matches("^127%.0%.0%.1:%d+$", seen.peer)
         assert.equal("1, 2", seen.headers["x-a"])
         assert.equal("a=1; b=2", seen.headers.cookie)
      end)
   end)

   it("take fields of their own and hide their query when printed", function()
      with({}, function(request)
         request.user = "me"
         request:respond(200, nil, request.user .. " " .. tostring(request))
      end, function(port)
         assert.equal("me request (GET /a)", (curl(("http://127.0.0.1:%d/a?sig=secret"):format(port))))
      end)
   end)

   it("come one at a time from one connection, in order, however they arrive", function()
      local live, most = 0, 0
      with({}, function(request)
         live = live + 1
         most = math.max(most, live)
         task.sleep(0.02)
         live = live - 1
         request:respond(200, nil, request.path)
      end, function(port)
         local function ask(path)
            return ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n"):format(path)
         end
         local bytes = {}
         for byte in ask("/slow"):gmatch "." do
            bytes[#bytes + 1] = byte
            bytes[#bytes + 1] = 0.001
         end
         local together = raw.say(port, ask "/1" .. ask "/2" .. "\r\n" .. ask "/3")
         assert.equal(1, most)
         assert.same({ 200, 200, 200 }, statuses(together.text))
         assert.matches("/1HTTP.*/2HTTP.*/3$", together.text)
         assert.is_false(together.closed)
         assert.matches("/slow$", raw.say(port, table.unpack(bytes)).text)
      end)
   end)

   it("are all answered when the client has said that no more come", function()
      with({}, function(request)
         task.sleep(0.05) -- the end of its bytes is known by then
         request:respond(200)
      end, function(port)
         assert.same({ 200, 200, 200 }, statuses(raw.say(port, get:rep(3), { "end" }).text))
      end)
   end)

   it("keep the connection as HTTP/1.0 and 1.1 say", function()
      with({}, function(request) request:respond(200, nil, "x") end, function(port)
         local r = raw.talk(port, {
            { "GET / HTTP/1.0\r\n\r\n" },
            { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" },
            { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" },
            { get },
            { "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n" .. get },
         })
         assert.is_true(r[1].closed)
         assert.matches("connection: close", r[1].text)
         assert.is_false(r[2].closed)
         assert.matches("connection: keep%-alive", r[2].text)
         assert.is_true(r[3].closed)
         assert.is_false(r[4].closed)
         assert.same({ 200 }, statuses(r[5].text))
      end)
   end)

   it("may name the host in the target", function()
      with({}, function(request)
         request:respond(200, nil, ("%s %s %s"):format(request.host, request.path, request.query))
      end, function(port)
         local text = curl("-x", "http://127.0.0.1:" .. port, "http://Some.Where/a?b", "--noproxy", "")
         assert.equal("some.where /a b", text)
         local r = raw.say(port, "GET http://x.y HTTP/1.1\r\nHost: other\r\n\r\n")
         assert.matches("x.y / nil$", r.text)
      end)
   end)
end)

describe("aci.server refuses", function()
   local long = ("x"):rep(17 * 1024)
   local head = "GET / HTTP/1.1\r\nHost: a\r\n"
   local post = "POST / HTTP/1.1\r\nHost: a\r\n"
   local coded = "Transfer-Encoding: chunked\r\n"
   local chunks = post .. coded .. "\r\n"
   local cases = {
      { "a length and chunks", 400, post .. "Content-Length: 3\r\n" .. coded .. "\r\n0\r\n\r\n" },
      { "the same the other way round", 400, post .. coded .. "Content-Length: 3\r\n\r\n0\r\n\r\n" },
      { "two different Content-Length", 400, post .. "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd" },
      { "a list of lengths", 400, post .. "Content-Length: 3, 3\r\n\r\nabc" },
      { "a signed length", 400, post .. "Content-Length: +3\r\n\r\nabc" },
      { "a huge length", 400, post .. "Content-Length: 99999999999999999999\r\n\r\nabc" },
      { "an empty length", 400, post .. "Content-Length:\r\n\r\n" },
      { "no Host", 400, "GET / HTTP/1.1\r\n\r\n" },
      { "two Hosts", 400, head .. "Host: b\r\n\r\n" },
      { "a Host that is none", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
      { "a space before the colon", 400, head .. "X-A : 1\r\n\r\n" },
      { "a name with a space", 400, head .. "X A: 1\r\n\r\n" },
      { "a line without a colon", 400, head .. "XA\r\n\r\n" },
      { "a bare LF", 400, "GET / HTTP/1.1\nHost: a\n\n" },
      { "a bare LF among right ones", 400, head .. "X: 1\nY: 2\r\n\r\n" },
      { "a bare CR", 400, head .. "X: 1\rY: 2\r\n\r\n" },
      { "a NUL", 400, head .. "X: 1\0\r\n\r\n" },
      { "folded lines", 400, head .. "X: 1\r\n 2\r\n\r\n" },
      { "a first line that is folded", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n" },
      { "an unknown coding", 501, post .. "Transfer-Encoding: gzip, chunked\r\n\r\n" },
      { "coding twice", 400, post .. coded .. coded .. "\r\n0\r\n\r\n" },
      { "a coding that only looks like it", 501, post .. "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" },
      { "chunks in HTTP/1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
      { "an unknown expectation", 417, head .. "Expect: 200-ok\r\n\r\n" },
      { "a long target", 414, "GET /" .. long .. " HTTP/1.1\r\nHost: a\r\n\r\n" },
      { "an endless target", 414, "GET /" .. long:rep(4) },
      { "a long head", 431, head .. ("X: %s\r\n"):format(long):rep(4) .. "\r\n" },
      { "many fields", 431, head .. ("X: 1\r\n"):rep(256) .. "\r\n" },
      { "HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
      { "HTTP/0.9", 400, "GET /\r\n\r\n" },
      { "HTTP/3.0", 505, "GET / HTTP/3.0\r\nHost: a\r\n\r\n" },
      { "another protocol", 400, "\22\3\1\2\0\1\0\1\252\3\3" },
      { "two spaces", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" },
      { "a space in the target", 400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" },
      { "a fragment", 400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n" },
      { "raw UTF-8 in the target", 400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n" },
      { "a target of no form", 400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n" },
      { "a method of no form", 400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n" },
      { "CONNECT where it is no proxy", 405, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n" },
      { "CONNECT without a port", 400, "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n" },
      { "a bad chunk size", 400, chunks .. "0x3\r\nabc\r\n0\r\n\r\n" },
      { "a negative chunk size", 400, chunks .. "-3\r\nabc\r\n0\r\n\r\n" },
      { "a huge chunk size", 400, chunks .. "10000000000000000\r\nabc" },
      { "a chunk without its end", 400, chunks .. "3\r\nabcd\r\n0\r\n\r\n" },
      { "a chunk line with a bare LF", 400, chunks .. "3\nabc\r\n0\r\n\r\n" },
      { "a trailer that is no field", 400, chunks .. "0\r\nno field\r\n\r\n" },
   }

   local replies = {}
   setup(function()
      local talks = {}
      for index, case in ipairs(cases) do
         talks[index] = { case[3] }
      end
      with({}, echo, function(port) replies = raw.talk(port, talks) end)
   end)

   for index, case in ipairs(cases) do
      it(("%s (%d)"):format(case[1], case[2]), function()
         assert.same({ case[2] }, statuses(replies[index].text))
         assert.is_true(replies[index].closed)
         assert.is_false(replies[index].reset)
      end)
   end

   it("slow heads, and closes idle connections", function()
      with({ head_timeout = 0.15, idle_timeout = 0.2 }, echo, function(port)
         local r = raw.talk(port, {
            { "GET / HTTP/1.1\r\n", 0.1, "Host: a\r\n", 0.1, "X: 1\r\n" },
            { 0.3 },
            { get },
         })
         assert.same({ 408 }, statuses(r[1].text))
         assert.is_true(r[1].closed)
         assert.equal("", r[2].text)
         assert.is_true(r[2].closed)
         assert.same({ 200 }, statuses(r[3].text))
         assert.is_true(r[3].closed)
      end)
   end)
end)

describe("aci.server bodies", function()
   local chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"

   local function sized(length, fields, path)
      local head = "PUT %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n"
      return head:format(path or "/", length, fields or "")
   end

   it("come by length and in chunks, in any pieces", function()
      with({}, echo, function(port)
         local bytes = { chunked }
         for byte in ("3;ext=\"1\"\r\nabc\r\n00a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"):gmatch "." do
            bytes[#bytes + 1] = byte
            bytes[#bytes + 1] = 0.001
         end
         local r = raw.talk(port, {
            { sized(6, "Content-Length: 6\r\n") .. "abc", 0.05, "def" .. get },
            bytes,
            { chunked .. "3\r\nabc\r\n0\r\n\r\n" .. get },
            { sized(0) },
         })
         assert.matches("\r\n\r\nabcdefHTTP/1.1 200", r[1].text)
         assert.matches("\r\n\r\nabc0123456789$", r[2].text)
         assert.matches("\r\n\r\nabcHTTP/1.1 200", r[3].text)
         assert.matches("content%-length: 0\r\n\r\n$", r[4].text)
      end)
   end)

   it("are asked for with 100 Continue, once, and only when wanted", function()
      local ask = sized(3, "Expect: 100-continue\r\n")
      with({}, function(request)
         if request.path == "/" then echo(request) else request:respond(409) end
      end, function(port)
         local r = raw.talk(port, {
            { ask, { "until", "100 Continue\r\n\r\n" }, "abc" },
            { ask .. "abc" },
            { (ask:gsub("/", "/no", 1)) },
         })
         assert.same({ 100, 200 }, statuses(r[1].text))
         assert.same({ 200 }, statuses(r[2].text))
         assert.same({ 409 }, statuses(r[3].text))
         assert.is_true(r[3].closed)
      end)
   end)

   it("that nobody reads are skipped when small, else end the connection", function()
      with({}, function(request) request:respond(403) end, function(port)
         local r = raw.talk(port, {
            { sized(30000), { "send", 30000 }, get },
            { sized(30000000), { "send", 300000 }, get },
         })
         assert.same({ 403, 403 }, statuses(r[1].text))
         assert.is_false(r[1].closed)
         assert.same({ 403 }, statuses(r[2].text))
         assert.matches("connection: close", r[2].text)
         assert.is_true(r[2].closed)
      end)
   end)

   it("are bounded", function()
      local failures = {}
      with({}, function(request)
         local _, err = request:body(5)
         failures[#failures + 1] = err
         request:respond(err.status)
      end, function(port)
         raw.say(port, sized(6) .. "abcdef")
         raw.say(port, chunked .. "6\r\nabcdef\r\n0\r\n\r\n")
         assert.equal(2, #failures)
         for _, err in ipairs(failures) do
            assert.is_true(errors.is(err, "invalid"))
            assert.equal("BodyTooLarge", err.code)
         end
      end)
   end)

   it("that stop half-way are an error of their own kind", function()
      local kinds = {}
      with({ stall_timeout = 0.15 }, function(request)
         local _, err = request:body()
         kinds[request.path] = err.kind
         kinds.later = request:respond(200) == nil
      end, function(port)
         local r = raw.talk(port, {
            { sized(6, nil, "/left") .. "abc", { "leave" } },
            { sized(6, nil, "/ended") .. "abc", { "end" } },
            { sized(6, nil, "/stalled") .. "abc" },
         })
         assert.same({ 408 }, statuses(r[3].text))
         assert.same({
            ["/left"] = "network", ["/ended"] = "network", ["/stalled"] = "timeout", later = true,
         }, kinds)
      end)
   end)

   it("are not lost while the handler is slow to read", function()
      with({ stall_timeout = 0.2 }, function(request)
         task.sleep(0.4)
         echo(request)
      end, function(port)
         local r = raw.say(port, sized(6) .. "abc", 0.45, "def")
         assert.matches("abcdef$", r.text)
      end)
   end)

   it("are saved as files that appear when they are whole", function()
      local folder = assert(fs.tempdir "server")
      local results = {}
      with({}, function(request)
         local size, err = request:save(folder .. request.path)
         results[request.path] = size or err.kind
         if size then request:respond(201) end
      end, function(port)
         local big = folder .. "/source"
         assert(fs.write(big, ("0123456789abcdef"):rep(200000)))
         curl("-T", big, ("http://127.0.0.1:%d/copy"):format(port))
         raw.say(port, sized(6, nil, "/half") .. "abc", { "leave" })
         assert.same({ ["/copy"] = 3200000, ["/half"] = "network" }, results)
         assert.same({ "copy", "source" }, fs.list(folder))
         assert.equal(fs.read(big), fs.read(folder .. "/copy"))
      end)
      fs.remove_tree(folder)
   end)

   it("wait in the client when nobody takes them", function()
      local held = 0
      with({}, function(request)
         request:read()
         task.sleep(0.5)
         held = collectgarbage "count"
         request:close()
      end, function(port)
         local before = collectgarbage "count"
         local r = raw.say(port, sized(90000000), { "send", 20000000 })
         assert.is_true(r.reset or r.closed)
         assert.is_true(held - before < 2000)
      end)
   end)
end)

describe("aci.server answers", function()
   it("have no body for HEAD, 204 and 304", function()
      with({}, function(request)
         if request.path == "/none" then request:respond(204)
         elseif request.path == "/same" then request:respond(304, { etag = "x" })
         elseif request.path == "/size" then request:respond(200, { ["content-length"] = 12345 })
         elseif request.path == "/parts" then
            request:start(200)
            request:write "abc"
            request:finish()
         else request:respond(200, nil, "hello") end
      end, function(port)
         local function head(path) return ("HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n"):format(path) end
         local r = raw.talk(port, {
            { head "/" .. get },
            { head "/size" .. get },
            { head "/parts" .. get },
            { (get:gsub("/", "/none", 1)) .. get },
            { (get:gsub("/", "/same", 1)) .. get },
         })
         for _, reply in ipairs(r) do
            assert.equal(2, #statuses(reply.text))
            assert.matches("\r\n\r\nHTTP/1.1 200 OK\r\n", reply.text)
            assert.matches("\r\n\r\nhello$", reply.text)
         end
         assert.matches("content%-length: 5\r\n.*content%-length: 5\r\n", r[1].text)
         assert.matches("content%-length: 12345\r\n", r[2].text)
         assert.matches("transfer%-encoding: chunked\r\n", r[3].text)
         assert.not_matches("content%-length.*content%-length", r[4].text)
      end)
   end)

   it("come in pieces: chunks, a known length, or up to the end of the connection", function()
      with({}, function(request)
         request:start(200, { ["content-length"] = request.path == "/six" and 6 or nil })
         request:write "abc"
         request:write ""
         task.sleep(0.01)
         request:write "def"
         request:finish()
      end, function(port)
         local r = raw.talk(port, {
            { get }, { (get:gsub("/", "/six", 1)) }, { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" },
         })
         assert.matches("\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n$", r[1].text)
         assert.matches("content%-length: 6\r\n\r\nabcdef$", r[2].text)
         assert.is_false(r[2].closed)
         assert.matches("\r\n\r\nabcdef$", r[3].text)
         assert.is_true(r[3].closed)
      end)
   end)

   it("wait for a slow client and stop when it leaves", function()
      local piece, written, outcome = ("x"):rep(65536), 0, nil
      with({}, function(request)
         request:start(200)
         for _ = 1, 1600 do
            local ok, err = request:write(piece)
            if not ok then
               outcome = err
               return
            end
            written = written + #piece
         end
         request:finish()
      end, function(port)
         local talking = task.spawn(raw.say, port, get, { "until", "200 OK" }, 0.4, { "leave" })
         task.sleep(0.3)
         assert.is_true(written < 20 * 1024 * 1024)
         talking:wait()
         for _ = 1, 100 do
            if outcome then break end
            task.sleep(0.01)
         end
         assert.is_true(errors.is(outcome, "network"))
         written = 0
         assert.is_true(raw.say(port, get, { "read", 104857600 }).dropped >= 104857600)
         assert.equal(104857600, written)
      end)
   end)

   it("are given up when the client takes nothing for too long", function()
      local outcome
      with({ stall_timeout = 0.2 }, function(request)
         request:start(200)
         while not outcome do
            local _, err = request:write(("x"):rep(65536))
            outcome = err
         end
      end, function(port)
         raw.say(port, get, 0.8, { "leave" })
         assert.is_true(errors.is(outcome, "timeout"))
      end)
   end)

   it("come from files, whole or in part", function()
      local folder = assert(fs.tempdir "server")
      local path = folder .. "/data"
      assert(fs.write(path, ("0123456789"):rep(100000)))
      local outcome = {}
      with({}, function(request)
         if request.path == "/part" then
            request:respond(206, nil, { file = path, offset = 5, length = 10 })
         elseif request.path == "/whole" then
            request:respond(200, nil, { file = path })
         else
            for name, body in pairs { gone = { file = path .. "x" }, folder = { file = folder },
               beyond = { file = path, offset = 2000000 } } do
               local ok, err = request:respond(200, nil, body)
               outcome[name] = not ok and err.kind
            end
            request:respond(404)
         end
      end, function(port)
         local url = ("http://127.0.0.1:%d"):format(port)
         assert.equal("5678901234", (curl(url .. "/part")))
         assert.equal(fs.read(path), (curl(url .. "/whole")))
         assert.matches("content%-length: 1000000\r\n\r\n$", (curl("-I", url .. "/whole")))
         assert.equal("404", (curl("-o", "/dev/null", "-w", "%{http_code}", url .. "/bad")))
         assert.same({ gone = "not_found", folder = "failed", beyond = "invalid" }, outcome)
      end)
      fs.remove_tree(folder)
   end)

   it("that can't be right are mistakes of the script", function()
      local messages = {}
      with({}, function(request)
         local function wrong(pattern, f, ...)
            local ok, message = pcall(f, request, ...)
            message = tostring(message)
            messages[#messages + 1] = not ok and message:find(pattern) and "" or pattern .. ": " .. message
         end
         wrong("200 to 599", request.respond, 100)
         wrong("control character", request.respond, 200, { a = "x\r\nb: y" })
         wrong("no header name", request.respond, 200, { ["a b"] = "x" })
         wrong("must be a string", request.respond, 200, { a = true })
         wrong("server's to set", request.respond, 200, { ["Transfer-Encoding"] = "chunked" })
         wrong("fit together", request.respond, 200, { ["Content-Length"] = "3" }, "abcd")
         wrong("fit together", request.respond, 204, nil, "abcd")
         wrong("string or secret", request.respond, 200, nil, true)
         wrong("did you mean 'file'", request.respond, 200, nil, { fille = "x" })
         wrong("comes before", request.write, "x")
         wrong("comes before", request.finish)
         wrong("CONNECT", request.tls)
         request:respond(200)
         wrong("already", request.respond, 200)
         wrong("already", request.read)
         assert.is_true(request:over())
         request:close()
         wrong("closed", request.respond, 200)
      end, function(port)
         assert.same({ 200 }, statuses(raw.say(port, get).text))
         assert.equal(15, #messages)
         assert.equal("", table.concat(messages))
      end)
   end)

   it("that are shorter than promised end the connection", function()
      local ok, message
      with({}, function(request)
         request:start(200, { ["content-length"] = 6 })
         request:write "abc"
         ok, message = pcall(request.finish, request)
      end, function(port)
         local r = raw.say(port, get)
         assert.matches("abc$", r.text)
         assert.is_true(r.closed)
         assert.is_false(ok)
         assert.matches("as long as", tostring(message))
      end)
   end)

   it("may hold secrets", function()
      local secret = require "aci.secret"
      with({}, function(request)
         request:respond(200, { ["x-key"] = secret.new "k1" }, secret.new "k2")
      end, function(port)
         local text = raw.say(port, get).text
         assert.matches("x%-key: k1\r\n", text)
         assert.matches("\r\n\r\nk2$", text)
      end)
   end)
end)

describe("aci.server life", function()
   it("closes the connection of a request that is collected or left unanswered", function()
      local listening <close> = assert(server.listen {})
      local talking = task.spawn(raw.talk, listening:port(), { { get }, { get } })
      local function scope()
         local request <close> = listening:next()
         return request.method
      end
      local function lose()
         listening:next()
      end
      assert.equal("GET", scope())
      lose()
      collectgarbage()
      for _, reply in ipairs(talking:wait()) do
         assert.equal("", reply.text)
         assert.is_true(reply.closed)
      end
   end)

   it("ends cleanly with requests in every state", function()
      local kinds, taken = {}, {}
      local listening = assert(server.listen {})
      local talking = task.spawn(raw.talk, listening:port(), {
         { get }, { get }, { "GET / HT" }, {},
         { "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc" },
      })
      for _ = 1, 2 do
         taken[#taken + 1] = listening:next()
      end
      task.sleep(0.1)
      listening:close()
      assert.is_nil(listening:next())
      assert.is_true(taken[1]:respond(200, nil, "late"))
      listening:close(0.01)
      for _, request in ipairs(taken) do
         local ok, result, err = pcall(request.respond, request, 200)
         kinds[#kinds + 1] = ok and result == nil and err.kind or "answered"
      end
      assert.same({ "answered", "canceled" }, kinds)
      local late = 0
      for _, reply in ipairs(talking:wait()) do
         assert.is_true(reply.closed)
         late = late + select(2, reply.text:gsub("late", ""))
      end
      assert.equal(1, late)
      assert.has_error(function() listening:port() end, "the server is closed")
   end)

   it("lets go of those who wait for a request when it is closed", function()
      local listening = assert(server.listen {})
      local waiting = task.spawn(function() return listening:next() == nil end)
      task.sleep(0.01)
      listening:close()
      assert.is_true(waiting:wait())
   end)

   it("names a port that is taken, and addresses it does not like", function()
      local first <close> = assert(server.listen {})
      local _, err = server.listen { port = first:port() }
      assert.is_true(errors.is(err, "conflict"))
      assert.matches("port " .. first:port() .. " on 127.0.0.1 is taken", err.message)
      _, err = server.listen { host = "0.0.0.0" }
      assert.is_true(errors.is(err, "usage"))
      assert.matches("not a loopback address", err.message)
      _, err = server.listen { host = "example.org" }
      assert.is_true(errors.is(err, "usage"))
      assert.error_matches(function() server.listen { prt = 1 } end, "did you mean 'port'")
      assert.error_matches(function() server.listen { port = 70000 } end, "0 to 65535")
      assert.error_matches(function() server.listen { stall_timeout = 0 } end, "positive")
   end)

   it("holds no more connections than it may", function()
      local live, most = 0, 0
      with({ connections = 2 }, function(request)
         live = live + 1
         most = math.max(most, live)
         task.sleep(0.05)
         live = live - 1
         request:respond(200, { connection = "close" })
      end, function(port)
         local ask = { get, { "until", " 200 OK" } }
         local r = raw.talk(port, { ask, ask, ask, ask, ask })
         assert.equal(2, most)
         for _, reply in ipairs(r) do
            assert.same({ 200 }, statuses(reply.text))
         end
      end)
   end)
end)

describe("aci.server over TLS", function()
   local folder, ca, ca_file

   setup(function()
      folder = assert(fs.tempdir "server")
      ca = require("aci.crypto").ca { name = "server spec" }
      ca_file = folder .. "/ca.pem"
      assert(fs.write(ca_file, ca.certificate))
      assert(fs.write(folder .. "/big", ("0123456789abcdef"):rep(200000)))
   end)

   teardown(function() fs.remove_tree(folder) end)

   local function secure_curl(...)
      return curl("--cacert", ca_file, ...)
   end

   local function answer(request)
      if request.method == "CONNECT" then
         if request.host == "refused.test" then
            request:respond(403, nil, "not played here")
         else
            request:tls()
         end
      elseif request.method == "PUT" then
         request:respond(200, nil, tostring(request:save(folder .. "/saved")))
      elseif request.path == "/big" then
         request:respond(200, nil, { file = folder .. "/big" })
      elseif request.path == "/pieces" then
         request:start(200)
         for _ = 1, 50 do
            request:write(("x"):rep(65536))
         end
         request:finish()
      else
         request:respond(200, nil, ("%s %s %s"):format(request.scheme, request.host, request.tunnel))
      end
   end

   it("has a certificate for every name, signed by the authority", function()
      with({ tls = { ca = ca } }, answer, function(port)
         local to = "::127.0.0.1:" .. port
         assert.equal("https management.azure.com nil",
            (secure_curl("--connect-to", to, "https://management.azure.com/")))
         assert.equal("https x.vault.azure.net nil",
            (secure_curl("--connect-to", to, "https://x.vault.azure.net/")))
         local here = ("https://127.0.0.1:%d/"):format(port)
         assert.equal("https 127.0.0.1 nil", (secure_curl(here)))
         assert.equal("https 127.0.0.1 nil", (secure_curl("--tlsv1.2", "--tls-max", "1.2", here)))
         local _, code = curl("-o", "/dev/null", here)
         assert.equal(60, code) -- curl: the authority is not known
         _, code = secure_curl("--connect-to", to, ("https://%s.test/"):format(("x"):rep(64)))
         assert.equal(35, code) -- no certificate for what is no name
      end)
   end)

   it("speaks HTTP/1.1 to those who could do more", function()
      with({ tls = { ca = ca } }, answer, function(port)
         local version = secure_curl("--http2", "-o", "/dev/null", "-w", "%{http_version}",
            ("https://localhost:%d/"):format(port))
         assert.equal("1.1", version)
      end)
   end)

   it("carries bodies both ways", function()
      with({ tls = { ca = ca } }, answer, function(port)
         local url = ("https://localhost:%d"):format(port)
         assert.equal("3200000", (secure_curl("-T", folder .. "/big", url .. "/saved")))
         local big = assert(fs.read(folder .. "/big"))
         assert.equal(big, fs.read(folder .. "/saved"))
         assert.is_true(big == secure_curl(url .. "/big"))
         assert.is_true(("x"):rep(50 * 65536) == secure_curl(url .. "/pieces"))
      end)
   end)

   it("sees requests that came in one record", function()
      with({ tls = { ca = ca } }, answer, function(port)
         local script = [[
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
ask = b"GET /%d HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 3000 + b"\r\n%s\r\n"
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as plain:
    with context.wrap_socket(plain, server_hostname="localhost") as sock:
        sock.sendall(b"".join(ask % (i, b"Connection: close\r\n" if i == 5 else b"") for i in range(6)))
        text = b""
        while data := sock.recv(65536):
            text += data
        sys.stdout.write(str(text.count(b"HTTP/1.1 200 OK")))
]]
         local out = assert(process.run {
            args = { "python3", "-c", script, tostring(port), ca_file }, stdout = "pipe",
         })
         assert.equal("6", out.stdout)
      end)
   end)

   it("goes on in a tunnel after CONNECT", function()
      with({ proxy = true, tls = { ca = ca } }, answer, function(port)
         local proxy = { "-x", "http://127.0.0.1:" .. port, "--noproxy", "" }
         local function through(...)
            return secure_curl(proxy[1], proxy[2], proxy[3], proxy[4], ...)
         end
         local text = through("-w", " %{num_connects}\n", "https://a.test/", "https://a.test/again")
         assert.equal("https a.test a.test:443 1\nhttps a.test a.test:443 0\n", text)
         assert.equal("3200000", (through("-T", folder .. "/big", "https://a.test/saved")))
         local code, status = through("-o", "/dev/null", "-w", "%{http_connect}", "https://refused.test/")
         assert.equal("403", code)
         assert.equal(56, status)
         assert.equal("http b.test nil", (through("http://b.test/")))
      end)
   end)

   it("drops those who do not speak TLS, or not in time", function()
      with({ tls = { ca = ca }, head_timeout = 0.2 }, answer, function(port)
         local r = raw.talk(port, { { get }, {} })
         assert.not_matches("HTTP", r[1].text)
         assert.is_true(r[1].closed)
         assert.is_true(r[2].closed)
      end)
   end)

   it("wants a whole authority", function()
      local other = require("aci.crypto").ca { name = "other" }
      local _, err = server.listen { tls = { ca = { certificate = ca.certificate, key = other.key } } }
      assert.is_true(errors.is(err, "invalid"))
      assert.matches("does not belong", err.message)
      _, err = server.listen { tls = { ca = { certificate = "x", key = "y" } } }
      assert.matches("not PEM", err.message)
      assert.error_matches(function() server.listen { tls = { cert = 1 } } end, "unknown option 'cert'")
   end)
end)
