--- A container group that is there but was stopped: it is started again. thing: id, name.
local started = {}

local function state(group) return ((group.properties or {}).instanceView or {}).state end

function started.label(thing) return "container group " .. thing.name .. ", started" end

function started.read(c, thing) return c.azure:get(thing.id) end

function started.differs(_, _, current)
   local now = state(current)
   return now == "Stopped" and { { path = "state", old = now, new = "Running" } } or {}
end

function started.stays() return true end

function started.write(c, thing)
   c.azure:post(thing.id .. "/start")
   return c.azure:get(thing.id)
end

--- For status; the group itself is the template's to show.
function started.rows(_, thing, current)
   return { { "containers of " .. thing.name, state(current):lower() } }
end

return started
