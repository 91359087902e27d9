--- Which Prefect is played. A request is answered without waiting, so what is played for it is said once,
-- when it comes in, and holds until the next one.
--
-- What only one of the two has is written beside what both have: in the tables of fields with "@2" or "@3"
-- (sim/prefect/check.lua), in routes as `only = 3`, in bodies by `version.only`.
local version = { major = 2 }

local NAMES = { [2] = "2.20.25", [3] = "3.8.8" }

--- From now on answers are those that a cloud's Prefect gives.
function version.speak(cloud)
   version.major = math.tointeger(tonumber(cloud.prefect))
end

--- The version as the server says it.
function version.name()
   return NAMES[version.major]
end

function version.is(major)
   return version.major == major
end

--- One of two values, by the major version.
function version.pick(two, three)
   if version.major == 2 then return two end
   return three
end

--- Takes the fields out of a body that this version does not show.
-- @param fields { [2] = names that only 2 has, [3] = names that only 3 has }
function version.only(body, fields)
   for name in (fields[version.major == 2 and 3 or 2] or ""):gmatch "%S+" do body[name] = nil end
   return body
end

return version
