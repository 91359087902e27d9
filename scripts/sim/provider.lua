--- Resource providers: what every ARM resource type has in common.
--
--    local provider = require "sim.provider"
--    local network  = provider { name = "network", namespace = "Microsoft.Network" }     -- a service,
--       see service.lua
--
--    network:type("virtualNetworks/subnets", {
--       versions = { "2024-05-01", ... },        -- newest first; others are refused
--       location = false,                        -- this type has none (default: required in PUT)
--       tag_name = 128,                          -- the longest name of a tag (default: 512)
--       check = function(req, r) ... end,
--          -- refuses what is wrong; also run when a template is validated
--       put = function(req, r) return status, body, headers end,   -- after check; stores with r:store(...)
--       show = function(req, row) return body end,                 -- what GET
--          and lists give (default: row.body)
--       delete = function(req, r) return status, body, headers end,
--          -- default 200; r:remove() takes it away
--       removed = function(cloud, row) ... end,  -- also when its group goes: end processes, soft-delete,
--          ...
--       patch = function(req, r) ... end,        -- default: tags
--       implicit = true,                         -- every parent has it: children need no stored one
--       actions = { ["POST listKeys"] = { write = false, run = function(req, r) ... end } },
--    })
--    return network
--
-- r: id (in proper case), name, type, namespace, parent (id or nil), group, subscription, version
-- (api-version), old (the stored row or nil), body (of PUT, PATCH, POST), location, tags; r:store(body, {
-- pending =, seconds = }) writes and gives the row; r:remove(); r:async(seconds, options) starts an
-- operation and gives its headers. Names of types and actions are in the case that Azure writes; paths
-- match in any case.
local json      = require "aci.json"
local access    = require "sim.access"
local checks    = require "sim.checks"
local refuse    = require "sim.refuse"
local registry  = require "sim.registry"
local service   = require "sim.service"
local words     = require "sim.words"

local provider = {}

local resource = {}
resource.__index = resource

local HOST = "https://management.azure.com"

--- The definition of a type ("Microsoft.Network/virtualNetworks"), or nil.
function provider.find(name)
   return registry.types[name:lower()]
end

local function not_found(r, kind, name)
   refuse(404, "ResourceNotFound", ("The Resource '%s/%s' under resource group '%s' was not found. For "
      .. "more details "
      .. "please go to https://aka.ms/ARMResourceNotFoundFix"):format(kind, name, r.group))
end

-- The ids of the ancestors, outermost first, with their type and name paths.
local function ancestors(r)
   local list, kind, names, id = {}, r.namespace, nil, r.base
   for index, segment in ipairs(r.definition.segments) do
      kind, id = kind .. "/" .. segment, id .. "/" .. segment .. "/" .. r.names[index]
      names = names and names .. "/" .. r.names[index] or r.names[index]
      list[#list + 1] = { id = id, type = kind, names = names }
   end
   return list
end

-- An ancestor that is stored, or one that every parent has (the default blob service).
local function there(r, step)
   local definition = registry.types[step.type:lower()]
   return r.req.state:resource(step.id) or (definition and definition.implicit)
end

local function check_parents(r)
   local list = ancestors(r)
   for index = 1, #list - 1 do
      local parent = list[index]
      refuse.unless(there(r, parent), 404, "ParentResourceNotFound",
         ("Failed to perform 'write' on resource(s) of type '%s', because the parent resource '%s' "
            .. "could not be found.")
         :format(r.definition.type, parent.id))
   end
end

--- The resource, or a refusal naming the first ancestor that is missing.
function resource:must_exist()
   for _, step in ipairs(ancestors(self)) do
      if not there(self, step) then
         not_found(self, step.type, step.names)
      end
   end
   return self.old or { id = self.id, name = self.name, body = { id = self.id, name = self.name, type = self.type,
      properties = json.object {} } }
end

--- What ARM and the type ask of a body before it is written; also what validating a template asks.
function provider.check(req, r)
   if r.definition.location ~= false then
      checks.location(r)
   end
   r.tags = checks.tags(r.body, r.definition.tag_name)
   if r.definition.check then
      r.definition.check(req, r)
   end
end

--- Describes the resource that a definition and the names of its path stand for. `fields`: group, names,
-- version.
function provider.resource(req, definition, fields)
   local subscription = req.state:setting "subscription"
   local r = setmetatable({
      req = req, definition = definition, namespace = definition.namespace, names = fields.names,
      group = fields.group, subscription = subscription, name = fields.names[#fields.names],
      type = definition.namespace .. "/" .. definition.type, version = fields.version, body = fields.body
         or {},
   }, resource)
   r.base = ("/subscriptions/%s/%s/%s/providers/%s"):format(subscription, definition.group_word
      or "resourceGroups",
      fields.group, definition.namespace)
   local list = ancestors(r)
   r.id, r.parent = list[#list].id, #list > 1 and list[#list - 1].id or nil
   r.old = req.state:resource(r.id)
   if r.old then
      r.id, r.name = r.old.id, r.old.name
   end
   return r
end

--- Writes the resource. `options`: pending (a provisioning state) and seconds (of Azure's) until it has
-- succeeded.
function resource:store(body, options)
   options = options or {}
   body.id, body.name, body.type = self.id, self.name, body.type or self.type
   return self.req.state:put_resource { id = self.id, type = self.type, name = self.name, body = body,
      pending = options.pending, ready_in = options.pending and self.req.cloud:seconds(options.seconds
         or 0) or nil }
end

--- Takes a resource and all under it away, children first, with the role assignments on them.
function provider.remove(cloud, id)
   local rows = cloud.state:resources { under = id }
   table.insert(rows, 1, cloud.state:resource(id))
   for index = #rows, 1, -1 do
      local definition = registry.types[rows[index].type]
      if definition and definition.removed then
         definition.removed(cloud, rows[index])
      end
   end
   for _, assignment in ipairs(cloud.state.db:rows "SELECT name, scope FROM role_assignments") do
      if access.within(id, assignment.scope) then
         cloud.state.db:run("DELETE FROM role_assignments WHERE name = ?", assignment.name)
      end
   end
   cloud.state:delete_resource(id)
end

function resource:remove() provider.remove(self.req.cloud, self.id) end

--- The URL of an operation of a namespace.
function provider.operation_url(fields)
   return ("%s/subscriptions/%s/providers/%s/locations/%s/%s/%s?api-version=%s"):format(HOST,
      fields.subscription,
      fields.namespace, fields.location, fields.word or "operations", fields.id, fields.version)
end

--- Starts an operation of so many of Azure's seconds and gives the headers that name it. `options`:
-- location (a region), word ("operations"), also ("operationResults": a Location header besides), status
-- (what operationResults answers at the end, default 204), version, data (kept with the operation).
function resource:async(seconds, options)
   options = options or {}
   local cloud, data = self.req.cloud, options.data or {}
   data.final = options.status
   local id = self.req.state:start_operation { kind = self.namespace, resource = self.id,
      seconds = cloud:seconds(seconds), data = data }
   local fields = { subscription = self.subscription, namespace = self.namespace, id = id,
      location = options.location or self.location or (self.old and self.old.body.location) or "global",
      version = options.version or self.version, word = options.word }
   local headers = { ["Azure-AsyncOperation"] = provider.operation_url(fields) }
   if options.also then
      fields.word = options.also
      headers.Location = provider.operation_url(fields)
   end
   return cloud:retry(headers), id
end

local LINKED = "The client '%s' with object id '%s' has permission to perform action '%s' on scope "
   .. "'%s'; however, it does not have permission to perform action(s) '%s' on the linked scope(s) "
   .. "'%s' (respectively) or the linked scope(s) are invalid."

--- Refuses unless the caller may do the action on another resource that the body names and that exists (the
-- latter not yet when a template is validated).
function resource:linked(action, id)
   local req = self.req
   if req.preflight and not req.state:resource(id) then
      return
   end
   if not (access.allowed(req.state, req.caller, action, id) and req.state:resource(id)) then
      refuse(403, "LinkedAuthorizationFailed", LINKED:format(req.caller.appid, req.caller.oid, self.type
         .. "/write",
         self.id, action, id))
   end
end

local VERBS = { GET = "read", HEAD = "read", PUT = "write", PATCH = "write", DELETE = "delete" }

local function scope_of(req)
   return req.path:gsub("/+$", "")
end

-- "a/b" as "a/:name1/b/:name2", without the last name for lists.
local function pattern(definition, last)
   local parts = {}
   for index, segment in ipairs(definition.segments) do
      parts[#parts + 1] = segment
      if last or index < #definition.segments then
         parts[#parts + 1] = ":name" .. index
      end
   end
   return table.concat(parts, "/")
end

local function describe(req, definition, extra)
   local names = {}
   for index = 1, #definition.segments - (extra and 1 or 0) do
      names[index] = req.params["name" .. index]
   end
   if extra then
      names[#names + 1] = extra
   end
   local group = checks.group(req, req.params.group)
   local r = provider.resource(req, definition, { group = group.name, names = names,
      version = req.query["api-version"] })
   checks.version(definition, r.version, r.old and r.old.body.location)
   return r, group
end

local function shown(req, definition, row)
   return definition.show and definition.show(req, row) or row.body
end

--- Writes a resource as PUT does; used by the route and by deployments.
function provider.put(req, r)
   checks.registered(req, r.namespace)
   check_parents(r)
   provider.check(req, r)
   return r.definition.put(req, r)
end

local function put(req, definition)
   local r, group = describe(req, definition)
   checks.group_alive(group)
   r.body = req:object()
   checks.conditions(req, r.old)
   return provider.put(req, r)
end

local function patch(req, definition)
   local r, group = describe(req, definition)
   checks.group_alive(group)
   r:must_exist()
   r.body = req:object()
   checks.conditions(req, r.old)
   local tags = checks.tags(r.body, definition.tag_name)
   if definition.patch then
      return definition.patch(req, r)
   end
   local body = req.state:resource(r.id).body
   body.tags = tags or body.tags
   return 200, shown(req, definition, r:store(body))
end

local function delete(req, definition)
   local r, group = describe(req, definition)
   checks.group_alive(group)
   if not r.old then
      return 204
   end
   checks.conditions(req, r.old)
   if definition.delete then
      return definition.delete(req, r)
   end
   r:remove()
   return 200
end

local function list(req, definition, under)
   local kind, found = definition.namespace .. "/" .. definition.type, json.array {}
   local rows = req.state:resources { under = under, type = kind }
   for _, row in ipairs(under and rows or access.visible(req.state, req.caller, kind .. "/read", rows)) do
      found[#found + 1] = shown(req, definition, row)
   end
   return 200, { value = found }
end

local function list_in_group(req, definition)
   local probe = describe(req, definition, "x")
   if probe.parent then
      local above = provider.resource(req, registry.types[definition.parent_key], { group = probe.group,
         names = table.move(probe.names, 1, #probe.names - 1, 1, {}), version = probe.version })
      above:must_exist()
   end
   return list(req, definition, probe.parent or probe.base:match "^(.*)/providers/")
end

local function add_actions(self, definition, base, action)
   for text, entry in pairs(definition.actions or {}) do
      local verb, name = text:match "^(%u+) (.+)$"
      local right = entry.action or name:gsub("/:[%w_]+", "") .. "/" .. (verb == "POST" and "action"
         or VERBS[verb])
      self:route(("%s %s/%s/%s"):format(verb, base, pattern(definition, true), name), {
         write = entry.write, action = action .. "/" .. right, scope = entry.scope or function(req)
            return (req.path:gsub("/[^/]+/*$", ""))
         end }, function(req)
         local r = describe(req, definition)
         r:must_exist()
         return entry.run(req, r)
      end)
   end
end

local methods = {}

--- Adds a resource type with its routes (see the head of this file).
function methods:type(name, definition)
   definition.type, definition.namespace, definition.segments = name, self.namespace, {}
   for segment in name:gmatch "[^/]+" do
      table.insert(definition.segments, segment)
   end
   registry.types[(self.namespace .. "/" .. name):lower()] = definition
   definition.parent_key = (self.namespace .. "/" .. name):lower():match "^(.*/.*)/[^/]+$"
   local base = "/subscriptions/:subscription/resourceGroups/:group/providers/" .. self.namespace
   local action = self.namespace .. "/" .. name
   local run = { GET = function(req)
      local r = describe(req, definition)
      local row = r:must_exist()
      local headers = { etag = row.body.etag }
      return 200, shown(req, definition, row), row.busy and req.cloud:retry(headers) or headers
   end, PUT = put, PATCH = patch, DELETE = delete }
   for verb, handler in pairs(run) do
      self:route(("%s %s/%s"):format(verb, base, pattern(definition, true)), { action = action .. "/"
         .. VERBS[verb],
         scope = scope_of }, function(req) return handler(req, definition) end)
   end
   self:route(("GET %s/%s"):format(base, pattern(definition)), { action = action .. "/read",
      scope = function(req)
      return (req.path:gsub("/+$", ""):gsub("/[^/]+$", ""))
   end }, function(req) return list_in_group(req, definition) end)
   if #definition.segments == 1 then
      self:route(("GET /subscriptions/:subscription/providers/%s/%s"):format(self.namespace, name), {},
         function(req)
         checks.version(definition, req.query["api-version"])
         return list(req, definition)
      end)
   end
   add_actions(self, definition, base, action)
   return definition
end

local function poll_status(req)
   local operation = refuse.unless(req.state:operation(req.params.id), 404, "OperationNotFound",
      "The operation was not found.")
   local body = { status = operation.status, error = operation.data.error }
   if operation.done then
      return 200, body
   end
   return 200, body, req.cloud:retry {}
end

local function poll_result(req)
   local operation = refuse.unless(req.state:operation(req.params.id), 404, "OperationNotFound",
      "The operation was not found.")
   if operation.done then
      return operation.data.final or 204
   end
   return 202, nil, req.cloud:retry { Location = HOST .. req.target }
end

--- Makes the service of a namespace. `fields`: name, namespace, and members of a service; free = true for
-- one that need not be registered; operations = false when it has its own polling routes.
return setmetatable(provider, {
   __call = function(_, fields)
      fields.host, fields.fold, fields.audience = "management.azure.com", true, words.AUDIENCES
      fields.error, fields.headers, fields.malformed = words.error, words.headers, words.malformed
      fields.unauthorized, fields.forbidden = words.unauthorized, words.forbidden
      fields.before = fields.before or checks.before
      local made = service(fields)
      made.type = methods.type
      if fields.namespace then
         registry.namespaces[fields.namespace:lower()] = made
      end
      if fields.namespace and fields.operations ~= false then
         local base = "GET /subscriptions/:subscription/providers/" .. fields.namespace
            .. "/locations/:location/"
         made:route(base .. "operations/:id", {}, poll_status)
         made:route(base .. "operationResults/:id", {}, poll_result)
      end
      return made
   end,
})
