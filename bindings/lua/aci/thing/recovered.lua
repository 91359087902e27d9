--- A key vault of ours that was deleted: it holds its name and its secrets until it is purged, and is taken back.
-- thing: id, name, location, deleted (what Azure says of it).
local recovered = {}

function recovered.label(thing) return "the deleted key vault " .. thing.name end

function recovered.read(_, thing) return thing.deleted end

function recovered.differs(_, thing) return { { path = "vault " .. thing.name, whole = "recover" } } end

--- What later steps take of it are names, which it had before.
function recovered.stays() return true end

function recovered.write(c, thing)
   return c.azure:recover_vault(thing.id, thing.location)
end

--- For status, where nothing is taken back.
function recovered.rows(_, thing)
   return { { "Microsoft.KeyVault/vaults " .. thing.name, "deleted" } }
end

return recovered
