--- What ARM asks of every request and every body before a resource provider sees it.
local json      = require "aci.json"
local locations = require "sim.locations"
local refuse    = require "sim.refuse"
local registry  = require "sim.registry"

local checks = {}

--- The subscription of the path, refused when it is not ours.
function checks.subscription(req)
   local given = req.params.subscription
   if given and given:lower() ~= req.state:setting "subscription" then
      refuse(404, "SubscriptionNotFound", ("The subscription '%s' could not be found."):format(given))
   end
end

--- What ARM asks of every request before it asks for rights.
function checks.before(req)
   refuse.unless((req.query["api-version"] or "") ~= "", 400, "MissingApiVersionParameter",
      "The api-version query parameter (?api-version=) is required for all requests.")
   checks.subscription(req)
end

--- The resource group of an id, or a refusal.
function checks.group(req, name)
   local id = ("/subscriptions/%s/resourceGroups/%s"):format(req.state:setting "subscription", name)
   return refuse.unless(req.state:resource(id), 404, "ResourceGroupNotFound",
      ("Resource group '%s' could not be found."):format(name))
end

local function listed(versions, version)
   for _, known in ipairs(versions) do
      if known:lower() == version:lower() then
         return true
      end
   end
   return false
end

local NO_PROVIDER = "No registered resource provider found for location '%s' and API version '%s' for "
   .. "type '%s'. The supported api-versions are '%s'. The supported locations are '%s'."

--- Refuses an api-version that the type does not have.
function checks.version(definition, version, location)
   if not listed(definition.versions, version) then
      refuse(400, "NoRegisteredProviderFound", NO_PROVIDER:format(location or "", version, definition.type,
         table.concat(definition.versions, ", "), table.concat(locations.all(), ", ")))
   end
end

--- Refuses an api-version of a Microsoft.Resources-level route.
function checks.resource_version(req, versions)
   local given = req.query["api-version"]
   refuse.unless(listed(versions, given), 400, "InvalidApiVersionParameter",
      ("The api-version '%s' is invalid. The supported versions are '%s'."):format(given,
      table.concat(versions, ",")))
end

--- The state of a namespace: "NotRegistered", "Registering", "Registered".
function checks.registration(state, namespace)
   local known = registry.namespaces[namespace:lower()]
   if known and known.free then
      return "Registered"
   end
   local since = tonumber(state:setting("registered." .. namespace:lower()) or nil)
   if not since then
      return "NotRegistered"
   end
   return since <= state:now() and "Registered" or "Registering"
end

local NOT_REGISTERED = "The subscription is not registered to use namespace '%s'. See "
   .. "https://aka.ms/rps-not-found for how to register subscriptions."

--- Refuses writes while the namespace is not registered.
function checks.registered(req, namespace)
   if checks.registration(req.state, namespace) == "NotRegistered" then
      local message = NOT_REGISTERED:format(namespace)
      refuse.with { status = 409, code = "MissingSubscriptionRegistration", message = message,
         details = { { code = "MissingSubscriptionRegistration", target = namespace, message = message } } }
   end
end

-- Azure's seconds that a registration takes.
local REGISTRATION = 5

--- Begins the registration of a namespace, unless it has begun.
function checks.register(req, namespace)
   local name, known = "registered." .. namespace:lower(), registry.namespaces[namespace:lower()]
   if not known.free and not req.state:setting(name) then
      req.state:setting(name, tostring(req.state:now() + req.cloud:seconds(REGISTRATION)))
   end
end

--- Refuses writes in a group that is being deleted.
function checks.group_alive(group)
   refuse.when(group.busy and group.pending == "Deleting", 409, "ResourceGroupBeingDeleted",
      ("The resource group '%s' is in deprovisioning state and cannot perform this "
         .. "operation."):format(group.name))
end

-- The limits are documented; the names of these refusals are ours.
local TAGS, TAG_NAME, TAG_VALUE = 50, 512, 256

local function check_tag(name, value, longest)
   refuse.unless(type(value) == "string" or value == json.null, 400, "InvalidRequestContent", ("The request content "
      .. "was invalid and could not be deserialized: 'The value of the tag '%s' is not a text. Path 'tags.%s'.'.")
      :format(name, name))
   refuse.when((utf8.len(name) or #name) > longest, 400, "InvalidTagName",
      ("The tag name '%s' is longer than %d characters."):format(name, longest))
   refuse.when(value ~= json.null and (utf8.len(value) or #value) > TAG_VALUE, 400, "InvalidTagValue",
      ("The value of the tag '%s' is longer than %d characters."):format(name, TAG_VALUE))
end

--- The tags of a body, or nil; refused where they are too many, too long or no texts. @param longest of a name
function checks.tags(body, longest)
   local tags, count = body.tags, 0
   if tags == nil or tags == json.null then return nil end
   refuse.unless(type(tags) == "table" and not json.is_array(tags), 400, "InvalidRequestContent", "The request "
      .. "content was invalid and could not be deserialized: 'The tags are not an object. Path 'tags'.'.")
   for name, value in pairs(tags) do
      check_tag(name, value, longest or TAG_NAME)
      count = count + 1
   end
   refuse.when(count > TAGS, 400, "TooManyTags", ("There are %d tags; a resource has at most %d."):format(count, TAGS))
   return tags
end

-- A list of etags as in If-Match; an entity that does not exist matches none, not even *.
local function matches(list, etag)
   if list == "*" then return etag ~= nil end
   for each in list:gmatch "[^,]+" do
      if each:match "^%s*(.-)%s*$" == etag then return true end
   end
   return false
end

--- Refuses a write whose conditions (If-Match, If-None-Match) do not hold for what is stored. Types without etags
-- know only whether something is there.
function checks.conditions(req, old)
   local wanted, unwanted = req.headers["if-match"], req.headers["if-none-match"]
   local etag = old and (old.body.etag or "")
   local failed = wanted and not (matches(wanted, etag) or etag == "") or unwanted and matches(unwanted, etag)
   refuse.when(failed, 412, "PreconditionFailed",
      "The condition set in the request header 'If-Match' or 'If-None-Match' is not met.")
end

--- Refuses a body without a location, with an unknown one, or with another one than the resource has.
function checks.location(r)
   local given = r.body.location
   refuse.unless(type(given) == "string" and given ~= "", 400, "LocationRequired",
      "The location property is required for this definition.")
   if not locations.exists(given) then
      refuse(400, "LocationNotAvailableForResourceType", ("The provided location '%s' is not available "
         .. "for resource "
         .. "type '%s'. List of available regions for the resource type is '%s'."):format(given, r.type,
         table.concat(locations.all(), ",")))
   end
   r.location = locations.short(given)
   if r.old and r.old.body.location and r.old.body.location ~= r.location then
      refuse(409, "InvalidResourceLocation", ("The resource '%s' already exists in location '%s' in "
         .. "resource group "
         .. "'%s'. A resource with the same name cannot be created in location '%s'. Please select a "
         .. "new resource "
         .. "name."):format(r.name, r.old.body.location, r.group, r.location))
   end
end

return checks
