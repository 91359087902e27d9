-- What a request costs beside 500 transfers that wait: CPU alone and beside them, in one run, taking turns.
--
--     build/acihost tests/bench/idle.lua [ROUNDS] [REQUESTS]
--
-- Each round does REQUESTS (default 500) GETs over one connection alone, and as many while 500 transfers to another
-- server have connected and wait for an answer that does not come. Prints least and median of ROUNDS (default 21);
-- exits 1 where the ratio of the least is above 1.2. The claim is "no more"; the rest is for noise, and the least are
-- compared because on a shared machine medians of the same thing differ by half. Where a turn costs a system call
-- for each that waits, as with curl_multi_poll, or where those that wait cost the others their kept connection,
-- the ratio is above 4. (To one server libcurl looks at each of its 500 connections for a free one: 10 us.)
local clock = require "aci.clock"
local http = require "aci.http"
local process = require "aci.process"
local task = require "aci.task"

local WAITING, LIMIT = 500, 1.2
local rounds, count = tonumber(arg[1]) or 21, tonumber(arg[2]) or 500

-- Answers at once, but for /wait, which it keeps until /end.
local SERVER = [[
local server = require "aci.server"
local listening <close> = assert(server.listen { idle_timeout = 600 })
print(listening:port())
io.stdout:flush()
local kept = {}
for request in listening.next, listening do
   if request.path == "/wait" then
      kept[#kept + 1] = request
   else
      if request.path == "/end" then
         for _, each in ipairs(kept) do each:close() end
         kept = {}
      end
      request:respond(200, { ["content-type"] = "text/plain" }, "here")
   end
end
]]

local function serve()
   local server = assert(process.spawn { args = { process.self(), "-e", SERVER }, stdout = "pipe",
      parent_death = "KILL" })
   return server, ("http://127.0.0.1:%d/"):format(tonumber(server:read()))
end

local function get(url) assert(assert(http.request { url = url, timeout = 20, retry = false }).status == 200) end

-- Microseconds of our own CPU for each request.
local function measured(url)
   get(url)
   collectgarbage()
   local started = os.clock()
   for _ = 1, count do get(url) end
   return (os.clock() - started) / count * 1e6
end

local function all_began(transfers)
   for _, transfer in ipairs(transfers) do
      if not transfer:began() then return false end
   end
   return true
end

local function beside(url, other)
   local transfers, deadline = {}, clock.monotonic() + 30
   for i = 1, WAITING do transfers[i] = assert(http.start { url = other .. "wait", stall_timeout = 600 }) end
   while not all_began(transfers) do
      assert(clock.monotonic() < deadline, "the transfers did not connect")
      task.sleep(0.01)
   end
   local cost = measured(url)
   for _, transfer in ipairs(transfers) do
      assert(not transfer:ended(), "a transfer that was to wait has ended")
      transfer:close()
   end
   get(other .. "end")
   return cost
end

local _ <close>, url = serve()
local _ <close>, other = serve()
local alone, waiting = {}, {}
for i = 1, rounds do alone[i], waiting[i] = measured(url), beside(url, other) end
table.sort(alone)
table.sort(waiting)
local middle, ratio = rounds // 2 + 1, waiting[1] / alone[1]
print(("CPU of a request: alone %.1f us (median %.1f), beside %d waiting transfers %.1f us (median %.1f)"):format(
   alone[1], alone[middle], WAITING, waiting[1], waiting[middle]))
print(("one request beside %d idle transfers costs %.2f of one alone (at most %.2f); least of %d rounds"):format(
   WAITING, ratio, LIMIT, rounds))
os.exit(ratio <= LIMIT and 0 or 1, true)
