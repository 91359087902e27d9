--- Resource groups.
local crypto    = require "aci.crypto"
local json      = require "aci.json"
local access    = require "sim.access"
local arm       = require "sim.arm"
local checks    = require "sim.checks"
local locations = require "sim.locations"
local provider  = require "sim.provider"
local refuse    = require "sim.refuse"

local groups = provider { name = "groups" }

local TYPE = "Microsoft.Resources/resourceGroups"
local ACTION = "Microsoft.Resources/subscriptions/resourceGroups/"
local PATH = "/subscriptions/:subscription/resourceGroups/:group"

local function scope(req)
   return (req.path:gsub("/+$", ""))
end

-- Adds a route on one group; `handler` gets the request and the stored group or nil.
local function route(verb, right, handler, write)
   groups:route(verb .. " " .. PATH, { scope = scope, write = write, action = function(req)
      return ((ACTION .. right):gsub("resourceGroups", req.path:match "^/[^/]+/[^/]+/([^/]+)"))
   end },
      function(req)
      checks.resource_version(req, arm.VERSIONS)
      return handler(req, req.state:resource(req.path))
   end)
end

local function known(req, row)
   return refuse.unless(row, 404, "ResourceGroupNotFound",
      ("Resource group '%s' could not be found."):format(req.params.group))
end

local function check_name(name)
   local length = utf8.len(name) or #name
   if length > 90 or name:sub(-1) == "." or name:find "[%c%s!\"#$%%&'*+,/:;<=>?@\\^`{|}~%[%]]" then
      refuse(400, "InvalidResourceGroup", ("The provided resource group name '%s' has these invalid "
         .. "characters or an "
         .. "invalid length. The name can only be a letter, digit, '-', '.', '(', ')' or '_', up to 90 "
         .. "characters, and "
         .. "cannot end with a period."):format(name))
   end
end

local function check_body(row, body)
   refuse.unless(type(body) == "table" and type(body.location) == "string" and body.location ~= "", 400,
      "LocationRequired", "The location property is required for this definition.")
   if not locations.exists(body.location) then
      refuse(400, "LocationNotAvailableForResourceGroup", ("The provided location '%s' is not "
         .. "available for resource "
         .. "group. List of available regions is '%s'."):format(body.location,
            table.concat(locations.all(), ",")))
   end
   local place = locations.short(body.location)
   if row and row.body.location ~= place then
      refuse(409, "InvalidResourceGroupLocation", ("Invalid resource group location '%s'. The Resource "
         .. "group already "
         .. "exists in location '%s'."):format(body.location, row.body.location))
   end
   return place
end

route("PUT", "write", function(req, row)
   check_name(req.params.group)
   if row then
      checks.group_alive(row)
   end
   local given = req:object()
   local place = check_body(row, given)
   local name = row and row.name or req.params.group
   local id = ("/subscriptions/%s/resourceGroups/%s"):format(req.state:setting "subscription", name)
   local body = { id = id, name = name, type = TYPE, location = place, tags = checks.tags(given),
      managedBy = type(given.managedBy) == "string" and given.managedBy or nil,
      properties = { provisioningState = "Succeeded" } }
   req.state:put_resource { id = id, type = TYPE, name = name, body = body }
   return row and 200 or 201, body
end)

route("GET", "read", function(req, row)
   return 200, known(req, row).body
end)

route("HEAD", "read", function(req, row)
   known(req, row)
   return 204
end)

route("PATCH", "write", function(req, row)
   checks.group_alive(known(req, row))
   local given, body = req:object(), row.body
   body.tags = checks.tags(given) or body.tags
   req.state:put_resource { id = row.id, type = TYPE, name = row.name, body = body }
   return 200, body
end)

local function encoded_name(name)
   return (name:upper():gsub("[^%w]", function(c) return (":%02X"):format(c:byte()) end))
end

-- The opaque name of a deletion, as ARM makes it.
local function job_name(row)
   local job = ("RESOURCEGROUPDELETIONJOB-%s-%s"):format(encoded_name(row.name), row.body.location:upper())
   local text = json.encode { jobId = job .. "|" .. crypto.hex(crypto.random(8)):upper(),
      jobLocation = row.body.location }
   return crypto.base64url(text)
end

local function result_url(req, id)
   return ("https://management.azure.com/subscriptions/%s/operationresults/%s?api-version=%s"):format(
      req.params.subscription, id, req.query["api-version"])
end

-- Azure's seconds that the deletion of a group takes.
local DELETION = 20

route("DELETE", "delete", function(req, row)
   known(req, row)
   local id = job_name(row)
   if not (row.busy and row.pending == "Deleting") then
      req.state:put_resource { id = row.id, type = TYPE, name = row.name, body = row.body,
         pending = "Deleting",
         ready_in = 365 * 86400 }
      req.state:later("group-delete", req.cloud:seconds(DELETION), { id = row.id })
   end
   req.state:start_operation { id = id, kind = "group-delete", resource = row.id,
      seconds = req.cloud:seconds(DELETION) + 0.02 }
   return 202, nil, req.cloud:retry({ Location = result_url(req, id) }, 100)
end)

groups:job("group-delete", function(cloud, data)
   if cloud.state:resource(data.id) then
      provider.remove(cloud, data.id)
   end
end)

groups:route("GET /subscriptions/:subscription/operationresults/:id", {}, function(req)
   local operation = refuse.unless(req.state:operation(req.params.id), 404, "OperationNotFound",
      "The operation was not found.")
   if operation.done and not req.state:resource(operation.resource) then
      return 200
   end
   return 202, nil, req.cloud:retry({ Location = result_url(req, req.params.id) }, 100)
end)

groups:route("GET /subscriptions/:subscription/resourceGroups", {}, function(req)
   checks.resource_version(req, arm.VERSIONS)
   local wanted, value = arm.parse_filter(req.query["$filter"]), json.array {}
   local rows = access.visible(req.state, req.caller, ACTION .. "read", req.state:resources { type = TYPE })
   for _, row in ipairs(rows) do
      if arm.fits(row.body, wanted) then
         value[#value + 1] = row.body
      end
   end
   return 200, { value = value }
end)

return groups
