-- A container registry with our own image in it, which the flows' identity may pull: from then on the agent and
-- the jobs in Lua run from it. Only where it is asked for: `registry = true`, or a name, in config.lua. The image
-- is what image.lua builds; its tag names its content, so that another program or script makes another image.
local errors = require "aci.error"
local images = require "steps.images"
local step = require "aci.step"
local template = require "aci.template"

local acr_pull = "7f951dda-4ed3-4680-a7ca-43fe172d538d"

local function check_name(c)
   local free, why = c.azure:name_available("Microsoft.ContainerRegistry/registries", c.config.registry)
   if free == false then
      errors.raise { kind = "conflict", code = "RegistryNameTaken",
         message = ("the registry name %s is not free: %s"):format(c.config.registry, tostring(why)),
         advice = "set registry to another name in config.lua" }
   end
end

local function registry(c)
   local thing = c.azure:resource("Microsoft.ContainerRegistry/registries", c.config.registry, {
      location = c.config.location, sku = { name = "Basic" }, properties = { adminUserEnabled = false } })
   thing.check = function(_, this)
      if not this.current then check_name(c) end
   end
   return thing
end

--- AcrPull for the identity, on the registry.
local function pull_right(c, identity, made)
   local role = ("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s"):format(
      c.config.subscription, acr_pull)
   local principal = tostring(identity.properties.principalId)
   local thing = c.azure:resource("Microsoft.Authorization/roleAssignments",
      template.guid(tostring(made.id), principal, role), { properties = { roleDefinitionId = role,
         principalId = identity.properties.principalId, principalType = "ServicePrincipal",
         description = "acihost " .. c.marker } }, { scope = made.id })
   -- Nobody but the identity could ask whether it is in force; the template's deployment waits for it.
   thing.note = "a new right to pull counts after some minutes: until then runs fail with InaccessibleImage"
   thing.title = "of AcrPull to " .. c.config.identity
   return thing
end

return step {
   name = "registry",
   needs = { "group" },
   want = function(c)
      local image = images.own(c)
      if not image then return {} end
      return {
         -- The template makes it too: here it must be before the agent, which pulls as it.
         c.azure:resource("Microsoft.ManagedIdentity/userAssignedIdentities", c.config.identity,
            { location = c.config.location }),
         registry(c),
         function(_, identity, made) return pull_right(c, identity, made) end,
         function(_, _, made)
            return { kind = "image", id = made.id, server = image.server, repository = image.repository,
               tag = image.tag }
         end,
      }
   end,
}
