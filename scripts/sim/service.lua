--- A service of the local cloud: a host, the words of its refusals, and a list of routes.
--
--    local service = require "sim.service"
--    local refuse  = require "sim.refuse"
--
--    local kv = service {
--       name     = "keyvault",
--       host     = "*.vault.azure.net",               -- or a list; or `plain = true`: the Prefect listener
--       audience = { "https://vault.azure.net" },     -- tokens for these; a route may name its own
--       schema   = "CREATE TABLE IF NOT EXISTS ...",  -- own tables, made at the start; may be a list
--       error    = function(status, code, message, refusal, req) return body, headers end,
--       unauthorized = function(req, problem) refuse(401, ...) end,
--       -- problem.kind: "missing", "invalid", "expired", "audience" or "tenant"; problem.claims
--       forbidden    = function(req, action, scope) refuse(403, ...) end,
--    }
--    kv:route("PUT /secrets/:name", { data_action = "Microsoft.KeyVault/..." }, function(req)
--       return 200, body, headers    -- a table is encoded as JSON, a string or {
--          file = path } goes as it is
--    end)
--    kv:job("purge", function(cloud, data) ... end)    -- run when state:later("purge", seconds,
--       data) is due
--    return kv                                         -- and its name goes into sim/services.lua
--
-- Optional members of a service: `headers(req, status) -> map` for every answer, `before(req, route)` run
-- after authentication and before the rights, `missing(req)` for unknown paths (else 501),
-- `malformed(err)` -> status, code, message for a broken JSON body, `fold = true` (literals match in any
-- letter case), `exact = true` (empty path segments and a final slash count: blob names), `scope(req)` ->
-- the id that rights are asked on, `start(cloud)` and `stop(cloud)`.
--
-- Patterns: literals, `:name` for a segment or a part of one (`/applications(appId=':app')`), one `*rest`
-- for any number of segments. The pattern with more literals wins, then the one with more `query`
-- conditions.
--
-- Options of a route: `write` (default: all but GET and HEAD), `anonymous = true`, `audience`, `action` (a
-- control-plane right; a string or function(req) -> action, scope), `data_action` (the same for data),
-- `scope`, `query = { comp = "list", restype = true }`, `stream = true` (the body is not read before and
-- no transaction is open: use req.raw and req.state:atomically), `max_body` (bytes, default 64 MiB).
--
-- A request: method, host, label (what `*` stood for in the host), path (decoded), target (raw), segments,
-- params, query (decoded map), headers (lower-case names), caller (token claims), state, cloud, service,
-- route, id (a GUID), raw (the aci.server request; nil inside the process), and the methods of
-- sim/request.lua: text(), json(), object(), form(). Handlers run in one transaction, committed before the
-- answer; they must not wait (else everybody waits).
local service = {}

local methods = {}
methods.__index = methods

local function escape(text)
   return (text:gsub("%W", "%%%0"))
end

-- One segment of a pattern as a Lua pattern and the names of its captures.
local function compile_segment(text, fold)
   if text:sub(1, 1) == "*" then
      return { star = true, name = text:sub(2) }
   end
   local names, parts, at = {}, {}, 1
   for from, name, to in text:gmatch "():(%a[%w_]*)()" do
      parts[#parts + 1] = escape(text:sub(at, from - 1))
      parts[#parts + 1] = "(.+)"
      names[#names + 1] = name
      at = to
   end
   if #names == 0 then
      return { literal = fold and text:lower() or text }
   end
   parts[#parts + 1] = escape(text:sub(at))
   return { pattern = "^" .. table.concat(parts) .. "$", names = names,
      whole = text:match "^:[%w_]+$" ~= nil }
end

local function compile(path, fold)
   local segments, rank = {}, { literals = 0, parts = 0, stars = 0 }
   for text in path:gmatch "[^/]+" do
      local segment = compile_segment(text, fold)
      segments[#segments + 1] = segment
      if segment.literal then
         rank.literals = rank.literals + 1
      elseif segment.star then
         rank.stars = rank.stars + 1
      elseif not segment.whole then
         rank.parts = rank.parts + 1
      end
   end
   return segments, rank
end

local function writes(verbs)
   return not (verbs.GET or verbs.HEAD or verbs.OPTIONS)
end

--- Adds a route. `pattern` is "VERB /path" or "VERB|VERB /path".
function methods:route(pattern, options, handler)
   if handler == nil then
      options, handler = {}, options
   end
   local names, path = pattern:match "^([%u|]+) (/.*)$"
   assert(names, "a route reads 'VERB /path': " .. pattern)
   local route = { pattern = pattern, service = self, verbs = {}, handler = handler, conditions = 0 }
   for verb in names:gmatch "%u+" do
      route.verbs[verb] = true
   end
   for key, value in pairs(options) do
      route[key] = value
   end
   for _ in pairs(route.query or {}) do
      route.conditions = route.conditions + 1
   end
   if route.write == nil then
      route.write = writes(route.verbs)
   end
   route.segments, route.rank = compile(path, self.fold)
   self.routes[#self.routes + 1] = route
   return route
end

--- Names what runs when a job of that kind is due. The function gets the cloud and the job's data.
function methods:job(kind, run)
   self.jobs[kind] = run
end

return setmetatable(service, {
   __call = function(_, fields)
      assert(fields.name, "a service has a name")
      assert(fields.host or fields.plain, "a service has a host")
      fields.hosts = type(fields.host) == "table" and fields.host or { fields.host }
      fields.routes, fields.jobs = {}, {}
      return setmetatable(fields, methods)
   end,
})
