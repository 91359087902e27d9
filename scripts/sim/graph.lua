--- Microsoft Graph v1.0: applications, service principals, their passwords, deleted items.
local clock     = require "aci.clock"
local crypto    = require "aci.crypto"
local json      = require "aci.json"
local directory = require "sim.directory"
local keycredentials = require "sim.keycredentials"
local refuse    = require "sim.refuse"
local service   = require "sim.service"
local url       = require "sim.url"

local graph = service {
   name = "graph", host = "graph.microsoft.com",
   audience = { "https://graph.microsoft.com", "https://graph.microsoft.com/",
      "00000003-0000-0000-c000-000000000000" },
   error = function(_, code, message, refusal)
      local date = clock.iso(clock.now()):gsub("%.%d+Z$", "")
      return { error = { code = code, message = message, details = refusal and refusal.details,
         innerError = { date = date, ["request-id"] = crypto.uuid4(),
            ["client-request-id"] = refusal and refusal.correlation or crypto.uuid4() } } }
   end,
   headers = function(req)
      return { ["request-id"] = req.id, ["client-request-id"] = req.headers["client-request-id"] or req.id,
         ["cache-control"] = "no-cache", ["odata-version"] = "4.0" }
   end,
   malformed = function()
      return 400, "Request_BadRequest", "Unable to read JSON request payload. Please ensure "
         .. "Content-Type header is set "
         .. "and payload is of valid JSON format."
   end,
}

local TOKEN_WORDS = {
   missing = "Access token is empty.", invalid = "CompactToken parsing failed with error code: 80049217",
   expired = "Lifetime validation failed, the token is expired.",
   audience = "Access token validation failure. Invalid audience.",
   tenant = "Access token validation failure.",
}

function graph.unauthorized(_, problem)
   refuse(401, "InvalidAuthenticationToken", TOKEN_WORDS[problem.kind])
end

local WRITE = { ["Application.ReadWrite.All"] = true, ["Application.ReadWrite.OwnedBy"] = true,
   ["Directory.ReadWrite.All"] = true }
local READ = { ["Application.Read.All"] = true, ["Directory.Read.All"] = true }

-- Application permissions are in the token; rights in ARM mean nothing here.
function graph.before(req, route)
   local held = req.caller.roles or {}
   for scope in (req.caller.scp or ""):gmatch "%S+" do
      held[#held + 1] = scope
   end
   for _, role in ipairs(held) do
      if WRITE[role] or (READ[role] and not route.write) then
         return
      end
   end
   refuse(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
end

local function list_of(value)
   return type(value) == "table" and value or {}
end

local CONTEXT = "https://graph.microsoft.com/v1.0/$metadata#"
local SETS = { application = "applications", servicePrincipal = "servicePrincipals" }

local function bare(object, select)
   object.visible, object.federatedIdentityCredentials = nil, nil
   object.keyCredentials = keycredentials.shown(object.keyCredentials, (select or ""):find "keyCredentials")
   return object
end

local function shown(object, kind, select)
   bare(object, select)
   object["@odata.context"] = CONTEXT .. SETS[kind] .. "/$entity"
   return object
end

local function bad(message, ...)
   refuse(400, "Request_BadRequest", message:format(...))
end

local function missing(id)
   refuse(404, "Request_ResourceNotFound",
      ("Resource '%s' does not exist or one of its queried reference-property objects are not "
         .. "present."):format(id))
end

-- The object that a path names: by object id, or by its application id in the parenthesised form.
local function find(req, kind)
   local params = req.params
   if params.app then
      return directory.by_app(req.state, params.app, kind) or missing(params.app)
   end
   return directory.get(req.state, params.id, kind) or missing(params.id)
end

-- $filter, as far as the tools use it.

local function unquote(text)
   return (text:gsub("''", "'"))
end

local FORMS = {
   { "^(%w+)%s+eq%s+'(.*)'$", function(object, name, value) return object[name] == value end },
   { "^startswith%(%s*(%w+)%s*,%s*'(.*)'%s*%)$", function(object, name, value)
      return type(object[name]) == "string" and object[name]:sub(1, #value):lower() == value:lower()
   end },
   { "^(%w+)/any%(%s*%w+%s*:%s*%w+%s+eq%s+'(.*)'%s*%)$", function(object, name, value)
      for _, item in ipairs(type(object[name]) == "table" and object[name] or {}) do
         if item == value then
            return true
         end
      end
      return false
   end },
}

local function filter_of(text)
   if not text or text == "" then
      return function() return true end
   end
   for _, form in ipairs(FORMS) do
      local name, value = text:match(form[1])
      if name then
         return function(object) return form[2](object, name, unquote(value)) end
      end
   end
   bad("Invalid filter clause: %s", text)
end

local PAGE = 100

local function skip_url(req, from)
   local parts = {}
   for name, value in pairs(req.query) do
      if name ~= "$skiptoken" then
         parts[#parts + 1] = name .. "=" .. url.escape(value)
      end
   end
   table.sort(parts)
   parts[#parts + 1] = "$skiptoken=" .. from
   return "https://graph.microsoft.com" .. req.path .. "?" .. table.concat(parts, "&")
end

local function list(req, kind)
   local fits, found = filter_of(req.query["$filter"]), json.array {}
   local size = math.tointeger(tonumber(req.query["$top"] or PAGE)) or PAGE
   local skip = math.tointeger(tonumber(req.query["$skiptoken"] or 0)) or 0
   local seen, more = 0, nil
   for _, object in ipairs(directory.all(req.state, kind)) do
      if fits(object) then
         seen = seen + 1
         if seen > skip + size then
            more = skip + size
         elseif seen > skip then
            found[#found + 1] = bare(object, req.query["$select"])
         end
      end
   end
   return 200, { ["@odata.context"] = CONTEXT .. SETS[kind], value = found,
      ["@odata.nextLink"] = more and skip_url(req, more) or nil }
end

graph:route("GET /v1.0/applications", {}, function(req) return list(req, "application") end)
graph:route("GET /v1.0/servicePrincipals", {}, function(req) return list(req, "servicePrincipal") end)

for kind, set in pairs(SETS) do
   local function get(req)
      return 200, shown(find(req, kind), kind, req.query["$select"])
   end
   graph:route(("GET /v1.0/%s/:id"):format(set), {}, get)
   graph:route(("GET /v1.0/%s(appId=':app')"):format(set), {}, get)
end

-- Applications.

local function check_new(body)
   if type(body) ~= "table" or type(body.displayName) ~= "string" or body.displayName == "" then
      bad "A value is required for property 'displayName' of resource 'Application'."
   end
   local passwords = body.passwordCredentials
   if type(passwords) == "table" and #passwords > 0 then
      bad "Property passwordCredentials cannot be set when an application is created."
   end
end

graph:route("POST /v1.0/applications", {}, function(req)
   local body = req:object()
   check_new(body)
   local fields = { displayName = body.displayName }
   for _, name in ipairs { "tags", "identifierUris", "keyCredentials", "notes", "uniqueName",
      "signInAudience" } do
      fields[name] = body[name] ~= json.null and body[name] or nil
   end
   fields.keyCredentials = keycredentials.accept(fields.keyCredentials)
   return 201, shown(directory.create_application(req.cloud, fields), "application")
end)

local CHANGEABLE = { "displayName", "tags", "identifierUris", "notes", "description", "signInAudience",
   "requiredResourceAccess", "keyCredentials" }

local function patch(req, kind)
   local object, body = find(req, kind), req:object()
   if body.keyCredentials then
      body.keyCredentials = keycredentials.accept(body.keyCredentials, object.keyCredentials)
   end
   for _, name in ipairs(CHANGEABLE) do
      if body[name] ~= nil then
         object[name] = body[name]
      end
   end
   if type(object.displayName) ~= "string" or object.displayName == "" then
      bad "Invalid value specified for property 'displayName' of resource 'Application'."
   end
   directory.save(req.state, object)
   return 204
end

local function add_password(req, kind)
   local object, body = find(req, kind), req:text() ~= "" and req:object() or {}
   local wanted = {}
   for name, value in pairs(type(body.passwordCredential) == "table" and body.passwordCredential or {}) do
      wanted[name] = value ~= json.null and value or nil
   end
   local made = directory.add_password(req.cloud, object, wanted)
   made["@odata.context"] = CONTEXT .. "microsoft.graph.passwordCredential"
   return 200, made
end

local function remove_password(req, kind)
   local object, body = find(req, kind), req:object()
   if not directory.remove_password(req.state, object, body.keyId) then
      bad "No password credential found with keyId."
   end
   return 204
end

local function delete(req, kind)
   local object = find(req, kind)
   directory.delete(req.state, object.id)
   local principal = kind == "application" and directory.by_app(req.state, object.appId, "servicePrincipal")
   if principal then
      directory.delete(req.state, principal.id)
   end
   return 204
end

for _, one in ipairs { "/v1.0/applications/:id", "/v1.0/applications(appId=':app')" } do
   graph:route("PATCH " .. one, {}, function(req) return patch(req, "application") end)
   graph:route("DELETE " .. one, {}, function(req) return delete(req, "application") end)
end

for kind, set in pairs(SETS) do
   for _, one in ipairs { "/v1.0/%s/:id", "/v1.0/%s(appId=':app')" } do
      local path = "POST " .. one:format(set)
      graph:route(path .. "/addPassword", {}, function(req) return add_password(req, kind) end)
      graph:route(path .. "/removePassword", {}, function(req) return remove_password(req, kind) end)
   end
end

require "sim.graphfederated"(graph, find, missing)

-- Service principals.

graph:route("POST /v1.0/servicePrincipals", {}, function(req)
   local body = req:object()
   local app = type(body.appId) == "string" and directory.by_app(req.state, body.appId, "application")
   if not app or not directory.visible(req.state, app) then
      refuse.with { status = 400, code = "Request_BadRequest",
         message = ("The appId '%s' of the service principal does "
         .. "not reference a valid application object."):format(tostring(body.appId)),
         details = json.array { { code = "NoBackingApplicationObject", target = "appId",
            message = "The appId does not reference a valid application object." } } }
   end
   refuse.when(directory.by_app(req.state, app.appId, "servicePrincipal"), 409,
      "Request_MultipleObjectsWithSameKeyValue", ("The service principal cannot be created, updated, "
         .. "or restored "
      .. "because the service principal name %s is already in use."):format(app.appId))
   local principal = directory.create_principal(req.cloud, app)
   if type(body.tags) == "table" then
      principal.tags = body.tags
      directory.save(req.state, principal)
   end
   return 201, shown(principal, "servicePrincipal")
end)

for _, one in ipairs { "/v1.0/servicePrincipals/:id", "/v1.0/servicePrincipals(appId=':app')" } do
   graph:route("PATCH " .. one, {}, function(req) return patch(req, "servicePrincipal") end)
   graph:route("DELETE " .. one, {}, function(req) return delete(req, "servicePrincipal") end)
end

-- Whoever logs in here is an application: there is no "me".
for _, path in ipairs { "/v1.0/me", "/v1.0/me/*rest" } do
   graph:route("GET " .. path, {}, function()
      refuse(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
   end)
end

-- What was deleted, and what ids are.

graph:route("GET /v1.0/directory/deletedItems/microsoft.graph.application", {}, function(req)
   local found = json.array {}
   for _, row in ipairs(req.state.db:rows(
      "SELECT body, deleted FROM directory WHERE kind = 'application' AND deleted IS NOT NULL")) do
      local object = assert(json.decode(row.body))
      object.deletedDateTime = directory.stamp(row.deleted)
      found[#found + 1] = bare(object)
   end
   return 200, { ["@odata.context"] = CONTEXT .. "applications", value = found }
end)

local function deleted_item(req)
   return req.state.db:row("SELECT * FROM directory WHERE id = ? AND deleted IS NOT NULL", req.params.id)
      or missing(req.params.id)
end

graph:route("DELETE /v1.0/directory/deletedItems/:id", {}, function(req)
   local row = deleted_item(req)
   req.state.db:run("DELETE FROM passwords WHERE app = ?", row.id)
   req.state.db:run("DELETE FROM directory WHERE id = ?", row.id)
   return 204
end)

graph:route("POST /v1.0/directory/deletedItems/:id/restore", {}, function(req)
   local row = deleted_item(req)
   req.state.db:run("UPDATE directory SET deleted = NULL WHERE id = ?", row.id)
   return 200, shown(directory.get(req.state, row.id), row.kind)
end)

graph:route("POST /v1.0/directoryObjects/getByIds", { write = false }, function(req)
   local found = json.array {}
   for _, id in ipairs(list_of(req:object().ids)) do
      local object = directory.get(req.state, id)
      if object then
         object["@odata.type"] = object.servicePrincipalType and "#microsoft.graph.servicePrincipal"
            or "#microsoft.graph.application"
         found[#found + 1] = bare(object)
      end
   end
   return 200, { ["@odata.context"] = CONTEXT .. "directoryObjects", value = found }
end)

graph:route("GET /v1.0/servicePrincipals/:id/appRoleAssignments", {}, function(req)
   local principal, found = find(req, "servicePrincipal"), json.array {}
   for index, role in ipairs(principal.appRoles) do
      found[index] = { id = crypto.base64url(role), principalId = principal.id,
         principalType = "ServicePrincipal",
         principalDisplayName = principal.displayName, resourceDisplayName = "Microsoft Graph",
         resourceId = crypto.uuid5("6ba7b811-9dad-11d1-80b4-00c04fd430c8", "https://graph.microsoft.com"),
         appRoleId = "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9" }
   end
   return 200, { value = found }
end)

return graph
