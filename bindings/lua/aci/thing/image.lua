--- Our own container image in a registry of Azure, under a tag that names its content: what is there under the
-- tag need not be compared. Built only when it has to be pushed.
local own = require "aci.image.own"
local registry = require "aci.registry"

local image = {}

function image.label(thing) return ("image %s/%s:%s"):format(thing.server, thing.repository, thing.tag) end

function image.read(c, thing)
   thing.client = thing.client or registry.azure(c.config, thing.server)
   local _, digest = thing.client:manifest(thing.repository, thing.tag)
   return digest and { digest = digest } or nil
end

function image.differs() return {} end

function image.write(_, thing)
   return thing.client:push(thing.repository, thing.tag, own.build(own.entries()))
end

--- It goes with its registry.
function image.inside() return true end

return image
