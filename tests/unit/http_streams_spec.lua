-- Bodies of aci.http that are not one string: files, functions as sink and as body.
local errors = require "aci.error"
local fs     = require "aci.fs"
local http   = require "aci.http"
local secret = require "aci.secret"
local serve  = require "tests.support.serve"
local task   = require "aci.task"

describe("aci.http, files and streams", function()
   local directory

   before_each(function()
      directory = assert(fs.tempdir())
   end)

   after_each(function() fs.remove_tree(directory) end)

   local function names()
      return fs.list(directory)
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
      assert.equal(("line\n"):rep(100000), fs.read(path))
      response = assert(http.request { url = s.url .. "/no", sink = { file = path } })
      assert.equal("403 not you", response.status .. " " .. response.body)
      local _, err = http.request { url = s.url .. "/cut", sink = { file = path }, retry = false }
      assert.equal("reset", err.code)
      assert.equal(500000, #fs.read(path)) -- the old one is still whole
      assert.same({ "down" }, names())
      assert(http.request { url = s.url .. "/empty", sink = { file = path } })
      assert.equal("", fs.read(path))
   end)

   it("tells a file that cannot be written or read", function()
      local s <close> = serve(function(request) request:respond(200, {}) end)
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
      local path = directory .. "/up"
      assert(fs.write(path, table.concat(bytes)))
      local got
      local s <close> = serve(function(request)
         got = request:body()
         request:respond(201, {})
      end)
      local response = assert(http.request { url = s.url, method = "PUT", body = { file = path } })
      assert.equal(201, response.status)
      assert.is_true(got == table.concat(bytes))
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
      local got, sent, early = {}, 0, nil
      assert(http.request { url = s.url, method = "POST",
         body = function()
            sent, early = sent + 1, #got
            task.sleep(0.05)
            return sent <= 5 and "ab" .. sent or nil
         end,
         sink = function(chunk) got[#got + 1] = chunk end })
      assert.equal("AB1AB2AB3AB4AB5", table.concat(got))
      assert.is_true(early > 0, "the answer began before the body's end")
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
