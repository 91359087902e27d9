-- A loop of GETs over one kept connection: aci.http beside plain libcurl in C (get.c, curl_easy_perform).
--
--     build/acihost tests/bench/get.lua [ROUNDS] [REQUESTS]
--
-- The clients take turns, each in a new process that does REQUESTS (default 5,000) requests after one that makes the
-- connection. Prints the medians of ROUNDS (default 15) and the ratio, with two servers: Python's http.server, and
-- aci.server, which answers in so few microseconds that the ratio is that of the clients' CPU. Exits 1 where ours
-- does less than 0.9 of plain libcurl's requests a second with Python's.
local clock = require "aci.clock"
local process = require "aci.process"

local LIMIT = 0.9
local own = process.self()

local OURS = [[
local server = require "aci.server"
local listening <close> = assert(server.listen {})
print(listening:port())
io.stdout:flush()
local body = ("x"):rep(200)
for request in listening.next, listening do request:respond(200, { ["content-type"] = "text/plain" }, body) end
]]

local PYTHON = [[
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", "200")
        self.end_headers()
        self.wfile.write(b"x" * 200)
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
]]

local function client(url, count)
   local http = require "aci.http"
   local function request()
      local response = assert(http.request { url = url })
      assert(response.status == 200 and #response.body == 200)
   end
   request()
   local started = clock.monotonic()
   for _ = 1, count do request() end
   print(("%.6f"):format(clock.monotonic() - started))
end

if arg[1] == "client" then return client(arg[2], tonumber(arg[3])) end

local rounds, count = tonumber(arg[1]) or 15, tonumber(arg[2]) or 5000

local function said(args)
   local result = assert(process.run { args = args })
   assert(result.code == 0, ("%s: %s"):format(args[1], result.stderr))
   return result.stdout
end

local function median(list)
   table.sort(list)
   return list[#list // 2 + 1]
end

-- Rates of both, and the ratio: the median of the ratios of neighbours, for the machine is faster in one minute than
-- in the next.
local function compare(port, peer)
   local url = ("http://127.0.0.1:%d/"):format(port)
   local clients = { { own, arg[0], "client", url, tostring(count) }, { peer, url, tostring(count) } }
   local rates, ratios = { {}, {} }, {}
   for round = 1, rounds do
      for turn = 0, 1 do
         local i = (round + turn) % 2 + 1 -- each is first in every other round
         rates[i][round] = count / tonumber(said(clients[i]))
      end
      ratios[round] = rates[1][round] / rates[2][round]
   end
   return median(rates[1]), median(rates[2]), median(ratios)
end

-- The ratio with this server.
local function beside(name, args, peer)
   local server <close> = assert(process.spawn { args = args, stdout = "pipe", parent_death = "KILL" })
   local ours, theirs, ratio = compare(tonumber(server:read()), peer)
   print(("%d GETs over one connection from %-20s aci.http %6.0f/s, libcurl in C %6.0f/s; ratio %.2f"):format(count,
      name .. ":", ours, theirs, ratio))
   return ratio
end

local function both(peer)
   beside("aci.server", { own, "-e", OURS }, peer)
   return beside("Python's http.server", { "python3", "-c", PYTHON }, peer)
end

local folder = said { "mktemp", "-d" }:match "%S+"
local peer = folder .. "/get"
said { "cc", "-O2", "-o", peer, (arg[0]:gsub("%.lua$", ".c")), "-lcurl" }
local ok, ratio = pcall(both, peer)
said { "rm", "-r", folder }
if not ok then error(ratio, 0) end
print(("with a stranger's server the ratio is %.2f (at least %.1f); medians of %d"):format(ratio, LIMIT, rounds))
os.exit(ratio >= LIMIT and 0 or 1, true)
