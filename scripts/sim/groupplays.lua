--- What may befall a container group, played where a planted fault asks for it:
--
--    acihost sim fault '{"match": "put .*containergroups", "play": "memory"}'
--
-- quota         refused: the subscription's cores are used up
-- undelegated   refused: the subnet is not delegated
-- no-room       taken, and not placed: its provisioning fails, the group stays
-- image         taken, and its image cannot be pulled; after Azure's half hour its provisioning fails
-- memory        its containers need more memory than they have, and are killed
-- maintenance   its containers are ended by the platform
-- restart       a container that has failed is started again, whatever the policy says
local clock  = require "aci.clock"
local refuse = require "sim.refuse"

local plays = {}

local REFUSED = {
   quota = { 409, "ServiceUnavailable", "Resource type 'Microsoft.ContainerInstance/containerGroups' container group "
      .. "quota 'StandardCores' exceeded in region '%s'. Limit: '10', Usage: '10' Requested: '1'." },
   undelegated = { 400, "SubnetMissingRequiredDelegation", "Subnet missing required delegation "
      .. "'Microsoft.ContainerInstance' for container group '%s'." },
}

local LATER = { ["no-room"] = true, image = true, memory = true, maintenance = true, restart = true }

--- Is there a play of that name?
function plays.known(name)
   return REFUSED[name] ~= nil or LATER[name] == true
end

--- Refuses a new group where its play says so.
function plays.refuse(name, r)
   local how = REFUSED[name]
   if how then refuse(how[1], how[2], how[3]:format(name == "quota" and r.location or r.name)) end
end

--- Why a group was not placed: its event, as the operation and the group show it.
function plays.no_room(location)
   local moment = clock.iso(clock.now())
   return { { count = 1, firstTimestamp = moment, lastTimestamp = moment, name = "InsufficientCapacity.",
      type = "Warning", message = ("The requested resource is not available in the location '%s' at this moment. "
         .. "Please retry with a different resource request or in another location."):format(location) } }
end

return plays
