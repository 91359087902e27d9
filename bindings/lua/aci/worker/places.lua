--- Where a job's group is: the ARM client, the resource group, the name. And which places the worker knows:
-- its groups are looked for in each of them.

local fail    = require "aci.error"
local clouds  = require "aci.worker.clouds"
local group   = require "aci.worker.group"

local places = {}

--- Notes where a job's groups are, for the lists.
function places.note(self, data)
   local azure, paces = clouds.of(self, data)
   local key = (data.subscription_id .. "/" .. data.resource_group_name):lower()
   local known = self.places[key] or {}
   self.places[key] = known
   known.azure, known.paces = azure, paces
   known.path = ("/subscriptions/%s/resourceGroups/%s"):format(data.subscription_id, data.resource_group_name)
   return known
end

--- The location of new groups: that of the resource group, as Prefect does it.
function places.location(place)
   if place.location then return place.location end
   local found = place.azure:get(place.path)
   if not found then
      fail.raise { kind = "not_found", code = "ResourceGroupNotFound",
         message = ("there is no resource group %s"):format(place.path:match "[^/]*$") }
   end
   place.location = found.location
   return found.location
end

--- The name of the group in a run's infrastructure_pid: "NAME", or "RUN:NAME" as Prefect's worker writes it.
function places.name_in(pid)
   if type(pid) ~= "string" then return nil end
   return pid:match "^%x+%-%x+%-%x+%-%x+%-%x+:(.+)$" or not pid:find(":", 1, true) and pid or nil
end

--- The groups of a place, by name in lower case.
function places.list(place)
   local found = {}
   local path = place.path .. "/providers/Microsoft.ContainerInstance/containerGroups"
   for _, each in ipairs(place.azure:list(path)) do found[each.name:lower()] = each end
   return found
end

--- The group's name and id for a run.
function places.of_run(self, objects, data)
   local run = objects.run
   local name = self.source.pool and group.pool_name(run, objects.flow, data) or group.name(run, data)
   return name, group.id(data, name)
end

--- What is written into the run: the format of Prefect's agent, or of its worker.
function places.pid(self, run, name)
   return self.source.pool and run.id .. ":" .. name or name
end

return places
