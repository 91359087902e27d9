--- A resource of ARM, declared by `c.azure:resource(type, name, body)`. It is known as ours by its tag;
-- types that take none by their id under a parent that is ours.
local clock = require "aci.clock"
local compare = require "aci.step.compare"
local patiently = require "aci.step.patiently"
local task = require "aci.task"

local arm = {}

local untagged = {
   ["microsoft.authorization/roleassignments"] = true,
   ["microsoft.authorization/roledefinitions"] = true,
   ["microsoft.network/virtualnetworks/subnets"] = true,
   ["microsoft.storage/storageaccounts/blobservices/containers"] = true,
}

local function tagged(thing)
   return not untagged[thing.type:lower()]
end

--- The body with our tag and those of the settings; tags that others gave stay.
local function authored(c, thing, current)
   local body = {}
   for key, value in pairs(thing.body) do body[key] = value end
   if not tagged(thing) then return body end
   body.tags = {}
   for _, tags in ipairs { (current or {}).tags or {}, c.config.tags or {}, thing.body.tags or {},
      { acihost = c.marker } } do
      for key, value in pairs(tags) do body.tags[key] = value end
   end
   return body
end

--- Where it is read and deleted: `thing.lasting`, where that outlives what it was made in, else its id.
local function address(thing) return thing.lasting or thing.id end

function arm.label(thing) return ("%s %s"):format(thing.type, thing.title or thing.name) end

local passing = { Creating = true, Updating = true, Accepted = true, RegisteringDns = true, ResolvingDns = true,
   Deleting = true }

local function provisioning(current)
   return type(current.properties) == "table" and current.properties.provisioningState or "Succeeded"
end

--- A resource that is still being made (a set-up that was killed began it) is waited for, at most half an
-- hour: until then it can be seen, but not used.
function arm.read(c, thing)
   local deadline = clock.monotonic() + 1800
   local body = c.azure:get(address(thing), thing.version)
   while body and passing[provisioning(body)] and clock.monotonic() < deadline do
      task.sleep((c.config.poll or { first = 2 }).first)
      body = c.azure:get(address(thing), thing.version)
   end
   return body
end

function arm.differs(c, thing, current)
   local changes = compare.changes(authored(c, thing, nil), current, thing.skip)
   if provisioning(current) == "Failed" then
      table.insert(changes, { path = "provisioningState", old = "Failed", new = "Succeeded" })
   end
   return changes
end

--- A resource keeps its id and what the service gave it, whatever we change in it.
function arm.stays() return true end

function arm.foreign(c, thing, current)
   if not tagged(thing) or (current.tags or {}).acihost == c.marker then return nil end
   return ("it has no tag acihost = %s"):format(c.marker)
end

-- A role or principal that was just made may be unknown where roles are assigned, and an assignment that was
-- just deleted still known where roles are deleted.
local unknown_yet = { RoleDefinitionDoesNotExist = 180, PrincipalNotFound = 180 }
local known_still = { RoleDefinitionHasAssignments = 60 }

local function silent() end

--- `thing.note` is told once it is written.
function arm.write(c, thing, current, entry, report)
   local made = patiently(c, unknown_yet, silent, c.azure.put, c.azure, thing.id, thing.version,
      authored(c, thing, current))
   if thing.note then report.note(entry.step, "note", thing.note) end
   arm.settle(c, thing, made)
   return made
end

--- Waits until what is there is in force, also where an earlier run was killed before it had waited.
function arm.settle(c, thing, current)
   if thing.settled then thing.settled(c, current) end
end

--- What lies in a group that is ours goes with the group; roles do not lie in it, they are only for it.
function arm.inside(c, thing)
   return thing.id:lower():find((c.azure:group_id() .. "/"):lower(), 1, true) == 1
      and not thing.type:lower():find("microsoft.authorization/", 1, true)
end

--- Why a teardown leaves it; nil where it goes. It also sees what a set-up was refused.
function arm.keeps(c, thing, current)
   local foreign = arm.foreign(c, thing, current)
   return foreign and foreign .. ": it stays" or nil
end

function arm.remove(c, thing)
   return patiently(c, known_still, silent, c.azure.delete, c.azure, address(thing), thing.version)
end

return arm
