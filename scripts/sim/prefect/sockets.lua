--- The web sockets of Prefect's events: `/events/in`, by which Prefect 3's client tells what happened to its task
-- runs, and `/events/out`, by which it learns what others told. The first message is a login, also where none is
-- asked for.
local json      = require "aci.json"
local secret    = require "aci.secret"
local task      = require "aci.task"
local events    = require "sim.prefect.events"
local feed      = require "sim.prefect.feed"
local objects   = require "sim.prefect.objects"
local refuse    = require "sim.refuse"
local version   = require "sim.prefect.version"
local websocket = require "sim.websocket"

local PROTOCOL_ERROR, NOT_ALLOWED = 1002, 1008

local function message(socket)
   local text = socket:read()
   local value = text and json.decode(text)
   return type(value) == "table" and value or nil
end

local function knows(cloud, token)
   local wanted = cloud.prefect_auth
   return not wanted or token == secret.reveal(wanted)
end

-- Whoever does not speak Prefect's protocol is let in as those of old are: where nothing is asked for.
local function log_in(req, socket)
   if not websocket.offers(req.headers, "prefect") then return true end
   local said = message(socket)
   if not said or said.type ~= "auth" then return false, NOT_ALLOWED, "Expected 'auth' message" end
   if not knows(req.cloud, said.token) then
      return false, NOT_ALLOWED, said.token and said.token ~= json.null and "Invalid token"
         or "Auth required but no token provided"
   end
   return socket:send(json.encode { type = "auth_success" }) ~= nil
end

local function take_in(req, socket)
   for text in socket.read, socket do
      local event = json.decode(text)
      if type(event) ~= "table" or events.faults(event) then return socket:drop() end
      version.speak(req.cloud)
      req.state:atomically(events.receive, req.state, event)
   end
end

local function backfill(req, filter, send)
   version.speak(req.cloud)
   for _, row in ipairs(objects.list(req.state, "event")) do
      local body = events.shown(row)
      if feed.matches(body, filter) then send(body) end
   end
end

local function give_out(req, socket)
   local said = message(socket)
   if not said or said.type ~= "filter" then
      return socket:close(PROTOCOL_ERROR, "Expected 'filter' message")
   end
   local filter = type(said.filter) == "table" and said.filter or {}
   -- what is not said of the time ends now, for those that listen too
   if type(filter.occurred) ~= "table" or filter.occurred == json.null then filter.occurred = {} end
   filter.occurred["until"] = filter.occurred["until"] or objects.time()
   local function send(body) socket:send(json.encode { type = "event", event = body }) end
   -- told within a request's transaction, which must not wait for a slow listener
   local stop = feed.listen(filter, function(body) task.spawn(pcall, send, body) end)
   if said.backfill ~= false then backfill(req, filter, send) end
   while socket:read() do end
   stop()
end

local function serve(req, work)
   local offered = websocket.offers(req.headers, "prefect") and "prefect" or nil
   local socket = websocket.accept(req.raw, offered)
   if not socket then return end
   local let_in, code, reason = log_in(req, socket)
   if let_in then work(req, socket) end
   socket:close(not let_in and code or 1000, reason)
end

return function(prefect)
   local function route(path, work)
      prefect:route("GET /api/events/" .. path, { anonymous = true, write = false, stream = true, only = 3,
         socket = true }, function(req)
         if not (req.raw and websocket.is_asked(req.headers)) then refuse(404, "detail", "Not Found") end
         refuse.when(req.cloud.prefect_auth and not websocket.offers(req.headers, "prefect"), 403, "detail",
            "Forbidden")
         serve(req, work)
      end)
   end
   route("in", take_in)
   route("out", give_out)
end
