--- What a container group shows of itself, read as far as it can be trusted: "Succeeded" of the group says
-- nothing of the exit code, a stopped container has none, events come in any order or not at all, and the
-- policy Never does not keep the platform from starting a container again after it failed.

local view = {}

local function named(found, name)
   local containers = (found.properties or {}).containers or {}
   for _, each in ipairs(containers) do
      if each.name == name then return each end
   end
   return containers[1]
end

local function object(value)
   return type(value) == "table" and value or {}
end

local function sorted(lists)
   local all = {}
   for _, list in ipairs(lists) do
      for _, event in ipairs(list) do all[#all + 1] = event end
   end
   table.sort(all, function(a, b) return tostring(a.lastTimestamp) < tostring(b.lastTimestamp) end)
   return all
end

local function kind_of(properties, group, shown, current, previous)
   local again = (tonumber(shown.restartCount) or 0) > 0
      or previous.state == "Terminated" and previous.exitCode ~= nil and current.state ~= nil
   if again then return "restarted" end
   if current.state == "Terminated" then return "ended" end
   if group.state == "Stopped" then return "ended" end
   if current.state == "Running" then return "running" end
   if properties.provisioningState == "Failed" then return "failed" end
   return "waiting"
end

--- Reads a group as GET gives it.
-- @param name the container's
-- @return `{ kind = "waiting" | "running" | "ended" | "restarted" | "failed", code =, detail =, began =, events = }`;
--   events oldest first; the code of a restarted one is that of its first end
function view.read(found, name)
   local properties = object(found.properties)
   local group = object(properties.instanceView)
   local shown = object(object(object(named(found, name)).properties).instanceView)
   local current, previous = object(shown.currentState), object(shown.previousState)
   local kind = kind_of(properties, group, shown, current, previous)
   local last = kind == "restarted" and previous or current
   return { kind = kind, code = math.tointeger(last.exitCode), detail = last.detailStatus, began = current.startTime,
      events = sorted { object(group.events), object(shown.events) } }
end

return view
