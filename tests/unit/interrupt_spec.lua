-- Ctrl-C: it ends whatever the program does, at once and with 130; nothing keeps it, clean-ups run, and the
-- second one kills.
local clock = require "aci.clock"
local process = require "aci.process"
local task = require "aci.task"

local slow = os.getenv "ACIHOST_SANITIZED" and 4 or 1
local LIMIT = 0.2 * slow

local before = [[
   local task, http, server = require "aci.task", require "aci.http", require "aci.server"
   local function stalled()
      local s = assert(server.listen {})
      local function hold(request) task.sleep(100) request:respond(200) end
      task.spawn(function() while true do task.spawn(hold, s:next()) end end)
      return "http://127.0.0.1:" .. s:port() .. "/"
   end
   local closed <close> = setmetatable({}, { __close = function() task.sleep(0.01) print "closed" end })
   local function ready() print "ready" io.stdout:flush() end
]]

-- Each blocks for ever after `ready()`. `closed` is printed by the main chunk's clean-up, `task closed` by a task's.
local cases = {
   ["a stalled request"] = "local url = stalled() ready() http.request { url = url }",
   ["a stalled request in a pcall loop"] =
      "local url = stalled() ready() while true do pcall(http.request, { url = url }) end",
   ["a stalled request in a task"] =
      "local url = stalled() task.spawn(function() ready() http.request { url = url } end):wait()",
   ["a request with retries"] =
      [[ready() http.request { url = "http://127.0.0.1:1/", retry = { tries = 1000, max_wait = 100 } }]],
   ["a sleep"] = "ready() task.sleep(100)",
   ["a sleep in a pcall loop"] = "ready() while true do pcall(task.sleep, 1) end",
   ["a sleep in an xpcall loop"] =
      "ready() while true do xpcall(task.sleep, function(e) return tostring(e) end, 1) end",
   ["a sleep in a task"] = "task.spawn(function() ready() task.sleep(100) end):wait()",
   ["a sleep in a task's pcall loop"] =
      "task.spawn(function() ready() while true do pcall(task.sleep, 1) end end):wait()",
   ["task.all"] = "task.all { function() ready() task.sleep(100) end, function() task.sleep(100) end }",
   ["a server"] = "local s = server.listen {} ready() while true do s:next() end",
   ["a server in a task"] =
      "local s = server.listen {} task.spawn(function() ready() while true do s:next() end end):wait()",
   ["a busy loop"] = "ready() while true do end",
   ["a busy loop of pcall"] = "ready() while true do pcall(function() while true do end end) end",
   ["a busy loop in a task"] = "task.spawn(function() ready() while true do end end):wait()",
   ["a busy loop in a task's pcall loop"] =
      "task.spawn(function() ready() while true do pcall(function() while true do end end) end end):wait()",
   ["a busy loop in a coroutine"] = "coroutine.wrap(function() ready() while true do end end)()",
   ["a busy loop of coroutine.resume"] =
      "ready() while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
   ["a loop of short coroutines"] = "ready() while true do coroutine.wrap(function() end)() end",
   ["a loop of coroutine.close"] = [[ready() while true do
      local co = coroutine.create(function()
         local _ <close> = setmetatable({}, { __close = function() task.sleep(1) end })
         coroutine.yield() end)
      coroutine.resume(co) coroutine.close(co) end]],
   ["a pcall loop whose clean-up fails"] = [[ready() while true do pcall(function()
      local _ <close> = setmetatable({}, { __close = function() error "clean-up" end })
      task.sleep(1) end) end]],
   ["a pcall loop in a task whose clean-up fails"] = [[task.spawn(function() ready() while true do pcall(function()
      local _ <close> = setmetatable({}, { __close = function() error "clean-up" end })
      task.sleep(1) end) end end):wait()]],
   ["a loop of coroutines whose clean-up fails"] = [[ready() while true do pcall(coroutine.wrap(function()
      local _ <close> = setmetatable({}, { __close = function() error "clean-up" end })
      while true do end end)) end]],
   ["an xpcall whose handler ends the program"] =
      "ready() xpcall(task.sleep, function() os.exit(9) end, 100)",
   ["an xpcall whose handler hangs"] = "ready() xpcall(error, function() while true do end end)",
   ["a coroutine in an xpcall whose handler ends the program"] =
      "ready() xpcall(coroutine.wrap(function() while true do end end), function() os.exit(9) end)",
   ["a deep recursion"] =
      "local function f(n) if n == 0 then ready() while true do end end return 1 + f(n - 1) end f(150000)",
   ["a coroutine in a task"] =
      "task.spawn(function() coroutine.wrap(function() ready() while true do end end)() end):wait()",
   ["a sleep in a coroutine in a task"] =
      "task.spawn(function() coroutine.wrap(function() ready() task.sleep(100) end)() end):wait()",
   ["a sleep in a sort"] = "table.sort({ 1, 2, 3 }, function(a, b) ready() task.sleep(100) return a < b end)",
   ["a sleep in a sort in a task"] = [[local function before(a, b) ready() task.sleep(100) return a < b end
      task.spawn(function() table.sort({ 1, 2, 3 }, before) end):wait()]],
   ["a sleep in a finalizer"] = [[setmetatable({}, { __gc = function() ready() task.sleep(100) end }) collectgarbage()
      while true do end]],
   ["a child process"] = [[ready() require("aci.process").run { args = { "sleep", "100" } }]],
   ["a wait for another writer of a database"] = [[local fs, store = require "aci.fs", require "aci.store"
      local folder = fs.tempdir "busy"
      local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(folder) end })
      local one, other = store.open(folder .. "/db"), store.open(folder .. "/db")
      one:exec "BEGIN IMMEDIATE" ready() other:exec "BEGIN IMMEDIATE"]],
   ["os.execute in a loop"] = [[ready() while true do pcall(os.execute, "sleep 100") end]],
   ["os.execute in a task"] = [[task.spawn(function() ready() os.execute "sleep 100" end):wait()]],
   ["reading a pipe"] = [[local p = io.popen "sleep 100" ready() p:read() while true do end]],
   ["a future"] = "task.spawn(function() task.sleep(100) end) ready() task.future():wait()",
   ["500 tasks"] = "for _ = 1, 500 do task.spawn(function() task.sleep(100) end) end ready() task.sleep(100)",
}

local function start(script)
   local args = { process.self(), "-e", before .. script }
   local proc = assert(process.spawn { args = args, stdout = "pipe", stderr = "pipe" })
   task.timeout(20, function()
      local text = ""
      while not text:find "ready\n" do text = text .. assert(proc:read()) end
   end)
   task.sleep(0.03 * slow)
   return proc
end

local function rest(proc, stream)
   local text = ""
   for chunk in function() return proc:read(stream) end do text = text .. chunk end
   return text
end

describe("Ctrl-C during", function()
   local names = {}
   for name in pairs(cases) do names[#names + 1] = name end
   table.sort(names)
   for _, name in ipairs(names) do
      it(name, function()
         local proc <close> = start(cases[name])
         local began = clock.monotonic()
         assert(proc:kill "INT")
         local ended = assert(proc:wait(5 * slow))
         local took = clock.monotonic() - began
         local out = rest(proc, "stdout")
         assert.same({ code = 130 }, { code = ended.code, signal = ended.signal })
         assert.is_true(took < LIMIT, ("it took %.0f ms"):format(took * 1000))
         assert.equal("closed\n", (out:gsub("ready\n", "")))
         assert.matches("interrupted\n$", rest(proc, "stderr"))
      end)
   end

   it("a task's wait, whose clean-ups run and wait as well", function()
      local proc <close> = start [[
         task.spawn(function()
            local _ <close> = setmetatable({}, { __close = function() task.sleep(0.02) print "task closed" end })
            ready() task.sleep(100)
         end):wait()]]
      proc:kill "INT"
      assert.equal(130, proc:wait(5).code)
      assert.matches("task closed", rest(proc, "stdout"))
   end)

   it("a busy task, whose clean-ups run and wait as well", function()
      local proc <close> = start [[
         task.spawn(function()
            local _ <close> = setmetatable({}, { __close = function() task.sleep(0.02) print "task closed" end })
            ready() while true do end
         end):wait()]]
      proc:kill "INT"
      assert.equal(130, proc:wait(5).code)
      assert.matches("task closed", rest(proc, "stdout"))
   end)

   it("os.execute of a command that handles it: the program goes on, and a later one counts as the first", function()
      local proc <close> = start [[
         print(os.execute "trap 'exit 3' INT; echo ready; while :; do sleep 0.02; done")
         ready() task.sleep(100)]]
      proc:kill "INT"
      local text = ""
      while not text:find "ready" do text = text .. assert(proc:read()) end
      assert.equal("nil\texit\t3\nready\n", text)
      proc:kill "INT"
      assert.equal(130, proc:wait(5).code)
      assert.equal("closed\n", rest(proc, "stdout"))
   end)

   it("clean-ups that fail and go on: 130, whatever they raise, and their own pcall keeps what they raise", function()
      local proc <close> = start [[
         local _ <close> = setmetatable({}, { __close = function()
            print(pcall(error, "kept", 0)) error("raised in the clean-up", 0) end })
         ready() task.sleep(100)]]
      proc:kill "INT"
      assert.equal(130, proc:wait(5).code)
      assert.equal("false\tkept\nclosed\n", (rest(proc, "stdout"):gsub("ready\n", "")))
      assert.matches("raised in the clean%-up", rest(proc, "stderr"))
   end)

   it("a clean-up that hangs: the second one kills", function()
      local proc <close> = start [[
         local _ <close> = setmetatable({}, { __close = function() ready() task.sleep(100) end })
         ready() task.sleep(100)]]
      proc:kill "INT"
      assert.equal("ready\n", proc:read())
      assert.is_nil((proc:wait(0.1)))
      proc:kill "INT"
      assert.equal("INT", proc:wait(5).signal)
   end)

   it("a busy clean-up: the second one kills", function()
      local proc <close> = start [[
         local _ <close> = setmetatable({}, { __close = function() ready() while true do end end })
         ready() task.sleep(100)]]
      proc:kill "INT"
      assert.equal("ready\n", proc:read())
      proc:kill "INT"
      assert.equal("INT", proc:wait(5).signal)
   end)

   it("Lua's own long work, which ends with it or with the second one", function()
      local proc <close> = start [[ready() string.find(("a"):rep(40), ("a?"):rep(40) .. ("a"):rep(40) .. "b")]]
      proc:kill "INT"
      local ended = proc:wait(0.3)
      if not ended then
         proc:kill "INT"
         ended = assert(proc:wait(5))
      end
      assert.is_true(ended.code == 130 or ended.signal == "INT")
   end)

   it("os.exit in a task, which doesn't wait for itself", function()
      local began = clock.monotonic()
      local result = process.run { args = { process.self(), "-e", [[
         local task = require "aci.task"
         local other = task.spawn(function()
            local _ <close> = setmetatable({}, { __close = function() print "other closed" end })
            task.sleep(100)
         end)
         task.spawn(function() task.sleep(0.01) os.exit(5) end):wait()]] } }
      assert.equal(5, result.code)
      assert.equal("other closed\n", result.stdout)
      assert.is_true(clock.monotonic() - began < 2 * slow)
   end)
end)
