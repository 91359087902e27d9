--- Why a run's container did not start or ended badly, in words for the run's state.

local fail = require "aci.error"

local reasons = {}

local EXITS = {
   [1] = "The process ended with an error.",
   [125] = "The container could not be run.",
   [126] = "The command was found but cannot be executed.",
   [127] = "The command was not found in the image.",
   [134] = "The process aborted.",
   [137] = "The process was killed, most likely because it needed more memory than the container has.",
   [139] = "The process crashed (segmentation fault).",
   [143] = "The process was asked to end (SIGTERM): the group was stopped or deleted from outside.",
   [247] = "The process was ended because of its use of memory.",
   [7147] = "Azure ended the container, in good order (maintenance, or the group was moved).",
   [7148] = "Azure killed the container (maintenance, or the group was moved).",
}

local function memory(code, data)
   if code ~= 137 or not data then return "" end
   return (" It has %g GB: give the job more (memory)."):format(data.memory)
end

local function of_code(code)
   if EXITS[code] then return " " .. EXITS[code] end
   if code > 128 and code < 160 then return (" The process was ended by signal %d."):format(code - 128) end
   return ""
end

-- Kubernetes' own words say no more than the code does.
local UNTOLD = { [""] = true, Completed = true, Error = true, OOMKilled = true }

local function detail_of(seen)
   local detail = seen.detail
   if type(detail) ~= "string" or UNTOLD[detail] then return "" end
   return (" (%s)"):format(detail)
end

local EVENTS = {
   { "^Failed$", "pull image", "The image could not be pulled" },
   { "^BackOff$", "pulling image", "The image could not be pulled" },
   { "^InsufficientCapacity", "", "Azure has no room for a container of this size in this region now" },
   { "^FailedMount", "", "A volume could not be mounted" },
   { "^Failed$", "", "The container could not be started" },
}

--- What the events say of a failure: the newest that says something; nil where none does.
function reasons.event(events)
   for _, known in ipairs(EVENTS) do
      for i = #events, 1, -1 do
         local name, message = tostring(events[i].name), tostring(events[i].message or "")
         if name:find(known[1]) and message:find(known[2], 1, true) then
            return ("%s: %s"):format(known[3], message)
         end
      end
   end
end

local function sentence(text)
   return text and " " .. text or ""
end

--- How a container ended that did not bring its run to an end.
-- @param seen as aci.worker.view reads it
-- @param data the job, where it is known
function reasons.ended(seen, data)
   local code = seen.code
   if seen.kind == "restarted" then
      return ("The container ended%s and Azure started it again; the run is not run twice."):format(
         code and " with status code " .. code or "")
   elseif code == nil then
      return "The container was stopped from outside; it has no exit code." .. detail_of(seen)
   elseif code == 0 then
      return "The container ended without reporting a final state." .. detail_of(seen)
   end
   return ("Flow run infrastructure exited with non-zero status code %d.%s%s%s%s"):format(code, of_code(code),
      memory(code, data), detail_of(seen), sentence(reasons.event(seen.events)))
end

local function last_event(events)
   local last = events[#events]
   return last and ("Last event: %s, %s"):format(tostring(last.name), tostring(last.message))
      or "Azure has told no event."
end

--- A container that is not there in time.
function reasons.not_started(seen, seconds)
   return ("The container did not start: not done within %g seconds. %s"):format(seconds,
      reasons.event(seen.events) or last_event(seen.events))
end

--- A group whose provisioning failed. @param err the error of the operation, where it is known
function reasons.failed(seen, err)
   return "The container group could not be provisioned. "
      .. (reasons.event(seen.events) or err and reasons.refused(err) or last_event(seen.events))
end

local CODES = {
   InaccessibleImage = "the image cannot be pulled",
   RegistryErrorResponse = "the registry refuses",
   ImagePullFailed = "the image cannot be pulled",
   SubnetMissingRequiredDelegation = "the subnet is not delegated to container groups",
   SubnetDelegatedToOther = "the subnet is delegated to another service",
   ContainerGroupQuotaReached = "the quota of container groups is used up",
   InvalidImageRegistryIdentity = "the registry's identity is not one of the group's",
   LinkedAuthorizationFailed = "the worker's principal may not use the identity or the subnet",
   AuthorizationFailed = "the worker's principal may not make container groups there",
   ResourceGroupNotFound = "the resource group does not exist",
}

local function in_words(err)
   local message = err.message or ""
   if CODES[err.code] then return CODES[err.code] end
   if message:find("quota", 1, true) and message:find("exceeded", 1, true) then
      return "a quota of the subscription is used up"
   elseif message:find("not available in the location", 1, true) then
      return "Azure has no room for a container of this size in this region now"
   end
end

--- Why Azure refused the group.
function reasons.refused(err)
   if not fail.is(err) then return tostring(err) end
   local words = in_words(err)
   return (words and ("%s (%s)"):format(words, tostring(err)) or tostring(err))
      .. (err.advice and "; " .. err.advice or "")
end

return reasons
