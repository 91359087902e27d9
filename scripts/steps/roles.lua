-- What the principal may do in the group.
local azure = require "aci.azure"
local errors = require "aci.error"
local clock = require "aci.clock"
local files = require "steps.files"
local fs = require "aci.fs"
local json = require "aci.json"
local task = require "aci.task"
local template = require "aci.template"

local roles = {}

local contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c"

-- The custom role is a file, so that its list of actions can be read and changed.
local function custom_role()
   return assert(json.decode(assert(fs.read(files "templates/role.json")), { comments = true }))
end

--- The role definition: our own, or false where Contributor is wanted.
function roles.definition(c)
   if c.config.role == "Contributor" then return function() return false end end
   local role = custom_role()
   -- Names of custom roles are unique in the whole tenant.
   local guid = template.guid(c.marker, role.roleName)
   role.roleName = ("%s %s"):format(role.roleName, guid:sub(1, 8))
   role.assignableScopes = { c.azure:group_id() }
   role.type = "CustomRole"
   local thing = c.azure:resource("Microsoft.Authorization/roleDefinitions", guid, { properties = role })
   thing.title = role.roleName
   -- Roles are kept in the tenant: this one is found there also when its group was deleted by hand.
   thing.lasting = ("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s"):format(
      c.config.subscription, guid)
   return thing
end

-- A new assignment is in force only after a while (Azure: up to ten minutes): the principal itself asks.
local function wait_until_in_force(c, credential)
   local own = azure.connect(c.config, credential)
   local deadline = clock.monotonic() + 600
   while true do
      local ok, err = pcall(own.group, own)
      if ok then return end
      if not errors.is(err, "permission") or clock.monotonic() > deadline then error(err, 0) end
      task.sleep((c.config.poll or { first = 2 }).first)
      credential:forget(c.config.arm_endpoint .. "/.default")
   end
end

--- The assignment of that role to the principal, on the group. Its name follows from scope, principal and
-- role, so a principal that was made anew gets a new one.
function roles.assignment(c, principal, password, definition)
   local role = definition and definition.id or ("/subscriptions/%s/providers/Microsoft.Authorization/"
      .. "roleDefinitions/%s"):format(c.config.subscription, contributor)
   local name = template.guid(c.azure:group_id(), tostring(principal.id), tostring(role))
   local thing = c.azure:resource("Microsoft.Authorization/roleAssignments", name, { properties = {
      roleDefinitionId = role, principalId = principal.id, principalType = "ServicePrincipal",
      description = "acihost " .. c.marker,
   } })
   thing.title = ("of %s to %s"):format(c.config.role or "the custom role", c.config.principal)
   thing.settled = function() wait_until_in_force(c, password.credential) end
   return thing
end

return roles
