-- Tasks and the loop where it hurts: canceled in every state, collected in flight, waits inside waits, many at
-- once, and nothing left behind.
local errors = require "aci.error"
local fs = require "aci.fs"
local http = require "aci.http"
local process = require "aci.process"
local server = require "aci.server"
local task = require "aci.task"

local function descriptors()
   return #assert(fs.list "/proc/self/fd")
end

-- A server that answers only when it is told to; `held` are the requests that wait.
local function silent_server()
   local held, s = {}, assert(server.listen {})
   local pump = task.spawn(function()
      for request in function() return s:next() end do held[#held + 1] = request end
   end)
   return { url = ("http://127.0.0.1:%d/"):format(s:port()), held = held, close = function()
      for i = 1, #held do held[i]:close() held[i] = nil end
      s:close()
      pump:cancel()
      pcall(pump.wait, pump)
   end }
end

local function canceled(child)
   local ok, err = pcall(child.wait, child)
   return not ok and errors.is(err, "canceled")
end

local function settle()
   for _ = 1, 3 do collectgarbage() task.sleep(0.005) end
end

describe("a task is canceled", function()
   it("before it has begun: its function is not called", function()
      local called = false
      local child = task.spawn(function() called = true end)
      child:cancel()
      assert.is_true(canceled(child))
      assert.is_false(called)
   end)

   it("while it waits, for a time, an event, another task, a request", function()
      local silent = silent_server()
      local sleeper = task.spawn(task.sleep, 100)
      local waits = {
         function() task.sleep(100) end, function() task.future():wait() end, function() sleeper:wait() end,
         function() http.request { url = silent.url } end, function() task.all { function() task.sleep(100) end } end,
         function() task.timeout(100, task.sleep, 100) end,
      }
      for i, wait in ipairs(waits) do waits[i] = task.spawn(wait) end
      task.sleep(0.05)
      for _, child in ipairs(waits) do child:cancel() end
      for _, child in ipairs(waits) do assert.is_true(canceled(child)) end
      assert.is_false(sleeper:done())
      sleeper:cancel()
      assert.is_true(canceled(sleeper))
      silent.close()
   end)

   it("when what it waits for has come but it has not run yet", function()
      local future, seen = task.future(), nil
      local child = task.spawn(function() seen = future:wait() end)
      task.sleep(0.005)
      task.spawn(function() future:set(1) child:cancel() end):wait()
      assert.is_true(canceled(child))
      assert.is_nil(seen)
   end)

   it("by itself, at its next wait", function()
      local child, reached
      child = task.spawn(function() child:cancel() reached = true task.sleep(0) reached = "too far" end)
      assert.is_true(canceled(child))
      assert.is_true(reached)
   end)

   it("while it waits where Lua cannot yield", function()
      local child = task.spawn(function()
         table.sort({ 2, 1 }, function(a, b) task.sleep(100) return a < b end)
      end)
      task.spawn(function() task.sleep(0.01) child:cancel() end)
      assert.is_true(canceled(child)) -- the wait of this chunk lies below the child's
   end)

   it("inside a coroutine of its own", function()
      local child = task.spawn(function() coroutine.wrap(function() task.sleep(100) end)() end)
      task.spawn(function() task.sleep(0.01) child:cancel() end)
      assert.is_true(canceled(child))
   end)

   it("during its clean-ups, which go on", function()
      local cleaned
      local child = task.spawn(function()
         local _ <close> = setmetatable({}, { __close = function() task.sleep(0.02) cleaned = true end })
         task.sleep(100)
      end)
      task.sleep(0.005)
      child:cancel()
      task.sleep(0.005)
      child:cancel()
      assert.is_true(canceled(child))
      assert.is_true(cleaned)
   end)

   it("after a bare yield", function()
      local child = task.spawn(function() while true do coroutine.yield() task.wait(task.spawn(function() end)) end end)
      task.sleep(0.005)
      child:cancel()
      assert.is_true(canceled(child))
   end)

   it("after its end: nothing happens", function()
      local child = task.spawn(function() return 5 end)
      child:wait()
      child:cancel()
      assert.equal(5, child:wait())
   end)

   it("in a pcall loop whose clean-up fails: the loop ends all the same", function()
      local rounds = 0
      local function round()
         local _ <close> = setmetatable({}, { __close = function() error("clean-up", 0) end })
         rounds = rounds + 1
         task.sleep(rounds == 1 and 100 or 0)
      end
      local ways = { pcall, function(f) xpcall(f, tostring) end, function(f) pcall(coroutine.wrap(f)) end,
         function(f) coroutine.resume(coroutine.create(f)) end }
      for _, safely in ipairs(ways) do
         rounds = 0
         local child = task.spawn(function() for _ = 1, 5 do safely(round) end end)
         task.spawn(function() task.sleep(0.005) child:cancel() end)
         assert.is_true(canceled(child))
         assert.equal(1, rounds)
      end
   end)

   it("and no message handler is asked", function()
      local asked = false
      local child = task.spawn(function() xpcall(task.sleep, function() asked = true end, 100) end)
      task.sleep(0.005)
      child:cancel()
      assert.is_true(canceled(child))
      assert.is_false(asked)
   end)

   it("and its clean-up fails: that error is its end", function()
      local child = task.spawn(function()
         local _ <close> = setmetatable({}, { __close = function() error("clean-up", 0) end })
         task.sleep(100)
      end)
      task.sleep(0.005)
      child:cancel()
      assert.same({ false, "clean-up" }, { pcall(child.wait, child) })
   end)
end)

-- A listener that never says a word: the kernel takes the connections.
local function mute_listener()
   local proc = assert(process.spawn { args = { "python3", "-c",
      "import socket, time\ns = socket.create_server(('127.0.0.1', 0), backlog=200)\n"
         .. "print(s.getsockname()[1], flush=True)\ntime.sleep(100)" }, stdout = "pipe" })
   return proc, assert(proc:read()):match "%d+"
end

describe("a request in every state", function()
   local port, url, folder

   -- How a server of ours keeps a request waiting; no connection is kept for the next one.
   local function hold(request)
      if request.path == "/again" then return request:respond(503, { connection = "close" }) end
      if request.path == "/moved" then return request:respond(302, { location = "/silent", connection = "close" }) end
      if request.path == "/body" then
         request:start(200, {})
         request:write(("x"):rep(100000))
      end
      task.sleep(100)
   end

   -- Calls f with both servers there; afterwards no descriptor may be left.
   local function leaves_nothing(f)
      http.request { url = "http://127.0.0.1:1/", retry = false } -- makes what stays for all requests
      settle()
      local before = descriptors()
      local s, handlers = assert(server.listen {}), {}
      local mute, silent_port = mute_listener()
      port = silent_port
      url = ("http://127.0.0.1:%d"):format(s:port())
      folder = assert(fs.tempdir "states")
      handlers[1] = task.spawn(function()
         for request in function() return s:next() end do handlers[#handlers + 1] = task.spawn(hold, request) end
      end)
      f()
      s:close()
      for _, handler in ipairs(handlers) do handler:cancel() end
      mute:stop(0)
      fs.remove_tree(folder)
      for _ = 1, 60 do -- a name's look-up goes on in a thread of its own for a moment
         settle()
         if descriptors() <= before then break end
         task.sleep(0.05)
      end
      assert.is_true(descriptors() <= before, ("%d descriptors, before %d"):format(descriptors(), before))
   end

   local function states()
      local patient = { tries = 50, max_wait = 50 }
      return {
         ["looking up a name"] = { url = "http://nowhere.invalid/", proxy = "", retry = false },
         ["shaking hands"] = { url = ("https://127.0.0.1:%s/"):format(port) },
         ["sending a body"] = { url = ("http://127.0.0.1:%s/"):format(port), method = "PUT",
            body = ("x"):rep(20000000) },
         ["sending what a function makes"] = { url = ("http://127.0.0.1:%s/"):format(port), method = "PUT",
            body = function() return ("x"):rep(100000) end },
         ["waiting for the head"] = { url = url .. "/silent" },
         ["reading a body"] = { url = url .. "/body" },
         ["reading into a file"] = { url = url .. "/body", sink = { file = folder .. "/sink" } },
         ["reading into a function"] = { url = url .. "/body", sink = function() end },
         ["waiting after a redirect"] = { url = url .. "/moved", redirects = 3 },
         ["waiting for the next try"] = { url = url .. "/again", retry = patient },
         ["waiting for a connection"] = { url = "http://127.0.0.1:1/", retry = patient },
      }
   end

   it("is canceled with its task and leaves nothing", function()
      leaves_nothing(function()
         for name, options in pairs(states()) do
            for _, pause in ipairs { 0, 0.002, 0.05 } do
               local child = task.spawn(http.request, options)
               task.sleep(pause)
               child:cancel()
               local known = child:done() -- that the name does not exist
               local ok, err = pcall(child.wait, child)
               assert.is_true(known and name == "looking up a name" or not ok and errors.is(err, "canceled"), name)
            end
         end
      end)
   end)

   it("is given up when nobody has it any more", function()
      leaves_nothing(function()
         for _, options in pairs(states()) do
            options.retry, options.redirects = nil, nil -- they and a function are for http.request
            if type(options.sink) == "function" then options.sink = nil end
            if type(options.body) == "function" then options.body = "x" end
            for _, pause in ipairs { 0, 0.002, 0.05 } do
               local transfer = http.start(options)
               if pause > 0 then task.wait(transfer, pause) end
            end
         end
      end)
   end)
end)

describe("a wait", function()
   it("works wherever Lua calls back", function()
      local function pause() task.sleep(0.001) return "x" end
      local meta = setmetatable({}, { __tostring = pause, __index = pause, __call = pause, __concat = pause,
         __len = pause, __eq = pause, __lt = pause, __close = pause, __add = pause, __unm = pause, __newindex = pause })
      local function everything()
         assert.equal("x", tostring(meta))
         assert.equal("x", meta.field .. "")
         assert.equal("x", meta() .. (#meta):sub(2))
         assert.equal("x", meta .. "y")
         assert.equal("x", meta + 1)
         assert.is_true(meta < meta)
         meta.field = 1
         assert.equal("xx", (("ab"):gsub(".", pause)))
         table.sort({ 3, 2, 1 }, function(a, b) pause() return a < b end)
         local pieces = { "return ", "1" }
         assert.equal(1, load(function() pause() return table.remove(pieces, 1) end)())
         local rounds = 0
         for x in function() return rounds < 2 and pause() or nil end do rounds = rounds + #x end
         do local _ <close> = meta end
         local co = coroutine.create(function() local _ <close> = meta coroutine.yield() end)
         coroutine.resume(co)
         assert.is_true(coroutine.close(co))
         assert.is_false(xpcall(error, function() return pause() end))
         package.preload["task_stress.module"] = function() pause() return "loaded" end
         package.loaded["task_stress.module"] = nil
         assert.equal("loaded", (require "task_stress.module"))
      end
      everything()
      task.spawn(everything):wait()
      task.spawn(function() coroutine.wrap(everything)() end):wait()
   end)

   it("works in a finalizer, in the main chunk and in a task", function()
      local done = 0
      local function drop()
         setmetatable({}, { __gc = function() task.sleep(0.001) done = done + 1 end })
      end
      drop()
      collectgarbage()
      task.spawn(function() drop() collectgarbage() end):wait()
      collectgarbage()
      assert.equal(2, done)
   end)

   it("in a finalizer at the end of the program does not touch what is gone", function()
      local result = process.run { args = { process.self(), "-e", [[
         local task = require "aci.task"
         local hung = task.spawn(function() while true do pcall(task.sleep, 0.001) end end)
         Keep = setmetatable({}, { __gc = function() task.spawn(task.sleep, 1) task.sleep(0.01) print "finalized" end })
         task.sleep(0.005)]] } }
      assert.same({ code = 0, stdout = "finalized\n", stderr = "" }, result)
   end)

   it("inside a wait inside a wait is refused before the C stack ends", function()
      local deepest, refused = 0, nil
      local function nest(depth)
         deepest = math.max(deepest, depth)
         local ok, err = pcall(table.sort, { 2, 1 }, function(a, b)
            local child <close> = task.spawn(nest, depth + 1)
            child:wait()
            return a < b
         end)
         if not ok then refused = refused or err end
      end
      task.spawn(nest, 1):wait()
      assert.is_true(deepest >= 10)
      assert.matches("too many tasks wait where Lua cannot yield", refused)
      task.sleep(0.001)
   end)

   it("of an innocent task survives others' deep waits", function()
      local innocent = task.spawn(function() task.sleep(0.02) return "fine" end)
      local function nest()
         pcall(table.sort, { 2, 1 }, function(a, b)
            local child <close> = task.spawn(nest) -- or the one whose wait is refused begins anew, for ever
            child:wait()
            return a < b
         end)
      end
      task.spawn(nest):wait()
      assert.equal("fine", innocent:wait())
   end)

   it("keeps its turn when another task only yields", function()
      local going = true
      local busy = task.spawn(function() while going do coroutine.yield() end end)
      task.sleep(0.01)
      going = false
      busy:wait()
   end)

   it("keeps its turn when tasks that only yield meet a wait where Lua cannot", function()
      local going = true
      local busy = {}
      for i = 1, 3 do busy[i] = task.spawn(function() while going do coroutine.yield() end end) end
      task.spawn(function() table.sort({ 2, 1 }, function(a, b) task.sleep(0.01) return a < b end) end):wait()
      going = false
      for i = 1, 3 do busy[i]:wait() end
   end)
end)

describe("collected in flight", function()
   it("a request that nobody waits for any more is given up", function()
      local silent = silent_server()
      local before = descriptors()
      for _ = 1, 20 do http.start { url = silent.url } end
      task.sleep(0.05)
      assert.is_true(descriptors() > before)
      settle()
      silent.close()
      settle()
      assert.is_true(descriptors() <= before)
   end)

   it("timers, events and ended tasks leave nothing", function()
      local core = require "aci._task"
      for _ = 1, 200 do
         core.timer(0.001)
         core.event():set()
         task.spawn(function() end)
      end
      settle()
      task.sleep(0.002)
   end)

   it("a task's error that nobody asked for is told", function()
      local result = process.run { args = { process.self(), "-e", [[
         local task = require "aci.task"
         task.spawn(function() error("lost", 0) end)
         task.sleep(0.001) collectgarbage() collectgarbage()]] } }
      assert.same({ code = 0, stdout = "", stderr = "acihost: a task that nobody waits for failed: lost\n" }, result)
   end)

   it("nor does an error vanish when its scope ends after it", function()
      local result = process.run { args = { process.self(), "-e", [[
         local task = require "aci.task"
         do
            local _ <close> = task.spawn(function() error("lost", 0) end)
            task.sleep(0.001)
         end
         collectgarbage() collectgarbage()]] } }
      assert.matches("failed: lost", result.stderr)
   end)

   it("a waiting task, with what it waits for, stays", function()
      local silent = silent_server()
      local child = task.spawn(function() return http.request { url = silent.url }.status end)
      task.sleep(0.02)
      settle()
      assert.equal(1, #silent.held)
      silent.held[1]:respond(204)
      assert.equal(204, child:wait())
      silent.close()
   end)
end)

describe("many at once", function()
   it("500 idle requests, canceled, leave no descriptor", function()
      local silent = silent_server()
      settle()
      local before, children = descriptors(), {}
      for i = 1, 500 do children[i] = task.spawn(function() http.request { url = silent.url } end) end
      for _ = 1, 100 do
         if #silent.held == 500 then break end
         task.sleep(0.05)
      end
      assert.equal(500, #silent.held)
      for i = 1, 500 do children[i]:cancel() end
      for i = 1, 500 do assert.is_true(canceled(children[i])) end
      silent.close()
      settle()
      assert.is_true(descriptors() <= before)
   end)

   it("2,000 tasks sleep at once and end in the order of their times", function()
      local step = os.getenv "ACIHOST_SANITIZED" and 0.3 or 0.04 -- longer than it takes to begin all of them
      local order, children = {}, {}
      for i = 1, 2000 do
         children[i] = task.spawn(function() task.sleep((i % 5) * step) order[#order + 1] = i % 5 end)
      end
      for i = 1, 2000 do children[i]:wait() end
      for i = 2, 2000 do assert.is_true(order[i - 1] <= order[i]) end
   end)

   it("a future wakes 1,000 waiting tasks", function()
      local future, children = task.future(), {}
      for i = 1, 1000 do children[i] = task.spawn(function() return future:wait() end) end
      task.sleep(0.01)
      future:set(7)
      for i = 1, 1000 do assert.equal(7, children[i]:wait()) end
   end)

   it("no descriptors are left: requests fail with words, and all is well afterwards", function()
      local environment = process.environment()
      environment.ASAN_OPTIONS = "detect_leaks=0" -- its leak check needs descriptors of its own
      local limited = "ulimit -n 40; exec " .. process.self() .. " -"
      local result = process.run { args = { "/bin/bash", "-c", limited }, input = [[
         local task, http, server = require "aci.task", require "aci.http", require "aci.server"
         local s = assert(server.listen {})
         local url = "http://127.0.0.1:" .. s:port() .. "/"
         local held = {}
         task.spawn(function() while true do local r = s:next() held[#held + 1] = r end end)
         local children, failed = {}, 0
         for i = 1, 60 do
            children[i] = task.spawn(function() return http.request { url = url, retry = false, timeout = 2 } end)
         end
         task.sleep(0.5)
         for _, r in ipairs(held) do r:respond(204) end
         for i = 1, 60 do
            local response, err = children[i]:wait()
            if not response then
               failed = failed + 1
               assert(require("aci.error").is(err) and #err.message > 0)
            end
         end
         for _, r in ipairs(held) do r:close() end
         held = {}
         task.spawn(function()
            while true do task.sleep(0.02) for _, r in ipairs(held) do pcall(r.respond, r, 204) end held = {} end
         end)
         local last, why
         for _ = 1, 100 do -- the server still finds out who has left
            last, why = http.request { url = url, timeout = 1, retry = false }
            if last then break end
            task.sleep(0.02)
         end
         print(failed > 0, last and last.status or why)]], env = environment }
      assert.same({ code = 0, stdout = "true\t204\n", stderr = "" }, result)
   end)
end)
