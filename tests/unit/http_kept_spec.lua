-- Connections that are kept for the next request.
local http = require "aci.http"
local process = require "aci.process"
local serve = require "tests.support.serve"
local task = require "aci.task"

describe("a kept connection", function()
   it("serves the next request", function()
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

   it("stays while forty other transfers wait", function()
      local release, peers = task.future(), {}
      local waiting <close> = serve(function(request)
         release:wait()
         request:respond(204)
      end)
      local s <close> = serve(function(request)
         peers[request.peer] = true
         request:respond(204)
      end)
      local transfers = {}
      for i = 1, 40 do transfers[i] = assert(http.start { url = waiting.url }) end
      for _ = 1, 5 do assert(http.request { url = s.url }) end
      local first = next(peers)
      assert.is_nil(next(peers, first))
      release:set(true)
      for _, transfer in ipairs(transfers) do
         task.wait(transfer)
         assert.equal(204, transfer:result().status)
      end
   end)

   it("that the server closes is not used, and costs nothing meanwhile", function()
      local peers = {}
      local s <close> = serve(function(request)
         peers[#peers + 1] = request.peer
         request:respond(204)
      end, { idle_timeout = 0.1 })
      assert(http.request { url = s.url })
      local before = os.clock()
      task.sleep(0.6)
      assert.is_true(os.clock() - before < 0.2, "the loop turned and turned")
      assert.equal(204, http.request({ url = s.url }).status)
      assert.equal(204, http.request({ url = s.url }).status)
      assert.not_equal(peers[1], peers[2])
      assert.equal(peers[2], peers[3])
   end)

   it("that breaks when it is used again has the request sent once more, unless that is not safe", function()
      local arrived = 0
      local s <close> = serve(function(request)
         arrived = arrived + 1
         if arrived % 2 == 1 then request:respond(204) else request:close() end
      end)
      local function put(retry)
         arrived = 0
         assert.equal(204, http.request({ url = s.url }).status)
         local response, err = http.request { url = s.url, method = "PUT", body = "x", retry = retry }
         return arrived, response and response.status or err.code
      end
      assert.same({ 3, 204 }, { put(false) })
      assert.same({ 2, "reset" }, { put { tries = 1, safe = false } })
      assert.same({ 2, "reset" }, { put { tries = 3, safe = false } })
   end)

   it("is nothing that could end a wait", function()
      local s <close> = serve(function(request) request:respond(204) end)
      local result = assert(process.run { timeout = 10, args = { process.self(), "-e", ([[
         assert(require "aci.http".request { url = %q })
         print(select(2, pcall(function() require "aci.task".future():wait() end)).code)]]):format(s.url) } })
      assert.equal("deadlock\n", result.stdout)
   end)
end)
