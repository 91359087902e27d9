local clock = require "aci.clock"
local eventually = require "tests.support.eventually"
local errors = require "aci.error"
local fs = require "aci.fs"
local process = require "aci.process"
local secret = require "aci.secret"
local task = require "aci.task"

local function sh(script, options)
   options = options or {}
   options.args = { "sh", "-c", script }
   return options
end

local function run(script, options)
   return assert(process.run(sh(script, options)))
end

local function ended(pid)
   return function() return not process.start_time(pid) end
end

describe("process.run", function()
   it("gives the exit code and both outputs", function()
      assert.same({ code = 3, stdout = "out\n", stderr = "err\n" }, run "echo out; echo err >&2; exit 3")
      assert.same({ code = 0, stdout = "", stderr = "" }, run "true")
   end)

   it("names the signal that ended it", function()
      assert.equal("KILL", run("kill -KILL $$").signal)
      assert.equal("TERM", run("kill -TERM $$").signal)
   end)

   it("passes arguments as they are", function()
      local odd = { "a b", "", "*", "$HOME", "ü\n'\"" }
      local result = process.run { args = { "printf", "<%s>", table.unpack(odd) } }
      assert.equal("<a b><><*><$HOME><ü\n'\">", result.stdout)
   end)

   it("replaces the environment, secrets too, and keeps ours without", function()
      local env = { A = "1", TOKEN = secret.new "s3cret", PATH = "/usr/bin:/bin" }
      local result = run("/usr/bin/env", { env = env })
      local lines = {}
      for line in result.stdout:gmatch "[^\n]+" do
         if not line:find "^PWD=" and not line:find "^_=" and not line:find "^SHLVL=" then
            lines[#lines + 1] = line
         end
      end
      table.sort(lines)
      assert.same({ "A=1", "PATH=/usr/bin:/bin", "TOKEN=s3cret" }, lines)
      assert.equal("", process.run { args = { "/usr/bin/env" }, env = {} }.stdout)
      assert.equal(process.environment().PATH .. "\n", run("echo $PATH").stdout)
   end)

   it("works in a folder, with input", function()
      assert.equal(fs.realpath "/usr" .. "\n", run("pwd -P", { cwd = "/usr" }).stdout)
      local big = ("0123456789"):rep(50000)
      assert.equal(big, run("cat", { input = big }).stdout)
      assert.equal("9\n", run("wc -c | tr -d ' '", { input = secret.new "nine char" }).stdout)
      assert.equal("0\n", run("wc -c | tr -d ' '").stdout)
   end)

   it("takes large output on both streams at once", function()
      local result = run("head -c 3000000 /dev/zero & head -c 2000000 /dev/zero >&2; wait")
      assert.equal(3000000, #result.stdout)
      assert.equal(2000000, #result.stderr)
   end)

   it("stops at the most output that is allowed", function()
      local result, err = process.run(sh("yes", { max_output = 100000 }))
      assert.is_nil(result)
      assert.equal("too_large", err.code)
   end)

   it("gives secret output as a secret", function()
      local result = run("printf to; sleep 0.05; printf ken", { secret = true })
      assert.equal("<secret>", tostring(result.stdout))
      assert.equal("token", secret.reveal(result.stdout))
   end)

   it("ends what takes too long, with all of its group", function()
      local before = clock.monotonic()
      local result, err = process.run(sh("sleep 30 & sleep 30", { timeout = 0.2 }))
      assert.is_nil(result)
      assert.is_true(errors.is(err, "timeout"))
      assert.is_true(clock.monotonic() - before < 2)
   end)

   it("says what cannot be run", function()
      local codes = { ["no-such-program"] = "ENOENT", ["/etc/passwd"] = "EACCES", ["/etc"] = "EACCES" }
      for name, code in pairs(codes) do
         local result, err = process.run { args = { name } }
         assert.is_nil(result)
         assert.equal(code, err.code)
         assert.truthy(err.message:find(name, 1, true))
      end
      local _, err = process.run { args = { "true" }, cwd = "/no/such/folder" }
      assert.truthy(err.message:find("/no/such/folder", 1, true))
      assert.is_true(errors.is(err, "not_found"))
      local _, file = process.spawn { args = { "true" }, stdout = { file = "/no/such/file" } }
      assert.truthy(file.message:find("/no/such/file", 1, true))
   end)

   it("lets other tasks run meanwhile", function()
      local ticks = 0
      local _ <close> = task.spawn(function() while true do task.sleep(0.005) ticks = ticks + 1 end end)
      run "sleep 0.1"
      assert.is_true(ticks > 5)
   end)

   it("runs many at once", function()
      local jobs = {}
      for i = 1, 30 do jobs[i] = function() return run(("echo %d"):format(i)).stdout end end
      local results = task.all(jobs)
      for i = 1, 30 do assert.equal(i .. "\n", results[i]) end
   end)

   it("raises for misuse", function()
      assert.error_matches(function() process.run { arg = { "true" } } end, "did you mean 'args'")
      assert.error_matches(function() process.run { args = {} } end, "args")
      assert.error_matches(function() process.run { args = "true" } end, "args")
      assert.error_matches(function() process.run { args = { "a\0b" } } end, "zero bytes")
      assert.error_matches(function() process.run { args = { "true" }, env = { ["A=B"] = "1" } } end, "env")
      assert.error_matches(function() process.run { args = { "true" }, stdout = "pipes" } end, "stdout")
      assert.error_matches(function() process.run { args = { "true" }, timeout = "1" } end, "timeout")
      assert.error_matches(function() process.spawn { args = { "true" }, stdin = "pipe" } end, "stdin")
   end)
end)

describe("process.spawn", function()
   it("gives output as it comes", function()
      local proc <close> = assert(process.spawn(sh("echo one; sleep 0.1; echo two", { stdout = "pipe" })))
      assert.equal("one\n", proc:read())
      assert.is_nil(proc:result())
      assert.equal("two\n", proc:read())
      assert.is_nil(proc:read())
      assert.is_nil(proc:read())
      assert.same({ code = 0 }, proc:wait())
      assert.same({ code = 0 }, proc:wait())
   end)

   it("iterates over lines", function()
      local proc <close> = assert(process.spawn(sh("printf 'a\\n\\nb'; seq 20000", { stdout = "pipe" })))
      local lines = {}
      for line in proc:lines() do lines[#lines + 1] = line end
      assert.same({ "a", "", "b1", "2" }, { table.unpack(lines, 1, 4) })
      assert.equal("20000", lines[#lines])
   end)

   it("holds a writer back whose output nobody takes", function()
      local proc <close> = assert(process.spawn(sh("head -c 1000000 /dev/zero; echo done >&2",
         { stdout = "pipe", stderr = "pipe", buffer = 1000 })))
      assert.is_false(task.wait(proc, 0.1))
      local size = 0
      for chunk in function() return proc:read() end do
         assert.is_true(#chunk <= 1000)
         size = size + #chunk
      end
      assert.equal(1000000, size)
      assert.equal("done\n", proc:read "stderr")
   end)

   it("writes to files, both streams to one", function()
      local top = assert(fs.tempdir())
      local path = top .. "/log"
      fs.write(path, "before\n")
      local options = { stdout = { file = path }, stderr = "stdout" }
      local proc = assert(process.spawn(sh("echo out; echo err >&2", options)))
      proc:wait()
      assert.equal("before\nout\nerr\n", fs.read(path))
      fs.remove_tree(top)
   end)

   it("leads its own group, and a signal reaches all of it", function()
      local proc <close> = assert(process.spawn(sh("sleep 30 & echo $!; wait", { stdout = "pipe" })))
      local grandchild = tonumber(proc:read())
      assert.truthy(process.start_time(grandchild))
      assert.is_true(proc:kill())
      assert.equal("TERM", proc:wait().signal)
      eventually("the grandchild ends", ended(grandchild))
      assert.is_false(proc:kill())
   end)

   it("kills with the scope, and makes the stubborn stop", function()
      local pid
      do
         local proc <close> = assert(process.spawn(sh "sleep 30"))
         pid = proc:pid()
         assert.truthy(tostring(proc):find(pid .. " (running)", 1, true))
      end
      eventually("it ends", ended(pid))
      local proc <close> = assert(process.spawn(sh("trap '' TERM; echo; while :; do sleep 0.01; done",
         { stdout = "pipe" })))
      proc:read()
      local none, err = proc:wait(0.05)
      assert.is_nil(none)
      assert.equal("timeout", err.kind)
      assert.equal("KILL", proc:stop(0.1).signal)
   end)

   it("collects a child whose object is gone", function()
      local pid = assert(process.spawn(sh "sleep 0.1")):pid()
      collectgarbage()
      collectgarbage()
      task.sleep(0.3)
      assert.is_nil(fs.stat("/proc/" .. pid), "not even a zombie is left")
   end)

   it("starts children with default signals, no stray descriptors, and the old limit", function()
      local held <close> = assert(io.open "/dev/null")
      local result = run "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; ls /proc/self/fd | wc -l; ulimit -n"
      local blocked, ignored, rest = result.stdout:match
         "SigBlk:%s*(%x+)\nSigIgn:%s*(%x+)\nSigCgt:%s*%x+\n%s*(.*)"
      assert.truthy(held)
      assert.equal(0, tonumber(blocked, 16))
      local libc_own <const> = 3 << 31 -- signals 32 and 33, which nobody but libc may touch
      assert.equal(0, tonumber(ignored, 16) & ~libc_own)
      -- 0, 1, 2 and what ls opens itself
      local open, limit = rest:match "(%d+)\n(%d+)"
      assert.equal("4", open)
      local outer = io.popen "ulimit -n":read "n"
      assert.is_true(tonumber(limit) <= outer)
   end)

   it("detaches: a session of its own, alive after its starter", function()
      local script = [[
         local process = require "aci.process"
         local proc = assert(process.spawn { args = { "sleep", "30" }, detach = true })
         print(proc:pid(), process.start_time(proc:pid()))
      ]]
      local result = process.run { args = { process.self(), "-e", script }, timeout = 10 }
      assert.equal(0, result.code, result.stderr)
      local pid, begun = result.stdout:match "(%d+)%s+(%S+)"
      pid = tonumber(pid)
      assert.equal(begun, process.start_time(pid))
      local stat = fs.read(("/proc/%d/stat"):format(pid))
      assert.equal(pid, tonumber(stat:match "%) %a %d+ %d+ (%d+)"), "it leads a session")
      for fd = 0, 2 do
         assert.equal("/dev/null", fs.realpath(("/proc/%d/fd/%d"):format(pid, fd)))
      end
      assert.same({ "0", "1", "2" }, fs.list(("/proc/%d/fd"):format(pid)))
      assert.is_true(process.signal(pid, "KILL", begun))
   end)

   it("dies with its parent when asked to", function()
      local script = [[
         local process = require "aci.process"
         local options = { args = { "sleep", "30" }, parent_death = "KILL", stdout = "null" }
         print(assert(process.spawn(options)):pid())
         io.stdout:close()
         require "aci.task".sleep(30)
      ]]
      local options = { args = { process.self(), "-e", script }, stdout = "pipe" }
      local parent <close> = assert(process.spawn(options))
      local pid = tonumber((parent:lines()()))
      assert.truthy(process.start_time(pid))
      parent:kill "KILL"
      eventually("the child ends too", ended(pid))
   end)

   it("hands descriptors over: a lock lasts as long as the child", function()
      local top = assert(fs.tempdir())
      local lock = assert(fs.lock(top .. "/lock"))
      local proc <close> = assert(process.spawn(sh("sleep 30", { keep = { lock } })))
      lock:close()
      local none, err = fs.lock(top .. "/lock")
      assert.is_nil(none)
      assert.equal("conflict", err.kind)
      proc:kill()
      proc:wait()
      local again <close> = assert(fs.lock(top .. "/lock", { wait = 2 }))
      assert.truthy(again)
      fs.remove_tree(top)
   end)
end)

describe("aci.process", function()
   it("knows itself", function()
      assert.equal(fs.realpath "/proc/self/exe", process.self())
      assert.equal(tonumber(fs.read("/proc/self/stat"):match "^%d+"), process.pid())
      assert.equal(process.start_time(process.pid()), process.start_time(process.pid()))
   end)

   it("finds programs", function()
      assert.truthy(process.find "sh":match "/sh$")
      assert.equal("/bin/sh", process.find "/bin/sh")
      local none, err = process.find "no-such-program"
      assert.is_nil(none)
      assert.equal("not_found", err.kind)
   end)

   it("signals one process and never its successor", function()
      local proc <close> = assert(process.spawn(sh "sleep 30"))
      local begun = process.start_time(proc:pid())
      local no, err = process.signal(proc:pid(), "KILL", begun .. "0")
      assert.is_nil(no)
      assert.equal("not_found", err.kind)
      assert.is_nil(proc:result())
      assert.is_true(process.signal(proc:pid(), "KILL", begun))
      assert.equal("KILL", proc:wait().signal)
      assert.is_nil((process.start_time(proc:pid())))
      assert.error_matches(function() process.signal(1, "NONE") end, "unknown signal 'NONE'")
      assert.error_matches(function() process.signal(-1, "TERM") end, "not a process id")
   end)

   it("lists and kills whole trees, escapees and the stubborn too", function()
      local proc <close> = assert(process.spawn(sh([[
         trap '' TERM
         setsid sh -c 'trap "" TERM; sleep 31 & while :; do sleep 0.05; done' &
         sh -c 'trap "" TERM; while :; do sleep 0.05; done' &
         echo ready
         while :; do sleep 0.05; done]], { stdout = "pipe" })))
      proc:read()
      local tree = eventually("all run", function()
         local pids = process.descendants(proc:pid())
         return #pids >= 5 and pids
      end)
      local stale, err = process.kill_tree(proc:pid(), { start_time = "1@x" })
      assert.is_nil(stale)
      assert.equal("not_found", err.kind)
      assert.is_true(process.kill_tree(proc:pid(), { grace = 0.1 }))
      for _, pid in ipairs(tree) do assert.is_nil((process.start_time(pid))) end
      assert.equal("KILL", proc:wait().signal)
   end)

   it("gives back what only the start needed, and goes on", function()
      local ran = assert(process.run { args = { process.self(), "-e", [[
         local crypto, fs, json = require "aci.crypto", require "aci.fs", require "aci.json"
         local process = require "aci.process"
         require "aci.http"
         local function files() return tonumber(fs.read "/proc/self/status":match "RssFile:%s+(%d+)") end
         local key, before = crypto.sha256 "a", files()
         process.trim()
         local after = files()
         print(after < before / 2, crypto.sha256 "a" == key, json.encode { a = 1.5 }, math.sin(0), os.date("%Y", 0))
         ]] }, timeout = 20 })
      assert.equal('true\ttrue\t{"a":1.5}\t0.0\t1970\n', ran.stdout .. ran.stderr)
   end)

   it("adopts orphans as a subreaper, collects them, and ends all below itself", function()
      local script = [[
         local process, task = require "aci.process", require "aci.task"
         assert(process.subreaper())
         assert(process.subreaper())
         local script = "setsid sleep 0.1 & setsid sleep 30 & sleep 0.05; exit 7"
         local proc <close> = process.spawn {
            args = { "sh", "-c", script }, stdout = "null", stderr = "null",
         }
         assert(proc:wait().code == 7)
         task.sleep(0.3)
         local left = process.descendants(process.pid())
         assert(#left == 1, "one is collected, one is ours now, got " .. #left)
         assert(process.kill_tree(process.pid(), { grace = 1 }))
         assert(#process.descendants(process.pid()) == 0)
         print "ok"
      ]]
      local result = process.run { args = { process.self(), "-e", script }, timeout = 20 }
      assert.same({ code = 0, stdout = "ok\n", stderr = "" }, result)
   end)

   it("knows the user's folder without HOME too, from the user database", function()
      local function home(env)
         return (process.run { args = { process.self(), "-e",
            [[local p = require "aci.process" print(p.home(), p.state_home())]] }, env = env }).stdout
      end
      local uid = process.run({ args = { "id", "-u" } }).stdout:gsub("%s", "")
      local known = process.run({ args = { "getent", "passwd", uid } }).stdout:match "([^:]*):[^:]*$"
      assert.equal(("%s\t%s/.local/state\n"):format(known, known), home { PATH = "/bin" })
      assert.equal(("%s\t%s/.local/state\n"):format(known, known), home { HOME = "" })
      assert.equal("/x\t/x/.local/state\n", home { HOME = "/x" })
      assert.equal("/x\t/y\n", home { HOME = "/x", XDG_STATE_HOME = "/y" })
   end)
end)
