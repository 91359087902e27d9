--- A resource provider of the subscription, registered. Teardown leaves it: others may use it by then.
local provider = {}

function provider.label(thing) return "provider " .. thing.id end

function provider.read(c, thing)
   local state = c.azure:registration(thing.id)
   return state == "Registered" and { id = thing.id, state = state } or nil
end

function provider.differs() return {} end

function provider.write(c, thing)
   c.azure:register(thing.id)
   return { id = thing.id, state = "Registered" }
end

return provider
