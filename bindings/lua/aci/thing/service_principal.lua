--- The service principal of an application: what roles are assigned to. It goes with its application.
local principal = {}

function principal.label(thing) return "service principal " .. thing.name end

function principal.read(c, thing) return c.graph:service_principal(thing.id) end

function principal.differs() return {} end

function principal.write(c, thing) return c.graph:create_service_principal(thing.id) end

function principal.inside() return true end

return principal
