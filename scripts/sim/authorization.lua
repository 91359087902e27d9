--- Microsoft.Authorization: role assignments and role definitions at any scope, and the caller's own
-- permissions.
local clock     = require "aci.clock"
local json      = require "aci.json"
local access    = require "sim.access"
local checks    = require "sim.checks"
local directory = require "sim.directory"
local provider  = require "sim.provider"
local refuse    = require "sim.refuse"
local rolewords = require "sim.rolewords"
local roles     = require "sim.roles"

local authorization = provider { name = "authorization", namespace = "Microsoft.Authorization", free = true,
   operations = false, schema = roles.SCHEMA }

local VERSIONS = { "2022-05-01-preview", "2022-04-01", "2022-01-01-preview", "2021-04-01-preview",
   "2020-10-01-preview", "2020-08-01-preview", "2020-04-01-preview", "2020-03-01-preview",
      "2018-09-01-preview",
   "2018-07-01", "2018-01-01-preview", "2017-10-01-preview", "2015-07-01", "2015-06-01" }

--- Azure's seconds until a new assignment is in force.
authorization.PROPAGATION = 30

local ASSIGNMENTS = "/*scope/providers/Microsoft.Authorization/roleAssignments"
local DEFINITIONS = "/*scope/providers/Microsoft.Authorization/roleDefinitions"
local TENANT_DEFINITIONS = "/providers/Microsoft.Authorization/roleDefinitions"

local GUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local function scope_of(req)
   return "/" .. (req.params.scope or "")
end

-- A scope is our subscription or something in it that exists; its group is named when it is missing.
local function check_scope(req)
   checks.resource_version(req, VERSIONS)
   local scope = scope_of(req)
   local subscription, rest = scope:match "^/[sS]ubscriptions/([^/]+)(.*)$"
   refuse.unless(subscription and subscription:lower() == req.state:setting "subscription", 404,
      "SubscriptionNotFound", ("The subscription '%s' could not be found."):format(subscription or scope))
   if rest ~= "" then
      local group = rest:match "^/[rR]esource[gG]roups/([^/]+)"
      if group then
         checks.group(req, group)
      end
      refuse.unless(req.state:resource(scope), 404, "ResourceNotFound",
         ("The Resource '%s' was not found. For more details please go to "
            .. "https://aka.ms/ARMResourceNotFoundFix")
         :format(scope:match "/providers/(.*)$" or scope))
   end
   return scope
end

local function role_id(req, name)
   return ("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s"):format(
      req.state:setting "subscription", name)
end

-- Role assignments.

local function assignment_body(req, row)
   local kept = json.decode(row.body)
   return {
      id = row.scope .. "/providers/Microsoft.Authorization/roleAssignments/" .. row.name, name = row.name,
      type = "Microsoft.Authorization/roleAssignments", properties = {
         roleDefinitionId = role_id(req, row.role), principalId = row.principal,
            principalType = row.principal_type,
         scope = row.scope, condition = kept.condition or json.null, conditionVersion = json.null,
         createdOn = kept.createdOn, updatedOn = kept.updatedOn or kept.createdOn,
         createdBy = kept.createdBy or json.null, updatedBy = kept.updatedBy or json.null,
         delegatedManagedIdentityResourceId = json.null, description = kept.description or json.null } }
end

local function find_assignment(req, name)
   return req.state.db:row("SELECT * FROM role_assignments WHERE name = ?", name:lower())
end

-- The GUID of a roleDefinitionId in subscription or tenant form.
local function role_of(req, given)
   refuse.unless(type(given) == "string", 400, "InvalidRoleDefinitionId",
      "The role definition ID is required for role assignment.")
   local name = given:match "/[rR]ole[dD]efinitions/([^/]+)$"
   refuse.unless(name and given:sub(1, 1) == "/", 400, "BadRequestFormat",
      "The request was incorrectly formatted.")
   return refuse.unless(roles.find(req.state, name:lower()), 400, "RoleDefinitionDoesNotExist",
      ("The specified role definition with ID '%s' does not exist."):format(name:gsub("%-", "")))
end

local NO_PRINCIPAL = "Principal %s does not exist in the directory %s. Check that you have the correct "
   .. "principal ID. If you are creating this principal and then immediately assigning a role, this "
   .. "error might be related to a replication delay. In this case, set the role assignment "
   .. "principalType property to a value, such as ServicePrincipal, User, or Group.  See "
   .. "https://aka.ms/docs-principaltype"

-- The type of the principal; the directory is asked unless the caller vouches for a service principal.
local function principal_of(req, given)
   local id, kind = given.principalId, given.principalType
   refuse.unless(type(id) == "string" and id ~= "", 400, "InvalidPrincipalId",
      "A valid principal ID must be provided for role assignment.")
   refuse.unless(id:find(GUID), 400, "InvalidPrincipalId",
      ("The Principal ID '%s' is not valid. Principal ID must be a GUID."):format(id))
   if type(kind) ~= "string" or kind == "" then
      kind = nil
   end
   local object = directory.get(req.state, id, "servicePrincipal")
   if not object or (not kind and not directory.visible(req.state, object)) then
      refuse(400, "PrincipalNotFound", NO_PRINCIPAL:format(id:gsub("%-", ""), req.state:setting "tenant"))
   end
   if not kind and req.query["api-version"] >= "2022-04-01" then
      kind = "User"
   end
   refuse.when(kind and kind ~= "ServicePrincipal", 400, "UnmatchedPrincipalType",
      ("The PrincipalId '%s' has type "
      .. "'ServicePrincipal' , which is different from specified PrinciaplType "
      .. "'%s'."):format(id:gsub("%-", ""), kind))
   return id:lower(), "ServicePrincipal"
end

local function check_duplicate(req, scope, principal, role, name)
   for _, row in ipairs(req.state.db:rows(
      "SELECT name, scope FROM role_assignments WHERE principal = ? AND role = ?", principal, role)) do
      if row.scope:lower() == scope:lower() and row.name ~= name then
         refuse(409, "RoleAssignmentExists", ("The role assignment already exists. The ID of the "
            .. "existing role "
            .. "assignment is %s."):format(row.name:gsub("%-", "")))
      end
   end
end

local function check_same(old, scope, principal, role)
   if old.scope:lower() ~= scope:lower() or old.principal ~= principal or old.role ~= role then
      refuse(400, "RoleAssignmentUpdateNotPermitted",
         "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.")
   end
   refuse(409, "RoleAssignmentExists", "The role assignment already exists.")
end

local function stamp()
   return clock.iso(clock.now())
end

local function put_assignment(req)
   local scope, name = check_scope(req), req.params.name:lower()
   refuse.unless(name:find(GUID), 400, "InvalidRoleAssignmentId",
      ("The role assignment ID '%s' is not valid. The role assignment ID must be a "
         .. "GUID."):format(req.params.name))
   local body = req:object()
   local given = type(body.properties) == "table" and body.properties or body
   local role = role_of(req, given.roleDefinitionId)
   local principal, kind = principal_of(req, given)
   rolewords.check_assignable(role, scope)
   local old = find_assignment(req, name)
   if old then
      check_same(old, scope, principal, role.name)
   end
   check_duplicate(req, scope, principal, role.name, name)
   local now = stamp()
   roles.assign(req.state, { name = name, scope = scope, principal = principal, principal_type = kind,
      role = role.name, effective = req.state:now() + req.cloud:seconds(authorization.PROPAGATION), body = {
         createdOn = now, updatedOn = now, createdBy = req.caller.oid, updatedBy = req.caller.oid,
         description = type(given.description) == "string" and given.description or nil } })
   local shown = assignment_body(req, find_assignment(req, name))
   shown.properties.createdBy = json.null
   return 201, shown
end

local function right(verb)
   return { action = "Microsoft.Authorization/roleAssignments/" .. verb, scope = scope_of }
end

authorization:route("PUT " .. ASSIGNMENTS .. "/:name", right "write", put_assignment)

authorization:route("GET " .. ASSIGNMENTS .. "/:name", right "read", function(req)
   check_scope(req)
   local row = refuse.unless(find_assignment(req, req.params.name), 404, "RoleAssignmentNotFound",
      ("The role assignment '%s' is not found."):format(req.params.name))
   return 200, assignment_body(req, row)
end)

authorization:route("DELETE " .. ASSIGNMENTS .. "/:name", right "delete", function(req)
   check_scope(req)
   local row = find_assignment(req, req.params.name)
   if not row then
      return 204
   end
   req.state.db:run("DELETE FROM role_assignments WHERE name = ?", row.name)
   return 200, assignment_body(req, row)
end)

-- Which assignments a list shows: at, above and below the scope, or as the filter says.
local function list_filter(req, scope)
   local text = req.query["$filter"] or ""
   local principal = text:match "principalId%s+eq%s+'([^']*)'" or text:match "assignedTo%(%s*'([^']*)'%s*%)"
   local only_above = text:find "atScope%(%)" ~= nil
   refuse.when(only_above and text:find "principalId", 400, "BadRequestFormat",
      "The request was incorrectly formatted: atScope() and principalId cannot be combined.")
   refuse.unless(text == "" or principal or only_above, 400, "BadRequestFormat",
      "The request was incorrectly formatted: the filter is not known.")
   return function(row)
      return (not principal or row.principal == principal:lower())
         and (access.within(row.scope, scope) or (not only_above and access.within(scope, row.scope)))
   end
end

authorization:route("GET " .. ASSIGNMENTS, right "read", function(req)
   local scope, value = check_scope(req), json.array {}
   local wanted = list_filter(req, scope)
   for _, row in ipairs(req.state.db:rows "SELECT * FROM role_assignments ORDER BY rowid") do
      if wanted(row) then
         value[#value + 1] = assignment_body(req, row)
      end
   end
   return 200, { value = value }
end)

-- Role definitions.

local function definition_body(req, role)
   local id = req.params.scope and role_id(req, role.name)
      or "/providers/Microsoft.Authorization/roleDefinitions/" .. role.name
   return { id = id, name = role.name, type = "Microsoft.Authorization/roleDefinitions", properties = {
      roleName = role.title, type = role.type, description = role.description or "",
      assignableScopes = json.array(role.scopes), permissions = json.array(role.permissions),
      createdOn = role.createdOn or "2015-02-02T21:55:09.8806423Z", createdBy = role.createdBy or json.null,
      updatedOn = role.updatedOn or "2021-11-11T20:13:28.6061853Z", updatedBy = role.updatedBy
         or json.null } }
end

local function definition_right(verb)
   return { action = "Microsoft.Authorization/roleDefinitions/" .. verb, scope = scope_of }
end

local function must_find(req)
   checks.resource_version(req, VERSIONS)
   return refuse.unless(roles.find(req.state, req.params.name:lower()), 404, "RoleDefinitionDoesNotExist",
      ("The specified role definition with ID '%s' does not exist."):format(req.params.name:gsub("%-", "")))
end

local function get_definition(req)
   if req.params.scope then
      check_scope(req)
   end
   return 200, definition_body(req, must_find(req))
end

local function list_definitions(req)
   checks.resource_version(req, VERSIONS)
   local text, value = req.query["$filter"] or "", json.array {}
   local title, kind = text:match "roleName%s+eq%s+'([^']*)'", text:match "type%s+eq%s+'([^']*)'"
   for _, role in ipairs(roles.all(req.state)) do
      if (not title or role.title:lower() == title:lower()) and (not kind
         or role.type:lower() == kind:lower())
         and rolewords.visible(role, scope_of(req)) then
         value[#value + 1] = definition_body(req, role)
      end
   end
   return 200, { value = value }
end

authorization:route("GET " .. DEFINITIONS .. "/:name", definition_right "read", get_definition)
authorization:route("GET " .. DEFINITIONS, definition_right "read", list_definitions)
authorization:route("GET " .. TENANT_DEFINITIONS .. "/:name", {}, get_definition)
authorization:route("GET " .. TENANT_DEFINITIONS, {}, list_definitions)

authorization:route("PUT " .. DEFINITIONS .. "/:name", definition_right "write", function(req)
   local scope, name = check_scope(req), req.params.name:lower()
   refuse.unless(name:find(GUID), 400, "InvalidRoleDefinitionId", "The role definition ID must be a GUID.")
   local old = roles.find(req.state, name)
   refuse.when(old and old.type == "BuiltInRole", 400, "RoleDefinitionUpdateNotPermitted",
      "A built-in role cannot be updated.")
   local body = req:object()
   local role = rolewords.read(req, name, type(body.properties) == "table" and body.properties or body,
      scope)
   role.createdOn, role.createdBy = old and old.createdOn or stamp(), old and old.createdBy
      or req.caller.oid
   role.updatedOn, role.updatedBy = stamp(), req.caller.oid
   roles.save(req.state, role)
   return 201, definition_body(req, roles.find(req.state, name))
end)

authorization:route("DELETE " .. DEFINITIONS .. "/:name", definition_right "delete", function(req)
   check_scope(req)
   local role = roles.find(req.state, req.params.name:lower())
   if not role or role.type == "BuiltInRole" then
      return 204
   end
   refuse.when(req.state.db:row("SELECT name FROM role_assignments WHERE role = ?", role.name), 400,
      "RoleDefinitionHasAssignments",
      "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments).")
   roles.delete(req.state, role.name)
   return 200, definition_body(req, role)
end)

-- The caller's own permissions.

authorization:route("GET /*scope/providers/Microsoft.Authorization/permissions", {}, function(req)
   local scope, value = check_scope(req), json.array {}
   for _, permission in ipairs(access.permissions(req.state, req.caller, scope)) do
      value[#value + 1] = { actions = permission.actions, notActions = permission.notActions,
         dataActions = permission.dataActions, notDataActions = permission.notDataActions }
   end
   return 200, { value = value }
end)

return authorization
