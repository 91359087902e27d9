local http = require "aci.http"
local server = require "aci.server"
local task = require "aci.task"
local c = require "aci._http"

-- A server that gives the answers in turn (the last one for ever) and counts the requests.
local function serve(answers)
   local listener = assert(server.listen {})
   local self = { url = "http://127.0.0.1:" .. listener:port(), count = 0, times = {} }
   local loop = task.spawn(function()
      for request in function() return listener:next() end do
         self.count = self.count + 1
         self.times[self.count] = os.time()
         local answer = answers[math.min(self.count, #answers)]
         if answer == "close" then
            request:close()
         else
            request:body()
            request:respond(answer[1], answer[2] or {}, answer[3])
         end
      end
   end)
   return setmetatable(self, { __close = function()
      listener:close()
      loop:cancel()
   end })
end

local quick = { ["retry-after-ms"] = "1" }

describe("aci.http, another try", function()
   it("comes after 408, 429, 500, 502, 503 and 504, and after no other status", function()
      for _, status in ipairs { 408, 429, 500, 502, 503, 504 } do
         local s <close> = serve { { status, quick }, { 200, nil, "done" } }
         local response = assert(http.request { url = s.url })
         assert.equal("200 done 2", response.status .. " " .. response.body .. " " .. response.tries)
      end
      for _, status in ipairs { 400, 401, 403, 404, 409, 412, 501, 505 } do
         local s <close> = serve { { status, quick }, { 200 } }
         assert.equal(status, http.request({ url = s.url }).status)
         assert.equal(1, s.count)
      end
   end)

   it("comes after a broken connection", function()
      local s <close> = serve { "close", "close", { 200 } }
      assert.equal(3, assert(http.request { url = s.url, retry = { max_wait = 0.01 } }).tries)
   end)

   it("comes for methods that may be repeated, and for others when the caller says so", function()
      for method, count in pairs { PUT = 2, DELETE = 2, HEAD = 2, POST = 1, PATCH = 1 } do
         local s <close> = serve { { 503, quick }, { 200 } }
         http.request { url = s.url, method = method }
         assert.equal(count, s.count, method)
      end
      local s <close> = serve { { 503, quick }, { 200 } }
      local response = http.request { url = s.url, method = "POST", body = "b", retry = { safe = true } }
      assert.equal(200, response.status)
   end)

   it("is not made when a POST may have arrived, but when it cannot have", function()
      local s <close> = serve { "close", { 200 } }
      local _, err = http.request { url = s.url, method = "POST", body = "b", retry = { max_wait = 0.01 } }
      assert.equal("reset", err.code)
      assert.equal(1, s.count)
      local retry = { tries = 3, max_wait = 0.01 }
      _, err = http.request { url = "http://127.0.0.1:1/", method = "POST", retry = retry }
      assert.equal("connect 3", err.code .. " " .. err.tries)
   end)

   it("is never made by libcurl itself for a POST on a kept connection", function()
      local s <close> = serve { { 200 }, "close", { 200 } }
      assert(http.request { url = s.url })
      local response, err = http.request { url = s.url, method = "POST", retry = false }
      assert.is_nil(response)
      assert.equal("reset", err.code)
      assert.equal(2, s.count)
   end)

   it("stops after the given number, with the last answer", function()
      local s <close> = serve { { 503, quick, "one" }, { 503, quick, "two" }, { 503, quick, "three" } }
      local response = assert(http.request { url = s.url, retry = { tries = 2 } })
      assert.equal("503 two 2", response.status .. " " .. response.body .. " " .. response.tries)
      response = assert(http.request { url = s.url, retry = false })
      assert.equal("three 1", response.body .. " " .. response.tries)
   end)

   it("waits as long as the service asks, and gives up when that is too long", function()
      local s <close> = serve { { 429, { ["Retry-After"] = "1" } }, { 200 } }
      local before = require("aci.clock").monotonic()
      assert.equal(200, http.request({ url = s.url }).status)
      local took = require("aci.clock").monotonic() - before
      assert.is_true(took >= 1 and took < 1.5, tostring(took))
      local slow <close> = serve { { 429, { ["Retry-After"] = "3600" } }, { 200 } }
      assert.equal(429, http.request({ url = slow.url }).status)
   end)

   it("sends a file and a secret again from their beginning", function()
      local path = os.tmpname()
      local file <close> = assert(io.open(path, "wb"))
      file:write(("0123456789"):rep(1000))
      file:flush()
      local seen = {}
      local listener = assert(server.listen {})
      local loop <close> = task.spawn(function()
         for request in function() return listener:next() end do
            seen[#seen + 1] = request:body()
            request:respond(#seen < 3 and 500 or 200, quick)
         end
      end)
      local url = "http://127.0.0.1:" .. listener:port()
      assert.equal(3, http.request({ url = url, method = "PUT", body = { file = path } }).tries)
      assert.same({ 10000, 10000, 10000 }, { #seen[1], #seen[2], #seen[3] })
      listener:close()
      loop:cancel()
      os.remove(path)
   end)

   it("is not made once a function has got a piece", function()
      local listener = assert(server.listen {})
      local count = 0
      local loop <close> = task.spawn(function()
         for request in function() return listener:next() end do
            count = count + 1
            request:start(200, { ["content-length"] = "100" })
            request:write "piece"
            task.sleep(0.05)
            request:close()
         end
      end)
      local got = ""
      local _, err = http.request {
         url = "http://127.0.0.1:" .. listener:port(), retry = { max_wait = 0.01 },
         sink = function(chunk) got = got .. chunk end,
      }
      assert.equal("reset piece 1", err.code .. " " .. got .. " " .. count)
      listener:close()
      loop:cancel()
   end)
end)

describe("aci.http, the wait before another try", function()
   it("is read from three headers, milliseconds first", function()
      local clock = require "aci.clock"
      assert.equal(7, c.retry_after { ["retry-after"] = "7" })
      assert.equal(0, c.retry_after { ["retry-after"] = "0" })
      assert.equal(0.25, c.retry_after { ["retry-after-ms"] = "250", ["retry-after"] = "7" })
      assert.equal(1.5, c.retry_after { ["x-ms-retry-after-ms"] = "1500" })
      assert.is_nil(c.retry_after {})
      for _, bad in ipairs { "soon", "-1", "1e3", "0x10", "", "7 s", "1;2" } do
         assert.is_nil(c.retry_after { ["retry-after"] = bad }, bad)
      end
      local wait = c.retry_after { ["retry-after"] = clock.http_date(clock.now() + 90) }
      assert.is_true(wait > 88 and wait <= 90, tostring(wait))
   end)

   it("reads the three dates of HTTP; a past one means now", function()
      for _, date in ipairs {
         "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
      } do
         assert.equal(0, c.retry_after { ["retry-after"] = date }, date)
      end
      assert.is_true(c.retry_after { ["retry-after"] = "Sun, 06 Nov 2095 08:49:37 GMT" } > 1e9)
      for _, bad in ipairs {
         "Sun, 06 Foo 2095 08:49:37 GMT", "Sun, 46 Nov 2095 08:49:37 GMT", "Sun, 06 Nov 2095",
      } do
         assert.is_nil(c.retry_after { ["retry-after"] = bad }, bad)
      end
   end)

   it("doubles, is drawn from the upper half, and has a limit", function()
      for next_try, most in pairs { [2] = 0.5, [3] = 1, [4] = 2, [5] = 4, [9] = 10, [900] = 10 } do
         local low, high = math.huge, 0
         for _ = 1, 200 do
            local wait = c.backoff(next_try, 10)
            low, high = math.min(low, wait), math.max(high, wait)
         end
         assert.is_true(low >= most / 2 and high <= most and high - low > most / 10)
      end
   end)
end)
