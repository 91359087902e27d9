--- A container of blobs, by Blob's own API with the account's key.
local container = {}

-- `thing.blob` makes the client: reading the key is left until it is needed.

function container.label(thing) return ("container %s in %s"):format(thing.name, thing.account) end

function container.read(_, thing)
   thing.client = thing.client or thing.blob()
   return thing.client:container_exists(thing.name) and { name = thing.name } or nil
end

function container.differs() return {} end

function container.write(_, thing)
   thing.client:create_container(thing.name)
   return { name = thing.name }
end

function container.inside() return true end

return container
