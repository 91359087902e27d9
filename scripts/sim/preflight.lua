--- What ARM asks of a template before anything is made: types, versions, locations, rights, and what each
-- provider can say about a body already.
local access   = require "sim.access"
local checks   = require "sim.checks"
local provider = require "sim.provider"
local refuse   = require "sim.refuse"
local registry = require "sim.registry"

local preflight = {}

-- Types that have routes of their own beside the providers' tables.
local ROUTED = { ["microsoft.authorization/roleassignments"] = true,
   ["microsoft.resources/deployments"] = true,
   ["microsoft.authorization/roledefinitions"] = true }

local NO_RIGHT = "The template deployment failed with error: 'Authorization failed for template "
   .. "resource '%s' of type "
   .. "'%s'. The client '%s' with object id '%s' does not have permission to perform action '%s' at "
   .. "scope '%s'.'."

local function check_right(req, resource)
   local action = resource.type .. "/write"
   if not access.allowed(req.state, req.caller, action, resource.id) then
      refuse(403, "InvalidTemplateDeployment", NO_RIGHT:format(resource.name, resource.type,
         req.caller.appid,
         req.caller.oid, action, resource.id))
   end
end

local function unknown_type(resource)
   local namespace, rest = resource.type:match "^([^/]+)/(.*)$"
   if registry.namespaces[(namespace or ""):lower()] or (namespace or ""):lower():find "^microsoft%." then
      refuse(501, "NotImplemented", ("The local cloud does not implement the resource type '%s' "
         .. "(template resource "
         .. "'%s')."):format(resource.type, resource.name))
   end
   refuse(404, "InvalidResourceNamespace", ("The resource namespace '%s' is "
      .. "invalid."):format(tostring(namespace or rest)))
end

-- The names in an id after its provider.
local function names_of(id)
   local names, take = {}, false
   for segment in id:match "/providers/[^/]+/(.*)$":gmatch "[^/]+" do
      if take then
         names[#names + 1] = segment
      end
      take = not take
   end
   return names
end

--- The resource of a template as a provider sees it.
function preflight.describe(req, definition, resource)
   return provider.resource(req, definition, { group = resource.id:match "/resource[gG]roups/([^/]+)/",
      names = names_of(resource.id), version = resource.apiVersion, body = resource.body })
end

-- A deployment registers the providers of its template, where the caller may; a validation only asks.
local function check_registration(req, namespace)
   local scope = "/subscriptions/" .. req.state:setting "subscription"
   if not access.allowed(req.state, req.caller, namespace .. "/register/action", scope) then
      checks.registered(req, namespace)
   elseif req.method == "PUT" then
      checks.register(req, namespace)
   end
end

local function check_one(req, resource, failures)
   local definition = registry.types[resource.type:lower()]
   if not definition and not ROUTED[resource.type:lower()] then
      unknown_type(resource)
   end
   check_right(req, resource)
   if not definition then
      return
   end
   check_registration(req, definition.namespace)
   checks.version(definition, resource.apiVersion, resource.location)
   if resource.unknown then
      return
   end
   local r = preflight.describe(req, definition, resource)
   local ok, err = pcall(provider.check, req, r)
   if not ok and (not refuse.is(err) or err.code:find "^Location") then
      error(err, 0)
   elseif not ok then
      failures[#failures + 1] = { code = err.code, message = err.message, target = resource.id,
         details = err.details }
   end
end

local FAILED = "The template deployment '%s' is not valid according to the validation procedure. The "
   .. "tracking id is "
   .. "'%s'. See inner errors for details."

--- Refuses a plan that could not be carried out.
-- @param name the deployment's name
function preflight.check(req, plan, name)
   local failures = {}
   req.preflight = true
   for _, resource in ipairs(plan.resources) do
      if resource.condition and not resource.existing then
         check_one(req, resource, failures)
      end
   end
   req.preflight = nil
   if #failures > 0 then
      refuse.with { status = 400, code = "InvalidTemplateDeployment", message = FAILED:format(name, req.id),
         details = failures }
   end
end

return preflight
