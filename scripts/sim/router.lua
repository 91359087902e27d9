--- Finds the service and the route of a request, checks the caller, runs the handler in one transaction and
-- turns what it gives (or refuses) into an answer.
local clock   = require "aci.clock"
local json    = require "aci.json"
local secret  = require "aci.secret"
local access  = require "sim.access"
local faults  = require "sim.faults"
local refuse  = require "sim.refuse"
local request = require "sim.request"
local signed  = require "sim.signed"
local tokens  = require "sim.tokens"

local router = {}

local methods = {}
methods.__index = methods

--- Makes a router for a cloud (see sim/cloud.lua).
function router.new(cloud)
   return setmetatable({ cloud = cloud, exact = {}, globs = {}, plain = nil, services = {} }, methods)
end

local function before(a, b)
   local x, y = a.rank, b.rank
   if x.literals ~= y.literals then return x.literals > y.literals end
   if x.parts ~= y.parts then return x.parts > y.parts end
   if x.stars ~= y.stars then return x.stars < y.stars end
   if a.conditions ~= b.conditions then return a.conditions > b.conditions end
   return a.order < b.order
end

local function add_routes(site, service)
   for _, route in ipairs(service.routes) do
      site.count = site.count + 1
      route.order = site.count
      site.routes[#site.routes + 1] = route
   end
   site.first = site.first or service
   if service.missing then
      site.first = service
   end
   table.sort(site.routes, before)
end

local function new_site()
   return { routes = {}, count = 0 }
end

function methods:site(host)
   if not host:find("*", 1, true) then
      self.exact[host] = self.exact[host] or new_site()
      return self.exact[host]
   end
   for _, glob in ipairs(self.globs) do
      if glob.host == host then
         return glob.site
      end
   end
   local pattern = "^" .. host:gsub("[%-%.]", "%%%0"):gsub("%*", "([%%w-]+)") .. "$"
   self.globs[#self.globs + 1] = { host = host, pattern = pattern, site = new_site() }
   return self.globs[#self.globs].site
end

--- Adds a service's routes. Several services may share one host; each route keeps the words of its own.
function methods:mount(service)
   self.services[#self.services + 1] = service
   if service.plain then
      self.plain = self.plain or new_site()
      add_routes(self.plain, service)
   end
   for _, host in ipairs(service.hosts) do
      add_routes(self:site(host), service)
   end
end

--- True when a host is played here.
function methods:plays(host)
   return (self:at { host = host:lower() }) ~= nil
end

--- The routes of a request's host and what the `*` of the host stood for.
function methods:at(req)
   if req.plain then
      return self.plain
   end
   if self.exact[req.host] then
      return self.exact[req.host]
   end
   for _, glob in ipairs(self.globs) do
      local label = req.host:match(glob.pattern)
      if label then
         return glob.site, label
      end
   end
end

local function match_segment(segment, text, fold, params)
   if segment.literal then
      return segment.literal == (fold and text:lower() or text)
   end
   local found = { text:match(segment.pattern) }
   for index, name in ipairs(segment.names) do
      params[name] = found[index]
   end
   return #found > 0
end

-- Matches pattern segments from p on with path segments from s on.
local function match(pattern, segments, fold, params, p, s)
   local segment = pattern[p]
   if not segment then
      return segments[s] == nil
   end
   if segment.star then
      for stop = #segments + 1, s, -1 do
         if match(pattern, segments, fold, params, p + 1, stop) then
            params[segment.name] = table.concat(segments, "/", s, stop - 1)
            return true
         end
      end
      return false
   end
   return segments[s] ~= nil and match_segment(segment, segments[s], fold, params)
      and match(pattern, segments, fold, params, p + 1, s + 1)
end

local function squeezed(segments)
   local kept = {}
   for _, text in ipairs(segments) do
      if text ~= "" then
         kept[#kept + 1] = text
      end
   end
   return kept
end

local function meets(route, query)
   for name, value in pairs(route.query or {}) do
      if query[name] == nil or (value ~= true and query[name]:lower() ~= value:lower()) then
         return false
      end
   end
   return true
end

local function find_route(site, req)
   local tight = squeezed(req.segments)
   local whole = req.path == "/" and tight or req.segments
   for _, route in ipairs(site.routes) do
      if route.verbs[req.method] and meets(route, req.query) then
         local params = {}
         local exact = route.service.exact
         if match(route.segments, exact and whole or tight, route.service.fold, params, 1, 1) then
            return route, params
         end
      end
   end
end

local function not_implemented(req)
   refuse(501, "NotImplemented", ("The local cloud does not implement %s %s on %s."):format(
      req.method, req.path, req.plain and "the Prefect API" or req.host))
end

local function authenticate(req, route)
   if route.anonymous or req.inside then
      return
   end
   local claims, problem = tokens.check(req, route.audience or req.service.audience)
   if claims then
      req.caller = claims
   elseif req.service.unauthorized then
      req.service.unauthorized(req, problem)
   end
   refuse.unless(claims, 401, "Unauthorized", "The access token is missing or not valid.")
end

local function right(req, route, wanted)
   local action, scope = wanted, nil
   if type(wanted) == "function" then
      action, scope = wanted(req)
   end
   scope = scope or (route.scope and route.scope(req)) or (req.service.scope and req.service.scope(req))
   return action, scope
end

local function authorize(req, route)
   local data = route.data_action ~= nil
   local wanted = route.data_action or route.action
   if not wanted then
      return
   end
   local action, scope = right(req, route, wanted)
   if action and not access.allowed(req.state, req.caller, action, scope, data) then
      if req.service.forbidden then
         req.service.forbidden(req, action, scope)
      end
      refuse(403, "Forbidden", "The caller does not have the right to " .. action .. " on "
         .. tostring(scope))
   end
end

local function work(req, route)
   if req.service.before then
      req.service.before(req, route)
   end
   authorize(req, route)
   return route.handler(req)
end

local function encode(body)
   if type(body) ~= "table" or body.file then
      return body
   end
   local text = json.encode(body, { secrets = true })
   return secret.is(text) and secret.reveal(text) or text
end

-- The service's words for a refusal, or for a fault of our own.
local function refused(req, err)
   if not refuse.is(err) then
      req.cloud:log("%s %s: %s", req.method, req.path, tostring(err))
      err = { status = 500, code = "InternalServerError", message = "The local cloud failed: "
         .. tostring(err) }
   end
   if err.body ~= nil then
      return err.status, err.body, err.headers
   end
   local shape = req.service and req.service.error
   local body, headers = { error = { code = err.code, message = err.message } }, nil
   if shape then
      body, headers = shape(err.status, err.code, err.message, err, req)
   end
   for name, value in pairs(err.headers or {}) do
      headers = headers or {}
      headers[name] = value
   end
   return err.status, body, headers
end

local function answer(req, status, body, headers)
   local given = {}
   local fixed = req.service and req.service.headers
   for name, value in pairs(fixed and fixed(req, status) or {}) do
      given[name:lower()] = value
   end
   if type(body) == "table" and not body.file then
      given["content-type"] = given["content-type"] or "application/json; charset=utf-8"
   end
   for name, value in pairs(headers or {}) do
      given[name:lower()] = value or nil
   end
   signed.headers(req.cloud, given)
   if status ~= 204 and status ~= 304 then
      body = encode(body)
   else
      body = nil
   end
   return { status = status, headers = given, body = body }
end

local function run(self, req)
   local site, label = self:at(req)
   refuse.unless(site, 501, "NotImplemented", "The local cloud does not play the host " .. req.host .. ".")
   req.label, req.service = label, site.first
   local route, params = find_route(site, req)
   if route then
      req.route, req.service, req.params = route, route.service, params
   end
   self.cloud.faults:strike(req)
   if not route then
      if req.service.missing then
         return req.service.missing(req)
      end
      not_implemented(req)
   end
   if not route.stream then
      req:text()
   end
   authenticate(req, route)
   signed.check(req)
   if route.stream then
      return work(req, route)
   end
   return req.state:atomically(work, req, route)
end

--- Answers one request. `fields` as in sim/request.lua.
-- @return { status, headers, body }; body is a string, { file = path }
--    or nil. nil when the handler has answered
-- through req.raw itself (it returned nothing), or when a planted fault drops the connection: then also true.
function methods:handle(fields)
   local req = request.new(fields)
   req.cloud, req.state = self.cloud, self.cloud.state
   local began = clock.now()
   local results = table.pack(pcall(run, self, req))
   if results[1] and req.fault then
      req.carried_out = results[2]
      results = table.pack(pcall(faults.raise, req.fault, req))
   end
   local status, body, headers = results[2], results[3], results[4]
   if not results[1] then
      status, body, headers = refused(req, results[2])
   end
   local reply = status and not req.dropped and answer(req, status, body, headers) or nil
   if not req.inside then
      self.cloud.requests:note(req, status or req.status or 200, began)
   end
   return reply, req.dropped
end

return router
