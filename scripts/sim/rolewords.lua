--- What a custom role may say.
local json     = require "aci.json"
local access   = require "sim.access"
local actions  = require "sim.actions"
local refuse   = require "sim.refuse"
local roles    = require "sim.roles"

local rolewords = {}

--- Refuses to assign a role outside its assignable scopes.
function rolewords.check_assignable(role, scope)
   for _, top in ipairs(role.scopes) do
      if top == "/" or access.within(top, scope) then
         return
      end
   end
   refuse(400, "RoleDefinitionNotAssignableAtScope", ("The role definition '%s' cannot be assigned at "
      .. "the scope '%s'; "
      .. "it is assignable at '%s'."):format(role.name, scope, table.concat(role.scopes, "', '")))
end

--- True when a role can be seen from a scope.
function rolewords.visible(role, scope)
   for _, top in ipairs(role.scopes) do
      if top == "/" or access.within(top, scope) or access.within(scope, top) then
         return true
      end
   end
   return false
end

local function text_list(value)
   local list = json.array {}
   for index, text in ipairs(type(value) == "table" and value or {}) do
      list[index] = refuse.unless(type(text) == "string" and text, 400, "BadRequestFormat",
         "The request was incorrectly formatted.")
   end
   return list
end

local function check_action(text, data)
   local _, stars = text:gsub("%*", "")
   refuse.when(stars > 1, 400, "InvalidActionOrNotAction",
      ("'%s' contains multiple wildcards. Only one is allowed."):format(text))
   local known, namespace = actions.known(text, data)
   refuse.unless(namespace, 400, "InvalidActionOrNotAction",
      "The resource provider referenced in the action is not "
      .. "returned in the list of providers from Azure Resource Manager.")
   refuse.unless(known, 400, "InvalidActionOrNotAction",
      ("'%s' does not match any of the actions supported by the providers."):format(text))
end

local function read_permission(given)
   local made = {}
   for name, data in pairs { actions = false, notActions = false, dataActions = true,
      notDataActions = true } do
      made[name] = text_list(given[name])
      for _, text in ipairs(made[name]) do
         check_action(text, data)
      end
   end
   return made
end

local function check_title(req, name, title)
   refuse.unless(type(title) == "string" and title ~= "" and #title <= 128, 400,
      "RoleDefinitionNameInvalid",
      "The role definition needs a name of at most 128 characters.")
   for _, other in ipairs(roles.all(req.state)) do
      refuse.when(other.title:lower() == title:lower() and other.name ~= name, 409,
         "RoleDefinitionWithSameNameExists",
         "A role definition cannot be updated with a name that already exists.")
   end
end

local function check_scopes(req, scopes)
   refuse.when(#scopes == 0, 400, "MissingAssignableScopes", "The role definition needs assignable scopes.")
   for _, scope in ipairs(scopes) do
      local subscription = scope:match "^/[sS]ubscriptions/([^/*]+)[^*]*$"
      refuse.unless(subscription and subscription:lower() == req.state:setting "subscription", 400,
         "LinkedInvalidPropertyId", ("Property id '%s' at path 'properties.assignableScopes' is "
            .. "invalid."):format(scope))
      if not access.allowed(req.state, req.caller, "Microsoft.Authorization/roleDefinitions/write",
         scope) then
         refuse(403, "LinkedAuthorizationFailed", ("The client '%s' with object id '%s' does not have "
            .. "permission to "
            .. "perform action(s) 'Microsoft.Authorization/roleDefinitions/write' on the linked "
            .. "scope(s) '%s' "
            .. "(respectively) or the linked scope(s) are invalid."):format(req.caller.appid,
               req.caller.oid, scope))
      end
   end
end

--- Reads and checks the properties of a custom role.
function rolewords.read(req, name, given)
   check_title(req, name, given.roleName)
   local scopes = text_list(given.assignableScopes)
   check_scopes(req, scopes)
   local permissions = json.array {}
   for index, permission in ipairs(type(given.permissions) == "table" and given.permissions or {}) do
      permissions[index] = read_permission(permission)
   end
   return { name = name, title = given.roleName, scopes = scopes, permissions = permissions,
      description = type(given.description) == "string" and given.description or "" }
end

return rolewords
